//! What is counted, and its Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::view::View;

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

/// The gateway's counters.
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
    /// Transactions committed.
    pub commits: Counter,
    /// Grants and recalls of the hub taken.
    pub transfers_taken: Counter,
    /// Frames sent to the hub.
    pub frames_sent: Counter,
    /// Frames from the hub that could not be read.
    pub frames_bad: Counter,
    /// Connections to the broker that were lost or failed.
    pub link_losses: Counter,
}

/// The page at `/metrics`.
pub fn render(view: &View) -> String {
    let metrics = &view.metrics;
    let counters = [
        ("mutations_applied", "Mutations applied.", &metrics.applied),
        ("mutations_refused", "Mutations refused by the stock.", &metrics.refused),
        ("mutations_replayed", "Mutations answered as decided before.", &metrics.replayed),
        ("mutations_overloaded", "Mutations not taken, intake full.", &metrics.overloaded),
        ("mutations_unavailable", "Mutations not decided, storage failing.", &metrics.unavailable),
        ("commits", "Transactions committed.", &metrics.commits),
        ("transfers_taken", "Grants and recalls of the hub taken.", &metrics.transfers_taken),
        ("frames_sent", "Frames sent to the hub.", &metrics.frames_sent),
        ("frames_bad", "Frames from the hub that could not be read.", &metrics.frames_bad),
        ("link_losses", "Broker connections lost or failed.", &metrics.link_losses),
    ];
    let mut page = String::new();
    for (name, help, counter) in counters {
        metric(&mut page, "counter", &format!("{name}_total"), help, counter.get());
    }
    if let Some(bytes) = disk_written_bytes() {
        let help = "Bytes this process has had written to the disk.";
        metric(&mut page, "counter", "disk_written_bytes_total", help, bytes);
    }
    let sync = view.sync_status();
    let (seq, skus, holds) = {
        let stock = view.stock();
        (stock.seq(), stock.sku_count() as u64, stock.hold_count() as u64)
    };
    let uptime_s = view.clock.since_start_ms() / 1_000;
    let gauges = [
        ("ledger_seq", "Position of the last ledger entry.", seq),
        ("sync_acked_seq", "Position committed by the hub.", sync.acked_seq),
        ("sync_pending_entries", "Entries the hub has not committed.", sync.pending),
        ("sync_oldest_pending_seconds", "Age of the oldest of them.", sync.oldest_pending_s),
        ("sync_online", "1 if the hub answers.", u64::from(sync.state == "online")),
        ("skus", "Known SKUs.", skus),
        ("reservations_open", "Open reservations.", holds),
        ("ready", "1 if mutations are accepted.", u64::from(view.storage_problem().is_none())),
        ("uptime_seconds", "Time since the start.", uptime_s),
    ];
    for (name, help, value) in gauges {
        metric(&mut page, "gauge", name, help, value);
    }
    page
}

/// What flash wears by, as the kernel counts it: whole pages, when they become dirty. Not every
/// kernel is built to count.
fn disk_written_bytes() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}

/// Appends one metric with its help and type.
pub fn metric(page: &mut String, kind: &str, name: &str, help: &str, value: u64) {
    let _ = writeln!(
        page,
        "# HELP stockgate_{name} {help}\n# TYPE stockgate_{name} {kind}\nstockgate_{name} {value}"
    );
}
