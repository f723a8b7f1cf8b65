//! Tokens and the roles they grant.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::sites::Sites;
use crate::problem::{Code, Problem};

/// What a token allows; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Queries and subscriptions.
    Viewer,
    /// Mutations as well.
    Operator,
    /// Everything.
    Admin,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The name under which logs and error messages mention the token.
    pub name: String,
    /// The role that the token grants.
    pub role: Role,
    /// The text that a client sends.
    pub secret: String,
    /// Requests per second, 0 for no limit; `None` for the limit that applies to every token.
    pub requests_per_s: Option<u32>,
    /// The sites that it is bound to.
    pub sites: Sites,
}

impl std::fmt::Debug for Token {
    /// Leaves the secret out, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} {:?})", self.name, self.role)
    }
}

/// The hash of a secret. Hashes have one length, and are compared in a time that does not depend on
/// where they differ.
#[expect(clippy::derived_hash_with_manual_eq, reason = "equal in constant time, and no less")]
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct SecretHash([u8; SHA256_OUTPUT_LEN]);

impl SecretHash {
    pub(super) fn of(secret: &str) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

/// The token in a request's `Authorization` header; `None` without such a header.
///
/// # Errors
/// `unauthorized` if the header holds anything but a bearer token.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let secret = std::str::from_utf8(value.as_bytes()).ok().and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    secret.map(Some).ok_or_else(|| unauthorized("send `Authorization: Bearer TOKEN`"))
}

/// Checks that a role is high enough; `None` stands for a client without a token.
///
/// # Errors
/// `unauthorized` without a role, `forbidden` if the role is too low.
pub fn authorize(role: Option<Role>, needed: Role) -> Result<(), Problem> {
    match role {
        Some(role) if role >= needed => Ok(()),
        Some(role) => Err(Problem::new(
            Code::Forbidden,
            format!("this needs the role {needed:?}, the token has {role:?}").to_lowercase(),
        )),
        None => Err(token_needed()),
    }
}

/// Says that a token is needed.
pub(in crate::net) fn token_needed() -> Problem {
    unauthorized("a token is needed")
}

pub(super) fn unauthorized(message: &str) -> Problem {
    Problem::new(Code::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn only_a_bearer_token_is_accepted() {
        let of = |value: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
        };
        assert_eq!(bearer_token(&of("Bearer s3cret")), Ok(Some("s3cret")));
        assert_eq!(bearer_token(&HeaderMap::new()), Ok(None));
        assert_eq!(bearer_token(&of("s3cret")).unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn a_role_includes_the_lower_ones() {
        assert!(authorize(Some(Role::Admin), Role::Operator).is_ok());
        let too_low = authorize(Some(Role::Viewer), Role::Operator).unwrap_err();
        assert_eq!(too_low.code, Code::Forbidden);
        assert_eq!(authorize(None, Role::Viewer).unwrap_err().code, Code::Unauthorized);
    }
}
