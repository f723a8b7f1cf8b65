//! Which web pages may send requests through a browser.

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN};

use crate::problem::{Code, Problem};

/// The origins that are allowed besides the port's own.
#[derive(Debug)]
pub(super) struct OriginPolicy {
    pub(super) allowed: Vec<String>,
    /// The key of the configuration that lists them.
    pub(super) key: String,
    /// Whether the port's own pages are at `https://` only.
    pub(super) is_tls: bool,
    /// Whether requests need no token. Then a foreign name may be one that somebody's DNS points at
    /// the loopback address (DNS rebinding), so only loopback names and those of allowed origins are
    /// the port's.
    pub(super) tokenless: bool,
}

impl OriginPolicy {
    /// Checks a request's `Host` and `Origin`. `tokenless` says that it is let in without a token.
    ///
    /// # Errors
    /// `forbidden` for a foreign origin.
    pub(super) fn check(&self, headers: &HeaderMap, tokenless: bool) -> Result<(), Problem> {
        let (host, origin) = (text(headers, HOST), text(headers, ORIGIN));
        let host_is_ours = !tokenless || host.is_none_or(|host| self.is_own_host(host));
        let origin_is_ours = origin.is_none_or(|origin| {
            let own = host.is_some() && host == self.host_of(origin);
            (own && host_is_ours) || self.allowed.iter().any(|allowed| allowed == origin)
        });
        if origin_is_ours && (host_is_ours || origin.is_some()) {
            return Ok(());
        }
        let who = origin.or(host).unwrap_or("nowhere");
        Err(Problem::new(
            Code::Forbidden,
            format!(
                "requests from {who} are not allowed; add its origin to {} if they should be",
                self.key
            ),
        ))
    }

    /// The origin of a request, if it is one of the configured ones, whose pages a browser lets see
    /// the response only if that says so.
    pub(super) fn configured_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.allowed.iter().any(|allowed| *origin == **allowed).then(|| origin.clone())
    }

    fn is_own_host(&self, host: &str) -> bool {
        let is_of_allowed =
            |allowed: &String| allowed.split_once("://").is_some_and(|of| of.1 == host);
        is_loopback_host(host) || self.allowed.iter().any(is_of_allowed)
    }

    /// The host of a page that may be the port's own. A port without TLS may be reached
    /// through a proxy that has it, so both schemes count there.
    fn host_of<'a>(&self, origin: &'a str) -> Option<&'a str> {
        let plain = origin.strip_prefix("http://").filter(|_| !self.is_tls);
        plain.or(origin.strip_prefix("https://"))
    }
}

/// A header's text. An unreadable header becomes a text that equals no origin.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
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

    fn policy(allowed: &[&str], is_tls: bool) -> OriginPolicy {
        let allowed = allowed.iter().map(ToString::to_string).collect();
        OriginPolicy { allowed, key: "allowed_origins".into(), is_tls, tokenless: false }
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_the_ports_own_and_the_configured_origins_are_allowed() {
        let policy = policy(&["https://shop.example"], false);
        let ask = |host: &str, origin: &str| {
            policy.check(&headers(&[(HOST, host), (ORIGIN, origin)]), false).is_ok()
        };
        assert!(ask("gw.local:8080", "http://gw.local:8080"));
        assert!(ask("gw.local:8080", "https://gw.local:8080"));
        assert!(ask("gw.local:8080", "https://shop.example"));
        assert!(!ask("gw.local:8080", "http://evil.example"));
        assert!(!ask("gw.local:8080", "null"));
        assert!(policy.check(&headers(&[(HOST, "gw.local")]), false).is_ok());
    }

    #[test]
    fn with_tls_a_page_that_came_without_it_is_foreign() {
        let policy = policy(&[], true);
        let ask = |origin: &str| {
            policy.check(&headers(&[(HOST, "gw.local"), (ORIGIN, origin)]), false).is_ok()
        };
        assert!(ask("https://gw.local"));
        assert!(!ask("http://gw.local"), "somebody on the way may have written that page");
    }

    #[test]
    fn without_a_token_only_loopback_names_and_those_of_allowed_origins_are_the_gateway() {
        let policy = policy(&["http://gw.local:8080"], false);
        let ask = |host: &str| policy.check(&headers(&[(HOST, host)]), true).is_ok();
        assert!(ask("gw.local:8080") && !ask("gw.local"));
        assert!(ask("127.0.0.1:8080") && ask("localhost:8080") && ask("[::1]:8080"));
        assert!(!ask("rebound.example:8080"));
        let rebound = headers(&[(HOST, "a.example:80"), (ORIGIN, "http://a.example:80")]);
        assert!(policy.check(&rebound, true).is_err());
    }
}
