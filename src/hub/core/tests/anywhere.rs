//! Sales from anywhere on real books, without a network.

use super::test_hub::{TestHub, gateway_id, lines, sku};
use super::whole_units::in_conflict;
use crate::hub::core::*;
use crate::protocol::frame::Frame;
use crate::protocol::wire::Version;
use crate::stock::{Cause, RequestId};

fn id() -> RequestId {
    RequestId::parse("sale").unwrap()
}

/// Within a second.
fn sale(purpose: Purpose, units: u64) -> AnywhereSale {
    let (order_id, lines, prefer) = (None, lines(units), vec![]);
    AnywhereSale { purpose, order_id, lines, prefer, wait_ms: 1_000, time_ms: 1_000 }
}

/// Asks for units within a second; whether the sale waits for gateways.
fn waits(hub: &mut TestHub, units: u64) -> bool {
    let sale = sale(Purpose::Sale, units);
    let progress = hub.change(|books| sell(books, &id(), &sale, &Cause::default())).unwrap();
    matches!(progress, Progress::Waiting { .. })
}

#[test]
fn a_gateway_that_counts_in_whole_units_is_not_asked() {
    let (mut hub, _) = in_conflict();
    hub.db("UPDATE book SET online = 1");
    assert!(!waits(&mut hub, 13_000), "no transfer of the SKU would reach it");
    assert_eq!(hub.number("SELECT count(*) FROM transfer"), 0);
}

#[test]
fn no_other_request_takes_the_id_of_a_sale_that_waits() {
    let mut hub = TestHub::new();
    hub.stocked("gw", 5);
    hub.db("UPDATE book SET online = 1");
    hub.receive("in", 2);
    assert!(waits(&mut hub, 4));
    for other in [
        CentralRequest::Deduct { order_id: None, lines: lines(1) },
        CentralRequest::Receive { order_id: None, lines: lines(1) },
        CentralRequest::Grant { gateway: gateway_id(), lines: lines(1) },
    ] {
        assert_eq!(hub.decide("sale", other), Err(Rejection::Conflict("deduct".into())));
    }
    assert_eq!(hub.number("SELECT count(*) FROM open_order"), 1);
}

#[test]
fn an_order_is_closed_when_another_worker_has_decided_its_id() {
    let mut hub = TestHub::new();
    hub.stocked("gw", 5);
    hub.db("UPDATE book SET online = 1");
    hub.receive("in", 2);
    assert!(waits(&mut hub, 4));
    let order = hub.change(|books| {
        let order = books.open_order(&id())?;
        books.save_open_order(&id(), None)?;
        Ok(order)
    });
    let of_pool = CentralRequest::Deduct { order_id: None, lines: lines(1) };
    assert!(hub.decide("sale", of_pool).unwrap().outcome.is_ok());
    hub.change(|books| books.save_open_order(&id(), order.as_ref()));
    hub.change(|books| settle(books, &[id()]));
    assert_eq!(hub.number("SELECT count(*) FROM open_order"), 0);
    let newest = hub.change(|books| books.books(&gateway_id())).pop().unwrap();
    assert_eq!(newest.issued, 1, "what was asked for comes into the pool");
}

#[test]
fn a_sale_is_decided_as_soon_as_a_receipt_brings_what_it_waits_for() {
    let mut hub = TestHub::new();
    hub.stocked("gw", 5);
    hub.db("UPDATE book SET online = 1");
    assert!(waits(&mut hub, 4));
    assert_eq!(hub.number("SELECT sum(units) FROM open_order_line"), 4);

    let decided = hub.database.change(|books| {
        let lines = lines(7);
        let receipt = CentralRequest::Receive { order_id: None, lines };
        let id = RequestId::parse("in").unwrap();
        decide(books, &id, &receipt, &Cause::default())?.unwrap();
        let given = books.take_given();
        assert_eq!(given, [sku()]);
        serve_sales(books, &given)?;
        Ok(books.decided_sales())
    });

    assert_eq!(decided.unwrap(), [id()]);
    assert_eq!(hub.places().0, 3);
    assert_eq!(hub.number("SELECT count(*) FROM open_order_line"), 0);
}

#[test]
fn units_that_were_granted_to_a_gateway_just_before_are_recalled_from_it() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 1);
    hub.db("UPDATE book SET online = 1");
    hub.receive("in", 10);
    hub.grant("g", 10).unwrap().outcome.unwrap();
    assert!(waits(&mut hub, 11), "it takes the grant before the recall");
    hub.deliver(&mut gateway);
    hub.handle(&gateway.gateway, &gateway.taken_report());
    assert_eq!(hub.number("SELECT count(*) FROM open_order"), 0);
    assert_eq!(hub.places(), (0, 0, 0), "all of it is sold");
}

#[test]
fn a_late_answer_and_the_return_of_a_gateway_are_noted() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 5);
    hub.db("UPDATE book SET online = 1");
    assert!(waits(&mut hub, 4));
    hub.change(|books| books.save_open_order(&id(), None));
    let sent = hub.sent(1);
    let [Frame::Transfers(sent)] = &sent[..] else { panic!("{sent:?}") };
    sent.transfers.iter().for_each(|transfer| gateway.take(transfer));
    let noted = hub.change(|books| {
        handle_frame(books, &gateway.gateway, &gateway.frame(1), Version::V1, 0)?;
        let answered = books.take_recalls();
        for online in [true, false, true] {
            record_online(books, &gateway.gateway, online, true, 0)?;
        }
        Ok([answered, books.take_recalls()])
    });
    assert_eq!(noted, [vec![(gateway_id(), true)], vec![(gateway_id(), true)]]);
}

#[test]
fn a_sale_goes_on_when_a_recall_is_answered_with_nothing() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 5);
    hub.db("UPDATE book SET online = 1");
    assert!(waits(&mut hub, 4));
    let frame = gateway.post(&[("deduct", -5)]);
    hub.handle(&gateway.gateway, &frame);
    assert_eq!(hub.number("SELECT count(*) FROM open_order"), 1);

    hub.deliver(&mut gateway);
    hub.handle(&gateway.gateway, &gateway.taken_report());

    assert_eq!(hub.number("SELECT count(*) FROM open_order"), 0, "nothing can be had elsewhere");
}
