//! The gateways that sales leave out for a while, as this worker has seen them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::core::Breaker;
use crate::clock::Clock;
use crate::protocol::topic::GatewayId;

/// Shared by the writer, which hears of recalls, and the HTTP interface, which shows it.
#[derive(Debug)]
pub(super) struct LeftOut {
    breaker: Mutex<Breaker>,
    clock: Clock,
}

impl Default for LeftOut {
    fn default() -> Self {
        Self { breaker: Mutex::default(), clock: Clock::starting_at(0) }
    }
}

impl LeftOut {
    /// Notes which gateways have answered recalls, and which have not in time.
    pub(super) fn note(&self, recalls: &[(GatewayId, bool)]) {
        let now_ms = self.clock.since_start_ms();
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        for (gateway, is_answered) in recalls {
            breaker.note(gateway, *is_answered, now_ms);
        }
    }

    /// The gateways that are left out now.
    pub(super) fn gateways(&self) -> BTreeSet<GatewayId> {
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.left_out(self.clock.since_start_ms())
    }
}
