//! The demo's terminals: they deduct, reserve, roll back, restock and count.
//!
//! A seed determines what they do. As in real shops, a few SKUs are asked for very often and most
//! seldom, and deliveries are late, so some orders are refused.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::goods::{self, SKUS, sku};
use crate::cli::Client;

/// Units of each SKU at the start.
const OPENING_UNITS: u64 = 200;
/// The number of requests that a terminal remembers, to roll one of them back later.
const REMEMBERED: usize = 64;
/// The number of orders that the demo's page lists.
const ORDERS: usize = 12;

/// The sums over all terminals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) decided: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) closed: AtomicBool,
    /// The last orders, the newest first.
    orders: Mutex<VecDeque<Value>>,
}

impl Tally {
    /// Counts an answer.
    pub(super) fn count(&self, ok: bool) {
        self.decided.fetch_add(1, Ordering::Relaxed);
        if !ok {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn orders(&self) -> Vec<Value> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, order: Value) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push_front(order);
        orders.truncate(ORDERS);
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
        let items: Vec<String> = lines.iter().map(words).collect();
        let sold = self.ask(json!({"op": "deduct", "order_id": order, "lines": lines})).await?;
        let refused = sold.is_none().then_some("refused: short of stock");
        self.tally.note(json!({"order": order, "items": items.join(", "), "refused": refused}));
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
        // A little less than is sold, so that stock is seen to fall.
        let lines: Vec<Value> = (0..3)
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

/// A line of an order as people say it.
fn words(line: &Value) -> String {
    let sku = line["sku"].as_str().unwrap_or_default();
    let number = sku.trim_start_matches("SKU-").parse().unwrap_or_default();
    format!("{} × {}", line["quantity"], goods::name(number))
}

fn remember(names: &mut Vec<String>, name: Option<String>) {
    names.extend(name);
    if names.len() > REMEMBERED {
        names.remove(0);
    }
}
