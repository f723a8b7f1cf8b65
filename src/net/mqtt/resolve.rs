//! Finds the addresses of the broker's name. If there are none, the code of `getaddrinfo` says why: a
//! name that does not exist is the operator's to correct, a name service that fails is not.
//!
//! A lookup that hangs keeps its thread, and the threads for blocking work are few. So there is one at
//! a time, however many attempts were given up meanwhile.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::Target;
use super::failure::LinkFailure;
use crate::limits::{RESOLVE_FALLBACK, RESOLVE_SILENCE, RESOLVE_TIMEOUT};

impl Target {
    /// The host's addresses, as the resolver orders them. If name service fails, those of the last
    /// time count, and the failure is returned with them.
    pub(super) async fn addresses(
        &self,
    ) -> Result<(Vec<SocketAddr>, Option<LinkFailure>), LinkFailure> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok((vec![SocketAddr::new(address, self.port)], None));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let patience = if known.is_empty() { RESOLVE_TIMEOUT } else { RESOLVE_FALLBACK };
        let (host, port) = (self.host.clone(), self.port);
        let found = timeout(patience, lookup(&self.lookup, move || resolve(&host, port))).await;
        match found.unwrap_or(Err(LinkFailure::NameUnanswered)) {
            Ok(found) => {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
                Ok((found, None))
            }
            Err(failure) if known.is_empty() => Err(failure),
            Err(failure) => Ok((known, Some(failure))),
        }
    }
}

async fn lookup(
    turn: &Arc<Mutex<()>>,
    resolve: impl FnOnce() -> Result<Vec<SocketAddr>, LookupError> + Send + 'static,
) -> Result<Vec<SocketAddr>, LinkFailure> {
    let turn = Arc::clone(turn).lock_owned().await;
    let begun = Instant::now();
    let found = spawn_blocking(move || (resolve(), turn).0).await;
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
    fn lookups_that_hang_keep_one_thread() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(2).enable_time().build().unwrap();
        let (name_service, answers) = std::sync::mpsc::channel();
        let answers = Arc::new(std::sync::Mutex::new(answers));
        let resolve = || {
            let answers = Arc::clone(&answers);
            move || Ok(answers.lock().unwrap().recv().unwrap())
        };
        let (turn, wait) = (Arc::default(), Duration::from_millis(20));
        runtime.block_on(async {
            for _ in 0..10 {
                assert!(timeout(wait, lookup(&turn, resolve())).await.is_err(), "it hangs");
            }
            let other = timeout(Duration::from_secs(10), spawn_blocking(|| 7)).await;
            assert_eq!(other.expect("another thread is free").unwrap(), 7);
            let found: Vec<SocketAddr> = vec!["127.0.0.1:1883".parse().unwrap()];
            name_service.send(Vec::new()).unwrap();
            name_service.send(found.clone()).unwrap();
            assert_eq!(lookup(&turn, resolve()).await.unwrap(), found, "the next one asks again");
        });
    }

    #[test]
    fn addresses_have_the_broker_s_port() {
        let found = resolve("127.0.0.1", 1_883).unwrap();
        assert_eq!(found, ["127.0.0.1:1883".parse().unwrap()]);
    }
}
