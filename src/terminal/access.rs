//! Who may do what: named tokens with roles, and browsers' origins.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::rate::{Meter, Rate};
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
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// For people and logs.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The secret.
    pub secret: String,
    /// Requests a second, 0 for any number; `None`: as many as every token.
    pub requests_per_s: Option<u32>,
}

impl std::fmt::Debug for Token {
    /// Leaves the secret out, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} {:?})", self.name, self.role)
    }
}

/// What somebody was let in with: a token, or none where none is needed.
#[derive(Debug)]
pub struct Pass {
    role: Role,
    token: Option<Token>,
    rate: Option<Rate>,
    /// One for all who show the same token.
    meter: Mutex<Meter>,
}

impl Pass {
    fn new(role: Role, token: Option<Token>, requests_per_s: u32) -> Arc<Self> {
        let rate = Rate::per_second(requests_per_s);
        Arc::new(Self { role, token, rate, meter: Mutex::default() })
    }

    /// What it allows.
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Takes one request's worth of what the token may ask for; `now_us` never goes back.
    ///
    /// # Errors
    /// `overloaded`, when it has asked for too much lately.
    pub(super) fn meter(&self, now_us: u64) -> Result<(), Problem> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let taken = self.meter.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now_us);
        taken.map_err(|wait| {
            let name = self.token.as_ref().map_or("nobody", |token| token.name.as_str());
            let message = format!(
                "the token {name} has sent more requests than it may; retry, nothing was applied"
            );
            Problem::overloaded_for(wait, message)
        })
    }
}

/// What the configuration says of who may do what.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    /// With none, everyone who reaches the loopback address may do all.
    pub tokens: Vec<Token>,
    /// Pages from elsewhere that may ask.
    pub allowed_origins: Vec<String>,
    /// Requests a second of each token that has no other number, or of all together where there
    /// is no token; 0 for any number.
    pub requests_per_s: u32,
    /// Whether terminals come over TLS, so that the own pages are at `https://` only.
    pub is_tls: bool,
}

/// Decides who may do what.
#[derive(Debug)]
pub struct Access {
    /// One a token.
    passes: Vec<Arc<Pass>>,
    /// Everybody's, where there are no tokens.
    open: Option<Arc<Pass>>,
    allowed_origins: Vec<String>,
    is_tls: bool,
}

impl Access {
    /// Access by these rules.
    pub fn new(rules: AccessRules) -> Self {
        let AccessRules { tokens, allowed_origins, requests_per_s, is_tls } = rules;
        let open = tokens.is_empty().then(|| Pass::new(Role::Admin, None, requests_per_s));
        let pass = |token: Token| {
            let requests_per_s = token.requests_per_s.unwrap_or(requests_per_s);
            Pass::new(token.role, Some(token), requests_per_s)
        };
        let passes = tokens.into_iter().map(pass).collect();
        Self { passes, open, allowed_origins, is_tls }
    }

    /// What everybody has who shows no token; `None` where one is needed.
    pub fn open(&self) -> Option<Arc<Pass>> {
        self.open.clone()
    }

    /// What belongs to a token.
    ///
    /// # Errors
    /// `unauthorized` if there is none like it.
    pub fn pass_of(&self, secret: &str) -> Result<Arc<Pass>, Problem> {
        let mut found = self.open.as_ref();
        for pass in &self.passes {
            // Every token is compared, so that the time taken does not tell which came close.
            if pass.token.as_ref().is_some_and(|token| is_same(&token.secret, secret)) {
                found = Some(pass);
            }
        }
        found.cloned().ok_or_else(|| unauthorized("this token is not known"))
    }

    /// What somebody may do now who was let in before, under other rules perhaps; `None` if that
    /// token is no longer known.
    pub fn renewed(&self, pass: &Pass) -> Option<Arc<Pass>> {
        if self.open.is_some() {
            return self.open();
        }
        let token = pass.token.as_ref()?;
        let is_it = |known: &Token| known.name == token.name && known.secret == token.secret;
        self.passes.iter().find(|known| known.token.as_ref().is_some_and(is_it)).cloned()
    }

    /// Refuses requests that a page from elsewhere makes in somebody's browser.
    ///
    /// # Errors
    /// `forbidden` for a foreign origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (host, origin) = (text(headers, HOST), text(headers, ORIGIN));
        // A name that somebody else's DNS points at the loopback address is not this gateway.
        let host_is_ours = self.open.is_none() || host.is_none_or(is_loopback_host);
        let origin_is_ours = origin.is_none_or(|origin| {
            let own = host.is_some() && host == self.host_of(origin);
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

    /// The host of a page that may be the gateway's own. Before a gateway without TLS there may
    /// be somebody who has it.
    fn host_of<'a>(&self, origin: &'a str) -> Option<&'a str> {
        let plain = origin.strip_prefix("http://").filter(|_| !self.is_tls);
        plain.or(origin.strip_prefix("https://"))
    }
}

/// The token that a request shows, if it shows one.
///
/// # Errors
/// `unauthorized` if it shows something else.
pub(super) fn shown(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let secret = std::str::from_utf8(value.as_bytes()).ok().and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    secret.map(Some).ok_or_else(|| unauthorized("send `Authorization: Bearer TOKEN`"))
}

/// Compares in a time that depends on the known text alone.
fn is_same(known: &str, shown: &str) -> bool {
    let (known, shown) = (known.as_bytes(), shown.as_bytes());
    let mut same = known.len().ct_eq(&shown.len());
    for (at, byte) in known.iter().enumerate() {
        same &= byte.ct_eq(shown.get(at).unwrap_or(&0));
    }
    same.into()
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

    fn token(name: &str, secret: &str) -> Token {
        let (name, secret) = (name.into(), secret.into());
        Token { name, role: Role::Operator, secret, requests_per_s: None }
    }

    fn with_tokens(tokens: &[Token]) -> Access {
        Access::new(AccessRules { tokens: tokens.to_vec(), ..AccessRules::default() })
    }

    fn with_origins(allowed: &[&str], is_tls: bool) -> Access {
        let allowed_origins = allowed.iter().map(ToString::to_string).collect();
        let tokens = vec![token("line-3", "s3cret")];
        Access::new(AccessRules { tokens, allowed_origins, requests_per_s: 0, is_tls })
    }

    #[test]
    fn a_token_gives_its_role_and_a_wrong_one_none() {
        let access = with_tokens(&[token("line-3", "s3cret")]);
        let role = |secret: &str| access.pass_of(secret).map(|pass| pass.role());
        assert_eq!(role("s3cret"), Ok(Role::Operator));
        for wrong in ["s3cre", "s3cret2", "s3creT", "", "s3cret\0"] {
            assert_eq!(role(wrong).unwrap_err().code, Code::Unauthorized, "{wrong:?}");
        }
        assert!(access.open().is_none());
        assert_eq!(with_tokens(&[]).open().unwrap().role(), Role::Admin);
    }

    #[test]
    fn a_token_is_shown_as_bearer_and_no_other_way() {
        let of = |value: &str| headers(&[(AUTHORIZATION, value)]);
        assert_eq!(shown(&of("Bearer s3cret")), Ok(Some("s3cret")));
        assert_eq!(shown(&headers(&[])), Ok(None));
        assert_eq!(shown(&of("s3cret")).unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn under_new_rules_only_the_same_token_is_known_again() {
        let before = with_tokens(&[token("line-3", "s3cret")]);
        let pass = before.pass_of("s3cret").unwrap();
        let promoted = Token { role: Role::Admin, ..token("line-3", "s3cret") };
        let renewed = |tokens: &[Token]| with_tokens(tokens).renewed(&pass).map(|pass| pass.role());
        assert_eq!(renewed(&[promoted]), Some(Role::Admin));
        assert_eq!(renewed(&[token("line-3", "another")]), None);
        assert_eq!(renewed(&[token("line-4", "s3cret")]), None);
        assert_eq!(renewed(&[]), Some(Role::Admin));
        let nobody = with_tokens(&[]).open().unwrap();
        assert!(before.renewed(&nobody).is_none());
    }

    #[test]
    fn a_token_may_ask_for_so_much_and_is_told_when_again() {
        let limited = Token { requests_per_s: Some(1), ..token("line-3", "s3cret") };
        let access = with_tokens(&[limited, token("line-4", "other")]);
        let (pass, again) = (access.pass_of("s3cret").unwrap(), access.pass_of("s3cret").unwrap());
        assert_eq!((pass.meter(0), again.meter(0)), (Ok(()), Ok(())));
        let problem = pass.meter(0).unwrap_err();
        assert_eq!((problem.code, problem.retry_after_s), (Code::Overloaded, Some(1)));
        assert!(problem.message.contains("line-3"), "{}", problem.message);
        let other = access.pass_of("other").unwrap();
        assert!((0..1_000).all(|_| other.meter(0).is_ok()));
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
        let access = with_origins(&["https://shop.example"], false);
        let ask = |host: &str, origin: &str| {
            access.check_origin(&headers(&[(HOST, host), (ORIGIN, origin)])).is_ok()
        };
        assert!(ask("gw.local:8080", "http://gw.local:8080"));
        assert!(ask("gw.local:8080", "https://gw.local:8080"));
        assert!(ask("gw.local:8080", "https://shop.example"));
        assert!(!ask("gw.local:8080", "http://evil.example"));
        assert!(!ask("gw.local:8080", "null"));
        assert!(access.check_origin(&headers(&[(HOST, "gw.local")])).is_ok());
    }

    #[test]
    fn with_tls_the_own_pages_came_over_it() {
        let access = with_origins(&[], true);
        let ask = |origin: &str| {
            access.check_origin(&headers(&[(HOST, "gw.local"), (ORIGIN, origin)])).is_ok()
        };
        assert!(ask("https://gw.local"));
        assert!(!ask("http://gw.local"), "somebody on the way may have written that page");
    }

    #[test]
    fn without_tokens_only_loopback_names_are_the_gateway() {
        let access = with_tokens(&[]);
        let ask = |host: &str| access.check_origin(&headers(&[(HOST, host)])).is_ok();
        assert!(ask("127.0.0.1:8080") && ask("localhost:8080") && ask("[::1]:8080"));
        assert!(!ask("rebound.example:8080"));
        let rebound = headers(&[(HOST, "a.example:80"), (ORIGIN, "http://a.example:80")]);
        assert!(access.check_origin(&rebound).is_err());
    }

    #[test]
    fn a_token_never_shows_its_secret() {
        let access = with_tokens(&[token("line-3", "s3cret")]);
        assert!(!format!("{access:?}").contains("s3cret"));
    }
}
