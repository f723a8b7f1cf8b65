//! The limit on open connections.

use std::fs::read_to_string;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_REFUSED_MAX, FILES_RESERVED};
use crate::process::log_throttle::LogThrottle;

/// Permission for one open connection. Every request carries it as an extension; a WebSocket
/// session, which outlives its request, keeps it until it ends.
#[derive(Clone, Debug)]
pub struct ConnectionPermit(
    #[expect(dead_code, reason = "held for its drop")] Arc<OwnedSemaphorePermit>,
);

/// A permit, by what the connection may do with it.
#[derive(Debug)]
pub(super) enum Admission {
    /// The connection is served.
    Served(ConnectionPermit),
    /// All permits are in use; the client gets an error, and the connection ends.
    Refused(ConnectionPermit),
}

/// The limit on open connections, and a few more for refusals.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    permits: Arc<Semaphore>,
    refusal_permits: Arc<Semaphore>,
    permits_max: usize,
    clock: Clock,
    log_throttle: LogThrottle,
}

impl ConnectionLimit {
    /// As many connections as the limit of open files allows, and no more than
    /// [`CONNECTIONS_MAX`].
    pub(super) fn new() -> Self {
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        let files = open_files_max(&limits).unwrap_or(usize::MAX);
        let permits_max = files.saturating_sub(FILES_RESERVED).clamp(1, CONNECTIONS_MAX);
        if permits_max < CONNECTIONS_MAX {
            tracing::info!(
                "the limit of open files, {files}, leaves room for {permits_max} connections"
            );
        }
        let [permits, refusal_permits] =
            [permits_max, CONNECTIONS_REFUSED_MAX].map(|n| Arc::new(Semaphore::new(n)));
        let (clock, log_throttle) = (Clock::starting_at(0), LogThrottle::default());
        Self { permits, refusal_permits, permits_max, clock, log_throttle }
    }

    /// A permit for a new connection; `None` if there is not even one for a refusal.
    pub(super) fn admit(&mut self) -> Option<Admission> {
        if let Some(permit) = try_acquire(&self.permits) {
            return Some(Admission::Served(permit));
        }
        if self.log_throttle.should_log(self.clock.since_start_ms()) {
            tracing::warn!(
                "all {} connections are in use, others are refused; LimitNOFILE of the unit may allow more, up to {CONNECTIONS_MAX}",
                self.permits_max,
            );
        }
        try_acquire(&self.refusal_permits).map(Admission::Refused)
    }
}

fn try_acquire(permits: &Arc<Semaphore>) -> Option<ConnectionPermit> {
    let permit = Arc::clone(permits).try_acquire_owned().ok()?;
    Some(ConnectionPermit(Arc::new(permit)))
}

/// The limit of open files in the text of `/proc/self/limits`; `None` if there is no limit.
fn open_files_max(limits: &str) -> Option<usize> {
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    limit.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_read_as_the_kernel_writes_it() {
        let with = |limit: &str| {
            format!("Max processes  7 8 processes\nMax open files   {limit}   524288   files\n")
        };
        assert_eq!(open_files_max(&with("1024")), Some(1_024));
        assert_eq!(open_files_max(&with("unlimited")), None);
        assert_eq!(open_files_max(""), None);
    }
}
