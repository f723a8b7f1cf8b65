//! Frames that no sound gateway sends. They harm at most the books of the gateway that sent them.

use super::test_hub::{TestHub, named, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::limits::{GATEWAY_DATABASES_MAX, STOCK_MAX};
use crate::protocol::drift::{Figures, Part, Sums};
use crate::protocol::frame::{
    Behind, BooksId, Bound, Entries, Frame, Hello, Position, ProbeAnswer, TakenUpTo,
};
use crate::protocol::wire::Wire;
use crate::stock::{Digest, Seq, Taken};

const NUMBERS: [u64; 8] =
    [0, 1, 3, STOCK_MAX.unsigned_abs(), 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX];

#[test]
fn every_frame_that_decodes_leaves_the_hub_and_other_gateways_as_they_were() {
    let mut tried = 0;
    for (case, frame) in forged(&Ledger::at("forged", 2)).into_iter().enumerate() {
        let Ok(frame) = Frame::decode(&frame.encode(Wire::V2(BooksId::default()))) else {
            continue;
        };
        let mut hub = TestHub::new();
        let mut honest = hub.stocked("honest", 7);
        let mut forger = Ledger::at("forged", 2);
        forger.post(&[("restock", 10), ("deduct", -1)]);
        hub.greet_and_send(&forger);
        for _ in 0..2 {
            hub.handle(&named("forged"), &frame);
            sent_to(&mut hub, "forged");
        }
        hub.sell(&mut honest, 2);
        assert_eq!(hub.allotment_of(&honest), (5, 0), "case {case}: {frame:?}");
        tried += 1;
    }
    assert!(tried > 150, "{tried} frames decode");
}

/// What the hub sends after a frame is computed from what the frame said.
fn sent_to(hub: &mut TestHub, gateway: &str) {
    let TestHub { database, downlink, .. } = hub;
    for now_ms in [1, 100_000, u64::MAX / 4] {
        database.change(|books| downlink.next(books, &named(gateway), now_ms)).unwrap();
    }
}

/// Every kind of frame that a gateway sends, with every number at its bounds.
fn forged(ledger: &Ledger) -> Vec<Frame> {
    let mut frames = Vec::new();
    for a in NUMBERS {
        for b in [0, 3, (1 << 63) - 1, u64::MAX] {
            frames
                .extend([2, (1 << 63) - 1].into_iter().flat_map(|c| with_numbers(ledger, a, b, c)));
        }
    }
    frames.extend(with_entries(ledger));
    frames
}

fn with_numbers(ledger: &Ledger, a: u64, b: u64, c: u64) -> Vec<Frame> {
    let (epoch, checks) = (ledger.epoch.into(), ledger.checks);
    let taken = Taken { transfer: a, at_seq: b, catalogue: c };
    let position = Position { epoch, acked_seq: a };
    let part = Part { bits: 4, prefix: a & 15 };
    let figures = vec![(sku(), a.cast_signed(), b.cast_signed())];
    vec![
        Frame::Hello(Hello {
            epoch,
            ledger_seq: a,
            checks,
            nonce: b,
            software: "forged".into(),
            taken: Taken { transfer: b, at_seq: c, catalogue: a },
            bound: Bound::default(),
        }),
        Frame::Taken(TakenUpTo { epoch, taken }),
        Frame::Behind(Behind { position, ledger_seq: b }),
        Frame::Figures(ProbeAnswer { epoch, seq: c, content: Figures { part, figures } }),
        Frame::Sums(ProbeAnswer {
            epoch,
            seq: a,
            content: Sums { part, sums: vec![Digest(b); 16] },
        }),
    ]
}

/// Entries with amounts at their bounds, at and after the books' position. Their chain is right, so
/// only the amounts are judged.
fn with_entries(ledger: &Ledger) -> Vec<Frame> {
    let kinds = ["deduct", "restock", "count", "rollback", "reserve", "commit", "release"];
    let more = ["expire", "grant", "recall"];
    let mut frames = Vec::new();
    for kind in kinds.into_iter().chain(more) {
        for amount in [-STOCK_MAX, -1, 0, 1, STOCK_MAX] {
            let mut ledger = ledger.clone();
            ledger.post(&[("restock", 10), ("deduct", -1)]);
            frames.push(ledger.post(&[(kind, amount)]));
            let Some(Frame::Entries(late)) = frames.last().cloned() else { continue };
            frames.push(Frame::Entries(at_position(late, (1 << 63) - 2)));
        }
    }
    frames
}

fn at_position(mut frame: Entries, seq: Seq) -> Entries {
    frame.entries.iter_mut().for_each(|entry| entry.seq = seq);
    frame.taken = Taken { transfer: seq, at_seq: seq, catalogue: seq };
    frame
}

#[test]
fn an_entry_against_the_direction_of_its_kind_fences_the_database_that_sent_it() {
    for (kind, change) in [("deduct", 500), ("restock", -1), ("grant", -1), ("recall", 1)] {
        let mut hub = TestHub::new();
        let mut gateway = hub.stocked("gw", 10);
        let frame = gateway.post(&[(kind, change)]);
        let answer = hub.handle(&named("gw"), &frame).answer;
        let Some(FrameAnswer::Refused { reason, .. }) = answer else { panic!("{answer:?}") };
        assert!(reason.starts_with(&format!("entry 2, a {kind} of SKU A, changes")), "{reason}");
        assert_eq!((hub.on_hand(), hub.entries()), (10, 1));
    }
}

/// Each of these frames is possible by itself. Together they lead to sums that no stock has.
#[test]
fn sums_that_one_gateway_drives_to_their_bound_harm_no_other_one() {
    let mut hub = TestHub::new();
    let mut honest = hub.stocked("honest", 7);
    let mut forger = hub.stocked("forger", 1);
    let mut closed_after = None;
    for round in 0..600 {
        let frame = forger.post(&[("restock", STOCK_MAX - 1), ("deduct", 1 - STOCK_MAX)]);
        let answer = hub.handle(&named("forger"), &frame).answer;
        if matches!(answer, Some(FrameAnswer::Refused { .. })) {
            closed_after = Some(round);
            break;
        }
    }
    assert!(closed_after.is_some(), "its own books are closed");

    assert_eq!(hub.sell(&mut honest, 2), [""; 0]);
    hub.receive("po-1", 5);
    assert_eq!(hub.allotment_of(&honest), (5, 0));
    assert_eq!(hub.places(), (5, 0, 6));
}

#[test]
fn one_restock_of_everything_does_not_keep_goods_out_of_the_pool() {
    let mut hub = TestHub::new();
    let mut forger = hub.stocked("forger", 1);
    let frame = forger.post(&[("restock", STOCK_MAX - 1)]);
    hub.handle(&named("forger"), &frame);

    hub.receive("po-1", 5);
    assert_eq!(hub.places(), (5, 0, STOCK_MAX));
}

#[test]
fn a_frame_of_sales_changes_no_row_of_the_pool() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 10);
    hub.receive("po-1", 5);
    hub.db("UPDATE pool SET unallotted = 4");

    let changes = [("restock", 5), ("deduct", -1), ("count", 2), ("rollback", 1)];
    hub.answer_to(&gateway.post(&changes));

    assert_eq!(hub.number("SELECT unallotted FROM pool"), 4);
    assert!(!hub.balanced(), "a unit that is missing from the pool is noticed");
}

#[test]
fn a_gateway_that_makes_up_databases_uses_up_its_own_places_only() {
    let mut hub = TestHub::new();
    let ledgers: Vec<Ledger> = (0..40).map(|n| Ledger::at("forged", 1_000 + n)).collect();
    let refused = ledgers.iter().filter(|ledger| {
        let answer = hub.handle(&named("forged"), &ledger.hello()).answer;
        matches!(answer, Some(FrameAnswer::Refused { .. }))
    });
    assert_eq!(refused.count(), 40 - GATEWAY_DATABASES_MAX);
    assert_eq!(hub.number("SELECT count(*) FROM book"), GATEWAY_DATABASES_MAX as i64);
    let told = hub.number("SELECT count(*) FROM book WHERE problem LIKE '%retire those%'");
    assert_eq!(told, 1, "an operator is told");

    hub.retire(&ledgers[0]);
    let answer = hub.handle(&named("forged"), &ledgers[39].hello()).answer;
    assert!(matches!(answer, Some(FrameAnswer::Resume { .. })), "people free a place: {answer:?}");
    hub.stocked("honest", 7);
}

#[test]
fn an_answer_to_no_probe_is_not_compared() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 4);
    gateway.checks.digest = gateway.checks.digest.moved(&sku(), (4, 0), (5, 0));
    hub.answer_to(&gateway.hello());
    let [Frame::Probe(probe)] = hub.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (5, 0))].into_iter());
    let answered = |hub: &mut TestHub| {
        let TestHub { database, downlink, .. } = hub;
        let id = gateway.gateway.clone();
        database.change(|books| downlink.answered(books, &id, 1, &content)).unwrap();
        hub.number("SELECT searching FROM book")
    };
    hub.downlink.handle_greeting(&gateway.gateway);
    assert_eq!(answered(&mut hub), 1, "the probe was forgotten");
    assert_eq!(hub.sent(2).len(), 1, "and is sent again");
    assert_eq!(answered(&mut hub), 0, "it is found");
}
