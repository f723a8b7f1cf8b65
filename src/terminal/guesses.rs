//! Wrong tokens, by where they come from: a few are a mistake, many are somebody who guesses.
//!
//! An address that has used up its guesses is not listened to for a while, whatever it shows: a
//! right token among thousands of wrong ones tells as much as one that was waited for. Sessions
//! that are open go on. Pure: the time is an argument.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hashbrown::HashMap;

use super::rate::{Meter, Rate};
use crate::limits::{GUESS_EVERY, GUESSERS_MAX, GUESSES};

/// Who has shown wrong tokens lately.
#[derive(Debug)]
pub(super) struct Guesses {
    rate: Rate,
    by_network: HashMap<IpAddr, Meter>,
    /// Those for whom there is no room.
    others: Meter,
}

impl Default for Guesses {
    fn default() -> Self {
        let rate = Rate::new(GUESSES, GUESS_EVERY);
        Self { rate, by_network: HashMap::new(), others: Meter::default() }
    }
}

impl Guesses {
    /// Whether a token from here is to be looked at.
    ///
    /// # Errors
    /// How long it is not.
    pub(super) fn wait(&self, from: IpAddr, now_us: u64) -> Result<(), Duration> {
        if self.by_network.is_empty() {
            return Ok(());
        }
        self.by_network.get(&network(from)).unwrap_or(&self.others).wait(&self.rate, now_us)
    }

    /// Counts a wrong token; returns whether it was the last that is looked at for now.
    pub(super) fn count(&mut self, from: IpAddr, now_us: u64) -> bool {
        let from = network(from);
        if self.by_network.len() >= GUESSERS_MAX && !self.by_network.contains_key(&from) {
            self.by_network.retain(|_, meter| !meter.is_fresh(now_us));
        }
        let has_room = self.by_network.len() < GUESSERS_MAX;
        let meter = match self.by_network.get_mut(&from) {
            Some(meter) => meter,
            None if has_room => self.by_network.entry(from).or_default(),
            None => &mut self.others,
        };
        let _ = meter.take(&self.rate, now_us);
        meter.wait(&self.rate, now_us).is_err()
    }
}

/// Whoever has one address of version 6 has all of its network.
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
    fn whoever_guesses_is_not_listened_to_for_a_while_and_nobody_else_suffers() {
        let (mut guesses, from) = (Guesses::default(), ip("192.0.2.7"));
        let last = (0..GUESSES).map(|_| guesses.count(from, 0)).collect::<Vec<_>>();
        assert_eq!(last.iter().position(|last| *last), Some(GUESSES as usize - 1));
        assert_eq!(guesses.wait(from, 0), Err(GUESS_EVERY));
        assert_eq!(guesses.wait(ip("192.0.2.8"), 0), Ok(()));
        assert_eq!(guesses.wait(from, SECOND), Ok(()));
        assert!(guesses.count(from, SECOND), "one a second, no more");
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let mut guesses = Guesses::default();
        for host in 0..GUESSES {
            guesses.count(ip(&format!("2001:db8:0:1::{host:x}")), 0);
        }
        assert!(guesses.wait(ip("2001:db8:0:1::ffff"), 0).is_err());
        assert!(guesses.wait(ip("2001:db8:0:2::1"), 0).is_ok());
        for _ in 0..GUESSES {
            guesses.count(ip("::ffff:192.0.2.1"), 0);
        }
        assert!(guesses.wait(ip("192.0.2.1"), 0).is_err());
    }

    #[test]
    fn a_crowd_fills_no_memory_and_is_still_bounded() {
        let mut guesses = Guesses::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let crowd = u32::try_from(GUESSERS_MAX).unwrap() + GUESSES;
        for n in 0..crowd {
            guesses.count(address(n), 0);
        }
        assert_eq!(guesses.by_network.len(), GUESSERS_MAX);
        assert!(guesses.wait(address(crowd + 1), 0).is_err(), "the rest counts together");
        guesses.count(address(crowd), 2 * SECOND);
        assert_eq!(guesses.by_network.len(), 1, "who has not guessed lately is forgotten");
    }
}
