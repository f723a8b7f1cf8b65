//! The demo's terminals: they deduct, reserve, roll back, restock and count.
//!
//! A seed determines what they do. As in real shops, a few SKUs are asked for very often and most
//! seldom, and deliveries are late, so some orders are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::cli::Client;

/// The number of SKUs.
pub(super) const SKUS: usize = 400;
/// Units of each SKU at the start.
const OPENING_UNITS: u64 = 200;
/// The number of requests that a terminal remembers, to roll one of them back later.
const REMEMBERED: usize = 64;

/// The sums over all terminals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) decided: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) closed: AtomicBool,
}

impl Tally {
    /// Counts an answer.
    pub(super) fn count(&self, ok: bool) {
        self.decided.fetch_add(1, Ordering::Relaxed);
        if !ok {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One terminal.
pub(super) struct Terminal {
    client: Client,
    random: Rng,
    name: String,
    requests: u64,
    sold: Vec<String>,
    held: Vec<String>,
    tally: Arc<Tally>,
}

impl Terminal {
    pub(super) fn new(client: Client, seed: u64, number: u64, tally: Arc<Tally>) -> Self {
        Self {
            client,
            random: Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            name: format!("{seed:x}-{number}"),
            requests: 0,
            sold: Vec::new(),
            held: Vec::new(),
            tally,
        }
    }

    /// Restocks every SKU at the start.
    pub(super) async fn open_shop(&mut self) -> anyhow::Result<()> {
        let lines: Vec<Value> =
            (0..SKUS).map(|n| json!({"sku": sku(n), "quantity": OPENING_UNITS})).collect();
        self.ask(json!({"op": "restock", "lines": lines})).await?;
        Ok(())
    }

    /// Sends requests at a mean rate per second until the demo ends.
    pub(super) async fn work(mut self, rate: f64) -> anyhow::Result<()> {
        while !self.tally.closed.load(Ordering::Relaxed) {
            self.serve_somebody().await?;
            // The intervals between customers are random.
            let wait_s = -(1.0 - self.random.f64()).ln() / rate;
            tokio::time::sleep(Duration::from_secs_f64(wait_s.min(1.0))).await;
        }
        Ok(())
    }

    async fn serve_somebody(&mut self) -> anyhow::Result<()> {
        match self.random.u32(0..100) {
            0..70 => self.sell().await,
            70..80 => self.hold().await,
            80..88 => self.settle_hold().await,
            88..92 => self.cancel().await,
            92..98 => self.take_in().await,
            _ => self.count_shelf().await,
        }
    }

    async fn sell(&mut self) -> anyhow::Result<()> {
        let lines = self.basket();
        let order = format!("order-{}-{}", self.name, self.requests);
        let sold = self.ask(json!({"op": "deduct", "order_id": order, "lines": lines})).await?;
        remember(&mut self.sold, sold);
        Ok(())
    }

    async fn hold(&mut self) -> anyhow::Result<()> {
        let lines = self.basket();
        // Some reservations are left to expire.
        let held = self.ask(json!({"op": "reserve", "lines": lines, "ttl_s": 5})).await?;
        remember(&mut self.held, held);
        Ok(())
    }

    async fn settle_hold(&mut self) -> anyhow::Result<()> {
        if self.held.is_empty() {
            return self.sell().await;
        }
        let reservation = self.held.swap_remove(self.random.usize(..self.held.len()));
        let op = if self.random.u32(0..4) == 0 { "release" } else { "commit" };
        self.ask(json!({"op": op, "reservation": reservation})).await?;
        Ok(())
    }

    async fn cancel(&mut self) -> anyhow::Result<()> {
        if self.sold.is_empty() {
            return self.sell().await;
        }
        let of = self.sold.swap_remove(self.random.usize(..self.sold.len()));
        self.ask(json!({"op": "rollback", "of": of})).await?;
        Ok(())
    }

    async fn take_in(&mut self) -> anyhow::Result<()> {
        let lines: Vec<Value> = (0..8)
            .map(|_| json!({"sku": self.popular_sku(), "quantity": self.random.u64(5..40)}))
            .collect();
        self.ask(json!({"op": "restock", "lines": lines})).await?;
        Ok(())
    }

    async fn count_shelf(&mut self) -> anyhow::Result<()> {
        let sku = self.popular_sku();
        let item = self.client.call(json!({"op": "get", "sku": sku})).await?;
        let on_hand = item["on_hand"].as_u64().unwrap_or_default();
        // Now and then a count finds one unit fewer or more.
        let counted = (on_hand + self.random.u64(0..3)).saturating_sub(1);
        self.ask(json!({"op": "count", "sku": sku, "counted": counted})).await?;
        Ok(())
    }

    /// Sends a mutation with a new request id; returns the id if it was applied.
    async fn ask(&mut self, mut request: Value) -> anyhow::Result<Option<String>> {
        self.requests += 1;
        let name = format!("demo-{}-{}", self.name, self.requests);
        request["request_id"] = name.as_str().into();
        let answer = self.client.ask(request).await?;
        self.tally.count(answer.is_ok());
        Ok(answer.is_ok().then_some(name))
    }

    fn basket(&mut self) -> Vec<Value> {
        let lines = 1 + self.random.usize(0..6);
        (0..lines)
            .map(|_| json!({"sku": self.popular_sku(), "quantity": 1 + self.random.u64(0..4)}))
            .collect()
    }

    /// A lower number is more popular, about as `1 / n`.
    fn popular_sku(&mut self) -> String {
        let share = self.random.f64();
        sku(((SKUS as f64).powf(share) - 1.0) as usize)
    }
}

fn remember(names: &mut Vec<String>, name: Option<String>) {
    names.extend(name);
    if names.len() > REMEMBERED {
        names.remove(0);
    }
}

pub(super) fn sku(number: usize) -> String {
    format!("SKU-{number:04}")
}
