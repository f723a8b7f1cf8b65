//! A watch whose client does not read.

use std::time::{Duration, Instant};

use super::client::{Client, hub_with_grpc};
use super::connection::{Connection, framed, method, rest};
use super::proto::WatchStockRequest;
use crate::support::bodies::many;

/// The hub's limit.
const STALLED: Duration = Duration::from_secs(30);

/// How much later than that a busy machine may end it. Nothing ends it if the limit does not.
const LATE: Duration = Duration::from_secs(15);

/// It would hold updates and a place among those that wait, for as long as its connection lives.
#[test]
fn a_watch_that_is_not_read_for_long_is_ended_with_that_reason() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    // More than a window and what lies between.
    for part in 0..5 {
        let names: Vec<String> = (0..700).map(|n| format!("{part}-{n:0>58}")).collect();
        let lines: Vec<_> = names.iter().map(|sku| (sku.as_str(), 1)).collect();
        assert_eq!(hub.http().post("/api/receipts", &many(&part.to_string(), &lines)).status, 200);
    }
    let (status, took) = client.runtime.block_on(async {
        let connection = Connection::open([127, 0, 0, 1], port).await.unwrap();
        let (answer, mut body) = connection.begin(&method("WatchStock")).await.unwrap();
        body.send_data(framed(&WatchStockRequest::default()).into(), true).unwrap();
        let began = Instant::now();
        let body = answer.await.unwrap().into_body();
        tokio::time::sleep(STALLED + LATE).await;
        let ended = tokio::time::timeout(Duration::from_secs(10), rest(body)).await;
        (ended.ok().flatten(), began.elapsed())
    });
    assert_eq!(status.as_deref(), Some("8"), "RESOURCE_EXHAUSTED, after {took:?}");
}
