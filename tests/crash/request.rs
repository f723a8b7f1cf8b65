//! The requests of a terminal, with their answers.

use serde_json::{Value, json};

use crate::support::bodies::{count, many, one, rollback, with};
use crate::support::terminal::Outcome;

/// So many SKUs that the stock table is written in several steps, and pruning sometimes waits for
/// them.
const SKUS: u64 = 2_000;
/// Every tenth SKU is scarce, so that some requests are refused.
const SCARCE: u64 = 3;
const PLENTY: u64 = 100_000;
const SEED_LINES: u64 = 200;

pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) op: &'static str,
    pub(crate) body: Value,
    /// The life of the gateway in which the request was first sent.
    pub(crate) life: u64,
    pub(crate) answer: Option<Outcome>,
}

impl Request {
    pub(crate) fn is_applied(&self) -> bool {
        matches!(self.answer, Some(Ok(_)))
    }
}

/// The requests that stock every SKU.
pub(crate) fn seeds() -> Vec<Request> {
    let starts = (0..SKUS).step_by(usize::try_from(SEED_LINES).unwrap());
    starts.map(|start| seed(start..(start + SEED_LINES).min(SKUS))).collect()
}

fn seed(numbers: std::ops::Range<u64>) -> Request {
    let id = format!("seed-{}", numbers.start);
    let units = |n: u64| if n.is_multiple_of(10) { SCARCE } else { PLENTY };
    let lines: Vec<(String, u64)> = numbers.map(|n| (sku(n), units(n))).collect();
    let lines: Vec<(&str, u64)> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    Request { body: many(&id, &lines), id, op: "restock", life: 0, answer: None }
}

/// A reservation of several SKUs.
pub(crate) fn reserve(id: String, rng: &mut fastrand::Rng, life: u64) -> Request {
    let lines: Vec<_> = (0..rng.u64(2..8)).map(|_| (plentiful(rng), 1)).collect();
    let lines: Vec<_> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    Request { body: many(&id, &lines), id, op: "reserve", life, answer: None }
}

fn plentiful(rng: &mut fastrand::Rng) -> String {
    sku(rng.u64(..SKUS / 10) * 10 + 1)
}

/// A new request of a terminal that has sent these before.
pub(crate) fn next(id: String, before: &[Request], rng: &mut fastrand::Rng, life: u64) -> Request {
    let (op, body) = match rng.u8(..100) {
        0..45 => ("deduct", many_lines(&id, rng)),
        45..60 => ("restock", many_lines(&id, rng)),
        60..68 => ("count", count(&id, &sku(rng.u64(..SKUS)), rng.u64(0..1_000))),
        68..78 => ("rollback", rollback(&id, &earlier("deduct", before, rng))),
        78..88 => ("reserve", many_lines(&id, rng)),
        88..94 => ("commit", of_reservation(&id, &earlier("reserve", before, rng))),
        _ => ("release", of_reservation(&id, &earlier("reserve", before, rng))),
    };
    Request { id, op, body, life, answer: None }
}

fn many_lines(id: &str, rng: &mut fastrand::Rng) -> Value {
    if rng.bool() {
        return one(id, &sku(rng.u64(..SKUS)), rng.u64(1..=3));
    }
    let lines: Vec<_> = (0..rng.u64(2..8)).map(|_| (sku(rng.u64(..SKUS)), 1)).collect();
    let lines: Vec<_> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    many(id, &lines)
}

fn of_reservation(id: &str, reservation: &str) -> Value {
    with(json!({"reservation": reservation}), "request_id", id)
}

/// A recent request of this kind, answered or not.
fn earlier(op: &str, before: &[Request], rng: &mut fastrand::Rng) -> String {
    let mut recent = before.iter().rev().filter(|request| request.op == op);
    recent.nth(rng.usize(..20)).map_or_else(|| "nothing".to_owned(), |request| request.id.clone())
}

fn sku(n: u64) -> String {
    format!("S{n:05}")
}
