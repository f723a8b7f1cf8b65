//! The limit on wrong tokens from one address: a few are a mistake, many are guessing.
//!
//! An address that has used up its attempts is refused for a while, even with a right token:
//! otherwise the refusals themselves would tell right from wrong. Open sessions continue. This
//! file is pure: the time is an argument.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hashbrown::HashMap;

use super::rate::{Rate, RateLimiter};
use crate::limits::{LOGIN_THROTTLE_ADDRESSES_MAX, WRONG_TOKEN_EVERY, WRONG_TOKENS_MAX};

/// The addresses that have shown wrong tokens lately.
#[derive(Debug)]
pub(in crate::terminal) struct LoginThrottle {
    rate: Rate,
    by_network: HashMap<IpAddr, RateLimiter>,
    /// Shared by all addresses for which the map has no room.
    others: RateLimiter,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        let rate = Rate::new(WRONG_TOKENS_MAX, WRONG_TOKEN_EVERY);
        Self { rate, by_network: HashMap::new(), others: RateLimiter::default() }
    }
}

impl LoginThrottle {
    /// Checks whether a token from this address may be tried now.
    ///
    /// # Errors
    /// How long the address has to wait.
    pub(in crate::terminal) fn check(&self, from: IpAddr, now_us: u64) -> Result<(), Duration> {
        if self.by_network.is_empty() {
            return Ok(());
        }
        self.by_network.get(&network(from)).unwrap_or(&self.others).check(&self.rate, now_us)
    }

    /// Counts a wrong token. Returns whether the address has to wait from now on.
    pub(in crate::terminal) fn record_failure(&mut self, from: IpAddr, now_us: u64) -> bool {
        let from = network(from);
        if self.by_network.len() >= LOGIN_THROTTLE_ADDRESSES_MAX
            && !self.by_network.contains_key(&from)
        {
            self.by_network.retain(|_, limiter| !limiter.is_unused(now_us));
        }
        let has_room = self.by_network.len() < LOGIN_THROTTLE_ADDRESSES_MAX;
        let limiter = match self.by_network.get_mut(&from) {
            Some(limiter) => limiter,
            None if has_room => self.by_network.entry(from).or_default(),
            None => &mut self.others,
        };
        let _ = limiter.acquire(&self.rate, now_us);
        limiter.check(&self.rate, now_us).is_err()
    }
}

/// An IPv6 host usually controls its whole /64 network, so that network counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_and_others_do_not() {
        let (mut throttle, from) = (LoginThrottle::default(), ip("192.0.2.7"));
        let has_to_wait: Vec<bool> =
            (0..WRONG_TOKENS_MAX).map(|_| throttle.record_failure(from, 0)).collect();
        let first = has_to_wait.iter().position(|waits| *waits);
        assert_eq!(first, Some(WRONG_TOKENS_MAX as usize - 1));
        assert_eq!(throttle.check(from, 0), Err(WRONG_TOKEN_EVERY));
        assert_eq!(throttle.check(ip("192.0.2.8"), 0), Ok(()));
        assert_eq!(throttle.check(from, SECOND), Ok(()));
        assert!(throttle.record_failure(from, SECOND), "one a second, no more");
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let mut throttle = LoginThrottle::default();
        for host in 0..WRONG_TOKENS_MAX {
            throttle.record_failure(ip(&format!("2001:db8:0:1::{host:x}")), 0);
        }
        assert!(throttle.check(ip("2001:db8:0:1::ffff"), 0).is_err());
        assert!(throttle.check(ip("2001:db8:0:2::1"), 0).is_ok());
        for _ in 0..WRONG_TOKENS_MAX {
            throttle.record_failure(ip("::ffff:192.0.2.1"), 0);
        }
        assert!(throttle.check(ip("192.0.2.1"), 0).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_addresses_beyond_it_share_one_limit() {
        let mut throttle = LoginThrottle::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let count = u32::try_from(LOGIN_THROTTLE_ADDRESSES_MAX).unwrap() + WRONG_TOKENS_MAX;
        for n in 0..count {
            throttle.record_failure(address(n), 0);
        }
        assert_eq!(throttle.by_network.len(), LOGIN_THROTTLE_ADDRESSES_MAX);
        assert!(throttle.check(address(count + 1), 0).is_err(), "the rest counts together");
        throttle.record_failure(address(count), 2 * SECOND);
        assert_eq!(throttle.by_network.len(), 1, "addresses without recent failures are dropped");
    }
}
