//! Sinks of each kind, with real servers: nats-server with JetStream, brokers that speak Kafka's
//! protocol, and the example that keeps a table.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use async_nats::jetstream::{self, stream};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::pair::until_confirmed;
use super::receiver::SECRET;
use super::sinks::{deduct, feed, hub_with, sink};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::process::free_port;
use crate::support::terminal::Terminal as _;

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) struct NatsServer {
    server: Option<Ended>,
    port: u16,
    dir: TempDir,
}

/// A message of a stream: subject, id and event.
pub(super) type Stored = (String, String, Value);

impl NatsServer {
    pub(super) fn start() -> Self {
        let mut nats = Self { server: None, port: free_port(), dir: TempDir::new().unwrap() };
        nats.launch();
        nats
    }

    fn launch(&mut self) {
        let mut server = Command::new("nats-server");
        server.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]);
        server.arg(self.dir.path()).stderr(Stdio::null());
        let server = server.spawn().expect("nats-server is missing: apt-get install nats-server");
        self.server = Some(Ended(server));
        until("the server answers", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) fn section(&self) -> String {
        format!(
            "[[hub.sinks]]\nname = \"bus\"\nkind = \"nats\"\nurl = \"{}\"\nstream = \"STOCK\"\n",
            self.url()
        )
    }

    /// Calls JetStream.
    fn with<T>(&self, work: impl AsyncFnOnce(jetstream::Context) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(self.url()).await.unwrap();
            work(jetstream::new(client)).await
        })
    }

    /// What the stream has stored, in its order.
    pub(super) fn stored(&self) -> Vec<Stored> {
        self.with(async |context| {
            let Ok(stream) = context.get_stream("STOCK").await else { return Vec::new() };
            let mut stored = Vec::new();
            for number in 1..=stream.cached_info().state.last_sequence {
                let message = stream.get_raw_message(number).await.unwrap();
                let id = message.headers.get("Nats-Msg-Id").unwrap().to_string();
                let event = serde_json::from_slice(&message.payload).unwrap();
                stored.push((message.subject.to_string(), id, event));
            }
            stored
        })
    }
}

#[test]
fn a_stream_of_nats_takes_every_event_once_across_restarts_of_its_server() {
    let (broker, mut nats) = (Broker::start(), NatsServer::start());
    let hub = hub_with(&broker, &nats.section());
    let gateway = Gateway::named("wh.01", "gw-01", &broker.section());
    gateway.http().ok("restock", one("in", "A", 100));
    deduct(&gateway, &["s1", "s2"]);
    until_confirmed(&gateway);
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    until("all are stored", || nats.stored().len() == 4);
    nats.server = None;
    deduct(&gateway, &["s3", "s4"]);
    until_confirmed(&gateway);
    until("the sink fails", || sink(&hub, "bus")["error"].is_string());
    nats.launch();
    until("it goes on", || nats.stored().len() == 6);
    let stored = nats.stored();
    let events: Vec<Value> = stored.iter().map(|(_, _, event)| event.clone()).collect();
    assert_eq!(events, feed(&hub), "each once, and in order");
    for (subject, id, event) in &stored {
        assert_eq!(*id, event["event_id"]);
        let of_pool = event["site"].is_null();
        let place = if of_pool { "~.~" } else { "wh%2E01.gw-01" };
        assert_eq!(*subject, format!("stock.{place}.{}", event["kind"].as_str().unwrap()));
    }
}

#[test]
fn an_existing_stream_is_used_as_it_is() {
    let (broker, nats) = (Broker::start(), NatsServer::start());
    let subjects = |nats: &NatsServer| {
        nats.with(async |context| {
            context.get_stream("STOCK").await.unwrap().cached_info().config.subjects.clone()
        })
    };
    nats.with(async |context| {
        let subjects = vec!["stock.wh-01.>".into()];
        let config = stream::Config { name: "STOCK".into(), subjects, ..Default::default() };
        context.create_stream(config).await.unwrap();
    });
    let hub = hub_with(&broker, &nats.section());
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 9)]);
    until_confirmed(&gateway);
    until("it is stored", || nats.stored().len() == 1);
    assert_eq!(subjects(&nats), ["stock.wh-01.>"]);
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    until("the error names what is missing", || {
        let error = sink(&hub, "bus")["error"].clone();
        error
            == "no stream takes stock.~.~.receipt; add stock.> to the subjects of the stream STOCK"
    });
}

/// The brokers of librdkafka's mock cluster.
pub(super) struct Kafka {
    _cluster: Ended,
    topics: ChildStdin,
    answers: BufReader<ChildStdout>,
    brokers: Vec<String>,
}

impl Kafka {
    pub(super) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sync/kafka_mock.py");
        let mut cluster = Command::new("/usr/bin/python3");
        cluster.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut cluster = cluster.spawn().unwrap();
        let topics = cluster.stdin.take().unwrap();
        let mut answers = BufReader::new(cluster.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it does not start: apt-get install python3-confluent-kafka");
        let brokers = line.trim().split(',').map(str::to_owned).collect();
        Self { _cluster: Ended(cluster), topics, answers, brokers }
    }

    pub(super) fn section(&self) -> String {
        format!(
            "[[hub.sinks]]\nname = \"lake\"\nkind = \"kafka\"\nbrokers = {:?}\ntopic = \"inventory-updates\"\n",
            self.brokers
        )
    }

    /// The records of a topic, in the order of each partition.
    pub(super) fn records(&mut self, topic: &str) -> Vec<Value> {
        writeln!(self.topics, "{topic}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn a_topic_of_kafka_takes_every_event_with_its_sku_as_the_key() {
    let (broker, mut kafka) = (Broker::start(), Kafka::start());
    // The mock cluster makes a topic, with four partitions, when somebody asks for it.
    assert_eq!(kafka.records("inventory-updates"), [] as [Value; 0]);
    let hub = hub_with(&broker, &kafka.section());
    let stock: Vec<(String, u64)> = (0..8).map(|number| (format!("SKU-{number}"), 100)).collect();
    let stock: Vec<(&str, u64)> = stock.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    let gateway = Gateway::stocked_with(&broker.section(), &stock);
    for number in 0..20 {
        let sku = format!("SKU-{}", number % 8);
        gateway.http().ok("deduct", one(&format!("s{number}"), &sku, 1));
    }
    until_confirmed(&gateway);
    until("all are delivered", || {
        let of = sink(&hub, "lake");
        assert!(of["error"].is_null(), "{of}");
        of["lag_events"] == 0 && of["position"] != "0.0"
    });
    let (records, events) = (kafka.records("inventory-updates"), feed(&hub));
    assert_eq!((records.len(), events.len()), (28, 28));
    let mut partitions = BTreeMap::<String, Value>::new();
    for record in &records {
        let event = &record["event"];
        assert_eq!(
            (&record["key"], &record["headers"]["event-id"]),
            (&event["sku"], &event["event_id"])
        );
        let key = record["key"].as_str().unwrap().to_owned();
        let partition = partitions.entry(key).or_insert_with(|| record["partition"].clone());
        assert_eq!(*partition, record["partition"], "a SKU has one partition");
    }
    let different: std::collections::BTreeSet<String> =
        partitions.values().map(ToString::to_string).collect();
    assert!(different.len() > 1, "{partitions:?}");
    for sku in partitions.keys() {
        let of = |list: Vec<&Value>| -> Vec<Value> {
            list.into_iter().filter(|event| event["sku"].as_str() == Some(sku)).cloned().collect()
        };
        let delivered = of(records.iter().map(|record| &record["event"]).collect());
        assert_eq!(delivered, of(events.iter().collect()), "{sku} in order");
    }
}

/// Starts the example.
fn example(arguments: &[&str]) -> Command {
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warehouse_table.py"));
    python.args(arguments);
    python
}

/// The units of the example's table by SKU, site and gateway.
fn table(path: &Path) -> BTreeMap<(String, String, String), String> {
    let table = Connection::open(path).unwrap();
    let mut rows = table.prepare("SELECT sku, site, gateway, units FROM stock").unwrap();
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The table that the events of the feed add up to, whole units only.
fn expected(hub: &Hub) -> BTreeMap<(String, String, String), String> {
    let mut units = BTreeMap::<_, i64>::new();
    for event in feed(hub) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        *units.entry((text("sku"), text("site"), text("gateway"))).or_default() +=
            event["change"].as_i64().unwrap();
    }
    units.into_iter().map(|(place, units)| (place, units.to_string())).collect()
}

#[test]
fn the_example_keeps_a_table_from_the_feed_and_from_webhooks() {
    let (broker, port) = (Broker::start(), free_port());
    let section = format!(
        "[[hub.sinks]]\nname = \"table\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\n\
         secret_file = \"erp.secret\"\n"
    );
    let hub = hub_with(&broker, &section);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100), ("B", 5)]);
    let path = |name: &str| hub.dir().join(name).display().to_string();
    let (secret, hooked, fed) = (path("erp.secret"), path("hooked.db"), path("fed.db"));
    let webhook = || {
        let port = port.to_string();
        Ended(example(&["webhook", &port, &secret, &hooked]).spawn().unwrap())
    };
    let mut server = webhook();
    for number in 0..30 {
        deduct(&gateway, &[&format!("s{number}")]);
        if number % 10 == 5 {
            drop(server);
            server = webhook();
        }
    }
    until_confirmed(&gateway);
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    until("all are delivered", || sink(&hub, "table")["lag_events"] == 0);
    assert_eq!(table(Path::new(&hooked)), expected(&hub));
    for _ in 0..2 {
        assert!(example(&["feed", &hub.url(), &fed, "--once"]).status().unwrap().success());
        assert_eq!(table(Path::new(&fed)), expected(&hub));
    }
    // A table that has counted nothing new of events that come again.
    let books = Connection::open(&fed).unwrap();
    books.execute("DELETE FROM feed", []).unwrap();
    assert!(example(&["feed", &hub.url(), &fed, "--once"]).status().unwrap().success());
    assert_eq!(table(Path::new(&fed)), expected(&hub), "each event counts once");
    let wrong = format!("whsec_{}", "A".repeat(SECRET.len() - 6));
    std::fs::write(path("wrong.secret"), wrong).unwrap();
    let port = free_port();
    let (other, wrong) = (path("other.db"), path("wrong.secret"));
    let _server = Ended(example(&["webhook", &port.to_string(), &wrong, &other]).spawn().unwrap());
    until("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let answer = crate::support::http::Http::new(&format!("http://127.0.0.1:{port}"))
        .with_header("webhook-signature", "v1,AAAA")
        .post("/", &serde_json::json!([]));
    assert_eq!(answer.status, 401);
    drop(server);
}
