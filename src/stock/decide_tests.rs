use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::clock::Now;
use crate::limits::{EXPIRED_LINES_MAX, STOCK_MAX};
use crate::stock::{
    CatalogueUpdate, Checks, Decimals, EndedBy, Item, Items, Kind, Line, Listing, Lot, Posted,
    Quantity, Sku, Stock, Trace,
};

/// Any sequence of commands, cut into any batches, keeps what must always hold.
mod properties {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_ledger_adds_up_to_the_stock(batches in batches()) {
            let mut shop = Shop::default();
            for batch in &batches {
                shop.decide(batch);
                shop.check();
            }
        }

        #[test]
        fn batches_decide_as_single_commands_do(batches in batches()) {
            let (mut together, mut alone) = (Shop::default(), Shop::default());
            for batch in &batches {
                let answers = together.decide(batch);
                let one_by_one: Vec<CommandAnswer> =
                    batch.iter().flat_map(|one| alone.decide(std::slice::from_ref(one))).collect();
                prop_assert_eq!(answers, one_by_one);
            }
            prop_assert_eq!(together.stock, alone.stock);
        }

        #[test]
        fn a_repetition_changes_nothing(batches in batches()) {
            let mut shop = Shop::default();
            let commands: Vec<Command> = batches.into_iter().flatten().collect();
            let decide = |command| shop.decide(std::slice::from_ref(command));
            let first: Vec<CommandAnswer> = commands.iter().flat_map(decide).collect();
            let before = shop.stock.clone();
            for (command, first) in commands.iter().zip(first) {
                // What was not decided may be possible now.
                if first.is_err() {
                    continue;
                }
                // Under a derived request id, a refusal is not remembered.
                if !command.chosen && first.as_ref().is_ok_and(|first| first.outcome.is_err()) {
                    continue;
                }
                let again = shop.decide(std::slice::from_ref(command)).remove(0);
                if let (Ok(first), Ok(again)) = (first, again) {
                    prop_assert!(again.replayed);
                    prop_assert_eq!(told(first.outcome), told(again.outcome));
                }
            }
            prop_assert_eq!(before, shop.stock);
        }

        #[test]
        fn a_dropped_draft_leaves_no_trace(batches in batches()) {
            let (mut shop, mut unlucky) = (Shop::default(), Shop::default());
            for batch in &batches {
                unlucky.draft(batch);
                prop_assert_eq!(shop.decide(batch), unlucky.decide(batch));
            }
            prop_assert_eq!(shop.stock, unlucky.stock);
        }
    }

    /// What a client is told: not by how much a line has changed on hand.
    fn told(mut outcome: Outcome) -> Outcome {
        let applied = outcome.as_mut().ok();
        applied.into_iter().flat_map(|one| &mut one.lines).for_each(|line| line.change = 0);
        outcome
    }

    fn batches() -> impl Strategy<Value = Vec<Vec<Command>>> {
        prop::collection::vec(prop::collection::vec(command(), 1..6), 1..30)
    }

    fn command() -> impl Strategy<Value = Command> {
        (action(), 0..60_u32, prop::bool::weighted(0.7)).prop_map(|(action, name, chosen)| {
            let derived = if let Action::Commit { reservation, .. } = &action {
                Some(RequestId::commit_of(reservation))
            } else if let Action::Release { reservation } = &action {
                Some(RequestId::release_of(reservation))
            } else {
                None
            };
            match derived.filter(|_| !chosen) {
                Some(request_id) => {
                    Command { chosen: false, ..Command::chosen(request_id, action) }
                }
                None => Command::chosen(id(&format!("r{name}")), action),
            }
        })
    }

    fn action() -> impl Strategy<Value = Action> {
        let earlier = || (0..60_u32).prop_map(|name| id(&format!("r{name}")));
        prop_oneof![
            3 => lines().prop_map(|lines| Action::Restock { order_id: None, lines }),
            3 => lines().prop_map(|lines| Action::Deduct { order_id: None, lines }),
            3 => (lines(), prop::option::of(1..20_u64))
                .prop_map(|(lines, ttl_s)| Action::Reserve { order_id: None, lines, ttl_s }),
            1 => (sku(), 0..30_i64).prop_map(|(sku, counted)| Action::Count { sku, counted, trace: None }),
            2 => (earlier(), prop::option::of(lines()))
                .prop_map(|(of, lines)| Action::Rollback { of, lines }),
            2 => (earlier(), prop::option::of(lines()))
                .prop_map(|(reservation, lines)| Action::Commit { reservation, lines }),
            1 => earlier().prop_map(|reservation| Action::Release { reservation }),
            2 => (earlier(), prop::option::of(lines()))
                .prop_map(|(reservation, lines)| Action::CommitPart { reservation, lines }),
            1 => (earlier(), 1..20_u64)
                .prop_map(|(reservation, ttl_s)| Action::Extend { reservation, ttl_s }),
            1 => (sku(), sku()).prop_map(|(from, into)| Action::Merge { from, into }),
            1 => sku().prop_map(|sku| Action::Hide { sku }),
        ]
    }

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        let lot = prop::option::weighted(0.3, prop::sample::select(vec!["L1", "L2"]));
        let line = (sku(), 1..12_u64, lot).prop_map(|(sku, units, lot)| {
            let trace = Trace::of(lot.map(|lot| Lot::parse(lot).unwrap()), None, None);
            Line { trace, ..Line::new(sku, Quantity::of_line(units).unwrap()) }
        });
        prop::collection::vec(line, 1..4).prop_map(crate::stock::merge_lines)
    }

    fn sku() -> impl Strategy<Value = Sku> {
        prop::sample::select(vec!["A", "B", "C", "D"]).prop_map(|sku| Sku::parse(sku).unwrap())
    }
}

#[test]
fn lines_whose_stock_is_short_are_refused_demand_and_a_replay_is_none() {
    let mut shop = Shop::default();
    shop.decide(&[restock("r1", "A", 5), restock("r2", "B", 5)]);
    let trace = Trace::of(Some(Lot::parse("L").unwrap()), None, None);
    let traced = Line { trace, ..one("B", 4).remove(0) };
    let lines = [one("A", 5), one("B", 2), vec![traced]].concat();
    let several = Action::Deduct { order_id: None, lines };
    let several = Command::chosen(id("d1"), several);
    let all = [several.clone(), several, reserve("d2", "A", 6, 10), deduct("d3", "C", 1)];

    let (_, changes) = shop.draft(&all);

    let told = changes.refused.iter().map(|(sku, units)| (sku.as_str(), units.units()));
    assert_eq!(told.collect::<Vec<_>>(), [("B", 2), ("B", 4), ("A", 6)]);
    shop.decide(&all);
    assert_eq!(shop.draft(&all).1.refused, []);
}

#[test]
fn a_reservation_expires_by_running_time_whatever_the_wall_clock_says() {
    let mut shop = Shop::default();
    shop.decide(&[restock("r1", "A", 5), reserve("r2", "A", 5, 10)]);
    shop.now = Now { wall_ms: 4_000_000_000_000, running_ms: 9_999, trusted: true };
    assert!(matches!(refusal(&mut shop, deduct("r3", "A", 1)), Refusal::InsufficientStock { .. }));
    shop.now = Now { wall_ms: 0, running_ms: 10_000, trusted: true };
    assert!(shop.decide(&[deduct("r4", "A", 5)])[0].as_ref().unwrap().outcome.is_ok());
    let expired = shop.ledger.iter().find(|posted| posted.entry.kind == Kind::Expire).unwrap();
    assert_eq!((expired.entry.request_id.as_str(), expired.entry.reserved_change), ("r2", -5));
    assert!(matches!(refusal(&mut shop, commit("r5", "r2")), Refusal::ReservationExpired { .. }));
}

#[test]
fn a_commit_without_a_request_id_repeats_the_one_that_closed_the_reservation() {
    let mut shop = Shop::default();
    shop.decide(&[restock("r1", "A", 5), reserve("r2", "A", 5, 10), commit("r3", "r2")]);
    let unnamed = Command { request_id: id("commit:r2"), chosen: false, ..commit("x", "r2") };
    let again = shop.decide(&[unnamed]).remove(0).unwrap();
    assert_eq!((again.replayed, again.request_id.as_str()), (true, "r3"));
    assert!(matches!(refusal(&mut shop, commit("r4", "r2")), Refusal::ReservationEnded { .. }));
}

#[test]
fn a_commit_without_a_request_id_repeats_only_what_says_the_same() {
    let mut shop = Shop::default();
    let part = Action::Commit { reservation: id("r2"), lines: Some(one("A", 2)) };
    shop.decide(&[restock("r1", "A", 5), reserve("r2", "A", 5, 10), command("part", part)]);
    let unnamed = Command { request_id: id("commit:r2"), chosen: false, ..commit("x", "r2") };
    let refused = refusal(&mut shop, unnamed);
    let Refusal::ReservationEnded { reservation, ending } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!((reservation.as_str(), ending.request_id.as_str()), ("r2", "part"));
}

#[test]
fn a_rollback_is_entered_under_its_own_name_and_the_order_it_undoes() {
    let mut shop = Shop::default();
    let order_id = || OrderId::parse("536365").ok();
    let command = |name, action| Command::chosen(id(name), action);
    let rollback = |name, of| command(name, Action::Rollback { of: id(of), lines: None });
    let sold = Action::Deduct { order_id: order_id(), lines: one("A", 1) };
    let held = Action::Reserve { order_id: order_id(), lines: one("A", 2), ttl_s: None };
    shop.decide(&[restock("in", "A", 9), command("sold", sold), command("held", held)]);
    shop.decide(&[commit("committed", "held"), deduct("plain", "A", 3)]);
    shop.decide(&[rollback("r1", "sold"), rollback("r2", "committed"), rollback("r3", "plain")]);
    let entered = shop.ledger.iter().map(|posted| &posted.entry);
    let undone = entered.filter(|entry| entry.kind == Kind::Rollback);
    let undone: Vec<_> = undone.map(|e| (e.request_id.as_str(), e.order_id.clone())).collect();
    assert_eq!(undone, [("r1", order_id()), ("r2", order_id()), ("r3", None)]);
}

#[test]
fn a_deduction_is_rolled_back_once_and_in_parts_that_do_not_exceed_it() {
    let mut shop = Shop::default();
    shop.decide(&[restock("in", "A", 9), deduct("sold", "A", 5)]);
    let rollback = |name: &str, lines: Option<Vec<Line>>| {
        let action = Action::Rollback { of: id("sold"), lines };
        Command::chosen(id(name), action)
    };
    let exceeds = |refused: &Refusal| matches!(refused, Refusal::ExceedsDeduction { .. });
    shop.decide(&[rollback("part", Some(one("A", 2)))]);
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 6);
    let refused = refusal(&mut shop, rollback("more", Some(one("A", 4))));
    assert!(exceeds(&refused), "{refused:?}");
    shop.decide(&[rollback("rest", None)]);
    let refused = refusal(&mut shop, rollback("again", None));
    assert!(exceeds(&refused), "{refused:?}");
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 9);
}

#[test]
fn the_end_of_a_reservation_is_entered_under_its_order() {
    let mut shop = Shop::default();
    let order_id = || OrderId::parse("536365").ok();
    let command = |name, action| Command::chosen(id(name), action);
    let held = |name| {
        let lines = one("A", 1);
        command(name, Action::Reserve { order_id: order_id(), lines, ttl_s: Some(10) })
    };
    shop.decide(&[restock("in", "A", 9), held("h1"), held("h2"), held("h3")]);
    let release = Action::Release { reservation: id("h2") };
    shop.decide(&[commit("committed", "h1"), command("released", release)]);
    shop.now.running_ms = 10_000;
    shop.decide(&[]);
    let ends = shop.ledger[4..].iter().map(|posted| &posted.entry);
    let ends: Vec<_> = ends.map(|e| (e.kind, e.request_id.as_str(), e.order_id.clone())).collect();
    assert_eq!(
        ends,
        [
            (Kind::Commit, "committed", order_id()),
            (Kind::Release, "released", order_id()),
            (Kind::Expire, "h3", order_id()),
        ]
    );
}

#[test]
fn a_commit_takes_its_units_from_the_stock_and_releases_the_rest() {
    let mut shop = Shop::default();
    shop.decide(&[restock("in", "A", 9)]);
    for (held, committed, left) in [(5, 2, 7), (4, 4, 3)] {
        let (reservation, name) = (format!("r{held}"), format!("c{held}"));
        let lines = Some(one("A", committed));
        let action = Action::Commit { reservation: id(&reservation), lines };
        shop.decide(&[reserve(&reservation, "A", held, 10)]);
        shop.decide(&[Command::chosen(id(&name), action)]);
        assert_eq!(shop.stock.item("A").unwrap().figures(), (left, 0));
    }
}

#[test]
fn a_reservation_is_committed_in_parts_of_which_the_last_closes_it() {
    let mut shop = Shop::default();
    let part = |name: &str, units| {
        let action = Action::CommitPart { reservation: id("held"), lines: Some(one("A", units)) };
        command(name, action)
    };
    shop.decide(&[restock("in", "A", 9), reserve("held", "A", 5, 10), part("first", 2)]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (7, 3));
    assert_eq!(shop.stock.hold(&id("held")).unwrap().lines, one("A", 3));
    let refused = refusal(&mut shop, part("more", 4));
    assert!(matches!(refused, Refusal::ExceedsDeduction { available: 3, .. }), "{refused:?}");
    shop.now.wall_ms = 7_000;
    shop.decide(&[part("last", 3)]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (4, 0));
    let refused = refusal(&mut shop, part("again", 1));
    let Refusal::ReservationEnded { ending, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (ending.by, ending.request_id, ending.at_ms),
        (EndedBy::Commit, id("last"), Some(7_000))
    );
    shop.decide(&[command("undo", Action::Rollback { of: id("first"), lines: None })]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (6, 0));
    shop.check();
}

#[test]
fn an_extended_reservation_ends_at_the_new_time() {
    let mut shop = Shop::default();
    let extend =
        |name: &str, ttl_s| command(name, Action::Extend { reservation: id("held"), ttl_s });
    shop.decide(&[restock("in", "A", 9), reserve("held", "A", 5, 10)]);
    shop.now = Now { wall_ms: 9_000, running_ms: 8_000, trusted: true };
    let answer = shop.decide(&[extend("longer", 20)]).remove(0).unwrap();
    assert_eq!(answer.reservation, Some(id("held")));
    assert_eq!(answer.outcome.unwrap().expires_at_ms, Some(29_000));
    shop.now.running_ms = 27_999;
    shop.decide(&[]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (9, 5));
    shop.decide(&[extend("shorter", 1)]);
    shop.now.running_ms = 28_999;
    let refused = refusal(&mut shop, extend("late", 1));
    assert!(matches!(refused, Refusal::ReservationExpired { .. }), "{refused:?}");
    assert_eq!(shop.stock.item("A").unwrap().figures(), (9, 0));
    let refused = refusal(&mut shop, extend("unknown", 1));
    assert!(matches!(refused, Refusal::ReservationExpired { .. }), "{refused:?}");
    shop.check();
}

#[test]
fn the_refusal_of_a_commit_without_a_request_id_is_not_remembered() {
    let mut shop = Shop::default();
    shop.decide(&[restock("in", "A", 9)]);
    let unnamed =
        || Command { request_id: id("commit:held"), chosen: false, ..commit("x", "held") };
    assert!(matches!(refusal(&mut shop, unnamed()), Refusal::UnknownReservation { .. }));
    shop.decide(&[reserve("held", "A", 5, 10)]);
    assert!(shop.decide(&[unnamed()])[0].as_ref().unwrap().outcome.is_ok());
}

/// The catalogue is applied between the reading of a request and its decision.
#[test]
fn a_number_that_was_read_before_its_sku_had_decimals_is_not_decided() {
    let mut shop = Shop::default();
    shop.decide(&[restock("old", "B", 5)]);
    update_catalogue(&mut shop, (0, 7), vec![by_weight("A", 3), by_weight("B", 3)]);
    let read_by = |command: Command, read_by| Command { read_by, ..command };
    let early = shop.decide(&[read_by(restock("r", "A", 5), Some(6))]).remove(0);
    assert!(matches!(early, Err(Undecided::DecimalsChanged { .. })), "{early:?}");
    let whole = shop.decide(&[read_by(restock("b", "B", 5), Some(6))]).remove(0);
    assert!(whole.unwrap().outcome.is_ok(), "B keeps to the whole units of its entries");
    assert_eq!(shop.stock.catalogue().decimals("B"), Decimals::default());
    for (name, seen) in [("again", Some(7)), ("units", None)] {
        let later = shop.decide(&[read_by(restock(name, "A", 5), seen)]).remove(0);
        assert!(later.unwrap().outcome.is_ok(), "{name}");
    }
}

/// What was read as 1,000 grams would be booked as 1,000 pieces.
#[test]
fn a_number_that_was_read_before_its_sku_lost_its_decimals_is_not_decided() {
    for newer in [by_weight("A", 0), Listing { name: None, ..by_weight("A", 0) }] {
        let mut shop = Shop::default();
        update_catalogue(&mut shop, (0, 7), vec![by_weight("A", 3)]);
        update_catalogue(&mut shop, (7, 8), vec![newer]);
        let early = Command { read_by: Some(7), ..restock("r", "A", 1_000) };
        let early = shop.decide(&[early]).remove(0);
        assert!(matches!(early, Err(Undecided::DecimalsChanged { .. })), "{early:?}");
        let later = Command { read_by: Some(8), ..restock("r", "A", 1) };
        assert!(shop.decide(&[later]).remove(0).unwrap().outcome.is_ok());
    }
}

#[test]
fn a_refusal_is_repeated_after_its_sku_was_given_decimals() {
    let mut shop = Shop::default();
    let early = shop.decide(&[deduct("d", "A", 2)]).remove(0).unwrap();
    update_catalogue(&mut shop, (0, 7), vec![by_weight("A", 3)]);
    let again = |units| Command { read_by: Some(7), ..deduct("d", "A", units) };
    let late = shop.decide(&[again(2_000)]).remove(0).unwrap();
    assert_eq!((&late.outcome, late.replayed), (&early.outcome, true));
    let other = shop.decide(&[again(2_500)]).remove(0);
    assert!(matches!(other, Err(Undecided::IdempotencyConflict { .. })), "{other:?}");
}

/// Each request says the same number before and after the catalogue changes the decimals of `A`.
#[test]
fn a_refusal_is_repeated_whatever_decimals_its_skus_are_given() {
    let count = |counted| Action::Count { sku: Sku::parse("A").unwrap(), counted, trace: None };
    let deduct = |lines: &[(&str, u64)]| Action::Deduct { order_id: None, lines: to_lines(lines) };
    let rollback =
        |units| Action::Rollback { of: id("never"), lines: Some(to_lines(&[("A", units)])) };
    for (earlier, first, later, again) in [
        (None, count(3), 2, count(300)),
        (Some(2), deduct(&[("A", 125)]), 3, deduct(&[("A", 1_250)])),
        (Some(3), deduct(&[("A", 1_250)]), 2, deduct(&[("A", 125)])),
        (Some(0), deduct(&[("A", 5)]), 2, deduct(&[("A", 500)])),
        (None, deduct(&[("S", 7), ("A", 5)]), 1, deduct(&[("A", 50), ("S", 7)])),
        (None, rollback(2), 6, rollback(2_000_000)),
    ] {
        let mut shop = Shop::default();
        shop.decide(&[restock("in", "S", 9)]);
        let listed = earlier.map(|decimals| by_weight("A", decimals)).into_iter().collect();
        update_catalogue(&mut shop, (0, 7), listed);
        let send = |action: &Action, read_by| Command { read_by, ..command("r", action.clone()) };
        let before = shop.decide(&[send(&first, Some(7))]).remove(0).unwrap();
        assert!(before.outcome.is_err() && before.decimals.is_none(), "{before:?}");
        update_catalogue(&mut shop, (7, 8), vec![by_weight("A", later)]);
        let after = shop.decide(&[send(&again, Some(8))]).remove(0).unwrap();
        let decimals = Decimals::try_from(earlier.unwrap_or(0)).ok();
        assert_eq!((after.replayed, after.decimals), (true, decimals), "{again:?}");
        assert_eq!(after.outcome, before.outcome);
        // Whole numbers of the smallest unit are another request.
        let units = shop.decide(&[send(&again, None)]).remove(0);
        assert!(matches!(units, Err(Undecided::IdempotencyConflict { .. })), "{units:?}");
    }
}

#[test]
fn ten_is_not_one_with_another_decimal() {
    let mut shop = Shop::default();
    update_catalogue(&mut shop, (0, 7), vec![by_weight("KG", 2), by_weight("LISTED", 0)]);
    shop.decide(&[restock("in", "KG", 500), restock("pieces", "A", 9)]);
    for sku in ["KG", "A", "NOPE", "LISTED"] {
        let send = |units| Command { read_by: Some(7), ..deduct(sku, sku, units) };
        assert!(shop.decide(&[send(1_000)]).remove(0).unwrap().outcome.is_err(), "{sku}");
        for units in [1, 10, 100, 10_000, 100_000] {
            let other = shop.decide(&[send(units)]).remove(0);
            assert!(matches!(other, Err(Undecided::IdempotencyConflict { .. })), "{sku} {units}");
        }
    }
}

fn by_weight(sku: &str, decimals: u8) -> Listing {
    Listing {
        sku: Sku::parse(sku).unwrap(),
        name: Some("by weight".into()),
        unit: Some("kg".into()),
        decimals: Decimals::try_from(decimals).unwrap(),
        barcodes: Vec::new(),
    }
}

fn update_catalogue(shop: &mut Shop, (after, up_to): (u64, u64), listings: Vec<Listing>) {
    let mut draft = Draft::new(&shop.stock, shop.now, 900);
    assert!(draft.apply_catalogue_update(&CatalogueUpdate { after, up_to, listings }));
    let changes = draft.finish();
    shop.stock.apply(&changes);
}

#[test]
fn a_restock_is_rolled_back_once_and_only_as_far_as_it_is_available() {
    let mut shop = Shop::default();
    let rollback =
        |name: &str, of: &str, lines| command(name, Action::Rollback { of: id(of), lines });
    shop.decide(&[restock("in", "A", 5), restock("more", "A", 4), deduct("sold", "A", 6)]);
    let refused = refusal(&mut shop, rollback("all", "in", None));
    assert!(matches!(refused, Refusal::InsufficientStock { available: 3, .. }), "{refused:?}");
    let refused = refusal(&mut shop, rollback("beyond", "in", Some(one("A", 6))));
    assert!(matches!(refused, Refusal::ExceedsDeduction { available: 5, .. }), "{refused:?}");
    shop.decide(&[rollback("part", "in", Some(one("A", 2)))]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (1, 0));
    for (name, lines) in [("again", Some(one("A", 1))), ("rest", None)] {
        let refused = refusal(&mut shop, rollback(name, "in", lines));
        assert!(matches!(refused, Refusal::ExceedsDeduction { .. }), "{refused:?}");
    }
    let last = &shop.ledger.last().unwrap().entry;
    assert_eq!((last.kind, last.change, last.fits_kind()), (Kind::Rollback, -2, true));
    shop.check();
}

#[test]
fn a_count_is_rolled_back_in_either_direction() {
    for (counted, after) in [(3, 9), (12, 9), (9, 9)] {
        let mut shop = Shop::default();
        let count = Action::Count { sku: Sku::parse("A").unwrap(), counted, trace: None };
        let rollback = |name| command(name, Action::Rollback { of: id("counted"), lines: None });
        shop.decide(&[restock("in", "A", 9), command("counted", count)]);
        let first = shop.decide(&[rollback("undo")]).remove(0).unwrap().outcome;
        assert_eq!(first.is_ok(), counted != 9, "there is something to undo");
        assert_eq!(shop.stock.item("A").unwrap().on_hand, after);
        let undone = shop.ledger.iter().filter(|posted| posted.entry.kind == Kind::CountRollback);
        assert_eq!(undone.count(), usize::from(counted != 9), "it says that it undoes a count");
        let refused = refusal(&mut shop, rollback("again"));
        assert!(matches!(refused, Refusal::ExceedsDeduction { .. }), "{refused:?}");
        shop.check();
    }
}

#[test]
fn a_count_may_find_as_many_units_as_are_reserved_but_no_fewer() {
    let mut shop = Shop::default();
    shop.decide(&[restock("in", "A", 9), reserve("held", "A", 5, 10)]);
    let count = |name, counted| {
        let action = Action::Count { sku: Sku::parse("A").unwrap(), counted, trace: None };
        Command::chosen(id(name), action)
    };
    let refused = refusal(&mut shop, count("fewer", 4));
    assert!(matches!(refused, Refusal::BelowReserved { reserved: 5, .. }), "{refused:?}");
    shop.decide(&[count("as many", 5)]);
    assert_eq!(shop.stock.item("A").unwrap().figures(), (5, 5));
}

#[test]
fn stock_never_grows_beyond_what_json_holds_exactly() {
    let mut shop = Shop::default();
    shop.decide(&[restock("r1", "A", 1)]);
    let count =
        Action::Count { sku: Sku::parse("A").unwrap(), counted: STOCK_MAX - 1, trace: None };
    shop.decide(&[Command::chosen(id("r2"), count)]);
    shop.decide(&[restock("r3", "A", 1)]);
    assert_eq!(shop.stock.item("A").unwrap().on_hand, STOCK_MAX);
    let answer = shop.decide(&[restock("r4", "A", 1)]).remove(0);
    assert!(matches!(answer, Err(Undecided::StockTooLarge { .. })));
    shop.check();
}

fn refusal(shop: &mut Shop, command: Command) -> Refusal {
    shop.decide(&[command]).remove(0).unwrap().outcome.unwrap_err()
}

fn id(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

fn one(sku: &str, units: u64) -> Vec<Line> {
    vec![Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap())]
}

fn to_lines(lines: &[(&str, u64)]) -> Vec<Line> {
    lines.iter().flat_map(|(sku, units)| one(sku, *units)).collect()
}

fn command(name: &str, action: Action) -> Command {
    Command::chosen(id(name), action)
}

fn restock(name: &str, sku: &str, units: u64) -> Command {
    let action = Action::Restock { order_id: None, lines: one(sku, units) };
    Command::chosen(id(name), action)
}

fn deduct(name: &str, sku: &str, units: u64) -> Command {
    let action = Action::Deduct { order_id: None, lines: one(sku, units) };
    Command::chosen(id(name), action)
}

fn reserve(name: &str, sku: &str, units: u64, ttl_s: u64) -> Command {
    let action = Action::Reserve { order_id: None, lines: one(sku, units), ttl_s: Some(ttl_s) };
    Command::chosen(id(name), action)
}

fn commit(name: &str, reservation: &str) -> Command {
    let action = Action::Commit { reservation: id(reservation), lines: None };
    Command::chosen(id(name), action)
}

/// A gateway without a disk: the engine, and maps where tables would be.
#[derive(Debug)]
struct Shop {
    stock: Stock,
    records: Remembered,
    ledger: Vec<Posted>,
    now: Now,
}

#[derive(Debug, Default)]
struct Remembered(RefCell<BTreeMap<RequestId, RequestRecord>>);

impl RequestRecords for Remembered {
    type Error = Infallible;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(self.0.borrow().get(id).cloned())
    }
}

impl Default for Shop {
    fn default() -> Self {
        let now = Now { wall_ms: 1_000, running_ms: 0, trusted: true };
        let (stock, records) = (Stock::default(), Remembered::default());
        Self { stock, records, ledger: Vec::new(), now }
    }
}

impl Shop {
    fn draft(&self, commands: &[Command]) -> (Vec<CommandAnswer>, crate::stock::Changes) {
        let mut draft = Draft::new(&self.stock, self.now, 900);
        let Ok(()) = draft.expire_due(&self.records, EXPIRED_LINES_MAX);
        let decide = |command| {
            let Ok(answer) = draft.decide(command, &self.records);
            answer
        };
        (commands.iter().map(decide).collect(), draft.finish())
    }

    fn decide(&mut self, commands: &[Command]) -> Vec<CommandAnswer> {
        let (answers, changes) = self.draft(commands);
        self.stock.apply(&changes);
        let known = changes
            .ledger_records
            .into_iter()
            .filter_map(|decision| Some((decision.request_id, decision.record?)));
        self.records.0.borrow_mut().extend(known);
        self.ledger.extend(changes.entries);
        answers
    }

    /// Adds the ledger up from nothing and compares.
    fn check(&self) {
        let mut items: BTreeMap<Sku, Item> = BTreeMap::new();
        let mut checks = Checks::default();
        for (Posted { entry, checks: posted }, seq) in self.ledger.iter().zip(1..) {
            assert_eq!(entry.seq, seq, "the ledger has no gap");
            let item = items.entry(entry.sku.clone()).or_default();
            let before = item.figures();
            item.on_hand += entry.change;
            item.reserved += entry.reserved_change;
            item.version = seq;
            assert!(0 <= item.reserved && item.reserved <= item.on_hand, "{entry:?}");
            checks.digest = checks.digest.moved(&entry.sku, before, item.figures());
            checks.chain = checks.chain.upgraded(seq - 1).with(entry);
            assert_eq!(checks, *posted);
        }
        let held: BTreeMap<Sku, i64> = self.held();
        for (sku, item) in &items {
            assert_eq!(
                item.reserved,
                held.get(sku).copied().unwrap_or(0),
                "holds add up for {sku}"
            );
        }
        let holds = self.stock.holds.clone();
        let (mut items, seq): (Items, _) = (items.into_iter().collect(), self.ledger.len() as u64);
        items.hide(
            self.stock.items().map(|(sku, _)| sku).filter(|sku| self.stock.is_hidden(sku.as_str())),
        );
        let loaded = Stock::load(items, holds, seq, checks.chain, self.stock.taken());
        assert_eq!(loaded, self.stock);
    }

    fn held(&self) -> BTreeMap<Sku, i64> {
        let mut held = BTreeMap::new();
        for line in self.stock.holds.lines() {
            *held.entry(line.sku.clone()).or_default() += line.quantity.units();
        }
        held
    }
}
