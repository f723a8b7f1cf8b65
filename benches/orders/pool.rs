//! Sales from the pool, one SKU an order.

use std::time::Duration;

use serde_json::json;

use crate::client::Orders;
use crate::load::figures::Figures;
use crate::pgbench::Pgbench;
use crate::proto::DeductRequest;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;
use crate::support::process::free_port;

pub(crate) const SKUS: usize = 4_000;
const CLIENTS: [usize; 4] = [16, 64, 256, 512];

/// A name that pgbench's script makes too.
pub(crate) fn sku(number: usize) -> String {
    format!("S{number:07}")
}

pub(crate) fn run(time: Duration) {
    sell("hub, SQLite", time, &[hub(None, "")]);
    let postgres = Postgres::start();
    postgres.sql("CREATE DATABASE books");
    let url = format!("postgres://postgres@127.0.0.1:{}/books", postgres.port());
    let workers = ["hub-1", "hub-2"]
        .map(|name| hub(Some(&url), &format!("worker = \"{name}\"\nsubscription = \"shared\"\n")));
    sell("two workers, PostgreSQL", time, &workers);
    drop(workers);
    let pgbench = Pgbench::prepare(&postgres);
    // As many as the server has connections for; with 16 it is at its best.
    for clients in CLIENTS.into_iter().filter(|clients| *clients <= 64) {
        row("a function in PostgreSQL, mean latency", clients, &pgbench.run(clients, time));
    }
}

/// A hub that listens for gRPC, and its port.
pub(crate) fn hub(store: Option<&str>, keys: &str) -> (Hub, u16) {
    let port = free_port();
    let keys = format!("grpc_listen = \"127.0.0.1:{port}\"\n{keys}");
    let hub = match store {
        Some(store) => Hub::start_on(store, &keys),
        None => Hub::start_with(&keys),
    };
    (hub, port)
}

fn sell(name: &str, time: Duration, workers: &[(Hub, u16)]) {
    fill(&workers[0].0);
    let ports: Vec<u16> = workers.iter().map(|(_, port)| *port).collect();
    for clients in CLIENTS {
        let figures = Orders { ports: &ports, clients, time, order }.run();
        row(name, clients, &figures);
    }
    let (hub, _) = &workers[0];
    assert_eq!(hub.reconcile()["balanced"], true);
}

/// Stock that does not run out.
fn fill(hub: &Hub) {
    let lines = |from: usize| -> Vec<_> {
        (from..from + 500).map(|n| json!({"sku": sku(n), "quantity": 1_000_000_000})).collect()
    };
    for from in (0..SKUS).step_by(500) {
        let body = json!({"request_id": format!("po-{from}"), "lines": lines(from)});
        assert_eq!(hub.http().post("/api/receipts", &body).status, 200);
    }
}

/// The SKUs in an order that jumps.
fn order(number: usize) -> DeductRequest {
    let sku_id = sku(number * 2_654_435_761 % SKUS);
    DeductRequest { sku_id, quantity: 1, ..DeductRequest::default() }
}

pub(crate) fn row(name: &str, clients: usize, figures: &Figures) {
    println!("{:<44} {}", format!("{name}, {clients} clients"), figures.row());
}
