//! Saving of the refused demand: at most once a minute, and at a stop.

use super::state::CommittedState;
use crate::clock::Now;
use crate::limits::DEMAND_SAVE_MS;
use crate::process::log_throttle::LogThrottle;
use crate::store::Store;

/// When the refused demand was saved last, or was found to be saved.
#[derive(Debug, Default)]
pub(super) struct DemandSaver {
    /// In running time.
    saved_at_ms: Option<u64>,
    failures: LogThrottle,
}

impl DemandSaver {
    /// Saves what is new, if it is time.
    pub(super) fn save_if_due(&mut self, store: &mut Store, state: &CommittedState, now: Now) {
        if self.saved_at_ms.is_none_or(|at_ms| now.running_ms >= at_ms + DEMAND_SAVE_MS) {
            self.save(store, state, now);
        }
    }

    /// Saves what is new.
    pub(super) fn save(&mut self, store: &mut Store, state: &CommittedState, now: Now) {
        self.saved_at_ms = Some(now.running_ms);
        let unsaved = {
            let mut demand = state.demand();
            demand.forget_old(now);
            demand.unsaved()
        };
        if unsaved.is_empty() {
            return;
        }
        match store.save_demand(&unsaved, &state.stock()) {
            Ok(()) => state.demand().saved(&unsaved),
            Err(error) if self.failures.should_log(now.running_ms) => {
                tracing::warn!(%error, "the refused demand could not be saved; it is tried again later");
            }
            Err(_) => {}
        }
    }
}
