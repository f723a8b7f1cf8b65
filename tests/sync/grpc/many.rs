//! Many watches, many connections, and stock of more than one page.

use std::collections::BTreeSet;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tonic::{Code, Streaming};

use super::access::{secret, with_tokens};
use super::client::{Client, hub_with_grpc, why};
use super::connection::{Connection, method};
use super::proto::{GetStockRequest, ListStockRequest, StockUpdate, WatchStockRequest};
use crate::support::bodies::many;
use crate::support::hub::Hub;
use crate::support::patience::{patience, until};

/// The hub's limits.
const FOLLOWERS: usize = 256;
const CONNECTIONS: usize = 1_000;
/// Those of one address: an eighth is kept for others.
const OF_ONE_ADDRESS: usize = 875;

/// Lets this process, and the programs that it starts from now on, open files for so many connections.
fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    let is_enough = limit.maximum.is_none_or(|files| files >= 4 * CONNECTIONS as u64);
    assert!(is_enough, "{limit:?}: ulimit -Hn {}", 4 * CONNECTIONS);
}

#[test]
fn so_many_clients_wait_for_changes_and_no_more() {
    let (hub, port) = hub_with_grpc("");
    // One connection has a hundred calls at most.
    let clients: [Client; 3] = std::array::from_fn(|_| Client::new(port));
    let watch = |at: usize| clients[at % 3].watch(WatchStockRequest::default());
    let mut watches: Vec<Streaming<StockUpdate>> =
        (0..FOLLOWERS).map(|at| watch(at).unwrap()).collect();
    let full = (Code::ResourceExhausted, "overloaded".to_owned());
    assert_eq!(why(watch(FOLLOWERS).map(drop)), full);
    hub.http().get("/api/events?wait_s=1").refused("overloaded");
    assert_eq!(hub.http().get("/api/events").status, 200, "who does not wait is answered");
    clients[0].next(&mut watches[0]).unwrap();
    watches.pop();
    until("there is a place again", || watch(FOLLOWERS).is_ok());
}

#[test]
fn so_many_connections_are_open_and_one_address_cannot_have_all_of_them() {
    allow_files();
    let (mut hub, port) = with_tokens("", "");
    hub.launch();
    let client = Client::new(port);
    let (local, other) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    client.runtime.block_on(async {
        let mut open = Vec::new();
        for number in 0..CONNECTIONS {
            let from = if number < OF_ONE_ADDRESS { local } else { other };
            let connection = let_in(from, port).await;
            open.push(connection.unwrap_or_else(|| panic!("connection {number} is refused")));
            if number + 1 == OF_ONE_ADDRESS {
                assert!(let_in(local, port).await.is_none(), "one more of the same address");
            }
        }
        assert!(let_in(other, port).await.is_none(), "one more than all");
        for connection in [&open[0], &open[CONNECTIONS - 1]] {
            assert!(is_answered(connection).await, "those that are open stay so");
        }
        open.truncate(10);
        let again = async { while let_in(other, port).await.is_none() {} };
        tokio::time::timeout(patience(), again).await.expect("there is a place again");
    });
}

/// A connection whose client has shown its token.
async fn let_in(from: [u8; 4], port: u16) -> Option<Connection> {
    let connection = Connection::open(from, port).await?.with_token(&secret("screen"));
    is_answered(&connection).await.then_some(connection)
}

async fn is_answered(connection: &Connection) -> bool {
    let status = connection.call(&method("GetStock"), &GetStockRequest { sku: "A".into() }).await;
    status.as_deref() == Some("5")
}

/// Receives one unit of each of so many SKUs; returns their names.
fn receive_skus(hub: &Hub, count: usize) -> Vec<String> {
    let skus: Vec<String> = (0..count).map(|n| format!("SKU-{n:0>4}")).collect();
    for (number, part) in skus.chunks(1_000).enumerate() {
        let lines: Vec<_> = part.iter().map(|sku| (sku.as_str(), 1)).collect();
        let receipt = many(&format!("po-{number}"), &lines);
        assert_eq!(hub.http().post("/api/receipts", &receipt).status, 200);
    }
    skus
}

#[test]
fn a_list_of_more_than_one_page_is_read_to_its_end() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let skus = receive_skus(&hub, 250);
    for (limit, sizes) in [(0, vec![100, 100, 50]), (120, vec![120, 120, 10]), (250, vec![250])] {
        let (mut found, mut pages, mut after) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = client.stock_list(ListStockRequest { after, limit }).unwrap();
            pages.push(page.items.len());
            found.extend(page.items.into_iter().map(|item| item.sku));
            after = page.next;
            if after.is_empty() {
                break;
            }
        }
        assert_eq!((&found, pages), (&skus, sizes), "limit {limit}");
    }
}

#[test]
fn a_watch_begins_with_all_pages_of_the_stock_and_the_cursor_is_in_the_last_message() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let skus = receive_skus(&hub, 1_250);
    let first = |request: WatchStockRequest| {
        let mut updates = client.watch(request).unwrap();
        let (mut found, mut messages) = (Vec::new(), 0);
        loop {
            let update = client.next(&mut updates).unwrap().expect("the watch goes on");
            found.extend(update.items.into_iter().map(|item| item.sku));
            messages += 1;
            if !update.cursor.is_empty() {
                return (found, messages);
            }
        }
    };
    let (found, messages) = first(WatchStockRequest::default());
    assert_eq!((&found, messages > 1), (&skus, true));
    let prefix = WatchStockRequest { prefix: "SKU-0".into(), ..Default::default() };
    assert_eq!(first(prefix).0, skus[..1_000]);
    let named: BTreeSet<String> = skus.iter().take(1_000).cloned().collect();
    let these = WatchStockRequest { skus: named.into_iter().collect(), ..Default::default() };
    assert_eq!(first(these).0, skus[..1_000]);
}
