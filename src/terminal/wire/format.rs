//! The choice between the wire formats of a session.

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;

use super::frames::{EncodedFrame, append_frame, encode_frame};
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
    pub(in crate::terminal) fn hello(self, origin: &Origin) -> EncodedFrame {
        match self {
            Self::Json => self.encode(json::hello(origin)),
            Self::Postcard => self.encode(postcard::hello(origin)),
        }
    }

    /// The answer to a request other than a mutation.
    pub(in crate::terminal) fn result(
        self,
        id: &MessageId,
        result: &RequestResult,
        origin: &Origin,
    ) -> EncodedFrame {
        match self {
            Self::Json => self.encode(json::result(id, result, origin)),
            Self::Postcard => self.encode(postcard::result(id, result, origin)),
        }
    }

    /// Appends the answer to a mutation that was applied.
    pub(in crate::terminal) fn append_applied(
        self,
        frames: &mut Vec<u8>,
        id: Option<&MessageId>,
        mutation: &AppliedMutation<'_>,
    ) {
        append_frame(frames, self.data(), |message| match self {
            Self::Json => json::write_applied(message, id, mutation),
            Self::Postcard => postcard::write_applied(message, id, mutation),
        });
    }

    /// Appends the answer to a message that came to an error.
    pub(in crate::terminal) fn append_error(
        self,
        frames: &mut Vec<u8>,
        id: Option<&MessageId>,
        problem: &Problem,
    ) {
        append_frame(frames, self.data(), |message| match self {
            Self::Json => json::write_error(message, id, problem),
            Self::Postcard => postcard::write_error(message, id, problem),
        });
    }

    /// The event that tells items as they are at a position.
    pub(in crate::terminal) fn stock_event<'a>(
        self,
        seq: Seq,
        items: impl IntoIterator<Item = &'a ListedItem>,
    ) -> EncodedFrame {
        match self {
            Self::Json => self.encode(json::stock_event(seq, items)),
            Self::Postcard => self.encode(postcard::stock_event(seq, items)),
        }
    }

    /// The event that tells the state of the hub link.
    pub(in crate::terminal) fn sync_event(self, status: &SyncStatus) -> EncodedFrame {
        match self {
            Self::Json => self.encode(json::sync_event(status)),
            Self::Postcard => self.encode(postcard::sync_event(status)),
        }
    }

    fn encode(self, message: impl AsRef<[u8]>) -> EncodedFrame {
        encode_frame(self.data(), message.as_ref())
    }

    /// What the frames of this format hold.
    fn data(self) -> Data {
        match self {
            Self::Json => Data::Text,
            Self::Postcard => Data::Binary,
        }
    }
}

fn wrong_frame(message: &str) -> RequestMessage {
    RequestMessage::Malformed { id: None, problem: Problem::bad_request(message) }
}
