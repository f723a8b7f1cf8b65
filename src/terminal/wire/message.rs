//! A message from a terminal, and its id.

use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
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
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MessageId {
    Number(u64),
    /// Any other number, as it is written: no number of this program says it exactly.
    Written(SmolStr),
    Text(SmolStr),
}

impl MessageId {
    /// Checks the length.
    ///
    /// # Errors
    /// If it is over [`MESSAGE_ID_BYTES_MAX`] bytes.
    pub(in crate::terminal) fn check_length(&self) -> Result<(), Problem> {
        match self {
            Self::Text(text) | Self::Written(text) if text.len() > MESSAGE_ID_BYTES_MAX => {
                let message = format!("id: must be at most {MESSAGE_ID_BYTES_MAX} bytes");
                Err(Problem::bad_request(message))
            }
            Self::Text(_) | Self::Written(_) | Self::Number(_) => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        match json.as_bytes() {
            [b'"', ..] => serde_json::from_str(json).map(Self::Text).map_err(D::Error::custom),
            [b'-' | b'0'..=b'9', ..] => {
                Ok(json.parse().map_or_else(|_| Self::Written(json.into()), Self::Number))
            }
            _ => Err(D::Error::custom("must be a text or a number")),
        }
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Written(number) => {
                let raw = RawValue::from_string(number.to_string()).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        for id in [
            "0",
            "18446744073709551615",
            "12345678901234567890123",
            "-0",
            "-7",
            "1.50",
            "1e3",
            r#""""#,
            r#""x-7""#,
        ] {
            let read: MessageId = serde_json::from_str(id).unwrap();
            let written = serde_json::to_string(&Some(&read)).unwrap();
            assert_eq!(written, id);
        }
        for other in ["true", "{}", "[1]", "null"] {
            assert!(serde_json::from_str::<MessageId>(other).is_err(), "{other}");
        }
    }
}
