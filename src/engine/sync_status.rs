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
