//! Sales from anywhere while the pool is empty: each recalls its unit from one of three gateways.

use std::time::Duration;

use crate::client::Orders;
use crate::pool::{hub, row};
use crate::proto::DeductRequest;
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

const SITES: [&str; 3] = ["wh-01", "wh-02", "wh-03"];
const UNITS: u64 = 1_000_000;

pub(crate) fn run(time: Duration) {
    let broker = Broker::start_with("allow_anonymous true\nset_tcp_nodelay true\n");
    let (hub, port) = hub(None, &broker.section());
    let gateways = SITES.map(|site| {
        let gateway = Gateway::named(site, "gw-01", &broker.section());
        gateway.http().ok("restock", one("in", "A", UNITS));
        gateway
    });
    until("all are online, and their units are in the books", || {
        let known = hub.gateways();
        let ready = known.iter().filter(|it| it["online"] == true && it["acked_seq"] == 1);
        ready.count() == gateways.len()
    });
    for clients in [1, 8] {
        let figures = Orders { ports: &[port], clients, time, order }.run();
        row("from anywhere, three gateways", clients, &figures);
    }
    assert_eq!(hub.reconcile()["balanced"], true);
}

fn order(_: usize) -> DeductRequest {
    DeductRequest {
        sku_id: "A".into(),
        quantity: 1,
        from: "anywhere".into(),
        wait_ms: Some(10_000),
        ..DeductRequest::default()
    }
}
