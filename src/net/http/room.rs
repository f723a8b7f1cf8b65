//! Room for connections: so many, and a few more that are told that there is none.

use std::fs::read_to_string;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_TOLD_MAX, FILES_RESERVED};
use crate::process::log_throttle::LogThrottle;

/// A connection's place among those that are allowed. Every request carries it; whoever takes
/// the connection over, for a WebSocket session, keeps it as long as the session lasts.
#[derive(Clone, Debug)]
pub struct Place(#[expect(dead_code, reason = "held for its drop")] Arc<OwnedSemaphorePermit>);

/// The places there are.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    size: usize,
    clock: Clock,
    refusals: LogThrottle,
}

impl Room {
    /// As many as the limit of open files leaves, and no more than [`CONNECTIONS_MAX`].
    pub(super) fn new() -> Self {
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        let files = open_files(&limits).unwrap_or(usize::MAX);
        let size = files.saturating_sub(FILES_RESERVED).clamp(1, CONNECTIONS_MAX);
        if size < CONNECTIONS_MAX {
            tracing::info!("the limit of open files, {files}, leaves room for {size} connections");
        }
        let [places, told] = [size, CONNECTIONS_TOLD_MAX].map(|n| Arc::new(Semaphore::new(n)));
        Self { places, told, size, clock: Clock::starting_at(0), refusals: LogThrottle::default() }
    }

    /// A place, and whether it is one of those that are only told that there is none; `None` if
    /// there is not even that.
    pub(super) fn place(&mut self) -> Option<(Place, bool)> {
        let place = |of: &Arc<Semaphore>| {
            let permit = Arc::clone(of).try_acquire_owned().ok()?;
            Some(Place(Arc::new(permit)))
        };
        if let Some(place) = place(&self.places) {
            return Some((place, false));
        }
        if self.refusals.is_due(self.clock.since_start_ms()) {
            tracing::warn!(
                "all {} connections are taken, others are turned away; LimitNOFILE of the unit may allow more, up to {CONNECTIONS_MAX}",
                self.size,
            );
        }
        place(&self.told).map(|place| (place, true))
    }
}

/// How many files this process may have open, if that is limited.
fn open_files(limits: &str) -> Option<usize> {
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    limit.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_as_the_kernel_writes_it() {
        let with = |limit: &str| {
            format!("Max processes  7 8 processes\nMax open files   {limit}   524288   files\n")
        };
        assert_eq!(open_files(&with("1024")), Some(1_024));
        assert_eq!(open_files(&with("unlimited")), None);
        assert_eq!(open_files(""), None);
    }
}
