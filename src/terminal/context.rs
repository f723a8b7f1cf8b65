//! What every request on the terminal port may use.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use hyper::HeaderMap;
use tokio::sync::{mpsc, watch};

use super::feed::{Feeds, SyncEvent};
use super::metrics::ScarceSkus;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::metrics::GatewayMetrics;
use crate::net::access::{self, Access, LoginThrottle, Principal, bearer_token};
use crate::net::http::ConnectionPermit;
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

    /// The principal of a request; `None` if it shows no token where one is needed. With a
    /// principal, the connection is let in.
    ///
    /// # Errors
    /// `unauthorized` for a wrong token, `throttled` after too many of them.
    pub(super) fn principal_of(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
    ) -> Result<Option<Arc<Principal>>, Problem> {
        let principal = match self.access().anonymous() {
            Some(principal) => Some(principal),
            None => {
                let secret = bearer_token(headers)?;
                secret.map(|secret| self.log_in(secret, permit.peer())).transpose()?
            }
        };
        if principal.is_some() {
            permit.let_in();
        }
        Ok(principal)
    }

    /// The principal of a token.
    ///
    /// # Errors
    /// As [`TerminalContext::principal_of`].
    pub(super) fn log_in(&self, secret: &str, peer: IpAddr) -> Result<Arc<Principal>, Problem> {
        access::log_in(&self.access(), &self.login_throttle, secret, peer, self.now_us())
    }

    /// Microseconds since the start of the process, which never go back.
    pub(super) fn now_us(&self) -> u64 {
        self.state.clock.since_start_ms() * 1_000
    }
}
