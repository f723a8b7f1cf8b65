//! Connects to the first of the broker's addresses that answers (RFC 8305).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Target;
use super::failure::{LinkFailure, Tried};
use crate::limits::{DIAL_AGAIN, DIAL_NEXT};

impl Target {
    /// Connects to one of the host's addresses.
    pub(super) async fn dial(&self, deadline: Instant) -> Result<TcpStream, LinkFailure> {
        let (addresses, name) = self.addresses().await?;
        let pace = Pace { next: DIAL_NEXT, again: DIAL_AGAIN };
        let raced = race(&in_turn(addresses), pace, deadline, TcpStream::connect).await;
        raced.map_err(|tried| LinkFailure::Unreachable(tried, name.map(Box::new)))
    }
}

/// Addresses of both families in turn, the resolver's first one first.
fn in_turn(mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::HashSet::new();
    found.retain(|address| seen.insert(*address));
    let first_is_ipv4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    first.reverse();
    second.reverse();
    while !first.is_empty() || !second.is_empty() {
        ordered.extend(first.pop());
        ordered.extend(second.pop());
    }
    ordered
}

/// When further attempts start.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The next address, while earlier ones have not answered.
    next: Duration,
    /// All addresses once more.
    again: Duration,
}

/// Tries the addresses one after the other, without waiting for one to fail; then all of them once
/// more every few seconds, because the network may be back long before the kernel repeats a lost
/// packet. The first connection wins.
async fn race<C, T>(
    addresses: &[SocketAddr],
    pace: Pace,
    deadline: Instant,
    connect: impl Fn(SocketAddr) -> C,
) -> Result<T, Vec<Tried>>
where
    C: Future<Output = io::Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut tried: Vec<Tried> =
        addresses.iter().map(|address| Tried { address: *address, error: None }).collect();
    let (mut attempts, mut next, mut round) = (JoinSet::new(), 0, 1);
    let begun = Instant::now();
    loop {
        if next == addresses.len() && attempts.is_empty() {
            return Err(tried);
        }
        if next < addresses.len() {
            let attempt = connect(addresses[next]);
            attempts.spawn(async move { (next, attempt.await) });
            next += 1;
        }
        let wait_until = match next < addresses.len() {
            true => Instant::now() + pace.next,
            false => begun + pace.again * round,
        };
        tokio::select! {
            biased;
            Some(ended) = attempts.join_next() => match ended {
                Ok((_, Ok(connection))) => return Ok(connection),
                Ok((index, Err(error))) => tried[index].error = Some(error),
                Err(_) => {}
            },
            () = sleep_until(wait_until.min(deadline)) => {
                if Instant::now() >= deadline {
                    return Err(tried);
                }
                if next == addresses.len() {
                    (next, round) = (0, round + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.1:1"]);
        let ordered = addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(in_turn(found), ordered);
    }

    /// A hundred times as fast as in the program.
    const PACE: Pace = Pace { next: Duration::from_millis(25), again: Duration::from_millis(60) };

    fn within(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn a_dead_address_costs_one_step() {
        let found = addresses(&["[::1]:1", "10.0.0.1:1"]);
        let begun = Instant::now();
        let connect = |address: SocketAddr| async move {
            if address.is_ipv6() { std::future::pending().await } else { Ok(address) }
        };
        let connected = race(&found, PACE, within(10_000), connect).await.unwrap();
        assert_eq!(connected, found[1]);
        assert!(begun.elapsed() >= PACE.next && begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_address_that_refuses_makes_way_at_once_and_all_that_were_tried_are_named() {
        let found = addresses(&["10.0.0.1:1", "10.0.0.2:1"]);
        let slow = Pace { next: Duration::from_secs(60), ..PACE };
        let connect = |_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused)) };
        let begun = Instant::now();
        let tried = race(&found, slow, within(60_000), connect).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(30), "the second was tried at once");
        assert_eq!(tried.iter().filter(|tried| tried.error.is_some()).count(), 2);
    }

    #[tokio::test]
    async fn a_network_that_comes_back_is_used_by_the_next_round() {
        let begun = Instant::now();
        let starts = Arc::new(Mutex::new(0));
        let connect = |_| {
            let starts = Arc::clone(&starts);
            async move {
                *starts.lock().unwrap() += 1;
                // What was sent before the network came back is lost.
                let is_back = begun.elapsed() >= PACE.again * 2;
                if is_back { Ok(()) } else { std::future::pending().await }
            }
        };
        race(&addresses(&["10.0.0.1:1"]), PACE, within(10_000), connect).await.unwrap();
        assert!(*starts.lock().unwrap() >= 2);
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let connect = |_| std::future::pending::<io::Result<()>>();
        let found = addresses(&["10.0.0.1:1"]);
        let (begun, deadline) = (Instant::now(), within(200));
        let tried = race(&found, PACE, deadline, connect).await.unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert!(tried[0].error.is_none());
    }
}
