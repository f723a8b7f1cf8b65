use super::*;
use crate::hub::core::judge::{Cursor, Verdict, judge};
use crate::limits::FRAME_ENTRIES_MAX;

/// Gateway and hub over a network that loses, doubles, delays and reorders, while either side
/// forgets everything that is not on its disk.
#[test]
fn every_entry_arrives_once_and_in_order_whatever_the_network_does() {
    for seed in 0..500 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step(true);
        }
        for _ in 0..2_000 {
            world.step(false);
            if world.confirmed == world.ledger_seq && world.counted == world.taken {
                break;
            }
        }
        assert_eq!(world.hub.len() as u64, world.ledger_seq, "seed {seed} did not converge");
        assert_eq!(world.confirmed, world.ledger_seq, "seed {seed}: the gateway was not told");
        assert_eq!(world.counted, world.taken, "seed {seed}: the hub was not told");
    }
}

struct World {
    random: fastrand::Rng,
    now_ms: u64,
    ledger_seq: Seq,
    taken: Taken,
    uplink: Uplink,
    /// What the gateway believes the hub to have.
    confirmed: Seq,
    /// What the hub has on its disk.
    hub: Vec<Entry>,
    /// What the hub knows to be taken.
    counted: Taken,
    up: Vec<Frame>,
    down: Vec<Frame>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut uplink = Uplink::new(EPOCH, 0);
        uplink.handle_connected(0);
        Self {
            random: fastrand::Rng::with_seed(seed),
            now_ms: 0,
            ledger_seq: 0,
            taken: Taken::default(),
            uplink,
            confirmed: 0,
            hub: Vec::new(),
            counted: Taken::default(),
            up: Vec::new(),
            down: Vec::new(),
        }
    }

    fn step(&mut self, faults: bool) {
        self.now_ms += self.random.u64(0..3_000);
        if faults {
            self.gateway_commits();
            match self.random.u32(0..40) {
                0 => self.restart_gateway(),
                1 => self.reconnect(),
                // The hub's memory between frames is its disk: it may crash at any time.
                2 => self.up.clear(),
                _ => {}
            }
        }
        self.gateway_sends();
        if let Some(frame) = take_one(&mut self.up, &mut self.random, faults) {
            self.hub_takes(&frame);
        }
        let event = take_one(&mut self.down, &mut self.random, faults);
        let event = event.map(|frame| self.uplink.handle_frame(frame, self.now_ms));
        if let Some(Some(UplinkEvent::Acked(acked))) = event {
            assert!(acked <= self.hub.len() as u64, "confirmed before it was committed");
            self.confirmed = self.confirmed.max(acked);
        }
    }

    /// Now and then something of the hub's is taken, with entries or without.
    fn gateway_commits(&mut self) {
        self.ledger_seq += self.random.u64(0..20);
        match self.random.u32(0..60) {
            0 => self.ledger_seq += 2 * FRAME_ENTRIES_MAX as u64,
            1..4 => {
                self.taken.transfer += 1;
                self.taken.at_seq = self.ledger_seq;
            }
            4 => self.taken.catalogue += 1,
            _ => {}
        }
        self.uplink.handle_committed(self.ledger_seq, self.taken);
    }

    fn restart_gateway(&mut self) {
        self.uplink = Uplink::new(EPOCH, self.ledger_seq);
        self.uplink.handle_committed(self.ledger_seq, self.taken);
        self.uplink.handle_connected(self.now_ms);
    }

    fn reconnect(&mut self) {
        self.uplink.handle_disconnected();
        self.uplink.handle_connected(self.now_ms);
    }

    fn gateway_sends(&mut self) {
        while let Some(step) = self.uplink.poll(self.now_ms) {
            let frame = match step {
                Step::Greet { nonce } | Step::Try { nonce, .. } => {
                    hello(self.ledger_seq, nonce, self.taken)
                }
                Step::ReportShorterLedger { hub_seq } => {
                    panic!("the hub is at {hub_seq}, not ahead of us")
                }
                Step::SendEntries(Range { after, up_to, taken }) => {
                    let most = if self.random.bool() { 9 } else { FRAME_ENTRIES_MAX as u64 };
                    let last = up_to.min(after + self.random.u64(1..most));
                    self.uplink.sent(last, self.now_ms);
                    entries(after + 1, last, taken)
                }
                Step::ReportTaken(taken) => Frame::Taken(TakenUpTo { epoch: EPOCH.into(), taken }),
                Step::Answer(..) | Step::SendCheckpoint(_) => {
                    panic!("the hub has asked nothing, and nothing is signed")
                }
            };
            self.up.push(frame);
        }
    }

    fn hub_takes(&mut self, frame: &Frame) {
        let acked_seq = self.hub.len() as u64;
        let checks = checks(acked_seq);
        let cursor = Cursor { epoch: EPOCH, acked_seq, checks, fenced: None };
        if let Frame::Taken(TakenUpTo { taken, .. }) = frame {
            return self.hub_counts(*taken);
        }
        match (judge(Some(&cursor), &[], frame), frame) {
            (Verdict::Apply { skip }, Frame::Entries(entries)) => {
                for entry in &entries.entries[skip..] {
                    assert_eq!(entry.seq, self.hub.len() as u64 + 1, "once, and in order");
                    self.hub.push(entry.clone());
                }
                self.hub_counts(entries.taken);
                self.down.push(ack(self.hub.len() as u64));
            }
            (Verdict::Known, _) => self.down.push(ack(acked_seq)),
            (Verdict::Resume, Frame::Hello(hello)) => {
                self.hub_counts(hello.taken);
                self.down.push(resume(acked_seq, hello.nonce))
            }
            (Verdict::Resume, _) => self.down.push(resume(acked_seq, 0)),
            (verdict, frame) => panic!("{verdict:?} for {frame:?}"),
        }
    }
}

impl World {
    /// A hub counts what is taken once it has the entries that go with it.
    fn hub_counts(&mut self, taken: Taken) {
        let is_newer =
            (taken.transfer, taken.catalogue) > (self.counted.transfer, self.counted.catalogue);
        if is_newer && taken.at_seq <= self.hub.len() as u64 {
            self.counted = taken;
        }
    }
}

/// Takes a frame from anywhere on the way; with faults it may be lost, or stay to come again.
fn take_one(way: &mut Vec<Frame>, random: &mut fastrand::Rng, faults: bool) -> Option<Frame> {
    if way.is_empty() {
        return None;
    }
    if !faults {
        return Some(way.remove(0));
    }
    let at = random.usize(..way.len());
    match random.u32(0..10) {
        0..2 => {
            way.remove(at);
            None
        }
        2..4 => Some(way[at].clone()),
        4..6 => None,
        _ => Some(way.remove(at)),
    }
}
