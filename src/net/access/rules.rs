//! The access rules in force, as the configuration states them.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use super::origin::OriginPolicy;
use super::principal::Principal;
use super::token::{SecretHash, Token};
use crate::problem::Problem;

/// The part of the configuration that says who may do what.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    /// Without any, every client that reaches the loopback address may do everything.
    pub tokens: Vec<Token>,
    /// Origins of web pages that may send requests, besides the port's own.
    pub allowed_origins: Vec<String>,
    /// The key of the configuration that lists them.
    pub origins_key: String,
    /// Requests per second of each token that has no limit of its own, or of all clients together
    /// where no tokens are configured; 0 for no limit.
    pub requests_per_s: u32,
    /// Whether the port speaks TLS, so that its own pages are at `https://` only.
    pub is_tls: bool,
}

/// Finds the principal of a token, and checks the origin of a request.
#[derive(Debug)]
pub struct Access {
    principals: Vec<Arc<Principal>>,
    /// `Some` only where no tokens are configured.
    anonymous: Option<Arc<Principal>>,
    origins: OriginPolicy,
}

impl Access {
    /// Puts these rules in force.
    pub fn new(rules: AccessRules) -> Self {
        let AccessRules { tokens, allowed_origins, origins_key, requests_per_s, is_tls } = rules;
        let anonymous = tokens.is_empty().then(|| Principal::anonymous(requests_per_s));
        let origins = OriginPolicy {
            allowed: allowed_origins,
            key: origins_key,
            is_tls,
            tokenless: tokens.is_empty(),
        };
        let principals = tokens.into_iter();
        let principals =
            principals.map(|token| Principal::of_token(token, requests_per_s)).collect();
        Self { principals, anonymous, origins }
    }

    /// The principal of a client that shows no token; `None` where one is needed.
    pub fn anonymous(&self) -> Option<Arc<Principal>> {
        self.anonymous.clone()
    }

    /// The principal of a token; `None` if it is not known.
    pub(super) fn principal_of(&self, shown: &SecretHash) -> Option<Arc<Principal>> {
        let mut found = self.anonymous.as_ref();
        for principal in &self.principals {
            // Compares every token, so that the time taken does not tell which one it is.
            if principal.hash() == Some(shown) {
                found = Some(principal);
            }
        }
        found.cloned()
    }

    /// The principal under these rules of a connection that was admitted under earlier ones;
    /// `None` if its token is no longer known.
    pub fn renewed(&self, principal: &Principal) -> Option<Arc<Principal>> {
        if self.anonymous.is_some() {
            return self.anonymous();
        }
        let is_it = |known: &&Arc<Principal>| {
            known.name() == principal.name() && known.hash() == principal.hash()
        };
        self.principals.iter().find(is_it).cloned()
    }

    /// Refuses requests that a page of a foreign origin makes in somebody's browser.
    ///
    /// # Errors
    /// `forbidden` for a foreign origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.origins.check(headers, self.origins.tokenless)
    }

    /// Whether a request may be let in without a token from this machine.
    pub fn is_local(&self, headers: &HeaderMap) -> bool {
        self.origins.check(headers, true).is_ok()
    }

    /// The origin of a request, if it is a configured one.
    pub fn configured_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.origins.configured_origin(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sites::Sites;
    use super::super::token::Role;
    use super::*;
    use crate::problem::Code;

    fn token(name: &str, secret: &str) -> Token {
        let (name, secret) = (name.into(), secret.into());
        Token { name, role: Role::Operator, secret, requests_per_s: None, sites: Sites::All }
    }

    fn with_tokens(tokens: &[Token]) -> Access {
        Access::new(AccessRules { tokens: tokens.to_vec(), ..AccessRules::default() })
    }

    fn shown(access: &Access, secret: &str) -> Option<Arc<Principal>> {
        access.principal_of(&SecretHash::of(secret))
    }

    #[test]
    fn a_token_has_its_role_and_a_wrong_one_has_none() {
        let access = with_tokens(&[token("line-3", "s3cret")]);
        let role = |secret: &str| shown(&access, secret).map(|principal| principal.role());
        assert_eq!(role("s3cret"), Some(Role::Operator));
        for wrong in ["s3cre", "s3cret2", "s3creT", "", "s3cret\0"] {
            assert_eq!(role(wrong), None, "{wrong:?}");
        }
        assert!(access.anonymous().is_none());
        assert_eq!(with_tokens(&[]).anonymous().unwrap().role(), Role::Admin);
    }

    #[test]
    fn new_rules_keep_a_principal_only_if_its_token_stays_the_same() {
        let before = with_tokens(&[token("line-3", "s3cret")]);
        let principal = shown(&before, "s3cret").unwrap();
        let promoted = Token { role: Role::Admin, ..token("line-3", "s3cret") };
        let renewed = |tokens: &[Token]| {
            with_tokens(tokens).renewed(&principal).map(|principal| principal.role())
        };
        assert_eq!(renewed(&[promoted]), Some(Role::Admin));
        assert_eq!(renewed(&[token("line-3", "another")]), None);
        assert_eq!(renewed(&[token("line-4", "s3cret")]), None);
        assert_eq!(renewed(&[]), Some(Role::Admin));
        let anonymous = with_tokens(&[]).anonymous().unwrap();
        assert!(before.renewed(&anonymous).is_none());
    }

    #[test]
    fn connections_of_one_token_share_its_rate_limit() {
        let limited = Token { requests_per_s: Some(1), ..token("line-3", "s3cret") };
        let access = with_tokens(&[limited, token("line-4", "other")]);
        let [one, again] = [(); 2].map(|()| shown(&access, "s3cret").unwrap());
        assert_eq!((one.count_request(0), again.count_request(0)), (Ok(()), Ok(())));
        let problem = one.count_request(0).unwrap_err();
        assert_eq!((problem.code, problem.retry_after_s), (Code::Overloaded, Some(1)));
        assert!(problem.message.contains("line-3"), "{}", problem.message);
        let other = shown(&access, "other").unwrap();
        assert!((0..1_000).all(|_| other.count_request(0).is_ok()));
    }

    #[test]
    fn debug_output_does_not_contain_secrets() {
        let access = with_tokens(&[token("line-3", "s3cret")]);
        assert!(!format!("{access:?}").contains("s3cret"));
    }
}
