//! The table of open connections, and who gives way where a limit is reached.
//!
//! A connection counts as unknown until its client has been let in. Unknown connections have few
//! permits, and the oldest one gives way to the next: clients that connect and say nothing,
//! however many, keep nobody out. Those that have sent a head give way only to others that have, so
//! that a terminal has time to show its token in a message. The other permits are for clients that
//! were let in, and one address cannot have all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::Notify;

use super::buffer_budget::BufferBudget;
use crate::limits::UNKNOWN_CONNECTIONS_MAX;

/// How many connections of a kind there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    total: usize,
    /// Of one address. Many terminals may share one, behind a proxy or a router, so only a part is
    /// kept for the others.
    of_network: usize,
    /// Unknown ones of each [`Stage`].
    unknown: usize,
    unknown_of_network: usize,
}

/// What an unknown connection has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has sent no whole head yet.
    Silent,
    /// It has sent a request, or begun a WebSocket session, and shown no token.
    Heard,
}

impl Stage {
    /// In the order in which they give way.
    const BOTH: [Self; 2] = [Self::Silent, Self::Heard];
}

impl Shares {
    pub(super) fn of(total: usize) -> Self {
        let unknown = UNKNOWN_CONNECTIONS_MAX.min(total.div_ceil(4));
        Self {
            total,
            of_network: total - total / 8,
            unknown,
            unknown_of_network: unknown.div_ceil(2),
        }
    }
}

/// A new connection in the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) network: IpAddr,
    /// Tells the connection to give way.
    pub(super) gives_way: Arc<Notify>,
}

/// What came of a request to enter a connection.
#[derive(Debug)]
pub(super) enum Entered {
    Free(Entry),
    /// An older connection gives way.
    InPlaceOf(Entry),
    /// This many connections are open, and none of them gives way.
    Full(String),
}

/// The open connections.
#[derive(Debug)]
pub(super) struct OpenConnections {
    shares: Shares,
    table: Mutex<Table>,
    /// A connection has ended.
    ended: Notify,
    buffer_budget: Arc<BufferBudget>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    count: usize,
    /// By stage.
    unknown: [usize; 2],
    networks: HashMap<IpAddr, NetworkConnections>,
}

#[derive(Debug, Default)]
struct NetworkConnections {
    count: usize,
    /// Those whose client has not been let in, by stage, the oldest first, with what tells them to
    /// give way.
    unknown: [BTreeMap<u64, Arc<Notify>>; 2],
}

impl OpenConnections {
    pub(super) fn new(shares: Shares) -> Self {
        let (table, ended, buffer_budget) = Default::default();
        Self { shares, table, ended, buffer_budget }
    }

    pub(super) fn buffer_budget(&self) -> Arc<BufferBudget> {
        Arc::clone(&self.buffer_budget)
    }

    /// Enters a connection from this network, which counts until it [leaves](Self::leave).
    pub(super) fn enter(&self, network: IpAddr) -> Entered {
        let mut table = self.table();
        match table.make_room(network, &self.shares) {
            Ok(true) => Entered::InPlaceOf(table.add(network)),
            Ok(false) => Entered::Free(table.add(network)),
            Err(full) => Entered::Full(full),
        }
    }

    /// Waits until no more connections are open than there may be.
    pub(super) async fn has_room_within(&self, limit: Duration) -> bool {
        let has_room = async {
            loop {
                let ended = self.ended.notified();
                if self.table().count <= self.shares.total {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(limit, has_room).await.is_ok()
    }

    /// A connection has sent a whole head.
    pub(super) fn set_heard(&self, entry: &Entry) {
        self.table().set_heard(entry, &self.shares);
    }

    /// The client of a connection has been let in: the connection gives way no more.
    pub(super) fn set_known(&self, entry: &Entry) {
        self.table().forget_unknown(entry);
    }

    /// A connection has ended.
    pub(super) fn leave(&self, entry: &Entry) {
        self.table().remove(entry);
        self.ended.notify_waiters();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Makes room for a connection from this network. Returns whether another one gives way.
    fn make_room(&mut self, from: IpAddr, shares: &Shares) -> Result<bool, String> {
        let own = self.networks.get(&from).map_or(0, |own| own.count);
        if own >= shares.of_network {
            let full = || format!("the {own} connections that one address may have");
            let gave_way = Stage::BOTH.into_iter().any(|stage| self.revoke_oldest_of(from, stage));
            return gave_way.then_some(true).ok_or_else(full);
        }
        if self.count >= shares.total {
            let gave_way = Stage::BOTH.into_iter().any(|stage| self.revoke_oldest(stage));
            return gave_way
                .then_some(true)
                .ok_or_else(|| format!("all {} connections", self.count));
        }
        Ok(self.bound(Stage::Silent, from, shares))
    }

    /// Lets the oldest unknown connection of a stage give way, if one from this network is to be
    /// added and there is no room for it.
    fn bound(&mut self, stage: Stage, from: IpAddr, shares: &Shares) -> bool {
        let own = self.networks.get(&from).map_or(0, |own| own.unknown[stage as usize].len());
        if own >= shares.unknown_of_network {
            return self.revoke_oldest_of(from, stage);
        }
        self.unknown[stage as usize] >= shares.unknown && self.revoke_oldest(stage)
    }

    /// Tells the oldest connection of the network with the most unknown ones to give way.
    fn revoke_oldest(&mut self, stage: Stage) -> bool {
        let unknown = |own: &NetworkConnections| own.unknown[stage as usize].len();
        let most = self.networks.iter().max_by_key(|(_, own)| unknown(own));
        most.map(|(network, _)| *network).is_some_and(|most| self.revoke_oldest_of(most, stage))
    }

    /// Tells the oldest unknown connection of a network to give way. It is counted until it ends.
    fn revoke_oldest_of(&mut self, network: IpAddr, stage: Stage) -> bool {
        let own = self.networks.get_mut(&network);
        let oldest = own.and_then(|own| own.unknown[stage as usize].pop_first());
        if let Some((_, gives_way)) = &oldest {
            gives_way.notify_one();
            self.unknown[stage as usize] -= 1;
        }
        oldest.is_some()
    }

    fn add(&mut self, network: IpAddr) -> Entry {
        let (id, gives_way) = (self.next_id, Arc::<Notify>::default());
        self.next_id += 1;
        self.count += 1;
        self.networks.entry(network).or_default().count += 1;
        let entry = Entry { id, network, gives_way };
        self.add_unknown(&entry, Stage::Silent);
        entry
    }

    fn add_unknown(&mut self, entry: &Entry, stage: Stage) {
        self.unknown[stage as usize] += 1;
        let own = self.networks.entry(entry.network).or_default();
        own.unknown[stage as usize].insert(entry.id, Arc::clone(&entry.gives_way));
    }

    /// A connection that has to give way already, or is known, stays so.
    fn set_heard(&mut self, entry: &Entry, shares: &Shares) {
        if self.forget_unknown(entry) == Some(Stage::Silent) {
            self.bound(Stage::Heard, entry.network, shares);
            self.add_unknown(entry, Stage::Heard);
        }
    }

    /// Returns the stage that an unknown connection was in.
    fn forget_unknown(&mut self, entry: &Entry) -> Option<Stage> {
        let own = self.networks.get_mut(&entry.network)?;
        let was_in = |stage: &Stage| own.unknown[*stage as usize].remove(&entry.id).is_some();
        let stage = Stage::BOTH.into_iter().find(was_in)?;
        self.unknown[stage as usize] -= 1;
        Some(stage)
    }

    fn remove(&mut self, entry: &Entry) {
        self.forget_unknown(entry);
        self.count -= 1;
        if let Some(own) = self.networks.get_mut(&entry.network) {
            own.count -= 1;
            if own.count == 0 {
                self.networks.remove(&entry.network);
            }
        }
    }
}

#[cfg(test)]
#[path = "open_connections_tests.rs"]
mod tests;
