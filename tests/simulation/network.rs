//! The network between gateways and hub: it loses, duplicates, delays, reorders and damages.

use stockgate::protocol::frame::Frame;
use stockgate::protocol::wire::{Version, Wire};
use uuid::Uuid;

use super::hub::Job;
use super::wire;
use super::world::World;

/// Both directions of a gateway.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) up: Vec<Packet>,
    pub(crate) down: Vec<Vec<u8>>,
    /// Nothing is delivered.
    pub(crate) up_cut: bool,
    pub(crate) down_cut: bool,
}

/// A message of a gateway or of the broker to the hub.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Frame(Vec<u8>),
    /// The retained state of a gateway.
    State(bool, Uuid),
}

impl World {
    pub(crate) fn send_up(&mut self, gateway: usize, holder: usize, bytes: Vec<u8>) {
        self.trace.note(|| format!("g{gateway}.{holder} sends {}", named(&bytes)));
        let newer = self.gateways[gateway].newer;
        let bytes = if newer { wire::newer(&bytes, &mut self.dice) } else { bytes };
        if newer && self.dice.one_in(20) {
            let unknown = wire::unknown(&mut self.dice);
            self.gateways[gateway].link.up.push(Packet::Frame(unknown));
        }
        for packet in self.copies(bytes) {
            self.gateways[gateway].link.up.push(Packet::Frame(packet));
        }
    }

    /// A worker sends what it has committed.
    pub(crate) fn send_down(&mut self, worker: usize) -> bool {
        let Some(running) = &mut self.hub.workers[worker] else {
            return false;
        };
        let Some((id, version, frame)) = running.outbox.pop_front() else {
            return false;
        };
        let Some(gateway) = self.gateways.iter().position(|one| one.id == id) else {
            return true;
        };
        self.trace
            .note(|| format!("hub.{worker} sends g{gateway} {frame:?}").replace("Epoch([", "(["));
        let wire = match version {
            Version::V1 => Wire::V1,
            Version::V2 => Wire::V2(self.hub.database.identity),
        };
        let bytes = frame.encode(wire);
        let newer = self.plan.newer_hub;
        let bytes = if newer { wire::newer(&bytes, &mut self.dice) } else { bytes };
        if newer && self.dice.one_in(20) {
            let unknown = wire::unknown(&mut self.dice);
            self.gateways[gateway].link.down.push(unknown);
        }
        let copies = self.copies(bytes);
        self.gateways[gateway].link.down.extend(copies);
        if self.plan.second_hub && self.dice.one_in(4) {
            let other = wire::of_another_hub(&frame, &mut self.dice);
            self.gateways[gateway].link.down.extend(other);
        }
        true
    }

    /// The fate of a packet: lost, delivered or duplicated; damaged or not.
    fn copies(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if self.dice.permille(self.plan.loss) {
            return Vec::new();
        }
        let count = 1 + usize::from(self.dice.permille(self.plan.twice));
        let mut copies = vec![bytes; count];
        for copy in &mut copies {
            if self.dice.permille(self.plan.damage) {
                wire::damage(copy, &mut self.dice);
            }
        }
        copies
    }

    /// Delivers a message somewhere.
    pub(crate) fn deliver(&mut self) {
        let gateway = self.dice.below(self.gateways.len());
        if self.dice.one_in(2) {
            self.deliver_up(gateway);
        } else {
            self.deliver_down(gateway);
        }
    }

    /// Usually the oldest message, sometimes any.
    fn which(&mut self, count: usize) -> usize {
        if self.dice.permille(self.plan.out_of_order) { self.dice.below(count) } else { 0 }
    }

    pub(crate) fn deliver_up(&mut self, gateway: usize) -> bool {
        let link = &self.gateways[gateway].link;
        if link.up.is_empty() || link.up_cut {
            return false;
        }
        let place = self.which(self.gateways[gateway].link.up.len());
        let packet = self.gateways[gateway].link.up.remove(place);
        let id = self.gateways[gateway].id.clone();
        let job = match packet {
            Packet::State(online, epoch) => Job::Online(id, online, epoch),
            Packet::Frame(bytes) => match Frame::decode_with_wire(&bytes) {
                // The program before this version knows version 1 only.
                Ok((_, Wire::V2(_))) if self.hub.is_old => return true,
                Ok((frame, wire)) => Job::Frame(id, frame, wire.version()),
                Err(_) => return true,
            },
        };
        let mut running: Vec<_> = self.hub.workers.iter_mut().flatten().collect();
        let worker = self.dice.below(running.len());
        if let Some(worker) = running.get_mut(worker) {
            worker.inbox.push_back(job);
        }
        true
    }

    pub(crate) fn deliver_down(&mut self, gateway: usize) -> bool {
        let link = &self.gateways[gateway].link;
        if link.down.is_empty() || link.down_cut {
            return false;
        }
        let place = self.which(self.gateways[gateway].link.down.len());
        let bytes = self.gateways[gateway].link.down.remove(place);
        for holder in 0..self.gateways[gateway].holders.len() {
            let running_ms = self.now(gateway, holder).running_ms;
            let one = &mut self.gateways[gateway].holders[holder];
            if let Some(memory) = &mut one.memory {
                memory.receive(&one.database, &bytes, running_ms);
            }
        }
        true
    }
}

fn named(bytes: &[u8]) -> String {
    Frame::decode(bytes).map_or_else(|error| error.to_string(), |frame| format!("{frame:?}"))
}
