//! Whether the hub can do its work, for probes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::process::heartbeat::Heartbeat;

/// The writer goes round at least every second; a batch that fails takes a few more.
const ALIVE_WITHIN: Duration = Duration::from_secs(30);

/// The same for one that takes work: a batch takes less time, also one that fails.
const AT_WORK_WITHIN: Duration = Duration::from_secs(10);

/// The same for one that shares the frames with others: gateways send a frame again after
/// [`HUB_ANSWER_MS`](crate::limits::HUB_ANSWER_MS), which then goes to one of these.
const SHARING_WITHIN: Duration = Duration::from_millis(3_500);

/// What the parts of a hub report about themselves.
#[derive(Debug, Default)]
pub(super) struct HubHealth {
    /// Beats as long as the writer runs.
    pub(super) heartbeat: Arc<Heartbeat>,
    /// A broker is configured, so frames should arrive.
    needs_broker: bool,
    is_subscribed: AtomicBool,
    /// Why the broker cannot be used, or not fully, if the hub is not subscribed.
    broker_problem: Mutex<Option<String>>,
    is_failing: AtomicBool,
    /// Commits that the database has not confirmed, and may have made.
    unconfirmed: AtomicU64,
    /// Why the hub's own ledger is not signed, if it is not. The hub works all the same.
    pub(super) ledger_problem: Option<String>,
}

impl HubHealth {
    pub(super) fn new(needs_broker: bool) -> Self {
        Self { needs_broker, ..Self::default() }
    }

    /// Says why the hub's own ledger is not signed, if it is not.
    pub(super) fn unsigned(self, ledger_problem: Option<String>) -> Self {
        Self { ledger_problem, ..self }
    }

    /// Records whether the broker has granted the subscriptions of the connection that is up.
    pub(super) fn set_subscribed(&self, is_subscribed: bool) {
        self.is_subscribed.store(is_subscribed, Ordering::Relaxed);
        if is_subscribed {
            self.set_broker_problem(None);
        }
    }

    /// Records why the broker cannot be used.
    pub(super) fn set_broker_problem(&self, problem: Option<String>) {
        *self.broker_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Records whether the last commit has failed.
    pub(super) fn set_failing(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Relaxed);
    }

    /// Whether the last commit has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(super) fn count_unconfirmed(&self) {
        self.unconfirmed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unconfirmed(&self) -> u64 {
        self.unconfirmed.load(Ordering::Relaxed)
    }

    /// Why the hub is not ready, if it is not.
    pub(super) fn unready(&self) -> Option<&'static str> {
        if self.is_failing() {
            return Some("the books cannot be written");
        }
        if self.heartbeat.silence() > AT_WORK_WITHIN {
            return Some("the writer hangs or has ended");
        }
        (!self.is_subscribed()).then_some("the broker has not granted the subscriptions")
    }

    /// Whether frames that others could take are better left to them.
    pub(super) fn should_leave_frames(&self) -> bool {
        self.is_failing() || self.heartbeat.silence() > SHARING_WITHIN
    }

    /// The same for those who may know where the broker is.
    pub(super) fn problem(&self) -> Option<String> {
        let broker = self.broker_problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = self.unready()?;
        Some(broker.filter(|_| !self.is_subscribed()).unwrap_or_else(|| why.into()))
    }

    /// Whether the broker has granted the subscriptions, or none is configured.
    pub(super) fn is_subscribed(&self) -> bool {
        !self.needs_broker || self.is_subscribed.load(Ordering::Relaxed)
    }

    /// Whether the writing thread goes round.
    pub(super) fn is_alive(&self) -> bool {
        self.heartbeat.silence() <= ALIVE_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_ready_once_it_is_subscribed_and_while_it_can_write() {
        let health = HubHealth::new(true);
        assert!(health.unready().is_some_and(|why| why.contains("subscriptions")));
        assert!(!health.is_subscribed());
        health.set_broker_problem(Some("it is refused".into()));
        assert_eq!(health.problem().as_deref(), Some("it is refused"));
        health.set_subscribed(true);
        assert_eq!(health.problem(), None);
        health.set_subscribed(false);
        assert!(health.problem().is_some_and(|why| why.contains("subscriptions")), "it is over");
        health.set_subscribed(true);
        assert_eq!((health.unready(), health.is_subscribed()), (None, true));
        health.set_failing(true);
        assert!(health.unready().is_some_and(|why| why.contains("written")));
        assert!(health.is_alive());
        assert_eq!(HubHealth::new(false).unready(), None, "without a broker in the configuration");
    }
}
