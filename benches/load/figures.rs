//! The figures of a round, and their medians.

use std::time::Duration;

/// The figures of one round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Requests answered in a second.
    pub per_second: f64,
    /// The median latency.
    pub p50_ms: f64,
    /// The 99th percentile of latency.
    pub p99_ms: f64,
    /// The 99.9th percentile of latency.
    pub p999_ms: f64,
    /// The longest latency.
    pub max_ms: f64,
    /// Bytes written by the server's processes, for each request.
    pub bytes: f64,
}

/// The headings of [`Figures::row`].
pub const COLUMNS: &str = "   per s   p50 ms   p99 ms p99.9 ms  bytes/request";

impl Figures {
    /// From the latency of every request in microseconds, and the bytes written for all of them.
    pub fn new(mut latencies: Vec<u32>, elapsed: Duration, bytes: u64) -> Self {
        latencies.sort_unstable();
        let count = latencies.len();
        let at = |share: f64| f64::from(latencies[(count as f64 * share) as usize]) / 1_000.0;
        Self {
            per_second: count as f64 / elapsed.as_secs_f64(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: f64::from(latencies[count - 1]) / 1_000.0,
            bytes: bytes as f64 / count as f64,
        }
    }

    /// The median of each figure.
    pub fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            per_second: of(|round| round.per_second),
            p50_ms: of(|round| round.p50_ms),
            p99_ms: of(|round| round.p99_ms),
            p999_ms: of(|round| round.p999_ms),
            max_ms: of(|round| round.max_ms),
            bytes: of(|round| round.bytes),
        }
    }

    /// A line of a table under [`COLUMNS`].
    pub fn row(&self) -> String {
        format!(
            "{:>8.0} {:>8.2} {:>8.2} {:>8.2} {:>14.0}",
            self.per_second, self.p50_ms, self.p99_ms, self.p999_ms, self.bytes
        )
    }
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
