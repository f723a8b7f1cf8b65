//! Who asked for an entry and why, and which goods it was about, through the database.

use proptest::prelude::*;

use super::shop::{HOUR_MS, Shop, id};
use crate::stock::{
    Action, Actor, Cause, Chain, Checks, Command, Day, Line, Lot, Posted, Quantity, Reason,
    RequestRecord, RequestRecords, Serial, Sku, Trace, merge_lines,
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
                let found = shop.store.find(&record.request_id).unwrap();
                prop_assert_eq!(kept(&found), kept(newest));
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
    shop.store.record_retention_mark(0, &shop.stock).unwrap();
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
fn a_ledger_of_the_version_before_is_read_and_goes_on_with_the_newer_chain() {
    let mut shop = Shop::new();
    shop.restock("in", 9);
    let sql = "SELECT chunk FROM ledger";
    let blob: Vec<u8> = shop.store.db.query_row(sql, [], |row| row.get(0)).unwrap();
    // The version, base position and digest; then a chain of eight bytes; then the rest.
    let mut old = [&[2], &blob[1..10], &[0; 8], &blob[42..blob.len() - 4]].concat();
    let crc = super::chunk::crc(&old, ChunkKey { n: 1, seq: 1 });
    old.extend(crc.to_le_bytes());
    shop.store.db.execute("UPDATE ledger SET chunk = ?1", [old]).unwrap();

    shop.reopen();
    assert!(matches!(shop.stock.checks().chain, Chain::Xxh3(_)));
    shop.restock("more", 1);
    shop.reopen();

    let posted = read_ledger(&shop.store.db, 0, 9).unwrap();
    let chains: Vec<Chain> = posted.iter().map(|posted| posted.checks.chain).collect();
    assert!(matches!(chains[..], [Chain::Xxh3(_), Chain::Sha256(_)]), "{chains:?}");
    assert_eq!(chains[1], chains[0].upgraded(1).with(&posted[1].entry));
}

/// What is kept of a record that has no entries, too.
fn kept(record: &Option<RequestRecord>) -> Option<RequestRecord> {
    let mut record = record.clone()?;
    for line in record.outcome.iter_mut().flat_map(|applied| &mut applied.lines) {
        line.change = 0;
    }
    Some(record)
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
