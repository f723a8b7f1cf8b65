//! Work without network: batches, one after another.

use std::time::{Duration, Instant};

use super::figures::Figures;
use super::requests::{Request, Requests};
use super::served::bytes_written;

/// Submits batches of requests until the time is up. The latencies are those of batches.
pub fn run(
    mut requests: Requests,
    size: usize,
    time: Duration,
    mut take: impl FnMut(&[Request]),
) -> Figures {
    let me = std::process::id();
    let (before, began) = (bytes_written(me).unwrap(), Instant::now());
    let mut latencies = Vec::new();
    while began.elapsed() < time {
        let batch: Vec<Request> = requests.by_ref().take(size).collect();
        let asked = Instant::now();
        take(&batch);
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    let elapsed = began.elapsed();
    let each = Figures::new(latencies, elapsed, bytes_written(me).unwrap() - before);
    let size = size as f64;
    Figures { per_second: each.per_second * size, bytes: each.bytes / size, ..each }
}
