//! Rejected frames: counted, and logged at most once a minute for each gateway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::metrics::HubMetrics;
use crate::clock::Clock;
use crate::limits::HUB_GATEWAYS_MAX;
use crate::process::log_throttle::LogThrottle;
use crate::protocol::topic::GatewayId;

/// The frames that link and writer reject; clones share them.
#[derive(Clone, Debug)]
pub(super) struct RejectedFrames {
    metrics: Arc<HubMetrics>,
    clock: Clock,
    logged: Arc<Mutex<HashMap<GatewayId, LogThrottle>>>,
}

impl RejectedFrames {
    pub(super) fn new(metrics: Arc<HubMetrics>) -> Self {
        Self { metrics, clock: Clock::starting_at(0), logged: Arc::default() }
    }

    /// Counts a rejected frame, and logs it if its gateway's throttle allows.
    pub(super) fn record(&self, gateway: &GatewayId, reason: &str) {
        self.metrics.frames_bad.inc();
        if self.should_log(gateway) {
            tracing::warn!(%gateway, reason, "a frame was rejected and changed nothing");
        }
    }

    fn should_log(&self, gateway: &GatewayId) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= HUB_GATEWAYS_MAX {
            logged.clear();
        }
        let now_ms = self.clock.since_start_ms();
        logged.entry(gateway.clone()).or_default().should_log(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::tests::test_hub::named;

    #[test]
    fn what_the_link_has_logged_the_writer_does_not_log_again() {
        let rejected = RejectedFrames::new(Arc::default());
        let of_writer = rejected.clone();
        assert!(rejected.should_log(&named("a")));
        assert!(!of_writer.should_log(&named("a")));
        assert!(of_writer.should_log(&named("b")));
    }
}
