//! The engine alone: decides a batch, commits it, and applies it. No network, no threads.

use std::path::Path;

use stockgate::clock::Clock;
use stockgate::stock::{Action, Command, Draft, Line, Quantity, RequestId, Sku, Stock};
use stockgate::store::Store;

use super::requests::{Request, Requests, sku_name};
use super::zipf::Zipf;

/// Units of every SKU: more than any benchmark deducts.
const UNITS: u64 = 1_000_000_000;
/// The size of a commit, as in the gateway.
pub const BATCH: usize = 1_024;
/// The size of a commit while a database is filled.
const FILL: usize = 4 * BATCH;
const RESTOCK_LINES: usize = 1_000;

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

    fn decide(&mut self, commands: &[Command]) {
        let mut draft = Draft::new(&self.stock, self.clock.now(), 0);
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
    Command { request_id: RequestId::chosen(id).unwrap(), chosen: true, action }
}

fn line(sku: &str, units: u64) -> Line {
    Line { sku: Sku::parse(sku).unwrap(), quantity: Quantity::of_line(units).unwrap() }
}
