//! Durations in fixed buckets, so that counting allocates nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The inclusive upper bounds of the buckets, in microseconds and as Prometheus writes them, in
/// seconds. One more bucket, without a bound, follows.
pub(super) const BOUNDS: [(u64, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts durations. Each atomic number is changed at most once, however many they are.
    pub fn observe(&self, took: impl IntoIterator<Item = Duration>) {
        let mut counts = [0; BOUNDS.len() + 1];
        let mut sum_us = 0;
        for took in took {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            counts[BOUNDS.partition_point(|(bound, _)| *bound < us)] += 1;
            sum_us += us;
        }
        for (bucket, count) in self.buckets.iter().zip(counts).filter(|(_, count)| *count > 0) {
            bucket.fetch_add(count, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(sum_us, Ordering::Relaxed);
    }

    /// The number of durations up to each bound, and the number of all in the end.
    pub(super) fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        })
    }

    pub(super) fn sum_us(&self) -> u64 {
        self.sum_us.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_belongs_to_the_first_bucket_whose_bound_is_not_below_it() {
        let histogram = Histogram::default();
        let took = [0, 500, 501, 10_000_000, 10_000_001];
        histogram.observe(took.map(Duration::from_micros));
        let cumulative = histogram.cumulative();
        assert_eq!(cumulative[..3], [2, 3, 3]);
        assert_eq!(cumulative[12..], [3, 4, 5]);
        assert_eq!(histogram.sum_us(), 20_001_002);
    }

    #[test]
    fn the_bounds_rise_and_their_names_match() {
        assert!(BOUNDS.is_sorted());
        for (us, name) in BOUNDS {
            let seconds: f64 = name.parse().unwrap();
            assert!((seconds * 1e6 - us as f64).abs() < 1e-3, "{name}");
        }
    }
}
