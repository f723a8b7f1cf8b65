//! Deadlines, and limits on messages and calls.

use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;
use rusqlite::Connection;
use tonic::Code;

use super::client::{Client, hub_with_grpc, sale, units_of, why};
use super::proto::DeductRequest;
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

const DEDUCT: &str = "/stockgate.v1.InventoryService/DeductStock";

/// What a call without a library is answered: the status, its message, and how many calls one
/// connection may have at a time.
#[derive(Debug)]
struct Raw {
    status: String,
    message: String,
    streams: usize,
    /// Whether a message came back.
    answered: bool,
}

/// Sends a message, whatever it is.
fn raw(client: &Client, port: u16, path: &str, message: &[u8], timeout: &str) -> Raw {
    client.runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let request = http::Request::post(format!("http://127.0.0.1:{port}{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", timeout);
        let (response, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        let length = u32::try_from(message.len()).unwrap();
        let framed = [&[0], &length.to_be_bytes()[..], message].concat();
        // A call that is not started is answered, and its stream closed, before its message.
        let _ = body.send_data(Bytes::from(framed), true);
        let (head, mut body) = response.await.unwrap().into_parts();
        let streams = sender.current_max_send_streams();
        let answered = body.data().await.is_some();
        let trailers = body.trailers().await.unwrap().unwrap_or_default();
        let header = |name: &str| {
            let value = head.headers.get(name).or_else(|| trailers.get(name));
            value.map(|value| value.to_str().unwrap()).unwrap_or_default().to_owned()
        };
        Raw { status: header("grpc-status"), message: header("grpc-message"), streams, answered }
    })
}

/// The sale is decided all the same, and a repetition gets its answer.
#[test]
fn a_call_ends_when_the_time_of_its_client_is_over() {
    let broker = Broker::start();
    let (hub, port) = hub_with_grpc(&broker.section());
    let gateway = Gateway::named("wh-01", "gw-01", &broker.section());
    gateway.http().ok("restock", one("in", "A", 5));
    until("it is online, and its units are in the books", || {
        hub.gateway().is_some_and(|it| it["online"] == true && it["acked_seq"] == 1)
    });
    let order = |id: &str| DeductRequest {
        from: "anywhere".into(),
        wait_ms: Some(9_000),
        ..sale("A", 1, id)
    };
    gateway.signal("STOP");
    let client = Client::new(port);
    let began = Instant::now();
    let answer = raw(&client, port, DEDUCT, &order("o1").encode_to_vec(), "1S");
    // DEADLINE_EXCEEDED; or FAILED_PRECONDITION, if the sale was decided at this very moment.
    let text = if answer.status == "9" { "0%20available" } else { "same%20request%20id" };
    assert!(["4", "9"].contains(&answer.status.as_str()), "{answer:?}");
    assert!(answer.message.contains(text), "{answer:?}");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(5), "{took:?}");
    // tonic's client ends a call whose time is over itself, as cancelled, so the sale may not be known.
    let short = Client { within: Some(Duration::from_millis(300)), ..Client::new(port) };
    let sales = Connection::open(hub.database()).unwrap();
    until("the hub has the sale", || {
        let code = short.deduct(order("o2")).unwrap_err().code();
        let is_over =
            [Code::DeadlineExceeded, Code::Cancelled, Code::FailedPrecondition].contains(&code);
        assert!(is_over, "{code}");
        let known =
            "SELECT count(*) FROM (SELECT id FROM open_order UNION ALL SELECT id FROM request)
                     WHERE id = 'o2'";
        sales.query_row(known, [], |row| row.get(0)) == Ok(1)
    });
    let began = Instant::now();
    // Their time is over with that of their clients, though they may have waited for longer.
    until("they are decided", || {
        let refused = ["o1", "o2"].map(|id| client.deduct(order(id)));
        refused.iter().all(|it| it.as_ref().is_err_and(|it| it.code() == Code::FailedPrecondition))
    });
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    gateway.signal("CONT");
    // Until then nothing is asked of a gateway that has not answered in time.
    until("what was recalled is in the pool", || hub.stock("A")["unallotted"] != 0);
    client.deduct(order("o3")).unwrap();
    assert_eq!(hub.stock("A")["total"], 4);
}

#[test]
fn a_call_whose_time_is_over_before_it_begins_changes_nothing() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    client.receive_one("po", "A", 10);
    for timeout in ["0n", "1n"] {
        let message = sale("A", 1, timeout).encode_to_vec();
        let answer = raw(&client, port, DEDUCT, &message, timeout);
        assert_eq!(answer.status, "4", "DEADLINE_EXCEEDED: {}", answer.message);
        assert!(answer.message.contains("nothing%20was%20applied"), "{}", answer.message);
    }
    assert_eq!(hub.stock("A")["total"], 10);
}

#[test]
fn messages_that_are_too_large_or_no_messages_are_refused_with_their_reason() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    client.receive_one("po", "A", 10);
    let of = |lines: usize, length: usize| {
        let lines = (0..lines).map(|n| units_of(&format!("{n:0>length$}"), 1)).collect();
        client.deduct(DeductRequest { lines, ..sale("", 0, "o") })
    };
    let too_large = (Code::OutOfRange, "too_large".to_owned());
    assert_eq!(why(of(1_000, 64)), too_large, "more than 64 KiB");
    assert_eq!(why(of(1_001, 4)), too_large, "more than 1,000 lines");
    assert_eq!(why(of(1_000, 4)), (Code::NotFound, "unknown_sku".into()));

    let garbage = raw(&client, port, DEDUCT, &[0xff; 9], "9S");
    assert_eq!(garbage.status, "3", "INVALID_ARGUMENT: {}", garbage.message);
    let unknown = raw(&client, port, "/stockgate.v1.InventoryService/Sell", &[], "9S");
    assert_eq!((unknown.status.as_str(), unknown.streams), ("12", 100), "UNIMPLEMENTED");
    assert_eq!(hub.stock("A")["total"], 10);
}

#[test]
fn what_needs_no_token_takes_no_long_messages() {
    let (_hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let checked = raw(&client, port, "/grpc.health.v1.Health/Check", &[0; 2_000], "9S");
    assert_eq!(checked.status, "11", "OUT_OF_RANGE: {}", checked.message);
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let list = [&[58, 127][..], &[b'x'; 127]].concat();
        assert!(raw(&client, port, &path, &list, "9S").answered, "{path}");
        assert!(!raw(&client, port, &path, &list.repeat(9), "9S").answered, "{path}");
    }
}

#[test]
fn the_rate_of_a_token_is_one_for_http_and_grpc() {
    let (hub, port) = hub_with_grpc("requests_per_s = 1\n");
    let client = Client::new(port);
    let sell = |number: i32| client.deduct(sale("A", 1, &number.to_string()));
    let is_refused = |status: &tonic::Status| status.code() == Code::ResourceExhausted;
    let refused = (0..20).find_map(|number| sell(number).err().filter(is_refused));
    let refused: Result<(), _> = Err(refused.expect("it is limited"));
    assert_eq!(why(refused), (Code::ResourceExhausted, "overloaded".into()));
    // A limit of its own would let two of them in.
    let statuses = ["x", "y"].map(|id| hub.http().post("/api/deduct", &one(id, "A", 1)).status);
    assert!(statuses.contains(&429), "{statuses:?}");
}
