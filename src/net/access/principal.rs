//! Who a connection acts as.

use std::sync::{Arc, Mutex, PoisonError};

use super::rate::{Rate, RateLimiter};
use super::sites::Sites;
use super::token::{Role, SecretHash, Token};
use crate::problem::Problem;
use crate::stock::Actor;

/// Who a connection acts as: a token, or anyone where no tokens are configured. All connections
/// that show the same token share one principal, and with it its rate limit.
#[derive(Debug)]
pub struct Principal {
    role: Role,
    sites: Sites,
    token: Option<NamedHash>,
    rate: Option<Rate>,
    limiter: Mutex<RateLimiter>,
}

/// A token without its secret.
#[derive(Debug)]
struct NamedHash {
    name: String,
    hash: SecretHash,
}

impl Principal {
    /// The principal of a token; `default_per_s` holds if the token names no limit of its own.
    pub(super) fn of_token(token: Token, default_per_s: u32) -> Arc<Self> {
        let requests_per_s = token.requests_per_s.unwrap_or(default_per_s);
        let hash = SecretHash::of(&token.secret);
        let named = NamedHash { name: token.name, hash };
        Self::new(token.role, token.sites, Some(named), requests_per_s)
    }

    /// The principal of every connection where no tokens are configured.
    pub(super) fn anonymous(requests_per_s: u32) -> Arc<Self> {
        Self::new(Role::Admin, Sites::All, None, requests_per_s)
    }

    fn new(role: Role, sites: Sites, token: Option<NamedHash>, requests_per_s: u32) -> Arc<Self> {
        let rate = Rate::per_second(requests_per_s);
        Arc::new(Self { role, sites, token, rate, limiter: Mutex::default() })
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// The sites that it may see and act on.
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// The name of the token it has shown; `None` where no tokens are configured.
    pub fn name(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.name.as_str())
    }

    /// The name under which the ledger records what it does.
    pub fn actor(&self) -> Option<Actor> {
        self.name().and_then(|name| Actor::parse(name).ok())
    }

    pub(super) fn hash(&self) -> Option<&SecretHash> {
        self.token.as_ref().map(|token| &token.hash)
    }

    /// Counts one request against the rate limit. `now_us` must never go back.
    ///
    /// # Errors
    /// `overloaded` if the limit is reached.
    pub fn count_request(&self, now_us: u64) -> Result<(), Problem> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.acquire(rate, now_us).map_err(|wait| {
            let name = self.name().unwrap_or("nobody");
            let message = format!(
                "the token {name} has sent more requests than its limit allows; retry, nothing was applied"
            );
            Problem::overloaded_for(wait, message)
        })
    }
}
