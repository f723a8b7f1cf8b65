//! What the gateway knows of its hub: the state of the link, and the contract's `sync` object.

use serde::Serialize;
use uuid::Uuid;

use crate::stock::Seq;

/// The state of the link to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// The configuration names no broker.
    Disabled,
    /// The hub does not answer; the text says why.
    Offline(String),
    /// The hub itself has answered, not only the broker.
    Online,
    /// Likewise, and large frames do not arrive; the text says so.
    Limited(String),
}

/// The contract's `sync` object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncStatus {
    /// `disabled`, `offline` or `online`.
    pub state: &'static str,
    /// Why the link is not online, or what hampers it, in plain words; or which other hub speaks on
    /// the broker.
    pub reason: Option<String>,
    /// The hub's books that the gateway belongs to.
    pub books: Option<Uuid>,
    /// The position up to which the hub has committed the ledger.
    pub acked_seq: Seq,
    /// How many entries come after that position.
    pub pending: u64,
    /// The age of the oldest of them, in seconds.
    pub oldest_pending_s: u64,
}

impl SyncStatus {
    /// Whether it says something else, but for the age of what waits, which rises by itself.
    pub fn differs(&self, other: &Self) -> bool {
        let said = |status: &Self| {
            let Self { state, books, acked_seq, pending, reason: _, oldest_pending_s: _ } = *status;
            (state, books, acked_seq, pending)
        };
        said(self) != said(other) || self.reason != other.reason
    }
}

impl LinkState {
    pub(super) fn is_online(&self) -> bool {
        matches!(self, Self::Online | Self::Limited(_))
    }

    /// The contract's name of this state, and the reason why it is not online or hampered.
    pub(super) fn described(&self) -> (&'static str, Option<String>) {
        match self {
            Self::Disabled => ("disabled", Some("no [mqtt] section is configured".into())),
            Self::Offline(reason) => ("offline", Some(reason.clone())),
            Self::Online => ("online", None),
            Self::Limited(reason) => ("online", Some(reason.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_what_waits_gets_older_is_no_difference() {
        let (state, reason) = LinkState::Offline("no broker".into()).described();
        let status = SyncStatus {
            state,
            reason,
            books: None,
            acked_seq: 3,
            pending: 2,
            oldest_pending_s: 5,
        };
        assert!(!status.differs(&SyncStatus { oldest_pending_s: 6, ..status.clone() }));
        for other in [
            SyncStatus { state: "online", ..status.clone() },
            SyncStatus { reason: None, ..status.clone() },
            SyncStatus { books: Some(Uuid::nil()), ..status.clone() },
            SyncStatus { acked_seq: 4, ..status.clone() },
            SyncStatus { pending: 1, ..status.clone() },
        ] {
            assert!(status.differs(&other), "{other:?}");
        }
    }
}
