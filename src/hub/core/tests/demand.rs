//! What was sold and refused, per day.

use serde_json::json;

use super::test_hub::{TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::reader::{self, DemandQuery};
use crate::net::access::Sites;
use crate::protocol::Frame;
use crate::protocol::frame::{Demand, RefusedDemand};
use crate::protocol::wire::Version;
use crate::stock::{Day, Decimals, Listing};

const TODAY: i64 = 20_000;

#[test]
fn what_is_sold_is_counted_by_the_day_of_its_entry() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let frame = gateway.post(&[("restock", 10), ("deduct", -4), ("rollback", 1)]);
    let day_ms = gateway.entries[0].at_ms;

    handle(&mut hub, &frame, day_ms);
    handle(&mut hub, &frame, day_ms);

    let found = items(&mut hub);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["sold"], &found[0]["refused_lines"]), (&json!(3), &json!(0)));
}

#[test]
fn a_rollback_lowers_what_it_undoes_and_no_other_figure() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let figures = |hub: &mut TestHub| {
        let names = ["received", "adjusted", "deducted", "difference"];
        let reconciled = serde_json::to_value(hub.reconcile()).unwrap();
        names.map(|name| reconciled["items"][0][name].as_i64().unwrap())
    };
    let entries = [
        (("restock", 10), [10, 0, 0, 0], 0),
        (("count", -3), [10, -3, 0, 0], 0),
        (("count rollback", 3), [10, 0, 0, 0], 0),
        (("count", 4), [10, 4, 0, 0], 0),
        (("count rollback", -4), [10, 0, 0, 0], 0),
        (("deduct", -5), [10, 0, 5, 0], 5),
        (("rollback", 2), [10, 0, 3, 0], 3),
        (("restock", 6), [16, 0, 3, 0], 3),
        (("rollback", -6), [10, 0, 3, 0], 3),
    ];
    for (entry, after, sold) in entries {
        let frame = gateway.post(&[entry]);
        handle(&mut hub, &frame, 0);
        assert_eq!(figures(&mut hub), after, "{entry:?}");
        let demand = items(&mut hub);
        let found: i64 = demand.iter().map(|day| day["sold"].as_i64().unwrap()).sum();
        assert_eq!(found, sold, "{entry:?}");
    }
}

#[test]
fn refused_demand_is_cumulative_so_lost_late_and_repeated_frames_do_no_harm() {
    let mut hub = TestHub::new();
    let first = Ledger::new(1);
    hub.answer_to(&first.hello());
    let now_ms = TODAY * Day::MS;
    for lines in [1, 3, 2, 3] {
        handle(&mut hub, &refused(&first, TODAY, lines), now_ms);
    }
    let second = Ledger::new(2);
    hub.answer_to(&second.hello());
    handle(&mut hub, &refused(&second, TODAY, 4), now_ms);
    for far in [TODAY - 1_000, TODAY + 2] {
        handle(&mut hub, &refused(&second, far, 9), now_ms);
    }

    let found = items(&mut hub);
    assert_eq!(found.len(), 1, "a day that is far away is not counted: {found:?}");
    assert_eq!(found[0]["day"], "2024-10-04");
    let counts = ["sold", "refused_lines", "refused_units"].map(|name| found[0][name].clone());
    assert_eq!(counts, [json!(0), json!(7), json!(70)], "a new database counts from 0 on");
}

#[test]
fn what_a_database_in_whole_units_refuses_is_counted_in_the_unit_of_the_catalogue() {
    let (mut hub, gateway) = super::whole_units::in_conflict();
    handle(&mut hub, &refused(&gateway, TODAY, 2), TODAY * Day::MS);
    let today = items(&mut hub).pop().unwrap();
    assert_eq!((&today["refused_lines"], &today["refused_units"]), (&json!(2), &json!(20)));
}

#[test]
fn what_was_refused_keeps_its_meaning_when_the_catalogue_changes_the_decimals() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    let now_ms = TODAY * Day::MS;
    list(&mut hub, 0);
    hub.answer_to(&gateway.hello());
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    handle(&mut hub, &refused(&gateway, TODAY - 1, 2), now_ms);
    handle(&mut hub, &refused(&gateway, TODAY, 1), now_ms);
    let units = |hub: &mut TestHub| {
        let days = items(hub).into_iter();
        days.map(|day| day["refused_units"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(units(&mut hub), ["20", "10"]);

    for (decimals, told, shown) in [(3, 20_000, ["20", "20"]), (1, 205, ["20", "20.5"])] {
        let before = units(&mut hub);
        list(&mut hub, decimals);
        assert_eq!(units(&mut hub), before, "with {decimals} decimals");
        handle(&mut hub, &refused(&gateway, TODAY, 9_999), now_ms);
        assert_eq!(units(&mut hub), before, "it may have counted in the earlier decimals");
        gateway.taken.catalogue += 1;
        hub.answer_to(&gateway.taken_report());
        handle(&mut hub, &refused_units(&gateway, TODAY, (2, told)), now_ms);
        assert_eq!(units(&mut hub), shown, "it has taken the catalogue");
    }
    // Of what a SKU without decimals cannot say, nothing is lost.
    list(&mut hub, 0);
    assert_eq!(units(&mut hub), ["20", "21"]);
}

#[test]
fn another_name_keeps_no_refused_demand_from_being_counted() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    list(&mut hub, 0);
    handle(&mut hub, &refused(&gateway, TODAY, 1), TODAY * Day::MS);
    assert_eq!(items(&mut hub).pop().unwrap()["refused_units"], 10, "it has no decimals as before");
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    let named = Listing { name: Some("Pears".into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![named]));
    handle(&mut hub, &refused(&gateway, TODAY, 2), TODAY * Day::MS);
    assert_eq!(items(&mut hub).pop().unwrap()["refused_units"], 20);
}

fn list(hub: &mut TestHub, decimals: u8) {
    let decimals = Decimals::try_from(decimals).unwrap();
    let listing = Listing { name: Some("Apples".into()), decimals, ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing]));
}

fn refused_units(ledger: &Ledger, day: i64, (lines, units): (u64, u64)) -> Frame {
    let refused = vec![RefusedDemand { sku: sku(), lines, units }];
    Frame::Demand(Demand { epoch: ledger.epoch.into(), day: day.try_into().unwrap(), refused })
}

fn refused(ledger: &Ledger, day: i64, lines: u64) -> Frame {
    refused_units(ledger, day, (lines, 10 * lines))
}

fn handle(hub: &mut TestHub, frame: &Frame, now_ms: i64) {
    hub.change(|books| handle_frame(books, &gateway_id(), frame, Version::V2, now_ms));
}

fn items(hub: &mut TestHub) -> Vec<serde_json::Value> {
    let query = DemandQuery {
        site: None,
        gateway: Some("gw".into()),
        sku: Some(sku().as_str().into()),
        from: None,
        to: None,
        after: String::new(),
        limit: 10,
        sites: Sites::All,
    };
    let page = hub.database.read(|db| reader::demand(db, &query)).unwrap();
    serde_json::to_value(page).unwrap()["items"].as_array().unwrap().clone()
}
