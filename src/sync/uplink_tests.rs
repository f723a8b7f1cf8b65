use super::*;
use crate::stock::{Checks, Digest, Entry, Kind, RequestId, Sku, Taken};
use crate::sync::frame::{Entries, Hello, Position};
use crate::sync::receiver::{Cursor, Verdict, judge};

#[test]
fn nothing_is_sent_before_the_hub_has_said_where_it_stands() {
    let mut uplink = Uplink::new(EPOCH, 10);
    assert_eq!(uplink.poll(0), None);
    uplink.handle_connected(0);
    let nonce = greeted(uplink.poll(0));
    assert_eq!(uplink.poll(1), None);
    assert!(!uplink.is_online());
    assert_eq!(uplink.handle_frame(&resume(4, nonce), 2), Some(4));
    assert!(uplink.is_online());
    assert_eq!(uplink.poll(2), Some(Step::SendBehind(4)));
}

#[test]
fn the_window_is_counted_from_the_oldest_frame() {
    let mut uplink = online(1_000);
    for frame in 1..=WINDOW_FRAMES as u64 {
        assert_eq!(uplink.poll(0), Some(Step::SendBehind(frame - 1)));
        uplink.sent(frame, 0);
    }
    assert_eq!(uplink.poll(0), None);
    uplink.handle_frame(&ack(1), 0);
    assert_eq!(uplink.poll(0), Some(Step::SendBehind(WINDOW_FRAMES as u64)));
}

#[test]
fn without_an_answer_the_hub_is_asked_and_then_counts_as_offline() {
    let mut uplink = online(10);
    uplink.sent(10, 0);
    assert_eq!(uplink.poll(HUB_ANSWER_MS - 1), None);
    greeted(uplink.poll(HUB_ANSWER_MS));
    assert!(uplink.is_online(), "the link may only be slow");
    let mut asked_at = HUB_ANSWER_MS;
    for wait_ms in [1, 2, 4, 8].map(|times| times * HUB_ANSWER_MS) {
        asked_at += wait_ms;
        assert_eq!(uplink.deadline_ms(), Some(asked_at));
        let nonce = greeted(uplink.poll(asked_at));
        assert!(!uplink.is_online());
        if wait_ms == 8 * HUB_ANSWER_MS {
            uplink.handle_frame(&resume(7, nonce), asked_at);
        }
    }
    assert_eq!(uplink.poll(asked_at), Some(Step::SendBehind(7)));
}

#[test]
fn a_slow_link_is_not_filled_with_repetitions() {
    let mut uplink = online(100);
    uplink.sent(50, 0);
    uplink.sent(100, 0);
    let nonce = greeted(uplink.poll(HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(&ack(50), 9_000), Some(50));
    assert_eq!(uplink.poll(9_001), None, "the rest is on its way, and so is the question");
    assert_eq!(uplink.handle_frame(&ack(100), 12_000), Some(100));
    assert_eq!(uplink.handle_frame(&resume(100, nonce), 13_000), Some(100));
    assert_eq!(uplink.poll(13_000), None);
    assert!(uplink.is_online());
}

#[test]
fn a_late_answer_to_an_earlier_greeting_does_not_send_everything_again() {
    let mut uplink = online(100);
    uplink.sent(100, 0);
    let first = greeted(uplink.poll(HUB_ANSWER_MS));
    let second = greeted(uplink.poll(2 * HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(&resume(0, first), 10_100), None);
    assert_eq!(uplink.handle_frame(&resume(100, second), 10_200), Some(100));
    assert_eq!(uplink.poll(10_200), None);
}

#[test]
fn a_hub_that_has_come_back_is_greeted_at_once() {
    let mut uplink = online(10);
    uplink.sent(10, 2_000);
    assert_eq!(uplink.handle_frame(&resume(0, 0), 2_500), None);
    let nonce = greeted(uplink.poll(2_500));
    assert_eq!(uplink.handle_frame(&resume(0, 0), 2_600), None);
    assert_eq!(uplink.poll(2_600), None, "asked already");
    assert_eq!(uplink.handle_frame(&resume(3, nonce), 2_700), Some(3));
    assert_eq!(uplink.poll(2_700), Some(Step::SendBehind(3)));
}

#[test]
fn a_quiet_link_is_greeted_now_and_then() {
    let mut uplink = online(0);
    assert_eq!(uplink.poll(HUB_GREETING_MS - 1), None);
    greeted(uplink.poll(HUB_GREETING_MS));
    assert!(uplink.is_online(), "it is only a question");
    greeted(uplink.poll(HUB_GREETING_MS + HUB_ANSWER_MS));
    assert!(!uplink.is_online(), "and there was no answer");
}

#[test]
fn words_for_another_database_are_left_aside() {
    let mut uplink = online(10);
    let other = Position { epoch: Uuid::from_u128(9).into(), acked_seq: 5 };
    let resume = Frame::Resume(Resume { position: other, nonce: 0 });
    assert_eq!(uplink.handle_frame(&resume, 0), None);
    assert_eq!(uplink.handle_frame(&Frame::Ack(other), 0), None);
    assert_eq!(uplink.poll(0), Some(Step::SendBehind(0)));
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_left_aside() {
    let mut uplink = online(10);
    uplink.sent(3, 0);
    assert_eq!(uplink.handle_frame(&ack(4), 0), None);
    assert_eq!(uplink.handle_frame(&ack(3), 0), Some(3));
    assert_eq!(uplink.handle_frame(&ack(3), 0), None);
}

#[test]
fn a_hub_that_knows_more_than_the_database_is_told_to_the_operator() {
    let mut uplink = Uplink::new(EPOCH, 10);
    uplink.handle_connected(0);
    let nonce = greeted(uplink.poll(0));
    assert_eq!(uplink.handle_frame(&resume(11, nonce), 0), None);
    assert!(!uplink.is_online());
    assert!(uplink.reason().contains("older copy"), "{}", uplink.reason());
    assert_eq!(uplink.poll(0), Some(Step::ReportBehind { hub_seq: 11 }));
    assert_eq!(uplink.poll(0), None);
}

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
            if world.confirmed == world.ledger_seq {
                break;
            }
        }
        assert_eq!(world.hub.len() as u64, world.ledger_seq, "seed {seed} did not converge");
        assert_eq!(world.confirmed, world.ledger_seq, "seed {seed}: the gateway was not told");
    }
}

struct World {
    random: fastrand::Rng,
    now_ms: u64,
    ledger_seq: Seq,
    uplink: Uplink,
    /// What the gateway believes the hub to have.
    confirmed: Seq,
    /// What the hub has on its disk.
    hub: Vec<Entry>,
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
            uplink,
            confirmed: 0,
            hub: Vec::new(),
            up: Vec::new(),
            down: Vec::new(),
        }
    }

    fn step(&mut self, faults: bool) {
        self.now_ms += self.random.u64(0..3_000);
        if faults {
            self.ledger_seq += self.random.u64(0..20);
            self.uplink.handle_committed(self.ledger_seq);
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
        let heard = take_one(&mut self.down, &mut self.random, faults);
        if let Some(acked) = heard.and_then(|frame| self.uplink.handle_frame(&frame, self.now_ms)) {
            assert!(acked <= self.hub.len() as u64, "confirmed before it was committed");
            self.confirmed = self.confirmed.max(acked);
        }
    }

    fn restart_gateway(&mut self) {
        self.uplink = Uplink::new(EPOCH, self.ledger_seq);
        self.uplink.handle_connected(self.now_ms);
    }

    fn reconnect(&mut self) {
        self.uplink.handle_disconnected();
        self.uplink.handle_connected(self.now_ms);
    }

    fn gateway_sends(&mut self) {
        while let Some(step) = self.uplink.poll(self.now_ms) {
            let frame = match step {
                Step::Greet { nonce } => hello(self.ledger_seq, nonce),
                Step::ReportBehind { hub_seq } => {
                    panic!("the hub is at {hub_seq}, not ahead of us")
                }
                Step::SendBehind(seq) => {
                    let last = self.ledger_seq.min(seq + self.random.u64(1..9));
                    self.uplink.sent(last, self.now_ms);
                    entries(seq + 1, last)
                }
            };
            self.up.push(frame);
        }
    }

    fn hub_takes(&mut self, frame: &Frame) {
        let acked_seq = self.hub.len() as u64;
        let checks = checks(acked_seq);
        let cursor = Cursor { epoch: EPOCH, acked_seq, checks, fenced: None };
        match (judge(Some(&cursor), &[], frame), frame) {
            (Verdict::Apply { skip }, Frame::Entries(entries)) => {
                for entry in &entries.entries[skip..] {
                    assert_eq!(entry.seq, self.hub.len() as u64 + 1, "once, and in order");
                    self.hub.push(entry.clone());
                }
                self.down.push(ack(self.hub.len() as u64));
            }
            (Verdict::Known, _) => self.down.push(ack(acked_seq)),
            (Verdict::Resume, Frame::Hello(hello)) => {
                self.down.push(resume(acked_seq, hello.nonce))
            }
            (Verdict::Resume, _) => self.down.push(resume(acked_seq, 0)),
            (verdict, frame) => panic!("{verdict:?} for {frame:?}"),
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

const EPOCH: Uuid = Uuid::from_u128(7);

fn online(ledger_seq: Seq) -> Uplink {
    let mut uplink = Uplink::new(EPOCH, ledger_seq);
    uplink.handle_connected(0);
    let nonce = greeted(uplink.poll(0));
    uplink.handle_frame(&resume(0, nonce), 0);
    uplink
}

fn greeted(step: Option<Step>) -> u64 {
    match step {
        Some(Step::Greet { nonce }) => nonce,
        other => panic!("{other:?} is no greeting"),
    }
}

fn position(acked_seq: Seq) -> Position {
    Position { epoch: EPOCH.into(), acked_seq }
}

fn resume(acked_seq: Seq, nonce: u64) -> Frame {
    Frame::Resume(Resume { position: position(acked_seq), nonce })
}

fn ack(acked_seq: Seq) -> Frame {
    Frame::Ack(position(acked_seq))
}

fn hello(ledger_seq: Seq, nonce: u64) -> Frame {
    let (epoch, checks) = (EPOCH.into(), checks(ledger_seq));
    Frame::Hello(Hello {
        epoch,
        ledger_seq,
        checks,
        nonce,
        software: "test".into(),
        taken: Taken::default(),
    })
}

fn entries(first: Seq, last: Seq) -> Frame {
    let entry = |seq| Entry {
        seq,
        kind: Kind::Restock,
        sku: Sku::parse("A").unwrap(),
        change: 1,
        reserved_change: 0,
        order_id: None,
        request_id: RequestId::parse("r").unwrap(),
        at_ms: 0,
    };
    let entries = (first..=last).map(entry).collect();
    Frame::Entries(Entries {
        epoch: EPOCH.into(),
        checks: checks(last),
        taken: Taken::default(),
        entries,
    })
}

fn checks(digest: u64) -> Checks {
    Checks { digest: Digest(digest), ..Checks::default() }
}
