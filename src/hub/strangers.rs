//! Gateways that are not enrolled, where only enrolled ones are taken. Their frames change nothing.
//!
//! Who has sent is in memory only: a device that nobody knows must not be able to fill the books.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::rfc3339;
use crate::limits::STRANGERS_MAX;
use crate::protocol::frame::Frame;
use crate::protocol::topic::GatewayId;

/// The strangers that have sent to this process.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// Whether their frames are left aside.
    are_refused: bool,
    seen: Mutex<BTreeMap<GatewayId, Stranger>>,
}

#[derive(Clone, Debug)]
struct Stranger {
    epoch: Uuid,
    software: Option<String>,
    first_seen_ms: i64,
    last_seen_ms: i64,
    frames: u64,
}

/// A stranger, for people.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct StrangerJson {
    site: String,
    gateway: String,
    epoch: Uuid,
    version: Option<String>,
    frames: u64,
    first_seen: String,
    last_seen: String,
}

impl Strangers {
    /// Refuses frames of gateways that are not enrolled.
    pub(super) fn refused() -> Self {
        Self { are_refused: true, ..Self::default() }
    }

    pub(super) fn are_refused(&self) -> bool {
        self.are_refused
    }

    /// Remembers that a stranger has sent. If there are too many, the one that has been silent for
    /// the longest time is forgotten.
    pub(super) fn record(&self, gateway: &GatewayId, frame: &Frame, now_ms: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= STRANGERS_MAX && !seen.contains_key(gateway) {
            let silent = seen.iter().min_by_key(|(_, stranger)| stranger.last_seen_ms);
            if let Some(silent) = silent.map(|(gateway, _)| gateway.clone()) {
                seen.remove(&silent);
            }
        }
        let stranger = seen.entry(gateway.clone()).or_insert_with(|| Stranger {
            epoch: frame.epoch(),
            software: None,
            first_seen_ms: now_ms,
            last_seen_ms: now_ms,
            frames: 0,
        });
        stranger.epoch = frame.epoch();
        stranger.last_seen_ms = now_ms;
        stranger.frames += 1;
        if let Frame::Hello(hello) = frame {
            stranger.software = Some(hello.software.clone());
        }
    }

    /// Forgets a gateway that was enrolled; returns the epoch of its database if it has sent.
    pub(super) fn forget(&self, gateway: &GatewayId) -> Option<Uuid> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(gateway).map(|stranger| stranger.epoch)
    }

    /// All that have sent, by site and name.
    pub(super) fn list(&self) -> Vec<StrangerJson> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let json = |(gateway, stranger): (&GatewayId, &Stranger)| StrangerJson {
            site: gateway.site.clone(),
            gateway: gateway.gateway.clone(),
            epoch: stranger.epoch,
            version: stranger.software.clone(),
            frames: stranger.frames,
            first_seen: rfc3339(stranger.first_seen_ms),
            last_seen: rfc3339(stranger.last_seen_ms),
        };
        seen.iter().map(json).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::TakenUpTo;
    use crate::stock::Taken;

    #[test]
    fn strangers_take_a_bounded_place() {
        let strangers = Strangers::refused();
        let frame = Frame::Taken(TakenUpTo { epoch: Uuid::nil().into(), taken: Taken::default() });
        let named = |n: usize| GatewayId { site: "wh".into(), gateway: format!("gw-{n}") };
        for n in 0..=STRANGERS_MAX {
            strangers.record(&named(n), &frame, n as i64);
        }
        strangers.record(&named(1), &frame, 7);
        let list = strangers.list();
        assert_eq!(list.len(), STRANGERS_MAX);
        assert!(!list.iter().any(|stranger| stranger.gateway == "gw-0"), "the most silent one");
        assert_eq!(strangers.forget(&named(1)), Some(Uuid::nil()));
        assert_eq!(strangers.list().len(), STRANGERS_MAX - 1);
    }
}
