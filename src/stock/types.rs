//! The ledger's basic types. They are parsed once at the edge and trusted inside.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::limits::{ID_BYTES_MAX, QUANTITY_MAX, REQUEST_ID_BYTES_MAX, STOCK_MAX};

/// The reason why a text is not a valid id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has no characters.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than the limit; its length in bytes of UTF-8.
    #[error("must be at most {ID_BYTES_MAX} bytes, has {0}")]
    TooLong(usize),
    /// The text contains a control character, at this byte.
    #[error("must not contain control characters (found one at byte {0})")]
    Control(usize),
    /// The text begins or ends with white space.
    #[error("must not begin or end with white space")]
    Untrimmed,
}

fn check_id(text: &str, bytes_max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > bytes_max {
        return Err(IdError::TooLong(text.len()));
    }
    // Nearly all ids are printable ASCII, and a start reads many.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(IdError::Control(at)),
        None => Ok(()),
    }
}

fn check_trimmed_id(text: &str, bytes_max: usize) -> Result<(), IdError> {
    check_id(text, bytes_max)?;
    if text.trim().len() == text.len() { Ok(()) } else { Err(IdError::Untrimmed) }
}

/// Parses a text without copying it first.
pub(crate) struct Text<T>(pub(crate) fn(&str) -> Result<T, IdError>);

impl<T> serde::de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr) => {
        id!($(#[$doc])* $name, $bytes_max, check_id);
    };
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Parses a text of valid length without control characters.
            ///
            /// # Errors
            /// If the text is not a valid id.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $check(text, $bytes_max)?;
                Ok(Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(Self::parse))
            }
        }
    };
}

/// An id of 1 to 64 bytes that has no white space at either end.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name, ID_BYTES_MAX, check_trimmed_id);
    };
}

id!(
    /// A stock keeping unit: 1 to 64 bytes of UTF-8. Letter case matters.
    Sku,
    ID_BYTES_MAX
);
id!(
    /// The customer order that a movement belongs to: 1 to 64 bytes of UTF-8.
    OrderId,
    ID_BYTES_MAX
);
id!(
    /// Identifies a request, which is decided once. An id that a client chose has up to 64 bytes
    /// ([`RequestId::chosen`]); one derived from a reservation is longer by its prefix.
    RequestId,
    REQUEST_ID_BYTES_MAX
);

text! {
    /// The name of the token that sent a request.
    Actor
}
text! {
    /// The reason that a client gave for a mutation.
    Reason
}
text! {
    /// The lot of goods, as the maker named it.
    Lot
}
text! {
    /// The serial number of one piece.
    Serial
}

impl RequestId {
    /// Parses an id that a client chose.
    ///
    /// # Errors
    /// If the text is not a valid id.
    pub fn chosen(text: &str) -> Result<Self, IdError> {
        check_id(text, ID_BYTES_MAX)?;
        Self::parse(text)
    }

    /// Parses the id of a deduction: one that a client chose, or the derived one of a commit.
    ///
    /// # Errors
    /// If the text is not a valid id.
    pub fn of_deduction(text: &str) -> Result<Self, IdError> {
        check_id(text.strip_prefix("commit:").unwrap_or(text), ID_BYTES_MAX)?;
        Self::parse(text)
    }

    /// What every id follows. It is no id.
    pub(super) fn first() -> Self {
        Self(SmolStr::default())
    }

    /// The default request id of a commit.
    pub fn commit_of(reservation: &Self) -> Self {
        Self(format_smolstr!("commit:{reservation}"))
    }

    /// The default request id of a release.
    pub fn release_of(reservation: &Self) -> Self {
        Self(format_smolstr!("release:{reservation}"))
    }
}

/// A quantity in units: 1 to 1,000,000,000 in one line of a request, or a sum of such lines. A
/// quantity that is read from disk or wire is at most [`STOCK_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Quantity(u64);

impl TryFrom<u64> for Quantity {
    type Error = &'static str;

    fn try_from(units: u64) -> Result<Self, Self::Error> {
        Self::of_sum(units).ok_or("a quantity is out of range")
    }
}

impl Quantity {
    /// The quantity of one line; `None` outside 1 to 1,000,000,000.
    pub fn of_line(units: u64) -> Option<Self> {
        (1..=QUANTITY_MAX).contains(&units).then_some(Self(units))
    }

    /// The result of a calculation with quantities; `None` outside 1 to [`STOCK_MAX`].
    pub fn of_sum(units: u64) -> Option<Self> {
        (1..=STOCK_MAX.unsigned_abs()).contains(&units).then_some(Self(units))
    }

    /// The quantity as a signed number.
    pub fn units(self) -> i64 {
        i64::try_from(self.0).expect("few lines are summed, of at most 2^53 units each")
    }

    /// The sum with another line of the same SKU.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// Whether a text can name a site, a gateway or a client: 1 to 64 of `A-Z a-z 0-9 . _ -`, none of
/// which has a meaning of its own in an MQTT topic or a broker's access rules.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// A position in a gateway's ledger. The first entry has position 1; 0 is before it.
pub type Seq = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_1_to_64_bytes_without_control_characters() {
        assert!(Sku::parse("85123A").is_ok());
        assert!(Sku::parse("Grün 7/8 \"x\"").is_ok());
        assert!(Sku::parse(&"x".repeat(64)).is_ok());
        assert_eq!(Sku::parse(""), Err(IdError::Empty));
        assert_eq!(Sku::parse(&"é".repeat(33)), Err(IdError::TooLong(66)));
        assert_eq!(Sku::parse("a\u{7f}"), Err(IdError::Control(1)));
        assert_eq!(Sku::parse("a\u{85}"), Err(IdError::Control(1)));
    }

    #[test]
    fn lots_and_reasons_have_no_white_space_at_their_ends() {
        assert!(Lot::parse("LOT 7/8").is_ok());
        for text in [" a", "a ", "\u{a0}a"] {
            assert_eq!(Lot::parse(text), Err(IdError::Untrimmed));
        }
        assert_eq!(Reason::parse(&"x".repeat(65)), Err(IdError::TooLong(65)));
    }

    #[test]
    fn what_is_not_a_text_is_refused_as_an_id_with_the_reason() {
        let error = serde_json::from_str::<Sku>("7").unwrap_err().to_string();
        assert!(error.starts_with("invalid type: integer `7`, expected a text"), "{error}");
    }

    #[test]
    fn derived_request_ids_may_be_longer_than_chosen_ones() {
        let reservation = RequestId::chosen(&"r".repeat(64)).unwrap();
        let derived = RequestId::release_of(&reservation);
        assert_eq!(RequestId::parse(derived.as_str()), Ok(derived.clone()));
        assert_eq!(RequestId::chosen(derived.as_str()), Err(IdError::TooLong(72)));
    }

    #[test]
    fn a_line_has_1_to_1_000_000_000_units() {
        assert_eq!(Quantity::of_line(0), None);
        assert_eq!(Quantity::of_line(1_000_000_001), None);
        assert_eq!(Quantity::of_line(7).map(Quantity::units), Some(7));
    }

    #[test]
    fn a_decoded_quantity_is_at_most_the_stock_limit() {
        let read = |units: u64| postcard::from_bytes::<Quantity>(&postcard::to_stdvec(&units)?);
        assert_eq!(read(STOCK_MAX.unsigned_abs()).map(Quantity::units), Ok(STOCK_MAX));
        for units in [0, STOCK_MAX.unsigned_abs() + 1, u64::MAX] {
            assert!(read(units).is_err(), "{units}");
        }
    }
}
