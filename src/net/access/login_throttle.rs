//! The limit on wrong tokens: a few are a mistake, many are guessing.
//!
//! Different wrong tokens are counted by the address they come from. The same one again is counted
//! by the token instead: a device that goes on with an old token spends nothing but its own
//! attempts. Known tokens are not counted at all, so a limit slows down the answers to wrong tokens
//! and does not keep anybody from guessing; the length of a token does. This file is pure: the
//! time is an argument.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hashbrown::HashMap;

use super::rate::{Rate, RateLimiter};
use super::token::SecretHash;
use crate::limits::{
    LOGIN_THROTTLE_ADDRESSES_MAX, LOGIN_THROTTLE_TOKENS_MAX, WRONG_TOKEN_EVERY, WRONG_TOKENS_MAX,
};

/// The wrong tokens that were shown lately, and the addresses that they came from.
#[derive(Debug)]
pub struct LoginThrottle {
    by_network: Limiters<IpAddr>,
    by_token: Limiters<SecretHash>,
    /// Shared by all addresses for which the map has no room.
    others: RateLimiter,
}

/// What is made of a wrong token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrongToken {
    Counted,
    /// Its address has to wait from now on.
    CountedAsLast,
    /// Too many different ones came from its address.
    AddressHasToWait(Duration),
    /// The same one was shown too often.
    RepeatHasToWait(Duration),
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self {
            by_network: Limiters::new(LOGIN_THROTTLE_ADDRESSES_MAX),
            by_token: Limiters::new(LOGIN_THROTTLE_TOKENS_MAX),
            others: RateLimiter::default(),
        }
    }
}

impl LoginThrottle {
    /// Counts a wrong token.
    pub(super) fn count(&mut self, from: IpAddr, shown: &SecretHash, now_us: u64) -> WrongToken {
        let rate = self.by_token.rate;
        if let Some(limiter) = self.by_token.known(shown, now_us) {
            return match limiter.acquire(&rate, now_us) {
                Ok(()) => WrongToken::Counted,
                Err(wait) => WrongToken::RepeatHasToWait(wait),
            };
        }
        let rate = self.by_network.rate;
        let limiter = self.by_network.entry(network(from), now_us).unwrap_or(&mut self.others);
        if let Err(wait) = limiter.acquire(&rate, now_us) {
            return WrongToken::AddressHasToWait(wait);
        }
        let is_last = limiter.check(&rate, now_us).is_err();
        // Where there is no room, the token counts as another one the next time.
        let rate = self.by_token.rate;
        if let Some(limiter) = self.by_token.entry(*shown, now_us) {
            let _ = limiter.acquire(&rate, now_us);
        }
        if is_last { WrongToken::CountedAsLast } else { WrongToken::Counted }
    }
}

/// Rate limiters of one rate by key, at most so many of them.
#[derive(Debug)]
struct Limiters<K> {
    rate: Rate,
    limiters: HashMap<K, RateLimiter>,
    limiters_max: usize,
}

impl<K: Hash + Eq> Limiters<K> {
    fn new(limiters_max: usize) -> Self {
        let rate = Rate::new(WRONG_TOKENS_MAX, WRONG_TOKEN_EVERY);
        Self { rate, limiters: HashMap::new(), limiters_max }
    }

    /// The limiter of a key that was counted lately.
    fn known(&mut self, key: &K, now_us: u64) -> Option<&mut RateLimiter> {
        self.limiters.get_mut(key).filter(|limiter| !limiter.is_unused(now_us))
    }

    /// The limiter of a key; `None` if there is no room for another one.
    fn entry(&mut self, key: K, now_us: u64) -> Option<&mut RateLimiter> {
        if self.limiters.len() >= self.limiters_max && !self.limiters.contains_key(&key) {
            self.limiters.retain(|_, limiter| !limiter.is_unused(now_us));
        }
        let has_room = self.limiters.len() < self.limiters_max;
        match self.limiters.contains_key(&key) || has_room {
            true => Some(self.limiters.entry(key).or_default()),
            false => None,
        }
    }
}

/// An IPv6 host usually controls its whole /64 network, so that network counts as one address.
pub(in crate::net) fn network(address: IpAddr) -> IpAddr {
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

    /// Shows different wrong tokens, and returns what was made of them.
    fn guess(
        throttle: &mut LoginThrottle,
        from: &str,
        tokens: std::ops::Range<u32>,
        now_us: u64,
    ) -> Vec<WrongToken> {
        let hash = |n: u32| SecretHash::of(&format!("{from} {n}"));
        tokens.map(|n| throttle.count(ip(from), &hash(n), now_us)).collect()
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_and_others_do_not() {
        let mut throttle = LoginThrottle::default();
        let made = guess(&mut throttle, "192.0.2.7", 0..WRONG_TOKENS_MAX + 1, 0);
        let last = WRONG_TOKENS_MAX as usize - 1;
        assert!(made[..last].iter().all(|made| *made == WrongToken::Counted));
        let then = [WrongToken::CountedAsLast, WrongToken::AddressHasToWait(WRONG_TOKEN_EVERY)];
        assert_eq!(made[last..], then);
        assert_eq!(guess(&mut throttle, "192.0.2.8", 0..1, 0), [WrongToken::Counted]);
        let later = guess(&mut throttle, "192.0.2.7", 1_000..1_002, SECOND);
        assert_eq!(later, then, "one a second, no more");
    }

    #[test]
    fn the_same_wrong_token_again_and_again_costs_its_address_one_attempt() {
        let (mut throttle, from, old) =
            (LoginThrottle::default(), ip("192.0.2.7"), SecretHash::of("an old token"));
        let mut made = Vec::new();
        for n in 0..60 * 80 {
            made.push(throttle.count(from, &old, n * SECOND / 80));
        }
        let counted = made.iter().filter(|made| **made == WrongToken::Counted).count();
        assert!((60..=60 + WRONG_TOKENS_MAX as usize).contains(&counted), "{counted}");
        assert!(!made.iter().any(|made| matches!(made, WrongToken::AddressHasToWait(_))));
        let other = guess(&mut throttle, "192.0.2.7", 0..WRONG_TOKENS_MAX - 1, 60 * SECOND);
        assert!(other.iter().all(|made| *made == WrongToken::Counted), "{other:?}");
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let mut throttle = LoginThrottle::default();
        for host in 0..WRONG_TOKENS_MAX {
            guess(&mut throttle, &format!("2001:db8:0:1::{host:x}"), 0..1, 0);
            guess(&mut throttle, "::ffff:192.0.2.1", host..host + 1, 0);
        }
        for (from, waits) in [("2001:db8:0:1::ffff", true), ("2001:db8:0:2::1", false)] {
            let made = guess(&mut throttle, from, 0..1, 0)[0];
            assert_eq!(matches!(made, WrongToken::AddressHasToWait(_)), waits, "{from}");
        }
        let made = guess(&mut throttle, "192.0.2.1", 0..1, 0)[0];
        assert!(matches!(made, WrongToken::AddressHasToWait(_)), "{made:?}");
    }

    #[test]
    fn memory_is_bounded_and_the_addresses_beyond_it_share_one_limit() {
        let mut throttle = LoginThrottle::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let count = u32::try_from(LOGIN_THROTTLE_ADDRESSES_MAX).unwrap() + WRONG_TOKENS_MAX;
        let mut show = |n: u32, now_us| {
            let made = throttle.count(address(n), &SecretHash::of(&n.to_string()), now_us);
            (made, throttle.by_network.limiters.len(), throttle.by_token.limiters.len())
        };
        let most = (LOGIN_THROTTLE_ADDRESSES_MAX, LOGIN_THROTTLE_TOKENS_MAX);
        for n in 0..count {
            let (_, addresses, tokens) = show(n, 0);
            assert!(addresses <= most.0 && tokens <= most.1, "{addresses} {tokens}");
        }
        let (made, ..) = show(count + 1, 0);
        assert!(matches!(made, WrongToken::AddressHasToWait(_)), "the rest counts together");
        let (_, addresses, tokens) = show(count, 2 * SECOND);
        assert_eq!((addresses, tokens), (1, 1), "those without recent failures are dropped");
    }
}
