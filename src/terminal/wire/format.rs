//! The choice between the wire formats of a session.

use tokio_tungstenite::tungstenite::Message;

use super::message::{MessageId, RequestMessage};
use super::{json, postcard};
use crate::engine::sync_status::SyncStatus;
use crate::net::request::DecimalsOf;
use crate::problem::Problem;
use crate::stock::{ListedItem, Origin, Seq};
use crate::terminal::response::{AppliedMutation, RequestResult};

/// How a session's messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum WireFormat {
    Json,
    Postcard,
}

impl WireFormat {
    pub(in crate::terminal) fn read(
        self,
        message: &Message,
        decimals_of: DecimalsOf<'_>,
    ) -> RequestMessage {
        match (self, message) {
            (Self::Json, Message::Text(text)) => json::read_message(text, decimals_of),
            (Self::Postcard, Message::Binary(bytes)) => postcard::read_message(bytes),
            (Self::Json, _) => wrong_frame("send JSON in text messages"),
            (Self::Postcard, _) => wrong_frame("send postcard in binary messages"),
        }
    }

    /// The first message of a session.
    pub(in crate::terminal) fn hello(self, origin: &Origin) -> Message {
        match self {
            Self::Json => json::hello(origin),
            Self::Postcard => postcard::hello(origin),
        }
    }

    /// The answer to a request other than a mutation.
    pub(in crate::terminal) fn result(
        self,
        id: &MessageId,
        result: &RequestResult,
        origin: &Origin,
    ) -> Message {
        match self {
            Self::Json => json::result(id, result, origin),
            Self::Postcard => postcard::result(id, result, origin),
        }
    }

    /// The answer to a mutation that was applied.
    pub(in crate::terminal) fn applied(
        self,
        id: Option<&MessageId>,
        mutation: &AppliedMutation<'_>,
    ) -> Message {
        match self {
            Self::Json => json::applied(id, mutation),
            Self::Postcard => postcard::applied(id, mutation),
        }
    }

    /// The answer to a message that came to an error.
    pub(in crate::terminal) fn error(self, id: Option<&MessageId>, problem: &Problem) -> Message {
        match self {
            Self::Json => json::error(id, problem),
            Self::Postcard => postcard::error(id, problem),
        }
    }

    /// The event that tells items as they are at a position.
    pub(in crate::terminal) fn stock_event<'a>(
        self,
        seq: Seq,
        items: impl IntoIterator<Item = &'a ListedItem>,
    ) -> Message {
        match self {
            Self::Json => json::stock_event(seq, items),
            Self::Postcard => postcard::stock_event(seq, items),
        }
    }

    /// The event that tells the state of the hub link.
    pub(in crate::terminal) fn sync_event(self, status: &SyncStatus) -> Message {
        match self {
            Self::Json => json::sync_event(status),
            Self::Postcard => postcard::sync_event(status),
        }
    }
}

fn wrong_frame(message: &str) -> RequestMessage {
    RequestMessage::Malformed { id: None, problem: Problem::bad_request(message) }
}
