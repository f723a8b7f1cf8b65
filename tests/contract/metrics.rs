//! The metrics, and the dashboard and alerts that use them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::{many, one};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

/// An address without a broker.
const LINK: &str = "[mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n";

/// The value of a sample with its labels.
fn sample(gateway: &Gateway, name: &str) -> Option<f64> {
    let page = gateway.http().get("/metrics").text;
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

#[test]
fn every_sample_belongs_to_a_metric_with_help_type_and_a_name_by_the_conventions() {
    let gateway = Gateway::stocked_with(LINK, &[("A", 1)]);
    let page = gateway.http().get("/metrics").text;
    let metrics = metrics_of(&page);
    for sample in page.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let kind = metrics.iter().find(|(metric, kind)| match kind.as_str() {
            "histogram" => {
                ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{metric}{end}"))
            }
            _ => name == metric,
        });
        let (metric, kind) = kind.unwrap_or_else(|| panic!("{sample} has no type"));
        assert_eq!(kind == "counter", metric.ends_with("_total"), "{metric} is a {kind}");
        assert!(!metric.ends_with("_ms") && !metric.ends_with("_kb"), "{metric}: base units");
    }
    lint(&page);
    let names: BTreeSet<&String> = metrics.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), metrics.len(), "each is described once");
}

/// Checks a page with Prometheus's own tool, where it is installed.
fn lint(page: &str) {
    let tool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut tool) = tool else { return eprintln!("left out: promtool is not here") };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success(), "promtool has found something");
}

/// Name and type of every metric on a page; each must have its help before it.
fn metrics_of(page: &str) -> Vec<(String, String)> {
    let mut helped = "";
    let mut found = Vec::new();
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split_once(' ').unwrap().0;
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').unwrap();
            assert_eq!(name, helped, "help comes first");
            found.push((name.to_owned(), kind.to_owned()));
        }
    }
    found
}

#[test]
fn refusals_are_counted_by_code_over_both_ports() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    gateway.http().refused("deduct", one("d1", "A", 5), "insufficient_stock");
    gateway.ws().refused("deduct", one("d2", "A", 5), "insufficient_stock");
    gateway.ws().refused("get", json!({"sku": "NOPE"}), "unknown_sku");
    gateway.http().refused("deduct", json!({"request_id": "d3"}), "bad_request");
    let count = |code: &str| {
        sample(&gateway, &format!("stockgate_refusals_total{{code=\"{code}\"}}")).unwrap()
    };
    let counts = ["insufficient_stock", "unknown_sku", "bad_request", "unauthorized"].map(count);
    assert_eq!(counts, [2.0, 1.0, 1.0, 0.0]);
    assert_eq!(gateway.http().metric("stockgate_mutations_refused_total"), 2);
}

#[test]
fn decisions_and_commits_are_timed() {
    let gateway = Gateway::start();
    for n in 0..5 {
        gateway.http().ok("restock", one(&format!("r{n}"), "A", 1));
    }
    for name in ["decision", "commit"] {
        let of = |end: &str| sample(&gateway, &format!("stockgate_{name}_duration_seconds_{end}"));
        // A decision is counted when its answer has been handed on.
        until("all are counted", || of("count") == Some(5.0));
        assert_eq!(of("bucket{le=\"+Inf\"}"), Some(5.0), "{name}");
        let sum = of("sum").unwrap();
        assert!(sum > 0.0 && sum < 60.0, "{name}: {sum} s");
    }
}

#[test]
fn connected_terminals_are_counted() {
    let gateway = Gateway::start();
    let connected = || gateway.http().metric("stockgate_terminals_connected");
    let terminals = [gateway.ws(), gateway.ws()];
    assert_eq!(connected(), 2);
    drop(terminals);
    until("they are gone", || connected() == 0);
}

#[test]
fn the_metrics_name_only_the_skus_with_the_least_stock() {
    let stock: Vec<(String, u64)> = (1..=50).map(|n| (format!("S{n:02}"), n)).collect();
    let stock: Vec<(&str, u64)> = stock.iter().map(|(sku, n)| (sku.as_str(), *n)).collect();
    let gateway = Gateway::stocked(&stock);
    gateway.http().ok("deduct", many("d1", &[("S07", 7), ("S09", 9)]));
    let page = gateway.http().get("/metrics").text;
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("stockgate_sku_available_units"))
        .collect();
    assert_eq!(
        listed[..4],
        [r#"{sku="S09"} 0"#, r#"{sku="S07"} 0"#, r#"{sku="S01"} 1"#, r#"{sku="S02"} 2"#]
    );
    assert_eq!(listed.len(), 12, "two that are sold out, and ten");
    assert_eq!(gateway.http().metric("stockgate_skus_sold_out"), 2);
}

#[test]
fn pending_entries_and_the_offline_time_are_measured() {
    let gateway = Gateway::stocked_with(LINK, &[("A", 1), ("B", 1)]);
    let http = gateway.http();
    assert_eq!(http.metric("stockgate_sync_pending_entries"), 2);
    assert_eq!(http.metric("stockgate_sync_online"), 0);
    until("time goes by", || {
        http.metric("stockgate_sync_offline_seconds") >= 2
            && http.metric("stockgate_sync_oldest_pending_seconds") >= 1
    });
    assert!(http.metric("stockgate_database_bytes") > 0);
    assert!(http.metric("stockgate_wal_bytes") > 0);
    assert!(http.metric("stockgate_disk_free_bytes") > 0);
}

/// Every metric that the dashboard and the alerts use, of gateway and hub.
#[test]
fn dashboard_and_alerts_use_existing_metrics() {
    let gateway = Gateway::stocked_with(LINK, &[("A", 1)]);
    let sink = "kind = \"nats\"\nurl = \"nats://127.0.0.1:1\"\nstream = \"STOCK\"";
    let hub = Hub::start_with(&format!("[[hub.sinks]]\nname = \"bus\"\n{sink}\n"));
    for file in ["grafana-dashboard.json", "prometheus-alerts.yml"] {
        let text = fs::read_to_string(config(file)).unwrap();
        let asked: BTreeSet<&str> = names_in(&text).collect();
        assert!(asked.len() > 5, "{file} asks for {asked:?}");
        let unknown = || {
            let pages = [gateway.http(), hub.http()].map(|port| port.get("/metrics").text);
            let there: BTreeSet<&str> = pages.iter().flat_map(|page| names_in(page)).collect();
            asked.difference(&there).map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        // Some begin after the start: with the first count of the fleet, and once a worker has taken
        // the sink.
        let all_there = (0..100).any(|_| {
            sleep(Duration::from_millis(100));
            unknown().is_empty()
        });
        assert!(all_there, "{file} asks for what there is not: {:?}", unknown());
    }
}

/// The words of a text that look like names of metrics.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(move |c| !of_name(c));
    words.filter(|word| word.starts_with("stockgate_"))
}

#[test]
fn the_dashboard_has_a_title_a_question_and_a_place_for_each_panel() {
    let text = fs::read_to_string(config("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    assert!(dashboard["uid"].is_string() && dashboard["schemaVersion"].is_u64());
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}");
        assert!(panel["gridPos"]["w"].is_u64(), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: a unit");
        let targets = panel["targets"].as_array().unwrap();
        assert!(targets.iter().all(|target| target["expr"].as_str().is_some()), "{title}");
    }
    assert!(panels.len() > 10);
}

fn config(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file)
}
