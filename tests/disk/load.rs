//! A terminal that sends requests until the disk is full, and what must hold of its answers.

use serde_json::{Value, json};

use crate::support::bodies::{many, with};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::small_disk::SmallDisk;
use crate::support::terminal::{Outcome, Terminal, number};

/// The number of requests in flight.
const WINDOW: usize = 64;
const LINES: usize = 16;
const REQUESTS_MAX: usize = 200_000;

/// The requests in order, each with its answer.
#[derive(Default)]
pub(crate) struct Told {
    first: usize,
    requests: Vec<(Value, Outcome)>,
}

impl Told {
    /// A terminal that sends new requests.
    pub(crate) fn starting_behind(other: &Self) -> Self {
        Self { first: other.first + other.requests.len(), requests: Vec::new() }
    }

    /// Restocks until the disk is full for housekeeping too. Before that, a small transaction may
    /// fit where a large one does not.
    pub(crate) fn until_full(&mut self, gateway: &Gateway, disk: &SmallDisk) {
        until("housekeeping gives the reserve up", || {
            self.until_unavailable(gateway);
            !disk.has_reserve()
        });
    }

    /// Restocks until the storage fails.
    pub(crate) fn until_unavailable(&mut self, gateway: &Gateway) {
        while !self.restock(gateway, WINDOW) {
            assert!(self.requests.len() < REQUESTS_MAX, "the disk does not become full");
        }
    }

    /// Restocks this many times; returns whether the storage failed.
    pub(crate) fn restock(&mut self, gateway: &Gateway, times: usize) -> bool {
        let mut ws = gateway.ws();
        let mut failed = false;
        for done in (0..times).step_by(WINDOW) {
            let start = self.first + self.requests.len();
            let bodies: Vec<Value> = (start..start + WINDOW.min(times - done)).map(body).collect();
            let outcomes = ws.pipelined("restock", bodies.clone());
            failed |= outcomes.iter().any(is_unavailable);
            self.requests.extend(bodies.into_iter().zip(outcomes));
        }
        failed
    }

    pub(crate) fn applied(&self) -> usize {
        self.requests.iter().filter(|(_, outcome)| outcome.is_ok()).count()
    }

    /// The ledger has every answered request as it was answered, in the order of positions, and
    /// nothing else.
    pub(crate) fn assert_in_ledger(&self, gateway: &Gateway) {
        let ledger = gateway.http().ledger();
        let answers = self.requests.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
        assert_eq!(ledger.len(), LINES * self.applied(), "entries");
        for answer in answers {
            let end = usize::try_from(number(answer, "seq")).unwrap();
            for (entry, line) in
                ledger[end - LINES..end].iter().zip(answer["lines"].as_array().unwrap())
            {
                assert_eq!(entry["request_id"], answer["request_id"], "{entry}");
                assert_eq!((&entry["sku"], &entry["change"]), (&line["sku"], &line["quantity"]));
            }
        }
    }

    /// Repeats all requests: answered ones are replayed, the others are applied now.
    pub(crate) fn resend(&mut self, gateway: &Gateway) {
        let mut ws = gateway.ws();
        for requests in self.requests.chunks_mut(WINDOW) {
            let again = ws.pipelined("restock", requests.iter().map(|(body, _)| body.clone()));
            for ((_, outcome), again) in requests.iter_mut().zip(again) {
                let again = again.unwrap_or_else(|error| panic!("refused after all: {error}"));
                match outcome {
                    Ok(first) => assert_eq!(again, with(first.clone(), "replayed", true)),
                    Err(_) => assert_eq!(again["replayed"], false, "{again}"),
                }
                *outcome = Ok(with(again, "replayed", false));
            }
        }
    }
}

fn is_unavailable(outcome: &Outcome) -> bool {
    outcome.as_ref().is_err_and(|error| {
        assert_eq!(error["code"], "storage_unavailable", "{error}");
        true
    })
}

/// Queries of every kind are answered.
pub(crate) fn assert_queries_work(gateway: &Gateway) {
    let mut http = gateway.http();
    assert!(number(&http.item(&sku(0)), "on_hand") > 0);
    assert!(!http.ok("list", json!({}))["items"].as_array().unwrap().is_empty());
    assert!(!http.ok("ledger", json!({}))["entries"].as_array().unwrap().is_empty());
    assert_eq!(http.get("/healthz").status, 200);
}

/// A new mutation is refused, and status, metrics and readiness say why.
pub(crate) fn assert_refused(gateway: &Gateway, words: &str) {
    let mut http = gateway.http();
    let error = http.refused("restock", body(REQUESTS_MAX), "storage_unavailable");
    let status = http.ok("status", json!({}));
    let readiness = http.get("/readyz").refused("storage_unavailable");
    assert_eq!(status["ready"], false, "{status}");
    for told in [&error["message"], &status["problem"], &readiness["message"]] {
        assert!(told.as_str().is_some_and(|told| told.contains(words)), "{words:?} in {told}");
    }
}

/// The message about a full disk: the place and the next step.
pub(crate) fn next_step(gateway: &Gateway) -> String {
    format!("free space on the filesystem of {}: ", gateway.data_dir().display())
}

pub(crate) fn assert_healthy(disk: &SmallDisk) {
    let visit = disk.doctor();
    assert_eq!(visit.code, Some(0), "{}", visit.output());
}

fn body(n: usize) -> Value {
    let skus: Vec<String> = (0..LINES).map(sku).collect();
    let lines: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    many(&format!("request-{n}"), &lines)
}

/// Ids of maximum length, to fill the disk quickly.
fn sku(n: usize) -> String {
    format!("{n:064}")
}
