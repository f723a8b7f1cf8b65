//! Who asked for an entry and why, and which goods it was about, through the database.

use proptest::prelude::*;

use super::shop::{HOUR_MS, Shop, id};
use crate::stock::{
    Action, Actor, Cause, Checks, Command, Day, Line, Lot, Posted, Quantity, Reason,
    RequestRecords, Serial, Sku, Trace, merge_lines,
};
use crate::store::chunk::{ChunkEncoder, ChunkKey};
use crate::store::read_ledger;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_batch_is_read_back_as_it_was_decided(
        batches in prop::collection::vec(prop::collection::vec(command(), 1..8), 1..5),
    ) {
        let mut shop = Shop::unsynced();
        let mut posted: Vec<Posted> = Vec::new();
        for batch in batches {
            let mut draft = shop.empty_draft();
            for command in &batch {
                let _ = draft.decide(command, &shop.store).unwrap();
            }
            let changes = draft.finish();
            shop.commit(&changes);
            posted.extend(changes.entries.iter().cloned());
            for record in &changes.ledger_records {
                let newest = changes.record_index(&record.request_id).unwrap();
                let newest = &changes.ledger_records[newest].record;
                prop_assert_eq!(&shop.store.find(&record.request_id).unwrap(), newest);
            }
        }
        let before = shop.stock.clone();
        shop.reopen();
        prop_assert_eq!(before, shop.stock);
        prop_assert_eq!(posted, read_ledger(&shop.store.db, 0, usize::MAX).unwrap());
    }
}

#[test]
fn a_reservation_keeps_its_lots_when_its_record_is_carried_forward() {
    let mut shop = Shop::new();
    shop.restock("in", 9);
    let lines = vec![line("L1", 2), line("L2", 3)];
    let changes =
        shop.draft("held", Action::Reserve { order_id: None, lines, ttl_s: Some(90_000) });
    shop.commit(&changes);
    let record = shop.store.find(&id("held")).unwrap();
    shop.store.record_retention_mark(0).unwrap();
    shop.restock("more", 1);
    assert!(shop.prune(3 * HOUR_MS, shop.stock.seq()));
    while shop.prune(3 * HOUR_MS, shop.stock.seq()) {}
    assert_eq!(shop.store.find(&id("held")).unwrap(), record);
    shop.reopen();
    let changes = shop.draft("sold", Action::Commit { reservation: id("held"), lines: None });
    let lots: Vec<_> = changes.entries.iter().map(|posted| posted.entry.trace.clone()).collect();
    assert_eq!(lots, [line("L1", 1).trace, line("L2", 1).trace]);
}

#[test]
fn a_cause_is_written_once_for_all_entries_in_a_row() {
    let shop = Shop::new();
    let encoded = |cause: &Cause| {
        let mut draft = shop.empty_draft();
        for name in ["r1", "r2"] {
            let action = Action::Restock { order_id: None, lines: vec![line("", 9)] };
            let command = Command { cause: cause.clone(), ..Command::chosen(id(name), action) };
            assert!(draft.decide(&command, &shop.store).unwrap().is_ok());
        }
        let changes = draft.finish();
        let mut chunk = ChunkEncoder::new((0, Checks::default()), 0);
        for (at, record) in changes.ledger_records.iter().enumerate() {
            chunk.add(record, &changes.entries[at..=at], &changes.figures[at..=at]);
        }
        chunk.len()
    };
    let named = Cause { actor: Actor::parse("line-3").ok(), reason: None };
    let cause = 1 + 1 + 1 + "line-3".len() + 1;
    assert_eq!(encoded(&named), encoded(&Cause::default()) + cause);
}

#[test]
fn a_chunk_of_the_version_before_is_read() {
    let shop = Shop::new();
    let changes = shop.restock_changes("in", 9);
    let mut chunk = ChunkEncoder::new((0, Checks::default()), 0);
    chunk.add(&changes.ledger_records[0], &changes.entries, &changes.figures);
    let key = ChunkKey { n: 1, seq: 1 };
    let mut blob = chunk.finish(key);
    let end = blob.len() - 4;
    blob[0] = 2;
    let crc = super::chunk::crc(&blob[..end], key);
    blob[end..].copy_from_slice(&crc.to_le_bytes());
    let sql = "INSERT INTO ledger VALUES (1, 1, ?1)";
    shop.store.db.execute(sql, [blob]).unwrap();
    assert_eq!(read_ledger(&shop.store.db, 0, 9).unwrap(), changes.entries);
}

fn command() -> impl Strategy<Value = Command> {
    let name = 0..40_u32;
    let text = || {
        prop::option::of(prop::sample::select(vec!["one", "two", "a longer text of some 40 bytes"]))
    };
    (name, action(), text(), text()).prop_map(|(name, action, actor, reason)| Command {
        cause: Cause {
            actor: actor.and_then(|text| Actor::parse(text).ok()),
            reason: reason.and_then(|text| Reason::parse(text).ok()),
        },
        ..Command::chosen(id(&format!("r{name}")), action)
    })
}

fn action() -> impl Strategy<Value = Action> {
    let earlier = || (0..40_u32).prop_map(|name| id(&format!("r{name}")));
    let lines = || prop::collection::vec(any_line(), 1..4).prop_map(merge_lines);
    prop_oneof![
        4 => lines().prop_map(|lines| Action::Restock { order_id: None, lines }),
        2 => lines().prop_map(|lines| Action::Deduct { order_id: None, lines }),
        2 => lines().prop_map(|lines| Action::Reserve { order_id: None, lines, ttl_s: None }),
        1 => any_line().prop_map(|Line { sku, trace, .. }| Action::Count { sku, counted: 7, trace }),
        2 => (earlier(), prop::option::of(lines()))
            .prop_map(|(of, lines)| Action::Rollback { of, lines }),
        2 => (earlier(), prop::option::of(lines()))
            .prop_map(|(reservation, lines)| Action::Commit { reservation, lines }),
        1 => earlier().prop_map(|reservation| Action::Release { reservation }),
    ]
}

fn any_line() -> impl Strategy<Value = Line> {
    let lot = prop::option::of(prop::sample::select(vec!["L1", "L2"]));
    let serial = prop::option::weighted(0.2, Just("S"));
    let day = prop::option::weighted(0.2, -700_000..2_900_000_i32);
    let sku = prop::sample::select(vec!["A", "B"]);
    (sku, 1..9_u64, lot, serial, day).prop_map(|(sku, units, lot, serial, day)| {
        let lot = lot.and_then(|text| Lot::parse(text).ok());
        let serial = serial.and_then(|text| Serial::parse(text).ok());
        let trace = Trace::of(lot, serial, day.map(|day| Day::try_from(day).unwrap()));
        Line { trace, ..Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap()) }
    })
}

fn line(lot: &str, units: u64) -> Line {
    let trace = Trace::of(Lot::parse(lot).ok(), None, None);
    Line { trace, ..Line::new(Sku::parse("A").unwrap(), Quantity::of_line(units).unwrap()) }
}
