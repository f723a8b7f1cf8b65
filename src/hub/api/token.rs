//! The token of a client whose request lasts: it may be taken away meanwhile.

use std::sync::Arc;

use tokio::sync::watch;

use crate::net::access::{Access, Principal};
use crate::net::http::PortAccess;
use crate::problem::{Code, Problem};

/// Who follows the feed, by the rules as they change.
#[derive(Debug)]
pub(in crate::hub) struct LastingToken {
    rules: watch::Receiver<Arc<Access>>,
    principal: Arc<Principal>,
}

impl LastingToken {
    pub(in crate::hub) fn new(access: &PortAccess, principal: Arc<Principal>) -> Self {
        Self { rules: access.watch(), principal }
    }

    /// The principal as it was when it was looked at last.
    pub(in crate::hub) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Follows the role and the sites of the token.
    ///
    /// # Errors
    /// `unauthorized` if it has been taken away.
    pub(in crate::hub) fn check(&mut self) -> Result<(), Problem> {
        let renewed = self.rules.borrow_and_update().renewed(&self.principal);
        let revoked = || Problem::new(Code::Unauthorized, "the token is not valid any more");
        self.principal = renewed.ok_or_else(revoked)?;
        Ok(())
    }

    /// Returns once the rules have changed since the last check.
    pub(in crate::hub) async fn changed(&mut self) {
        if self.rules.changed().await.is_err() {
            // The port is closed, so they change no more.
            std::future::pending::<()>().await;
        }
    }
}
