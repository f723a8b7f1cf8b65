//! Gives permits to new connections.

use std::fs::read_to_string;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection_permit::ConnectionPermit;
use super::open_connections::{Entered, OpenConnections, Shares};
use crate::clock::Clock;
use crate::limits::{CONNECTIONS_REFUSED_MAX, FILES_RESERVED, GIVE_WAY_MAX};
use crate::net::access::network;
use crate::process::log_throttle::LogThrottle;

/// A permit, by what the connection may do with it.
#[derive(Debug)]
pub(super) enum Admission {
    /// The connection is served.
    Served(ConnectionPermit),
    /// All permits are in use; the client gets an error, and the connection ends.
    Refused(OwnedSemaphorePermit),
}

/// The limits on open connections, and a few more connections for refusals.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    open: Arc<OpenConnections>,
    refusal_permits: Arc<Semaphore>,
    clock: Clock,
    refused: LogThrottle,
    gave_way: LogThrottle,
    connections_max: usize,
}

impl ConnectionLimit {
    /// As many connections as the limit of open files allows, and no more than this.
    pub(super) fn new(connections_max: usize) -> Self {
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        let files = open_files_max(&limits).unwrap_or(usize::MAX);
        let total = files.saturating_sub(FILES_RESERVED).clamp(1, connections_max);
        if total < connections_max {
            tracing::info!("the limit of open files, {files}, leaves room for {total} connections");
        }
        let (refused, gave_way) = (LogThrottle::default(), LogThrottle::default());
        Self {
            open: Arc::new(OpenConnections::new(Shares::of(total))),
            refusal_permits: Arc::new(Semaphore::new(CONNECTIONS_REFUSED_MAX)),
            clock: Clock::starting_at(0),
            refused,
            gave_way,
            connections_max,
        }
    }

    /// A permit for a new connection; `None` if there is not even one for a refusal.
    pub(super) async fn admit(&mut self, peer: SocketAddr) -> Option<Admission> {
        let now_ms = self.clock.since_start_ms();
        let permit = |entry| ConnectionPermit::new(Arc::clone(&self.open), entry, peer);
        match self.open.enter(network(peer.ip())) {
            Entered::Free(entry) => return Some(Admission::Served(permit(entry))),
            Entered::InPlaceOf(entry) => {
                let permit = permit(entry);
                if self.gave_way.should_log(now_ms) {
                    tracing::warn!(peer = %peer.ip(), "many connections show no token; the oldest of them give way to new ones");
                }
                // The other one ends at once. Until then there is a file more than planned.
                if self.open.has_room_within(GIVE_WAY_MAX).await {
                    return Some(Admission::Served(permit));
                }
            }
            Entered::Full(share) => {
                if self.refused.should_log(now_ms) {
                    tracing::warn!(peer = %peer.ip(), "{share} are in use, others are refused; LimitNOFILE of the unit may allow more, up to {}", self.connections_max);
                }
            }
        }
        Arc::clone(&self.refusal_permits).try_acquire_owned().ok().map(Admission::Refused)
    }
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
