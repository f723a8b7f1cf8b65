//! What is counted and timed, and its Prometheus text.

mod histogram;
mod page;
mod render;
mod scarce;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::histogram::Histogram;
pub use self::page::{Kind, Page};
pub use self::render::{Figures, render};
pub use self::scarce::Scarce;
use crate::problem::Code;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Counts one as long as what is returned is kept.
    pub fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(self)
    }

    /// Sets the number.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// See [`Gauge::enter`].
#[derive(Debug)]
pub struct Inside<'a>(&'a Gauge);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the gateway counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Mutations applied.
    pub applied: Counter,
    /// Mutations refused by the stock.
    pub refused: Counter,
    /// Mutations answered from memory.
    pub replayed: Counter,
    /// Mutations not taken because the intake was full.
    pub overloaded: Counter,
    /// Mutations not decided because the storage failed.
    pub unavailable: Counter,
    /// From when a mutation was taken in until its answer was on its way.
    pub decisions: Histogram,
    /// From the begin of a transaction until it was on the disk; its number is that of commits.
    pub commits: Histogram,
    /// Grants and recalls of the hub taken.
    pub transfers_taken: Counter,
    /// Frames sent to the hub.
    pub frames_sent: Counter,
    /// Frames from the hub that could not be read.
    pub frames_bad: Counter,
    /// Frames that wait for the hub's acknowledgement.
    pub frames_under_way: Gauge,
    /// Connections to the broker that were lost or failed.
    pub link_losses: Counter,
    /// Terminals at a WebSocket.
    pub terminals: Gauge,
    /// What clients were refused, by code.
    refusals: [Counter; Code::ALL.len()],
    /// The SKUs of which the least is left.
    pub scarce: Scarce,
}

impl Metrics {
    /// A client was answered with this error.
    pub fn note_refusal(&self, code: Code) {
        if let Some(counter) = self.refusals.get(code as usize) {
            counter.inc();
        }
    }

    fn refusals(&self) -> impl Iterator<Item = (Code, u64)> {
        Code::ALL.into_iter().zip(self.refusals.iter().map(Counter::get))
    }
}
