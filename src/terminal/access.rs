//! Who may do what: named tokens with roles, and browsers' origins.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::problem::{Code, Problem};

/// What a token allows; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Queries and subscriptions.
    Viewer,
    /// Mutations too.
    Operator,
    /// Everything.
    Admin,
}

/// A token as configured.
#[derive(Clone)]
pub struct Token {
    /// For people and logs.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for Token {
    /// Leaves the secret out, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} {:?})", self.name, self.role)
    }
}

/// Decides who may do what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    tokens: Vec<Token>,
    allowed_origins: Vec<String>,
}

impl Access {
    /// Access by these tokens; with none, everyone who reaches the loopback address may do all.
    pub fn new(tokens: Vec<Token>, allowed_origins: Vec<String>) -> Self {
        Self { tokens, allowed_origins }
    }

    /// The role of whoever sends these headers; `None` without a token where one is needed.
    ///
    /// # Errors
    /// `unauthorized` for a wrong token.
    pub fn role_of(&self, headers: &HeaderMap) -> Result<Option<Role>, Problem> {
        if self.tokens.is_empty() {
            return Ok(Some(Role::Admin));
        }
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(None);
        };
        let secret = std::str::from_utf8(value.as_bytes()).ok().and_then(|value| {
            let (scheme, secret) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
        });
        let secret = secret.ok_or_else(|| unauthorized("send `Authorization: Bearer TOKEN`"))?;
        self.role_of_secret(secret).map(Some)
    }

    /// The role of a token.
    ///
    /// # Errors
    /// `unauthorized` if there is none like it.
    pub fn role_of_secret(&self, secret: &str) -> Result<Role, Problem> {
        if self.tokens.is_empty() {
            return Ok(Role::Admin);
        }
        let mut role = None;
        for token in &self.tokens {
            // Every token is compared, so that the time taken does not tell which came close.
            if token.secret.as_bytes().ct_eq(secret.as_bytes()).into() {
                role = Some(token.role);
            }
        }
        role.ok_or_else(|| unauthorized("this token is not known"))
    }

    /// Refuses requests that a page from elsewhere makes in somebody's browser.
    ///
    /// # Errors
    /// `forbidden` for a foreign origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (host, origin) = (text(headers, HOST), text(headers, ORIGIN));
        // A name that somebody else's DNS points at the loopback address is not this gateway.
        let host_is_ours = !self.tokens.is_empty() || host.is_none_or(is_loopback_host);
        let origin_is_ours = origin.is_none_or(|origin| {
            let own = host.is_some_and(|host| {
                origin.strip_prefix("http://").or(origin.strip_prefix("https://")) == Some(host)
            });
            (own && host_is_ours) || self.allowed_origins.iter().any(|allowed| allowed == origin)
        });
        if origin_is_ours && (host_is_ours || origin.is_some()) {
            return Ok(());
        }
        let who = origin.or(host).unwrap_or("nowhere");
        Err(Problem::new(
            Code::Forbidden,
            format!(
                "requests from {who} are not allowed; add its origin to terminals.allowed_origins if they should be"
            ),
        ))
    }
}

/// Refuses a role that is too low.
///
/// # Errors
/// `unauthorized` without a role, `forbidden` with too low a one.
pub(super) fn require(role: Option<Role>, needed: Role) -> Result<(), Problem> {
    match role {
        Some(role) if role >= needed => Ok(()),
        Some(role) => Err(Problem::new(
            Code::Forbidden,
            format!("this needs the role {needed:?}, the token has {role:?}").to_lowercase(),
        )),
        None => Err(unauthorized("a token is needed")),
    }
}

fn unauthorized(message: &str) -> Problem {
    Problem::new(Code::Unauthorized, message)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    // A header that is not text is nobody's origin.
    headers.get(name).map(|value| value.to_str().unwrap_or("an unreadable header"))
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn with_token(allowed: &[&str]) -> Access {
        let token = Token { name: "line-3".into(), role: Role::Operator, secret: "s3cret".into() };
        Access::new(vec![token], allowed.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_token_gives_its_role_and_a_wrong_one_none() {
        let access = with_token(&[]);
        let bearer = |secret: &str| headers(&[(AUTHORIZATION, &format!("Bearer {secret}"))]);
        assert_eq!(access.role_of(&bearer("s3cret")), Ok(Some(Role::Operator)));
        assert_eq!(access.role_of(&headers(&[])), Ok(None));
        assert_eq!(access.role_of(&bearer("s3cre")).unwrap_err().code, Code::Unauthorized);
        assert_eq!(Access::default().role_of(&headers(&[])), Ok(Some(Role::Admin)));
    }

    #[test]
    fn roles_include_the_lower_ones() {
        assert!(require(Some(Role::Admin), Role::Operator).is_ok());
        let too_low = require(Some(Role::Viewer), Role::Operator).unwrap_err();
        assert_eq!(too_low.code, Code::Forbidden);
        assert_eq!(require(None, Role::Viewer).unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn only_the_own_and_the_configured_origins_may_ask() {
        let access = with_token(&["https://shop.example"]);
        let ask = |host: &str, origin: &str| {
            access.check_origin(&headers(&[(HOST, host), (ORIGIN, origin)])).is_ok()
        };
        assert!(ask("gw.local:8080", "http://gw.local:8080"));
        assert!(ask("gw.local:8080", "https://shop.example"));
        assert!(!ask("gw.local:8080", "http://evil.example"));
        assert!(!ask("gw.local:8080", "null"));
        assert!(access.check_origin(&headers(&[(HOST, "gw.local")])).is_ok());
    }

    #[test]
    fn without_tokens_only_loopback_names_are_the_gateway() {
        let access = Access::default();
        let ask = |host: &str| access.check_origin(&headers(&[(HOST, host)])).is_ok();
        assert!(ask("127.0.0.1:8080") && ask("localhost:8080") && ask("[::1]:8080"));
        assert!(!ask("rebound.example:8080"));
        let rebound = headers(&[(HOST, "a.example:80"), (ORIGIN, "http://a.example:80")]);
        assert!(access.check_origin(&rebound).is_err());
    }

    #[test]
    fn a_token_never_shows_its_secret() {
        assert!(!format!("{:?}", with_token(&[])).contains("s3cret"));
    }
}
