//! How the gateway handles what the hub sends: transfers, the catalogue and probes. The test plays
//! the hub, frame by frame.
#![expect(clippy::wildcard_enum_match_arm, reason = "a hub listens to one kind of frame at a time")]

use std::time::Duration;

use serde_json::{Value, json};
use stockgate::protocol::Frame;
use stockgate::protocol::drift::Part;
use stockgate::protocol::frame::{Catalogue, Epoch, Position, Probe, Resume, Transfers};
use stockgate::stock::{
    Barcode, Cause, Direction, Entry, Kind, Line, Listing, RequestId, Sku, Taken, Transfer,
};
use uuid::Uuid;

use super::forged::{self, FORGED};
use super::pair::{DOWN, UP, until_reason};
use crate::support::bodies::{many, one};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::mqtt::Bystander;
use crate::support::patience::{throughout, until};
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal, number};

/// Long enough that a wrong frame would have changed something.
const QUIET: Duration = Duration::from_secs(1);

#[test]
fn a_grant_is_on_hand_and_in_the_ledger() {
    let mut by_hand = ByHand::start();

    by_hand.send(&[grant(1, "g1", &[("A", 5), ("B", 7)])]);

    assert_eq!(by_hand.until_taken(1), taken(1, 2));
    let mut http = by_hand.gateway.http();
    assert_eq!((http.figures("A"), http.figures("B")), ((5, 0), (7, 0)));
    assert_entry(&http.ledger()[1], 2, "grant", "B", 7);
    let entries = &by_hand.entries;
    assert_eq!((entries.len(), entries[1].kind, entries[1].change), (2, Kind::Grant, 7));
    assert_eq!(http.metric("stockgate_transfers_taken_total"), 1);
    http.ok("deduct", one("r1", "A", 5));
}

#[test]
fn a_repeated_transfer_changes_nothing_and_is_confirmed_again() {
    let mut by_hand = ByHand::start();
    let transfers = [grant(1, "g1", &[("A", 5)]), recall(2, "r2", &[("A", 2)])];
    by_hand.send(&transfers);
    by_hand.until_taken(2);

    for _ in 0..3 {
        by_hand.send(&transfers);
        by_hand.send(&transfers[..1]);
        assert_eq!(by_hand.until_told(), taken(2, 2));
    }

    let mut http = by_hand.gateway.http();
    throughout(QUIET, || assert_eq!(http.figures("A"), (3, 0)));
    assert_eq!(http.ledger().len(), 2);
    assert_eq!(http.metric("stockgate_transfers_taken_total"), 2);
}

#[test]
fn a_transfer_after_a_gap_waits_for_the_one_before_it() {
    let mut by_hand = ByHand::start();
    let [first, second] = [grant(1, "g1", &[("A", 5)]), grant(2, "g2", &[("A", 1)])];

    by_hand.send(std::slice::from_ref(&second));

    let mut http = by_hand.gateway.http();
    throughout(QUIET, || assert_eq!(http.ledger(), Vec::<Value>::new()));
    by_hand.send(&[first, second]);
    assert_eq!(by_hand.until_taken(2), taken(2, 2));
    assert_eq!(by_hand.gateway.http().figures("A"), (6, 0));
}

#[test]
fn a_recall_returns_what_is_available() {
    let mut by_hand = ByHand::start();
    by_hand.send(&[grant(1, "g1", &[("A", 10), ("B", 3)])]);
    by_hand.until_taken(1);
    by_hand.gateway.http().ok("reserve", one("held", "A", 7));

    by_hand.send(&[recall(2, "r2", &[("A", 5), ("B", 2), ("unknown", 9)])]);

    assert_eq!(by_hand.until_taken(2), taken(2, 5));
    let mut http = by_hand.gateway.http();
    assert_eq!((http.figures("A"), http.figures("B")), ((7, 7), (1, 0)));
    let given = http.entries_of("r2");
    assert_entry(&given[0], 4, "recall", "A", -3);
    assert_entry(&given[1], 5, "recall", "B", -2);
    assert_eq!(given.len(), 2);
    http.refused("deduct", one("r1", "unknown", 1), "unknown_sku");
}

#[test]
fn a_recall_that_returns_nothing_is_confirmed_without_an_entry() {
    let mut by_hand = ByHand::start();

    by_hand.send(&[recall(1, "r1", &[("A", 5)])]);

    assert_eq!(by_hand.until_told(), taken(1, 0));
    assert_eq!(by_hand.gateway.http().ledger(), Vec::<Value>::new());
}

#[test]
fn a_request_with_the_id_of_a_transfer_is_another_one() {
    let mut by_hand = ByHand::start();
    by_hand.send(&[grant(1, "same", &[("A", 5)])]);
    by_hand.until_taken(1);

    let mut http = by_hand.gateway.http();
    let applied = http.ok("deduct", one("same", "A", 1));

    assert_eq!(applied["replayed"], false, "{applied}");
    assert_eq!(http.figures("A"), (4, 0));
}

#[test]
fn listed_skus_become_known_without_stock() {
    let mut by_hand = ByHand::start();
    by_hand.gateway.http().refused("deduct", one("r1", "A", 1), "unknown_sku");

    by_hand.say(&by_hand.catalogue(0, 2, &["A", "B"]));

    assert_eq!(by_hand.until_told(), Taken { catalogue: 2, ..Taken::default() });
    let mut http = by_hand.gateway.http();
    assert_eq!((http.figures("A"), http.figures("B")), ((0, 0), (0, 0)));
    http.refused("deduct", one("r2", "A", 1), "insufficient_stock");
    http.ok("restock", one("r3", "A", 2));
    assert_eq!(http.figures("A"), (2, 0));
}

#[test]
fn a_catalogue_after_a_gap_or_with_impossible_numbers_changes_nothing() {
    let mut by_hand = ByHand::start();
    for (after, up_to) in [(1, 2), (0, u64::MAX), (5, 3)] {
        by_hand.say(&by_hand.catalogue(after, up_to, &["A"]));
    }

    let mut http = by_hand.gateway.http();
    throughout(QUIET, || drop(http.refused("get", json!({"sku": "A"}), "unknown_sku")));
    by_hand.say(&by_hand.catalogue(0, 2, &["A"]));
    assert_eq!(by_hand.until_told().catalogue, 2);
}

#[test]
fn applied_transfers_survive_a_crash() {
    let mut by_hand = ByHand::start();
    by_hand.say(&by_hand.catalogue(0, 2, &["A", "B"]));
    by_hand.send(&[grant(1, "g1", &[("A", 10)]), recall(2, "r2", &[("A", 4)])]);
    by_hand.until_taken(2);
    let last = Taken { transfer: 3, at_seq: 2, catalogue: 2 };
    by_hand.send(&[recall(3, "r3", &[("B", 1)])]);
    while by_hand.until_told() != last {}

    by_hand.gateway.kill9();
    by_hand.gateway.launch();

    let greeting = by_hand.until(|frame| match frame {
        Frame::Hello(hello) => Some(hello.taken),
        _ => None,
    });
    assert_eq!(greeting, last);
    let mut http = by_hand.gateway.http();
    assert_eq!((http.figures("A"), http.figures("B")), ((6, 0), (0, 0)));
    by_hand.send(&[recall(3, "r3", &[("B", 1)]), grant(4, "g4", &[("B", 1)])]);
    assert_eq!(by_hand.until_taken(4).at_seq, 3);
    by_hand.assert_sound();
}

#[test]
fn transfers_of_a_hub_that_does_not_know_the_database_are_ignored() {
    let broker = Broker::start();
    let mut bystander = Bystander::hearing(&broker, UP);
    let gateway = Gateway::start_with(&broker.section());
    let Ok(Frame::Hello(greeting)) = Frame::decode(&bystander.next().payload) else {
        panic!("a gateway greets first");
    };
    let transfers = |epoch| {
        let transfers = vec![grant(1, "g1", &[("A", 5)])];
        Frame::Transfers(Transfers { epoch, transfers }).encode(FORGED)
    };
    bystander.publish(DOWN, &transfers(greeting.epoch));
    bystander.publish(DOWN, &transfers(Uuid::from_u128(7).into()));
    let position = Position { epoch: greeting.epoch, acked_seq: 9 };
    let resume = Resume { position, nonce: greeting.nonce };
    bystander.publish(DOWN, &Frame::Resume(resume).encode(FORGED));
    forged::resume(&mut bystander, 9);
    until_reason(&gateway, "older copy");

    bystander.publish(DOWN, &transfers(greeting.epoch));

    throughout(QUIET, || assert_eq!(gateway.http().ledger(), Vec::<Value>::new()));
    assert_eq!(gateway.http().metric("stockgate_frames_bad_total"), 1, "for another database");
}

#[test]
fn a_probe_is_answered_with_the_stock_at_a_position_after_its_entries() {
    let mut by_hand = ByHand::start();
    let http = by_hand.gateway.http();
    let busy = std::thread::spawn(move || {
        for n in 0..200 {
            http.clone().ok("restock", many(&format!("r{n}"), &[("A", 1), ("B", 2)]));
        }
    });

    while !busy.is_finished() {
        by_hand.say(&Frame::Probe(Probe { epoch: by_hand.epoch, part: Part::default() }));
        let (seq, figures) = by_hand.until(|frame| match frame {
            Frame::Figures(answer) => Some((answer.seq, answer.content.figures.clone())),
            _ => None,
        });
        assert_eq!(seq, by_hand.entries.len() as u64, "entries up to there, and none after");
        assert_eq!(figures, by_hand.figures());
    }
    busy.join().unwrap();
}

#[test]
fn entries_share_frames_while_the_hub_is_slow() {
    let mut by_hand = ByHand::start();
    let http = by_hand.gateway.http();
    http.clone().ok("restock", one("r0", "A", 1_000));
    by_hand.is_slow = true;
    by_hand.until(|frame| matches!(frame, Frame::Entries(_)).then_some(()));

    for n in 1..=50 {
        http.clone().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    by_hand.is_slow = false;
    by_hand.acknowledge();
    let waiting = by_hand.until(|frame| match frame {
        Frame::Entries(entries) => Some(entries.entries.len()),
        _ => None,
    });

    assert_eq!(waiting, 50);
    until("all is confirmed", || by_hand.gateway.sync()["pending"] == 0);
}

/// A gateway, and the other side of its conversation.
struct ByHand {
    gateway: Gateway,
    bystander: Bystander,
    _broker: Broker,
    epoch: Epoch,
    /// Every entry received; each is acknowledged.
    entries: Vec<Entry>,
    /// Whether entries are acknowledged.
    is_slow: bool,
}

impl ByHand {
    fn start() -> Self {
        let broker = Broker::start();
        let bystander = Bystander::hearing(&broker, UP);
        let gateway = Gateway::start_with(&broker.section());
        let (epoch, entries) = (Uuid::nil().into(), Vec::new());
        let mut by_hand =
            Self { gateway, bystander, _broker: broker, epoch, entries, is_slow: false };
        // The answer to its first greeting only says which books the gateway belongs to.
        let is_bound =
            |frame: &Frame| matches!(frame, Frame::Hello(it) if it.bound.books.is_some());
        by_hand.until(|frame| is_bound(frame).then_some(()));
        until("the gateway is online", || by_hand.gateway.sync()["state"] == "online");
        by_hand
    }

    /// Continues the conversation until a frame satisfies the condition.
    fn until<T>(&mut self, is_it: impl Fn(&Frame) -> Option<T>) -> T {
        loop {
            let frame = Frame::decode(&self.bystander.next().payload).unwrap();
            self.reply(&frame);
            if let Some(found) = is_it(&frame) {
                return found;
            }
        }
    }

    /// Acts like a hub: names its position, and acknowledges entries.
    fn reply(&mut self, frame: &Frame) {
        match frame {
            Frame::Hello(hello) => {
                self.epoch = hello.epoch;
                let resume = Resume { position: self.position(), nonce: hello.nonce };
                self.say(&Frame::Resume(resume));
            }
            Frame::Entries(entries) => {
                let new = entries.entries.iter().filter(|entry| entry.seq > self.acked_seq());
                self.entries.extend(new.cloned().collect::<Vec<_>>());
                assert_eq!(entries.entries.last().unwrap().seq, self.acked_seq());
                if !self.is_slow {
                    self.acknowledge();
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, frame: &Frame) {
        self.bystander.publish(DOWN, &frame.encode(FORGED));
    }

    fn acknowledge(&mut self) {
        self.say(&Frame::Ack(self.position()));
    }

    fn send(&mut self, transfers: &[Transfer]) {
        let transfers = Transfers { epoch: self.epoch, transfers: transfers.to_vec() };
        self.say(&Frame::Transfers(transfers));
    }

    /// Waits until the gateway has confirmed this transfer, in any frame, and its entries have
    /// arrived.
    fn until_taken(&mut self, transfer: u64) -> Taken {
        let taken = self.until(|frame| taken_in(frame).filter(|taken| taken.transfer == transfer));
        while self.acked_seq() < taken.at_seq {
            self.until(|frame| matches!(frame, Frame::Entries(_)).then_some(()));
        }
        taken
    }

    /// Waits for a frame that only confirms.
    fn until_told(&mut self) -> Taken {
        self.until(|frame| match frame {
            Frame::Taken(told) => Some(told.taken),
            _ => None,
        })
    }

    fn catalogue(&self, after: u64, up_to: u64, skus: &[&str]) -> Frame {
        let listing = |sku: &&str| Listing {
            name: Some(format!("{sku} in words")),
            barcodes: vec![Barcode::single(format!("40-{sku}"))],
            ..Listing::removed(Sku::parse(sku).unwrap())
        };
        let listings = skus.iter().map(listing).collect();
        Frame::Catalogue(Catalogue { epoch: self.epoch, after, up_to, listings })
    }

    fn acked_seq(&self) -> u64 {
        self.entries.len() as u64
    }

    fn position(&self) -> Position {
        Position { epoch: self.epoch, acked_seq: self.acked_seq() }
    }

    /// The sum of the entries.
    fn figures(&self) -> Vec<(Sku, i64, i64)> {
        let mut held = std::collections::BTreeMap::new();
        for entry in &self.entries {
            let figures: &mut (i64, i64) = held.entry(entry.sku.clone()).or_default();
            *figures = (figures.0 + entry.change, figures.1 + entry.reserved_change);
        }
        held.into_iter().map(|(sku, (on_hand, reserved))| (sku, on_hand, reserved)).collect()
    }

    fn assert_sound(&self) {
        let doctor =
            stockgate().arg("doctor").arg("--data-dir").arg(self.gateway.data_dir()).output();
        let doctor = doctor.unwrap();
        assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
    }
}

fn taken_in(frame: &Frame) -> Option<Taken> {
    match frame {
        Frame::Hello(hello) => Some(hello.taken),
        Frame::Entries(entries) => Some(entries.taken),
        Frame::Taken(told) => Some(told.taken),
        _ => None,
    }
}

fn assert_entry(entry: &Value, seq: u64, kind: &str, sku: &str, change: i64) {
    assert_eq!(number(entry, "seq"), seq, "{entry}");
    assert_eq!((&entry["kind"], &entry["sku"]), (&json!(kind), &json!(sku)), "{entry}");
    assert_eq!(entry["change"], change, "{entry}");
    assert!(entry.get("reserved_change").is_none() && entry.get("order_id").is_none(), "{entry}");
}

fn taken(transfer: u64, at_seq: u64) -> Taken {
    Taken { transfer, at_seq, catalogue: 0 }
}

fn grant(number: u64, name: &str, lines: &[(&str, u64)]) -> Transfer {
    transfer(number, name, Direction::Grant, lines)
}

fn recall(number: u64, name: &str, lines: &[(&str, u64)]) -> Transfer {
    transfer(number, name, Direction::Recall, lines)
}

fn transfer(number: u64, name: &str, direction: Direction, lines: &[(&str, u64)]) -> Transfer {
    let line = |(sku, units): &(&str, u64)| {
        Line::new(Sku::parse(sku).unwrap(), (*units).try_into().unwrap())
    };
    let request_id = RequestId::parse(name).unwrap();
    Transfer {
        number,
        request_id,
        direction,
        lines: lines.iter().map(line).collect(),
        cause: Cause::default(),
    }
}
