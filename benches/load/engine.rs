//! The engine alone: decides a batch, commits it, and applies it. No network, no threads.

use std::path::Path;

use stockgate::clock::{Clock, Now};
use stockgate::stock::{Action, Command, Draft, Line, Quantity, RequestId, Sku, Stock};
use stockgate::store::{Progress, Store};

use super::requests::{Request, Requests, sku_name};
use super::zipf::Zipf;

/// Units of every SKU: more than any benchmark deducts.
const UNITS: u64 = 1_000_000_000;
/// The size of a commit, as in the gateway.
pub const BATCH: usize = 1_024;
/// The size of a commit while a database is filled.
const FILL: usize = 4 * BATCH;
const RESTOCK_LINES: usize = 1_000;

/// Reservations that all end at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Reservations {
    /// How many there are.
    pub count: usize,
    /// The lines of each.
    pub lines: usize,
    /// Seconds of running time at which they end.
    pub ttl_s: u64,
    /// The running time at which the gateway starts, in milliseconds.
    pub begins_at_ms: u64,
}

impl Reservations {
    fn reserve(&self, n: usize, skus: usize) -> Command {
        let places = (n * self.lines..).take(self.lines);
        let lines = places.map(|place| line(&sku_name(place % skus), 1)).collect();
        let action = Action::Reserve { order_id: None, lines, ttl_s: Some(self.ttl_s) };
        // In no order, as UUIDs are.
        let number = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        command(&format!("{number:016x}-1bf4-4bb9-a5b5-{n:012x}"), action)
    }
}

/// A stock with its database.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    stock: Stock,
    clock: Clock,
}

impl Engine {
    /// Opens or creates the database of a gateway with the default names.
    pub fn open(data_dir: &Path) -> Self {
        let (store, opened) = Store::open(data_dir, "wh-01", "gw-01").unwrap();
        let clock = Clock::starting_at(opened.progress.running_ms);
        Self { store, stock: opened.stock, clock }
    }

    /// Creates the database of a gateway that has stock of all these SKUs and has decided this many
    /// requests.
    pub fn prefill(data_dir: &Path, skus: &Zipf, requests: Requests, count: usize) -> Self {
        let mut engine = Self::open(data_dir);
        engine.restock(skus.skus);
        let mut requests = requests.take(count);
        loop {
            let batch: Vec<Request> = requests.by_ref().take(FILL).collect();
            if batch.is_empty() {
                engine.store.finish_checkpoint(&engine.stock, || true).unwrap();
                return engine;
            }
            engine.deduct(&batch);
        }
    }

    fn restock(&mut self, skus: usize) {
        for first in (0..skus).step_by(RESTOCK_LINES) {
            let last = skus.min(first + RESTOCK_LINES);
            let lines = (first..last).map(|sku| line(&sku_name(sku), UNITS)).collect();
            let action = Action::Restock { order_id: None, lines };
            self.decide(&[command(&format!("in-{first}"), action)]);
        }
    }

    /// Decides a batch of deductions in one commit.
    pub fn deduct(&mut self, batch: &[Request]) {
        let command = |request: &Request| {
            let lines = vec![line(request.sku(), 1)];
            command(request.id(), Action::Deduct { order_id: None, lines })
        };
        self.decide(&batch.iter().map(command).collect::<Vec<_>>());
    }

    /// Creates the database of a gateway that has stock of all these SKUs, and reservations that
    /// all end at this running time.
    pub fn prefill_reserved(data_dir: &Path, skus: &Zipf, reservations: &Reservations) {
        let mut engine = Self::open(data_dir);
        engine.restock(skus.skus);
        let all: Vec<usize> = (0..reservations.count).collect();
        for some in all.chunks(FILL / reservations.lines) {
            let reserve = |n: &usize| reservations.reserve(*n, skus.skus);
            engine.decide_at(0, &some.iter().map(reserve).collect::<Vec<_>>());
        }
        engine.store.finish_checkpoint(&engine.stock, || true).unwrap();
        let nothing = Draft::new(&engine.stock, engine.clock.now(), 0).finish();
        let progress = Progress { acked_seq: 0, running_ms: reservations.begins_at_ms };
        engine.store.commit(&nothing, Some(progress), &engine.stock).unwrap();
    }

    fn decide(&mut self, commands: &[Command]) {
        self.decide_at(self.clock.now().running_ms, commands);
    }

    fn decide_at(&mut self, running_ms: u64, commands: &[Command]) {
        let now = Now { running_ms, ..self.clock.now() };
        let mut draft = Draft::new(&self.stock, now, 0);
        for command in commands {
            let decided = draft.decide(command, &self.store).unwrap().unwrap();
            assert!(decided.outcome.is_ok(), "stock never runs out: {decided:?}");
        }
        let changes = draft.finish();
        self.store.commit(&changes, None, &self.stock).unwrap();
        self.stock.apply(&changes);
    }
}

fn command(id: &str, action: Action) -> Command {
    Command::chosen(RequestId::chosen(id).unwrap(), action)
}

fn line(sku: &str, units: u64) -> Line {
    Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap())
}
