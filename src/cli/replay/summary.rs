//! The summary of a replay.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rejects::Reject;

/// The outcome of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Whether nothing was sent.
    pub(super) dry_run: bool,
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Rows with quantity 0, which are skipped.
    pub(super) skipped: u64,
    /// Rows that cannot be used, which are not sent.
    pub(super) unreadable: u64,
    /// Rows that deduct, and rows that give back.
    pub(super) deductions: u64,
    pub(super) returns: u64,
    /// Requests applied by this run.
    pub(crate) applied: u64,
    /// Requests decided by an earlier run.
    pub(crate) replayed: u64,
    /// Requests refused, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Rows in which something is wrong, and the first of them.
    pub(super) rejected: u64,
    pub(super) rejects: Vec<Reject>,
    /// What is doubtful in the file, and was sent as it is.
    pub(super) warnings: Vec<String>,
    /// Number of reconnects.
    pub(super) reconnects: u64,
    pub(super) seconds: f64,
    pub(super) rate_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Summary {
    /// Adds how long it took in all, and what each request took in microseconds.
    pub(super) fn with_times(self, seconds: f64, mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let quantile = |share: f64| {
            let place = (micros.len() as f64 * share) as usize;
            let micros = micros.get(place).or(micros.last());
            micros.map_or(0.0, |&micros| f64::from(micros) / 1_000.0)
        };
        let rate_per_s = micros.len() as f64 / seconds.max(f64::EPSILON);
        let (p50_ms, p99_ms) = (quantile(0.5), quantile(0.99));
        Self { seconds, rate_per_s, p50_ms, p99_ms, ..self }
    }

    /// One line for each figure.
    pub(super) fn text(&self) -> String {
        let Self { rows, skipped, unreadable, deductions, returns, .. } = self;
        let head = format!("rows      {rows} ({skipped} with quantity 0, {unreadable} unreadable)");
        if self.dry_run {
            let to_send = format!("to send   {deductions} deductions, {returns} returns");
            return format!("{head}\n{to_send}\ndry run   nothing was sent");
        }
        let Self { applied, replayed, rate_per_s, seconds, reconnects, p50_ms, p99_ms, .. } = self;
        let refused =
            self.refused.iter().map(|(code, count)| format!("refused   {count} {code}\n"));
        let refused: String = refused.collect();
        format!(
            "{head}\napplied   {applied}\nreplayed  {replayed}\n{refused}\
             rate      {rate_per_s:.0} a second over {seconds:.1} s, {reconnects} reconnects\n\
             latency   p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
        )
    }
}
