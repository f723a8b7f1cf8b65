//! What every request on the terminal port may use.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::HeaderMap;
use tokio::sync::{mpsc, watch};

use super::access::{Access, LoginThrottle, Principal, bearer_token};
use super::feed::{Feeds, SyncEvent};
use super::metrics::ScarceSkus;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::metrics::GatewayMetrics;
use crate::problem::Problem;
use crate::process::stop::Stop;
use crate::store::LedgerReader;

/// What every request may use. A session holds a clone as long as it lasts.
#[derive(Clone, Debug)]
pub(super) struct TerminalContext {
    pub(super) state: Arc<CommittedState>,
    pub(super) metrics: Arc<GatewayMetrics>,
    pub(super) scarce: Arc<ScarceSkus>,
    pub(super) intake: Intake,
    pub(super) ledger: LedgerReader,
    /// The access rules in force.
    pub(super) access: watch::Receiver<Arc<Access>>,
    pub(super) login_throttle: Arc<Mutex<LoginThrottle>>,
    pub(super) sync_events: watch::Receiver<SyncEvent>,
    pub(super) feeds: Feeds,
    pub(super) stop: Stop,
    /// When every clone is dropped, no session is left.
    pub(super) _alive: mpsc::Sender<Infallible>,
}

impl TerminalContext {
    /// The access rules in force.
    pub(super) fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.borrow())
    }

    /// The principal of a request; `None` if it shows no token where one is needed.
    ///
    /// # Errors
    /// `unauthorized` for a wrong token, `overloaded` after too many of them.
    pub(super) fn principal_of(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Option<Arc<Principal>>, Problem> {
        match self.access().anonymous() {
            Some(principal) => Ok(Some(principal)),
            None => bearer_token(headers)?.map(|secret| self.log_in(secret, peer)).transpose(),
        }
    }

    /// The principal of a token.
    ///
    /// # Errors
    /// As [`TerminalContext::principal_of`].
    pub(super) fn log_in(&self, secret: &str, peer: IpAddr) -> Result<Arc<Principal>, Problem> {
        let (access, now_us) = (self.access(), self.now_us());
        // Held while the token is compared, so that concurrent attempts are not more attempts.
        let mut throttle = self.login_throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.check(peer, now_us).map_err(|wait| {
            let message = format!("too many wrong tokens came from {peer}; try again later");
            Problem::overloaded_for(wait, message)
        })?;
        access.principal_of(secret).inspect_err(|_| {
            if !secret.is_empty() && throttle.record_failure(peer, now_us) {
                tracing::warn!(%peer, "too many wrong tokens from this address; it has to wait");
            }
        })
    }

    /// Microseconds since the start of the process, which never go back.
    pub(super) fn now_us(&self) -> u64 {
        self.state.clock.since_start_ms() * 1_000
    }
}
