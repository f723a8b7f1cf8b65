//! Finds the addresses of the broker's name. If there are none, the code of `getaddrinfo` says why: a
//! name that does not exist is the operator's to correct, a name service that fails is not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::Target;
use super::failure::LinkFailure;
use crate::limits::{RESOLVE_FALLBACK, RESOLVE_SILENCE, RESOLVE_TIMEOUT};

impl Target {
    /// The host's addresses, as the resolver orders them. If name service fails, those of the last
    /// time count.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, LinkFailure> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let patience = if known.is_empty() { RESOLVE_TIMEOUT } else { RESOLVE_FALLBACK };
        let found = timeout(patience, lookup(self.host.clone(), self.port)).await;
        match found.unwrap_or(Err(LinkFailure::NameUnanswered)) {
            Ok(found) => {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
                Ok(found)
            }
            Err(failure) if known.is_empty() => Err(failure),
            Err(_) => Ok(known),
        }
    }
}

async fn lookup(host: String, port: u16) -> Result<Vec<SocketAddr>, LinkFailure> {
    let begun = Instant::now();
    let found = spawn_blocking(move || resolve(&host, port)).await;
    let found = found.map_err(|_| LinkFailure::Ended)?;
    match found {
        Ok(found) if found.is_empty() => {
            Err(LinkFailure::NameUnknown(io::Error::other("it has no address")))
        }
        found => found.map_err(|error| failure_of(error, begun.elapsed())),
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(host), None, Some(hints))?;
    let mut addresses = Vec::new();
    for info in found {
        let mut address = info?.sockaddr;
        address.set_port(port);
        addresses.push(address);
    }
    Ok(addresses)
}

/// What an error means that came after so long a time: the resolver waits for a name server that
/// says nothing, and reports that as a failure like any other.
fn failure_of(error: LookupError, took: Duration) -> LinkFailure {
    let is_unknown = matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData);
    match is_unknown {
        true => LinkFailure::NameUnknown(error.into()),
        false if took >= RESOLVE_SILENCE => LinkFailure::NameUnanswered,
        false => LinkFailure::NameFailed(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of Linux.
    const NO_NAME: i32 = -2;
    const AGAIN: i32 = -3;
    const FAIL: i32 = -4;

    #[test]
    fn a_name_that_does_not_exist_is_told_from_a_name_service_that_fails() {
        let of = |code, took| failure_of(LookupError::new(code), took);
        for took in [Duration::ZERO, RESOLVE_SILENCE] {
            assert!(matches!(of(NO_NAME, took), LinkFailure::NameUnknown(_)));
        }
        for code in [AGAIN, FAIL] {
            assert!(matches!(of(code, Duration::ZERO), LinkFailure::NameFailed(_)), "{code}");
            assert!(matches!(of(code, RESOLVE_SILENCE), LinkFailure::NameUnanswered), "{code}");
        }
    }

    #[test]
    fn addresses_have_the_broker_s_port() {
        let found = resolve("127.0.0.1", 1_883).unwrap();
        assert_eq!(found, ["127.0.0.1:1883".parse().unwrap()]);
    }
}
