//! Each method, its errors, and request ids that are shared with HTTP.

use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::client::{Client, decimal_of, hub_with_grpc, listening, sale, units_of, why};
use super::proto::{
    CommitRequest, DeductRequest, ExtendRequest, GetStockRequest, ListReservationsRequest,
    ListStockRequest, ReceiveRequest, ReleaseRequest, ReserveRequest, RollbackRequest, Trace,
};
use crate::support::bodies::{one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;
use crate::support::process::free_port;
use crate::support::terminal::Terminal as _;

/// The request of an order service that knows three fields.
#[derive(Clone, PartialEq, prost::Message)]
struct ThreeFields {
    #[prost(string, tag = "1")]
    sku_id: String,
    #[prost(int32, tag = "2")]
    quantity: i32,
    #[prost(string, tag = "3")]
    order_id: String,
}

/// An answer of which it knows nothing.
#[derive(Clone, PartialEq, prost::Message)]
struct NoFields {}

#[test]
fn a_client_that_knows_three_fields_sells_each_order_once() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    client.receive_one("po", "A", 10);
    let sell = |quantity: i32, order: &str| {
        let message = ThreeFields { sku_id: "A".into(), quantity, order_id: order.into() };
        let mut grpc = tonic::client::Grpc::new(client.channel.clone());
        let request = client.request(message);
        client.runtime.block_on(async {
            grpc.ready().await.unwrap();
            let path = "/stockgate.v1.InventoryService/DeductStock".parse().unwrap();
            let codec = tonic_prost::ProstCodec::<ThreeFields, NoFields>::default();
            grpc.unary(request, path, codec).await.map(tonic::Response::into_inner)
        })
    };
    assert!(sell(4, "o-1").is_ok() && sell(4, "o-1").is_ok(), "the order id is the request id");
    assert_eq!(hub.stock("A")["total"], 6);
    let refused = why(sell(7, "o-2"));
    assert_eq!(refused, (Code::FailedPrecondition, "insufficient_stock".into()));
    assert_eq!(why(sell(5, "o-1")), (Code::AlreadyExists, "idempotency_conflict".into()));
    for quantity in [0, -1] {
        assert_eq!(why(sell(quantity, "o-3")), (Code::InvalidArgument, "bad_request".into()));
    }
    let entries = hub.http().get("/api/ledger").json();
    let sold = entries["entries"].as_array().unwrap().iter().find(|it| it["kind"] == "deduct");
    assert_eq!(sold.unwrap()["order_id"], "o-1");
}

#[test]
fn a_request_id_is_decided_once_whether_over_http_or_grpc() {
    let postgres = Postgres::start();
    let port = free_port();
    let elsewhere = Hub::start_on(&postgres.url(), &listening(port, ""));
    for (hub, port) in [hub_with_grpc(""), (elsewhere, port)] {
        let (http, client) = (hub.http(), Client::new(port));
        client.receive_one("po", "A", 100);
        let received = http.post("/api/receipts", &one("po", "A", 100)).json();
        assert_eq!(received["replayed"], true, "{received}");

        let body = with(one("s1", "A", 6), "order_id", "o1");
        let first = http.post("/api/deduct", &body).json();
        let same = DeductRequest { request_id: "s1".into(), ..sale("A", 6, "o1") };
        let again = client.deduct(same.clone()).unwrap();
        assert!(again.replayed);
        assert_eq!((again.seq, again.lines.len()), (first["seq"].as_u64().unwrap(), 1));
        let figures = &again.lines[0];
        let of = |amount: &Option<super::proto::Amount>| amount.as_ref().map(|it| it.units);
        assert_eq!((of(&figures.unallotted), of(&figures.available)), (Some(94), Some(94)));
        let line = DeductRequest {
            request_id: "s1".into(),
            order_id: "o1".into(),
            lines: vec![decimal_of("A", "6.0")],
            ..DeductRequest::default()
        };
        assert!(client.deduct(line).unwrap().replayed, "6.0 is 6");
        let other = client.deduct(DeductRequest { quantity: 7, ..same });
        assert_eq!(why(other), (Code::AlreadyExists, "idempotency_conflict".into()));

        // A refusal is remembered for both.
        let refused = client.deduct(sale("A", 95, "o2")).unwrap_err();
        let info = refused.get_details_error_info().unwrap();
        let fields =
            ["sku", "requested", "available", "replayed"].map(|name| &*info.metadata[name]);
        assert_eq!(fields, ["A", "95", "94", "false"]);
        assert_eq!((&*info.reason, &*info.domain), ("insufficient_stock", "stockgate"));
        let body = with(one("o2", "A", 95), "order_id", "o2");
        let again = http.post("/api/deduct", &body).refused("insufficient_stock");
        assert_eq!(again["replayed"], true);
        assert_eq!(refused.message(), again["message"].as_str().unwrap());
        assert_eq!(hub.stock("A")["total"], 94);
    }
}

/// The smallest units that a client of gRPC gives are no whole units.
#[test]
fn a_refusal_of_smallest_units_is_repeated_with_the_figures_that_it_had() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let catalogue = "sku,name,barcodes,unit,decimals\nK,Coffee,,kg,3\n";
    assert_eq!(hub.http().send("PUT", "/api/catalogue", Some(catalogue.as_bytes())).status, 200);
    for (id, from) in [("o1", ""), ("o2", "anywhere")] {
        let from = from.to_owned();
        let request = DeductRequest { from, wait_ms: Some(0), ..sale("K", 2_500, id) };
        for replayed in ["false", "true"] {
            let refused = client.deduct(request.clone()).unwrap_err();
            let info = refused.get_details_error_info().unwrap();
            let fields = ["requested", "available", "replayed"].map(|name| &*info.metadata[name]);
            assert_eq!(fields, ["2.5", "0", replayed], "{id}: {}", refused.message());
        }
    }
}

#[test]
fn reservations_are_made_listed_extended_committed_and_released() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    client.receive_one("po", "A", 10);
    let trace = Trace { lot: "L1".into(), ..Trace::default() };
    let line = super::proto::Line { trace: Some(trace.clone()), ..units_of("A", 4) };
    let reserve = |id: &str| ReserveRequest {
        request_id: id.into(),
        order_id: "o1".into(),
        lines: vec![line.clone()],
        ttl_s: Some(600),
        ..ReserveRequest::default()
    };
    let made = client.reserve(reserve("r1")).unwrap();
    assert_eq!((&*made.reservation, made.replayed), ("r1", false));
    assert_eq!(made.lines[0].reserved.as_ref().unwrap().units, 4);
    assert!(client.reserve(reserve("r1")).unwrap().replayed);
    client.reserve(reserve("r2")).unwrap();
    let refused = client.reserve(reserve("r3"));
    assert_eq!(why(refused), (Code::FailedPrecondition, "insufficient_stock".into()));

    let of_order = |limit| ListReservationsRequest {
        order_id: "o1".into(),
        limit,
        ..ListReservationsRequest::default()
    };
    let listed = client.reservations(of_order(1)).unwrap();
    assert_eq!((listed.items.len(), &*listed.next), (1, "r1"));
    assert_eq!(listed.items[0].lines[0].trace.as_ref(), Some(&trace));
    let all = client.reservations(of_order(0)).unwrap();
    assert_eq!((all.items.len(), &*all.next), (2, ""));
    assert_eq!(all.items[0].expires_at, made.expires_at);

    let extend = ExtendRequest {
        reservation: "r1".into(),
        request_id: "x1".into(),
        ttl_s: 1_200,
        ..ExtendRequest::default()
    };
    assert!(client.extend(extend.clone()).unwrap().expires_at > made.expires_at);
    let no_time = ExtendRequest { request_id: "x2".into(), ttl_s: 0, ..extend };
    assert_eq!(why(client.extend(no_time)), (Code::InvalidArgument, "bad_request".into()));
    let commit = |id: &str, units: Option<i64>| CommitRequest {
        reservation: "r1".into(),
        request_id: id.into(),
        lines: units
            .map(|units| super::proto::Line { trace: Some(trace.clone()), ..units_of("A", units) })
            .into_iter()
            .collect(),
        keep_rest: units.is_some(),
        ..CommitRequest::default()
    };
    assert_eq!(client.commit(commit("b1", Some(1))).unwrap().lines[0].sku, "A");
    let much = client.commit(commit("b2", Some(9)));
    assert_eq!(why(much), (Code::FailedPrecondition, "exceeds_deduction".into()));
    client.commit(commit("", None)).unwrap();
    assert!(client.commit(commit("", None)).unwrap().replayed);
    assert_eq!(hub.http().get("/api/reservations/r1").json()["state"], "committed");
    let release = |id: &str| ReleaseRequest { reservation: id.into(), ..ReleaseRequest::default() };
    assert_eq!(client.release(release("r2")).unwrap().request_id, "release:r2");
    assert!(client.release(release("r2")).unwrap().replayed);
    let closed = client.release(release("r1"));
    assert_eq!(why(closed), (Code::FailedPrecondition, "reservation_closed".into()));
    let unknown = client.release(release("r9"));
    assert_eq!(why(unknown), (Code::NotFound, "unknown_reservation".into()));
    assert_eq!(hub.stock("A")["total"], 6);
}

#[test]
fn sales_are_rolled_back_and_stock_is_listed_with_its_decimals() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let catalogue = "sku,name,barcodes,unit,decimals\nK,Coffee,,kg,3\n";
    let published = hub.http().send("PUT", "/api/catalogue", Some(catalogue.as_bytes()));
    assert_eq!(published.status, 200, "{published:?}");
    let lines = vec![decimal_of("K", "2.5"), units_of("P", 3)];
    client
        .receive(ReceiveRequest { request_id: "po".into(), lines, ..Default::default() })
        .unwrap();
    // 250 of the smallest unit, a gram.
    let sold = client.deduct(sale("K", 250, "o1")).unwrap();
    let quantity = sold.lines[0].quantity.as_ref().unwrap();
    assert_eq!((quantity.units, &*quantity.decimal), (250, "0.25"));
    let text = |number: &str, id: &str| DeductRequest {
        quantity_decimal: number.into(),
        ..sale("K", 0, id)
    };
    assert_eq!(
        client.deduct(text("0.125", "o2")).unwrap().lines[0].unallotted.as_ref().unwrap().units,
        2_125
    );
    for wrong in ["0.0001", "0", "-1", "x", "1,5"] {
        let refused = why(client.deduct(text(wrong, "o3")));
        assert_eq!(refused, (Code::InvalidArgument, "bad_request".into()), "{wrong}");
    }
    let both = DeductRequest { quantity: 5, ..text("1", "o4") };
    assert_eq!(why(client.deduct(both)), (Code::InvalidArgument, "bad_request".into()));

    let roll_back = |id: &str, of: &str, lines| RollbackRequest {
        request_id: id.into(),
        of: of.into(),
        lines,
        ..RollbackRequest::default()
    };
    client.roll_back(roll_back("b1", "o1", vec![units_of("K", 50)])).unwrap();
    let rest = client.roll_back(roll_back("b2", "o1", Vec::new())).unwrap();
    assert_eq!(rest.lines[0].quantity.as_ref().unwrap().units, 200);
    let much = client.roll_back(roll_back("b3", "o1", vec![units_of("K", 1)]));
    assert_eq!(why(much), (Code::FailedPrecondition, "exceeds_deduction".into()));
    let unknown = client.roll_back(roll_back("b4", "nothing", Vec::new()));
    assert_eq!(why(unknown), (Code::NotFound, "unknown_request".into()));

    let get = |sku: &str| client.stock(GetStockRequest { sku: sku.into() });
    let item = get("K").unwrap();
    let total = item.total.clone().unwrap();
    assert_eq!((total.units, &*total.decimal), (2_375, "2.375"));
    assert_eq!(why(get("Z")), (Code::NotFound, "unknown_sku".into()));
    let first = client.stock_list(ListStockRequest { after: String::new(), limit: 1 }).unwrap();
    assert_eq!((first.items, &*first.next), (vec![item], "K"));
    let second = client.stock_list(ListStockRequest { after: first.next, limit: 0 }).unwrap();
    assert_eq!((&*second.items[0].sku, &*second.next), ("P", ""));
}

#[test]
fn what_is_wrong_with_a_request_is_said_by_field_and_nothing_is_booked() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    client.receive_one("po", "A", 10);
    let bad = |request: DeductRequest| {
        let status = client.deduct(request).unwrap_err();
        let reason = status.get_details_error_info().unwrap().reason;
        assert_eq!((status.code(), &*reason), (Code::InvalidArgument, "bad_request"), "{status:?}");
        status.message().to_owned()
    };
    let with_lines = |lines| DeductRequest { lines, ..sale("", 0, "o") };
    let expires = Trace { expires: "2026-02-30".into(), ..Trace::default() };
    for (request, part) in [
        (DeductRequest::default(), "lines: is missing"),
        (sale("A", 1, ""), "request_id: is missing"),
        (sale("", 1, "o"), "sku: is missing"),
        (sale("A", 0, "o"), "quantity: must be at least 1"),
        (sale("A", 1, " o"), "white space"),
        (sale("A", 1, &"o".repeat(65)), "request_id: "),
        (DeductRequest { trace: Some(expires), ..sale("A", 1, "o") }, "expires: "),
        (DeductRequest { from: "nowhere".into(), ..sale("A", 1, "o") }, "from: must be"),
        (DeductRequest { wait_ms: Some(10_001), ..sale("A", 1, "o") }, "wait_ms: must be at most"),
        (
            DeductRequest { lines: vec![units_of("A", 1)], ..sale("A", 1, "o") },
            "lines: give either",
        ),
        (with_lines(vec![units_of("A", 0)]), "units: must be at least 1"),
        (with_lines(vec![units_of("", 1)]), "lines[0].sku: "),
        (with_lines(vec![super::proto::Line { amount: None, ..units_of("A", 1) }]), "neither"),
        (with_lines(vec![units_of("A", 1_000_000_001)]), "quantity: SKU A"),
    ] {
        let message = bad(request.clone());
        assert!(message.contains(part), "{request:?}: {message}");
    }
    assert_eq!(hub.stock("A")["total"], 10);
    assert!(hub.http().metric("stockgate_hub_refusals_total{code=\"bad_request\"}") >= 14);
}

#[test]
fn a_sale_from_anywhere_recalls_units_and_says_what_is_elsewhere() {
    let broker = Broker::start();
    let (hub, port) = hub_with_grpc(&broker.section());
    let gateway = Gateway::named("wh-01", "gw-01", &broker.section());
    gateway.http().ok("restock", one("in", "A", 5));
    until("it is online, and its units are in the books", || {
        hub.gateway().is_some_and(|it| it["online"] == true && it["acked_seq"] == 1)
    });
    let client = Client::new(port);
    let anywhere = |quantity, id: &str| DeductRequest {
        from: "anywhere".into(),
        prefer: vec!["wh-01".into()],
        wait_ms: Some(10_000),
        ..sale("A", quantity, id)
    };
    let sold = client.deduct(anywhere(3, "o1")).unwrap();
    assert!(!sold.replayed);
    let refused = client.deduct(anywhere(3, "o2")).unwrap_err();
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(&*info.reason, "insufficient_stock");
    let figures = ["available", "elsewhere_online", "elsewhere_offline"];
    assert_eq!(figures.map(|name| &*info.metadata[name]), ["0", "2", "0"]);
    let body = with(with(one("o1", "A", 3), "order_id", "o1"), "from", "anywhere");
    let body = with(with(body, "prefer", json!(["wh-01"])), "wait_ms", 10_000);
    assert_eq!(hub.http().post("/api/deduct", &body).json()["replayed"], true);
}
