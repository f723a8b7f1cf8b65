//! Rejected frames: counted, and logged at most once a minute for each gateway.

use std::collections::HashMap;
use std::sync::Arc;

use super::metrics::HubMetrics;
use crate::clock::Clock;
use crate::limits::HUB_GATEWAYS_MAX;
use crate::process::log_throttle::LogThrottle;
use crate::protocol::topic::GatewayId;

/// The frames that link and writer reject. Each has its own, so a gateway may be logged twice.
#[derive(Debug)]
pub(super) struct RejectedFrames {
    metrics: Arc<HubMetrics>,
    clock: Clock,
    logged: HashMap<GatewayId, LogThrottle>,
}

impl RejectedFrames {
    pub(super) fn new(metrics: Arc<HubMetrics>) -> Self {
        Self { metrics, clock: Clock::starting_at(0), logged: HashMap::new() }
    }

    /// Counts a rejected frame, and logs it if its gateway's throttle allows.
    pub(super) fn record(&mut self, gateway: &GatewayId, reason: &str) {
        self.metrics.frames_bad.inc();
        if self.logged.len() >= HUB_GATEWAYS_MAX {
            self.logged.clear();
        }
        let now_ms = self.clock.since_start_ms();
        if self.logged.entry(gateway.clone()).or_default().should_log(now_ms) {
            tracing::warn!(%gateway, reason, "a frame was rejected and changed nothing");
        }
    }
}
