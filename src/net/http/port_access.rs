//! The access rules of a port at work: who sends a request, and whether it is admitted.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use hyper::HeaderMap;
use rustls::ServerConfig;
use tokio::sync::watch;

use super::connection_permit::ConnectionPermit;
use super::outgoing::OutgoingBudget;
use crate::clock::Clock;
use crate::net::access::{self, Access, LoginThrottle, Principal, Role, authorize, bearer_token};
use crate::net::stream::Certificates;
use crate::problem::Problem;

/// Admits the requests of one port; clones share rules, throttle and budget.
#[derive(Clone, Debug)]
pub struct PortAccess {
    rules: watch::Receiver<Arc<Access>>,
    login_throttle: Arc<Mutex<LoginThrottle>>,
    clock: Clock,
    outgoing: Arc<OutgoingBudget>,
}

impl PortAccess {
    /// Follows these rules as they change.
    pub fn new(rules: watch::Receiver<Arc<Access>>) -> Self {
        let (login_throttle, outgoing) = Default::default();
        Self { rules, login_throttle, clock: Clock::starting_at(0), outgoing }
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Access> {
        Arc::clone(&self.rules.borrow())
    }

    /// What its clients have not read yet.
    pub fn outgoing(&self) -> &Arc<OutgoingBudget> {
        &self.outgoing
    }

    /// The rules as they change.
    pub fn watch(&self) -> watch::Receiver<Arc<Access>> {
        self.rules.clone()
    }

    /// The principal of a request; `None` if it shows no token where one is needed. With a
    /// principal, the connection is let in.
    ///
    /// # Errors
    /// `unauthorized` for a wrong token, `throttled` after too many of them.
    pub fn principal_of(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
    ) -> Result<Option<Arc<Principal>>, Problem> {
        let principal = match self.rules().anonymous() {
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
    /// As [`PortAccess::principal_of`].
    pub fn log_in(&self, secret: &str, peer: IpAddr) -> Result<Arc<Principal>, Problem> {
        access::log_in(&self.rules(), &self.login_throttle, secret, peer, self.now_us())
    }

    /// Admits a request if its origin is allowed, its token has the role, and its principal has
    /// not reached its rate limit; returns the principal.
    ///
    /// # Errors
    /// `forbidden`, `unauthorized`, `throttled` or `overloaded`.
    pub fn admit(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
        needed: Role,
    ) -> Result<Arc<Principal>, Problem> {
        let principal = self.identify(headers, permit)?;
        self.admit_principal(&principal, needed)?;
        Ok(principal)
    }

    /// The principal of a request, if its origin is allowed. The connection is let in.
    ///
    /// # Errors
    /// `forbidden`, `unauthorized` or `throttled`.
    pub fn identify(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
    ) -> Result<Arc<Principal>, Problem> {
        self.rules().check_origin(headers)?;
        self.principal_of(headers, permit)?.ok_or_else(access::token_needed)
    }

    /// Admits a request of a principal that has the role and has not reached its rate limit.
    ///
    /// # Errors
    /// `forbidden` or `overloaded`.
    pub fn admit_principal(&self, principal: &Principal, needed: Role) -> Result<(), Problem> {
        authorize(Some(principal.role()), needed)?;
        self.count_request(principal)
    }

    /// Admits a scraper of the metrics: without a token from this machine, if `Host` and `Origin` are
    /// such that no page of another host asks through a browser here.
    ///
    /// # Errors
    /// As [`PortAccess::admit`].
    pub fn admit_scraper(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
    ) -> Result<(), Problem> {
        match permit.peer().to_canonical().is_loopback() && self.rules().is_local(headers) {
            true => Ok(()),
            false => self.admit(headers, permit, Role::Viewer).map(drop),
        }
    }

    /// Counts one request against the rate limit of its principal.
    ///
    /// # Errors
    /// `overloaded` if the limit is reached.
    pub fn count_request(&self, principal: &Principal) -> Result<(), Problem> {
        principal.count_request(self.now_us())
    }

    /// Microseconds since the port was opened, which never go back.
    fn now_us(&self) -> u64 {
        self.clock.since_start_ms() * 1_000
    }
}

/// Replaces the access rules and the certificate of an open port.
#[derive(Debug)]
pub struct PortControl {
    access: watch::Sender<Arc<Access>>,
    certificates: Option<watch::Sender<Arc<ServerConfig>>>,
}

impl PortControl {
    /// For a port with these rules and this certificate.
    pub fn new(access: Access, tls: Option<Arc<ServerConfig>>) -> Self {
        let access = watch::Sender::new(Arc::new(access));
        Self { access, certificates: tls.map(watch::Sender::new) }
    }

    /// Puts other rules and another certificate in force. Whether the port speaks TLS stays as it
    /// is.
    pub fn replace(&self, access: Access, tls: Option<Arc<ServerConfig>>) {
        self.access.send_replace(Arc::new(access));
        if let (Some(newest), Some(tls)) = (&self.certificates, tls) {
            newest.send_replace(tls);
        }
    }

    /// The rules as they change.
    pub fn access(&self) -> PortAccess {
        PortAccess::new(self.access.subscribe())
    }

    /// The certificate as it changes; `None` for a port without TLS.
    pub fn certificates(&self) -> Option<Certificates> {
        self.certificates.as_ref().map(watch::Sender::subscribe)
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.certificates.is_some() { "https" } else { "http" }
    }
}
