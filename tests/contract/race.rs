//! Many terminals compete for the last units: none are oversold, and the ledger matches the
//! answers.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::bodies::{one, rollback};
use crate::support::crowd::on_threads;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::{Terminal, number};
use crate::support::ws::Ws;

const TERMINALS: usize = 64;
const SKUS: usize = 50;
const UNITS: u64 = 20;

/// Request id → the change that it made to the stock of its SKU.
type Changes = BTreeMap<String, (String, i64)>;

#[test]
fn terminals_that_compete_for_the_last_units_never_oversell() {
    let skus: Vec<String> = (0..SKUS).map(|n| format!("S{n:02}")).collect();
    let stock: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), UNITS)).collect();
    let gateway = Gateway::stocked(&stock);
    let deadline = Instant::now() + duration();

    let answered = on_threads(TERMINALS, |n| Fighter::new(&gateway, n).fight(&skus, deadline));

    let answered: Changes = answered.into_iter().flatten().collect();
    let ledger = gateway.http().ledger();
    assert_never_below_zero(&ledger);
    assert_ledger_is_what_was_answered(&ledger[SKUS..], &answered);
    for sku in &skus {
        let changes = answered.values().filter(|(changed, _)| changed == sku);
        let sum: i64 = changes.map(|(_, change)| change).sum();
        assert_eq!(gateway.http().figures(sku).0, UNITS.strict_add_signed(sum), "{sku}");
    }
}

/// More requests are in flight than the intake takes, all from terminals that never wait.
#[test]
fn busy_terminals_do_not_starve_modest_ones() {
    const GREEDY: usize = 32;
    let gateway = Gateway::stocked(&[("A", 10_000_000), ("B", 1_000)]);
    let (modest_is_served, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            on_threads(GREEDY, |terminal| flood(&gateway, terminal, &refused, &modest_is_served));
        });
        until("the intake is full", || refused.load(Ordering::Relaxed) > 0);
        let modest = scope.spawn(|| on_threads(3, |terminal| ask_for_little(&gateway, terminal)));
        let modest = modest.join();
        modest_is_served.store(true, Ordering::Relaxed);
        modest.unwrap();
        flood.join().unwrap();
    });
    assert_eq!(gateway.http().figures("B").0, 970);
}

fn ask_for_little(gateway: &Gateway, terminal: usize) {
    let mut ws = gateway.ws();
    for n in 0..10 {
        ws.ok("deduct", one(&format!("modest{terminal}-{n}"), "B", 1));
    }
}

/// Sends as fast as possible; counts how often the intake was full.
fn flood(gateway: &Gateway, terminal: usize, refused: &AtomicUsize, stop: &AtomicBool) {
    let mut ws = gateway.ws();
    for round in 0.. {
        let bodies = (0..256).map(|n| one(&format!("greedy{terminal}-{round}-{n}"), "A", 1));
        let answers = ws.pipelined("deduct", bodies);
        refused.fetch_add(answers.iter().filter(|it| it.is_err()).count(), Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
}

fn duration() -> Duration {
    let seconds = env::var("STOCKGATE_RACE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(3, |seconds| seconds.parse().expect("whole seconds")))
}

/// A terminal that mostly deducts, sometimes rolls back, and seldom restocks.
struct Fighter {
    ws: Ws,
    rng: fastrand::Rng,
    name: usize,
    changes: Changes,
    deductions: Vec<String>,
}

impl Fighter {
    fn new(gateway: &Gateway, name: usize) -> Self {
        let rng = fastrand::Rng::with_seed(name as u64);
        Self { ws: gateway.ws(), rng, name, changes: Changes::new(), deductions: Vec::new() }
    }

    fn fight(mut self, skus: &[String], deadline: Instant) -> Changes {
        for turn in 0.. {
            if Instant::now() >= deadline {
                break;
            }
            let request_id = format!("{}-{turn}", self.name);
            let sku = self.rng.choice(skus).unwrap().clone();
            self.turn(&request_id, &sku);
        }
        self.changes
    }

    fn turn(&mut self, request_id: &str, sku: &str) {
        let quantity = self.rng.u64(1..=3);
        match (self.rng.u8(0..10), self.rng.choice(&self.deductions).cloned()) {
            (0, _) => self.send("restock", one(request_id, sku, 1), 1),
            (1 | 2, Some(of)) => self.send("rollback", rollback(request_id, &of), 1),
            _ => self.send("deduct", one(request_id, sku, quantity), -1),
        }
    }

    fn send(&mut self, op: &str, body: Value, sign: i64) {
        match self.ws.call(op, body) {
            Ok(result) => self.note(op, &result, sign),
            Err(error) => {
                let refused =
                    if op == "rollback" { "exceeds_deduction" } else { "insufficient_stock" };
                assert_eq!(error["code"], refused, "{op}: {error}");
            }
        }
    }

    fn note(&mut self, op: &str, result: &Value, sign: i64) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (request_id, line) = (text(&result["request_id"]), &result["lines"][0]);
        let change = sign * line["quantity"].as_i64().unwrap();
        if op == "deduct" {
            self.deductions.push(request_id.clone());
        }
        self.changes.insert(request_id, (text(&line["sku"]), change));
    }
}

fn assert_never_below_zero(ledger: &[Value]) {
    let mut on_hand: BTreeMap<&str, i64> = BTreeMap::new();
    let mut last_seq = 0;
    for entry in ledger {
        assert!(number(entry, "seq") > last_seq, "{entry} follows {last_seq}");
        last_seq = number(entry, "seq");
        let on_hand = on_hand.entry(entry["sku"].as_str().unwrap()).or_default();
        *on_hand += entry["change"].as_i64().unwrap();
        assert!(*on_hand >= 0, "{entry} takes what was not there");
    }
}

fn assert_ledger_is_what_was_answered(ledger: &[Value], answered: &Changes) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = ledger.iter().map(|entry| {
        let change = entry["change"].as_i64().unwrap();
        (text(&entry["request_id"]), (text(&entry["sku"]), change))
    });
    let told: Changes = told.collect();
    assert_eq!(told.len(), ledger.len(), "a request was written twice");
    assert!(told == *answered, "{} entries, {} answers", told.len(), answered.len());
}
