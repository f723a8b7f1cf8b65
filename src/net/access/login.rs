//! Finds the principal of a token that a client shows.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::login_throttle::{LoginThrottle, WrongToken};
use super::principal::Principal;
use super::rules::Access;
use super::token::{SecretHash, unauthorized};
use crate::problem::Problem;

/// The principal of a token. A known token is looked up first and never refused, whatever wrong
/// ones come from the same address: one device with an old token must not shut out the others.
///
/// # Errors
/// `unauthorized` if the token is not known, `throttled` after too many such tokens.
pub fn log_in(
    access: &Access,
    throttle: &Mutex<LoginThrottle>,
    secret: &str,
    peer: IpAddr,
    now_us: u64,
) -> Result<Arc<Principal>, Problem> {
    let shown = SecretHash::of(secret);
    if let Some(principal) = access.principal_of(&shown) {
        return Ok(principal);
    }
    let not_known = unauthorized("this token is not known");
    if secret.is_empty() {
        return Err(not_known);
    }
    let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
    Err(match throttle.count(peer, &shown, now_us) {
        WrongToken::Counted => not_known,
        WrongToken::CountedAsLast => {
            tracing::warn!(%peer, "too many wrong tokens from this address; further ones have to wait");
            not_known
        }
        WrongToken::AddressHasToWait(wait) => {
            let message = format!("too many wrong tokens came from {peer}; try again later");
            Problem::throttled_for(wait, message)
        }
        WrongToken::RepeatHasToWait(wait) => {
            let message = "this token is not known, and was shown too often; try again later";
            Problem::throttled_for(wait, message)
        }
    })
}
