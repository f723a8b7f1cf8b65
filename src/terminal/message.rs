//! The words between terminal and gateway, the same over HTTP and WebSocket.
//!
//! One set of fields holds any request. An operation takes the fields that are its own; what is
//! left over is an error, so a misspelt field never passes unnoticed.

use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::limits::{
    LINES_MAX, MESSAGE_ID_BYTES_MAX, QUANTITY_MAX, RESERVATION_TTL_S_MAX, STOCK_MAX,
};
use crate::problem::{Code, Problem};
use crate::stock::{Action, Command, Line, OrderId, Quantity, RequestId, Seq, Sku, merge_lines};

/// The mutations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    Deduct,
    Restock,
    Count,
    Rollback,
    Reserve,
    Commit,
    Release,
}

impl Mutation {
    /// The mutation of this name.
    pub fn from_op(op: &str) -> Option<Self> {
        Some(match op {
            "deduct" => Self::Deduct,
            "restock" => Self::Restock,
            "count" => Self::Count,
            "rollback" => Self::Rollback,
            "reserve" => Self::Reserve,
            "commit" => Self::Commit,
            "release" => Self::Release,
            _ => return None,
        })
    }
}

/// An id that a client chose.
#[derive(Clone, Debug)]
pub struct Chosen(RequestId);

impl Chosen {
    /// Takes an id from a header or a path.
    ///
    /// # Errors
    /// Names the place and what is wrong.
    pub fn parse(place: &str, text: &str) -> Result<Self, Problem> {
        let id = RequestId::chosen(text);
        id.map(Self).map_err(|error| Problem::bad_request(format!("{place}: {error}")))
    }
}

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(crate::stock::IdText(RequestId::chosen)).map(Self)
    }
}

/// The id of a deduction or commit.
#[derive(Clone, Debug)]
pub struct Deduction(RequestId);

impl Deduction {
    /// Takes the id of a deduction or commit.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let id = RequestId::of_deduction(text);
        id.map(Self).map_err(|error| Problem::bad_request(format!("of: {error}")))
    }
}

impl<'de> Deserialize<'de> for Deduction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(crate::stock::IdText(RequestId::of_deduction)).map(Self)
    }
}

/// How a client names its message: a text or a number, given back as it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MessageId {
    /// `"id":7`
    Number(serde_json::Number),
    /// `"id":"a"`
    Text(String),
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

impl MessageId {
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self, Self::Text(text) if text.len() > MESSAGE_ID_BYTES_MAX)
    }

    pub(super) fn too_long() -> Problem {
        Problem::bad_request(format!("id: must be at most {MESSAGE_ID_BYTES_MAX} bytes"))
    }
}

macro_rules! fields {
    ($($field:ident: $kind:ty,)*) => {
        /// Every field that a request may have.
        #[derive(Debug, Default)]
        #[expect(missing_docs, reason = "the names are the contract's fields")]
        pub struct Fields {
            $(pub $field: Option<$kind>,)*
            /// The first field that no request has.
            unknown: Option<String>,
            /// Whether `lines` is there without a value: a mistake, not a wish for all lines.
            lines_are_null: bool,
        }

        impl Fields {
            /// A field that has not been taken.
            fn left_over(&self) -> Option<&str> {
                $(if self.$field.is_some() {
                    return Some(stringify!($field));
                })*
                self.unknown.as_deref()
            }
        }

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*key {
                        $(stringify!($field) => {
                            if fields.$field.is_some() {
                                return Err(A::Error::duplicate_field(stringify!($field)));
                            }
                            fields.$field = map.next_value().map_err(|error| {
                                A::Error::custom(format!("{}: {error}", stringify!($field)))
                            })?;
                            fields.lines_are_null |=
                                key == "lines" && fields.$field.is_none();
                        })*
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            fields.unknown.get_or_insert_with(|| key.into_owned());
                        }
                    }
                }
                Ok(fields)
            }
        }
    };
}

struct FieldsVisitor;

fields! {
    id: MessageId,
    op: SmolStr,
    request_id: Chosen,
    order_id: OrderId,
    lines: Vec<LineText>,
    sku: Sku,
    quantity: QuantityText,
    counted: i64,
    of: Deduction,
    reservation: Chosen,
    ttl_s: u64,
    skus: Vec<Sku>,
    prefix: String,
    all: bool,
    since: Seq,
    after: After,
    limit: u64,
    code: String,
    token: String,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A cursor: a SKU in a list, a position in the ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum After {
    /// Behind this ledger position.
    Seq(Seq),
    /// Behind this SKU.
    Sku(String),
}

/// A line as a client writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineText {
    sku: Sku,
    quantity: QuantityText,
}

impl LineText {
    /// So much of one SKU.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn new(sku: Sku, quantity: u64) -> Result<Self, Problem> {
        let units = Quantity::of_line(quantity).map(QuantityText);
        let quantity = units.ok_or_else(|| {
            let wanted = format!("quantity: must be a whole number from 1 to {QUANTITY_MAX}");
            Problem::bad_request(format!("{wanted}, is {quantity}"))
        })?;
        Ok(Self { sku, quantity })
    }
}

/// A quantity within the limits of a line.
#[derive(Debug)]
pub struct QuantityText(Quantity);

impl<'de> Deserialize<'de> for QuantityText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let quantity = number.as_u64().and_then(Quantity::of_line);
        quantity.map(Self).ok_or_else(|| {
            let wanted = format!("must be a whole number from 1 to {QUANTITY_MAX}");
            D::Error::custom(format!("{wanted}, is {number}"))
        })
    }
}

impl Fields {
    /// Reads the fields of a JSON object.
    ///
    /// # Errors
    /// Says where the text is malformed.
    pub fn read(json: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(json)
            .map_err(|error| Problem::bad_request(format!("the JSON cannot be used: {error}")))
    }

    /// Takes the command of a mutation; its fields must be there and no others.
    ///
    /// # Errors
    /// Names the field that is missing, wrong or not of this operation.
    pub fn command(mut self, mutation: Mutation) -> Result<Command, Problem> {
        let action = self.take_action(mutation)?;
        let chosen = self.request_id.take().map(|Chosen(id)| id);
        if let Some(field) = self.left_over() {
            return Err(Problem::bad_request(format!("{field}: this operation has no such field")));
        }
        let default = match &action {
            Action::Commit { reservation, .. } => Some(RequestId::commit_of(reservation)),
            Action::Release { reservation } => Some(RequestId::release_of(reservation)),
            Action::Deduct { .. }
            | Action::Restock { .. }
            | Action::Count { .. }
            | Action::Rollback { .. }
            | Action::Reserve { .. } => None,
        };
        let is_chosen = chosen.is_some();
        match chosen.or(default) {
            Some(request_id) => Ok(Command { request_id, chosen: is_chosen, action }),
            None => Err(missing("request_id")),
        }
    }

    fn take_action(&mut self, mutation: Mutation) -> Result<Action, Problem> {
        Ok(match mutation {
            Mutation::Deduct => {
                Action::Deduct { order_id: self.order_id.take(), lines: self.take_lines()? }
            }
            Mutation::Restock => {
                Action::Restock { order_id: self.order_id.take(), lines: self.take_lines()? }
            }
            Mutation::Count => Action::Count {
                sku: self.sku.take().ok_or_else(|| missing("sku"))?,
                counted: self.take_counted()?,
            },
            Mutation::Rollback => Action::Rollback {
                of: self.of.take().map(|Deduction(id)| id).ok_or_else(|| missing("of"))?,
                lines: self.take_lines_if_any()?,
            },
            Mutation::Reserve => Action::Reserve {
                order_id: self.order_id.take(),
                lines: self.take_lines()?,
                ttl_s: self.take_ttl()?,
            },
            Mutation::Commit => Action::Commit {
                reservation: self.take_reservation()?,
                lines: self.take_lines_if_any()?,
            },
            Mutation::Release => Action::Release { reservation: self.take_reservation()? },
        })
    }

    fn take_lines(&mut self) -> Result<Vec<Line>, Problem> {
        self.take_lines_if_any()?.ok_or_else(|| missing("lines"))
    }

    /// The lines, or the one line written at the top level.
    fn take_lines_if_any(&mut self) -> Result<Option<Vec<Line>>, Problem> {
        let lines = match (self.lines.take(), self.sku.take(), self.quantity.take()) {
            (None, None, None) if self.lines_are_null => {
                return Err(Problem::bad_request("lines: must be a list, is null"));
            }
            (None, None, None) => return Ok(None),
            (Some(lines), None, None) => lines,
            (None, Some(sku), Some(quantity)) => vec![LineText { sku, quantity }],
            (None, Some(_), None) => return Err(missing("quantity")),
            (None, None, Some(_)) => return Err(missing("sku")),
            (Some(_), _, _) => {
                return Err(Problem::bad_request(
                    "lines: give either lines, or sku and quantity for one line",
                ));
            }
        };
        if lines.is_empty() {
            return Err(Problem::bad_request("lines: must not be empty"));
        }
        if lines.len() > LINES_MAX {
            let message = format!("lines: {} are over the limit of {LINES_MAX}", lines.len());
            return Err(Problem::new(Code::TooLarge, message));
        }
        let lines = lines.into_iter().map(|line| Line { sku: line.sku, quantity: line.quantity.0 });
        Ok(Some(merge_lines(lines.collect())))
    }

    fn take_counted(&mut self) -> Result<i64, Problem> {
        let counted = self.counted.take().ok_or_else(|| missing("counted"))?;
        if (0..=STOCK_MAX).contains(&counted) {
            return Ok(counted);
        }
        Err(Problem::bad_request(format!("counted: must be from 0 to {STOCK_MAX}, is {counted}")))
    }

    fn take_ttl(&mut self) -> Result<Option<u64>, Problem> {
        match self.ttl_s.take() {
            Some(ttl_s) if !(1..=RESERVATION_TTL_S_MAX).contains(&ttl_s) => {
                let message = format!("ttl_s: must be from 1 to {RESERVATION_TTL_S_MAX}");
                Err(Problem::bad_request(message))
            }
            ttl_s => Ok(ttl_s),
        }
    }

    fn take_reservation(&mut self) -> Result<RequestId, Problem> {
        self.reservation.take().map(|Chosen(id)| id).ok_or_else(|| missing("reservation"))
    }

    /// Puts the id of the `Idempotency-Key` header in the place of the body's.
    ///
    /// # Errors
    /// If the body has another one.
    pub fn set_request_id(&mut self, Chosen(header): Chosen) -> Result<(), Problem> {
        match &self.request_id {
            Some(Chosen(body)) if *body != header => Err(Problem::bad_request(
                "request_id: differs from the Idempotency-Key header; send one of them",
            )),
            Some(_) | None => {
                self.request_id = Some(Chosen(header));
                Ok(())
            }
        }
    }
}

/// The `id` of a message that could not be used, if it can be found.
pub(crate) fn id_of(json: &str) -> Option<MessageId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: MessageId,
    }
    serde_json::from_str(json).ok().map(|OnlyId { id }| id)
}

/// Says that a field is missing.
pub(super) fn missing(field: &str) -> Problem {
    Problem::bad_request(format!("{field}: is missing"))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
