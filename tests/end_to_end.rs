//! Real orders from end to end on real parts: `stockgate replay` into a gateway, over Mosquitto
//! to a hub, while each of them is killed and started again. In the end every book must say what
//! a plain reading of the file says, entry for entry.
//!
//! The orders are not part of the project: see `data_file` for where they are looked for.
//! `STOCKGATE_E2E_ROWS` says how many rows to take (30,000 by default, `all` for the whole file).
#![allow(
    clippy::disallowed_methods,
    reason = "the test watches other processes, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/wire/orders.rs"]
mod orders;
#[path = "../benches/wire/said.rs"]
mod said;
mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use stockgate::protocol::wire::Version;

use support::broker::Broker;
use support::gateway::Gateway;
use support::http::Http;
use support::hub::Hub;
use support::program::stockgate;

const ROWS_DEFAULT: usize = 30_000;
const PAGE: u64 = 1_000;
const DEADLINE: Duration = Duration::from_secs(900);

#[test]
fn real_orders_reach_the_hub_entry_for_entry_while_every_part_is_killed() {
    let file = OrderFile::read(rows_wanted());
    let mut broker = Broker::start();
    let mut hub = Hub::start(&broker);
    let mut gateway = Gateway::start_with(&broker.section());

    let mut replay = Replay::start(&gateway, &file);
    let total = file.entries().count() as u64;
    for (tenths, fault) in FAULTS.iter().enumerate() {
        wait_for_entries(&gateway, total * (tenths as u64 + 1) / 10);
        assert!(replay.is_running(), "{fault:?} must come while orders go on");
        strike(*fault, &mut broker, &mut hub, &mut gateway);
    }
    let summary = replay.finish();
    let drained = wait_for_hub(&gateway, &hub);

    assert_eq!(summary["refused"], serde_json::json!({}), "the opening stock covers every order");
    let decided = summary["applied"].as_u64().unwrap() + summary["replayed"].as_u64().unwrap();
    assert_eq!(decided, file.rows.len() as u64);
    compare_ledgers(&gateway.http(), &hub.http(), &file);
    compare_stock(&gateway.http(), &hub.http(), &file);
    let reconciliation = hub.http().get("/api/reconcile").json();
    assert_eq!(reconciliation["balanced"], true, "{reconciliation}");
    report(&summary, &file, drained);

    let before = gateway.http().get("/api/status").json();
    let again = Replay::start(&gateway, &file).finish();
    assert_eq!(again["replayed"], file.rows.len(), "every answer is a replay: {again}");
    let after = gateway.http().get("/api/status").json();
    assert_eq!(before["ledger_seq"], after["ledger_seq"], "and nothing has changed");

    gateway.terminate();
    let doctor = stockgate().arg("doctor").arg("--data-dir").arg(gateway.data_dir()).output();
    let doctor = doctor.unwrap();
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
}

/// `cargo bench --bench wire -- said` does this with all orders, and prints the table.
#[test]
fn what_entries_say_costs_few_bytes_on_the_wire() {
    let lines = orders::read_lines().unwrap();
    for shape in orders::Shape::ALL {
        let entries = shape.entries(&lines[..ROWS_DEFAULT]);
        let before = said::bytes_an_entry(&entries, Version::V1);
        let nothing = said::bytes_an_entry(&entries, Version::V2);
        assert!(nothing <= before + 0.1, "{}: {nothing}, not {before}", shape.name());
        for (name, said, more) in said::SAID {
            let bytes = said::bytes_an_entry(&said.entries(&entries), Version::V2);
            assert!(bytes <= nothing + more, "{}, {name}: {bytes}, not {nothing}", shape.name());
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    BrokerKilled,
    HubStopped,
    GatewayKilled,
    HubKilled,
}

/// One after each tenth of the entries.
const FAULTS: [Fault; 8] = [
    Fault::BrokerKilled,
    Fault::HubStopped,
    Fault::GatewayKilled,
    Fault::HubKilled,
    Fault::BrokerKilled,
    Fault::GatewayKilled,
    Fault::HubKilled,
    Fault::GatewayKilled,
];

fn strike(fault: Fault, broker: &mut Broker, hub: &mut Hub, gateway: &mut Gateway) {
    match fault {
        Fault::BrokerKilled => {
            broker.kill9();
            broker.launch();
        }
        Fault::HubStopped => hub.restart(),
        Fault::HubKilled => {
            hub.kill9();
            hub.launch();
        }
        Fault::GatewayKilled => {
            gateway.kill9();
            gateway.launch();
        }
    }
}

/// A plain reading of the file.
struct OrderFile {
    path: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    order: String,
    sku: String,
    quantity: i64,
}

impl OrderFile {
    fn read(rows_max: usize) -> Self {
        let path = data_file();
        let decoder = ruzstd::decoding::StreamingDecoder::new(File::open(&path).unwrap()).unwrap();
        let mut csv = csv::Reader::from_reader(decoder);
        let columns = ["order_id", "sku", "quantity"];
        let headers = csv.headers().unwrap().clone();
        let places = columns.map(|name| headers.iter().position(|header| header == name).unwrap());
        let rows = csv.into_records().take(rows_max).map(|record| {
            let record = record.unwrap();
            let [order, sku, quantity] = places.map(|place| record[place].to_owned());
            Row { order, sku, quantity: quantity.parse().unwrap() }
        });
        let rows: Vec<Row> = rows.collect();
        assert!(rows.iter().all(|row| row.quantity != 0), "a row without a movement has no entry");
        Self { path, rows }
    }

    /// What the opening stock must be: all that the file deducts.
    fn opening(&self) -> BTreeMap<&str, i64> {
        let mut opening = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.quantity > 0) {
            *opening.entry(row.sku.as_str()).or_default() += row.quantity;
        }
        opening
    }

    fn closing(&self) -> BTreeMap<&str, i64> {
        let mut closing = self.opening();
        for row in &self.rows {
            *closing.entry(&row.sku).or_default() -= row.quantity;
        }
        closing
    }

    /// Kind, SKU, change and order of every entry that must be in the ledger, in order.
    fn entries(&self) -> impl Iterator<Item = (&'static str, &str, i64, Option<&str>)> {
        let opening = self.opening().into_iter().map(|(sku, units)| ("restock", sku, units, None));
        let rows = self.rows.iter().map(|row| {
            let kind = if row.quantity > 0 { "deduct" } else { "restock" };
            (kind, row.sku.as_str(), -row.quantity, Some(row.order.as_str()))
        });
        opening.chain(rows)
    }
}

fn rows_wanted() -> usize {
    match std::env::var("STOCKGATE_E2E_ROWS").as_deref() {
        Ok("all") => usize::MAX,
        Ok(rows) => rows.parse().expect("STOCKGATE_E2E_ROWS is a number or `all`"),
        Err(_) => ROWS_DEFAULT,
    }
}

fn data_file() -> PathBuf {
    const NAME: &str = "online-retail-2010-2011-lines.csv.zst";
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let directory = std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into());
    let path = PathBuf::from(directory).join(NAME);
    assert!(
        path.exists(),
        "{} is not there. It is the \"Online Retail\" data set (UCI Machine Learning Repository, \
         doi:10.24432/C5BW33) as a CSV file with the columns order_id, sku, quantity and timestamp, \
         compressed with zstd; put it there, or name its directory in STOCKGATE_DATA",
        path.display()
    );
    path
}

/// `stockgate replay` at work.
struct Replay(Child);

impl Replay {
    fn start(gateway: &Gateway, file: &OrderFile) -> Self {
        let mut command: Command = stockgate();
        command.arg("replay").arg(&file.path).arg("--seed-stock").arg("--json");
        command.args(["--url", &gateway.url(), "--limit", &file.rows.len().to_string()]);
        Self(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn finish(mut self) -> Value {
        let stdout = self.0.stdout.take().unwrap();
        let summary = serde_json::from_reader(stdout);
        let status = self.0.wait().unwrap();
        assert!(status.success(), "replay ended with {status}");
        summary.unwrap()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_entries(gateway: &Gateway, entries: u64) {
    wait_until(&format!("the gateway to have {entries} entries"), || {
        let status = gateway.http().try_send("GET", "/api/status", None);
        status.is_ok_and(|status| status.json()["ledger_seq"].as_u64() >= Some(entries))
    });
}

/// Waits until the hub has everything, and says how long that took.
fn wait_for_hub(gateway: &Gateway, hub: &Hub) -> Duration {
    let started = Instant::now();
    let last = gateway.http().get("/api/status").json()["ledger_seq"].clone();
    wait_until(&format!("the hub to have {last} entries"), || {
        hub.gateway().is_some_and(|gateway| gateway["acked_seq"] == last)
    });
    wait_until("the gateway to know that", || {
        gateway.http().get("/api/status").json()["sync"]["acked_seq"] == last
    });
    started.elapsed()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        sleep(Duration::from_millis(10));
    }
}

/// The gateway's ledger is what the file says, and the hub's is the gateway's, in every field.
fn compare_ledgers(gateway: &Http, hub: &Http, file: &OrderFile) {
    let mut expected = file.entries();
    let mut seq = 0;
    loop {
        let page = format!("after={seq}&limit={PAGE}");
        let entries = gateway.get(&format!("/api/ledger?{page}")).json()["entries"].take();
        let at_hub = hub.get(&format!("/api/ledger?site=wh-01&gateway=gw-01&{page}")).json();
        assert_eq!(entries, at_hub["entries"], "after {seq}");
        let entries = entries.as_array().unwrap().clone();
        for entry in &entries {
            seq += 1;
            let (kind, sku, change, order) = expected.next().expect("no more entries than rows");
            let seen = (&entry["seq"], &entry["kind"], &entry["sku"], &entry["change"]);
            assert_eq!(seen, (&seq.into(), &kind.into(), &sku.into(), &change.into()));
            assert_eq!(entry["order_id"].as_str(), order, "{entry}");
        }
        if entries.is_empty() {
            break;
        }
    }
    assert_eq!(expected.next(), None, "no fewer entries than rows");
}

fn compare_stock(gateway: &Http, hub: &Http, file: &OrderFile) {
    let closing = file.closing();
    let at_gateway = all_items(gateway);
    let at_hub = all_items(hub);
    assert_eq!(at_gateway.len(), closing.len());
    assert_eq!(at_hub.len(), closing.len());
    for (sku, units) in closing {
        assert_eq!(at_gateway[sku]["on_hand"], units, "{sku} at the gateway");
        assert_eq!(at_gateway[sku]["reserved"], 0, "{sku} at the gateway");
        assert_eq!(at_hub[sku]["total"], units, "{sku} at the hub");
        assert_eq!(at_hub[sku]["gateways"][0]["on_hand"], units, "{sku} at the hub");
    }
}

fn all_items(http: &Http) -> BTreeMap<String, Value> {
    let mut items = BTreeMap::new();
    let mut after = String::new();
    loop {
        let cursor = support::http::encode(&after);
        let page = http.get(&format!("/api/stock?after={cursor}&limit={PAGE}")).json();
        for item in page["items"].as_array().unwrap() {
            items.insert(item["sku"].as_str().unwrap().to_owned(), item.clone());
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return items,
        }
    }
}

fn report(summary: &Value, file: &OrderFile, drained: Duration) {
    eprintln!(
        "{} rows: {} applied, {} replayed, {} reconnects; {:.0} rows/s with {} faults on the way; \
         the hub had all {:.1} s after the last answer",
        file.rows.len(),
        summary["applied"],
        summary["replayed"],
        summary["reconnects"],
        summary["rate_per_s"].as_f64().unwrap(),
        FAULTS.len(),
        drained.as_secs_f64(),
    );
}
