//! A message from a terminal, and its id.

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::limits::MESSAGE_ID_BYTES_MAX;
use crate::problem::Problem;
use crate::terminal::request::{InvalidRequest, Request};

/// A message that has been read.
#[derive(Debug)]
pub(crate) enum RequestMessage {
    /// The message could not be decoded; its id is given if it could be found.
    Malformed { id: Option<MessageId>, problem: Problem },
    /// The message could be decoded; `id` is `None` if it has none.
    Decoded { id: Option<MessageId>, request: Result<Request, InvalidRequest> },
}

impl RequestMessage {
    /// Notes the last change of the catalogue by which decimal numbers were read.
    pub(in crate::terminal) fn note_catalogue(&mut self, catalogue: u64) {
        if let Self::Decoded { request: Ok(Request::Mutate(command)), .. } = self {
            command.read_by = Some(catalogue);
        }
    }
}

/// The id that a client gives a message: a text or a number. The answer repeats it unchanged.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum MessageId {
    Number(serde_json::Number),
    Text(SmolStr),
}

impl MessageId {
    /// Checks the length of a text.
    ///
    /// # Errors
    /// If it is over [`MESSAGE_ID_BYTES_MAX`] bytes.
    pub(in crate::terminal) fn check_length(&self) -> Result<(), Problem> {
        match self {
            Self::Text(text) if text.len() > MESSAGE_ID_BYTES_MAX => {
                let message = format!("id: must be at most {MESSAGE_ID_BYTES_MAX} bytes");
                Err(Problem::bad_request(message))
            }
            Self::Text(_) | Self::Number(_) => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessageIdVisitor)
    }
}

struct MessageIdVisitor;

impl Visitor<'_> for MessageIdVisitor {
    type Value = MessageId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<MessageId, E> {
        Ok(MessageId::Number(number.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<MessageId, E> {
        Ok(MessageId::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<MessageId, E> {
        let number = serde_json::Number::from_f64(number);
        number.map(MessageId::Number).ok_or_else(|| E::custom("must be a finite number"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MessageId, E> {
        Ok(MessageId::Text(text.into()))
    }
}
