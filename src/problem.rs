//! The one shape of an error, the same over HTTP, WebSocket and in the hub's interface: a code for
//! programs and a message for people.
//!
//! This file is pure: what turns a problem into a response is in [`crate::net::http`], and a part
//! whose errors become problems has the conversion beside them.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use crate::clock::rfc3339;
use crate::limits::{RESERVATIONS_MAX, RESERVED_LINES_MAX, STOCK_MAX};
use crate::stock::{Amount, Decimals, EndedBy, Ending, Refusal, RequestId, Sku, Undecided};

/// The contract's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    UnknownSku,
    UnknownRequest,
    UnknownReservation,
    InsufficientStock,
    BelowReserved,
    ExceedsDeduction,
    ReservationExpired,
    ReservationClosed,
    TooLarge,
    GatewayClosed,
    IdempotencyConflict,
    Overloaded,
    Throttled,
    UnsupportedMediaType,
    StorageUnavailable,
    BadCode,
    UnknownCode,
    WouldDrop,
    #[cfg(feature = "hub")]
    Gone,
}

impl Code {
    /// All codes, each at the index that is its number.
    pub const ALL: [Self; 23 + cfg!(feature = "hub") as usize] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownSku,
        Self::UnknownRequest,
        Self::UnknownReservation,
        Self::InsufficientStock,
        Self::BelowReserved,
        Self::ExceedsDeduction,
        Self::ReservationExpired,
        Self::ReservationClosed,
        Self::TooLarge,
        Self::GatewayClosed,
        Self::IdempotencyConflict,
        Self::Overloaded,
        Self::Throttled,
        Self::UnsupportedMediaType,
        Self::StorageUnavailable,
        Self::BadCode,
        Self::UnknownCode,
        Self::WouldDrop,
        #[cfg(feature = "hub")]
        Self::Gone,
    ];

    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnknownSku => "unknown_sku",
            Self::UnknownRequest => "unknown_request",
            Self::UnknownReservation => "unknown_reservation",
            Self::InsufficientStock => "insufficient_stock",
            Self::BelowReserved => "below_reserved",
            Self::ExceedsDeduction => "exceeds_deduction",
            Self::ReservationExpired => "reservation_expired",
            Self::ReservationClosed => "reservation_closed",
            Self::TooLarge => "too_large",
            Self::GatewayClosed => "gateway_closed",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::Overloaded => "overloaded",
            Self::Throttled => "throttled",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::StorageUnavailable => "storage_unavailable",
            Self::BadCode => "bad_code",
            Self::UnknownCode => "unknown_code",
            Self::WouldDrop => "would_drop",
            #[cfg(feature = "hub")]
            Self::Gone => "gone",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What went wrong, for programs.
    pub code: Code,
    /// What went wrong, where, and what to do next, for people.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<Box<str>>,
    /// Units the request asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<Box<Amount>>,
    /// Units that were available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Box<Amount>>,
    /// The GTIN in a code under which nothing is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<Box<str>>,
    /// The form of such a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// Seconds after which the request may be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// How many listings a catalogue would drop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<NonZeroU32>,
    #[cfg(feature = "hub")]
    #[serde(flatten)]
    pub central: Option<Box<Central>>,
    /// Whether this is the replay of an earlier outcome.
    pub replayed: bool,
}

/// What only the hub says of a problem.
#[cfg(feature = "hub")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Central {
    /// Units that gateways have to spare which are online, as far as the books know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere_online: Option<Amount>,
    /// The same at gateways that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere_offline: Option<Amount>,
    /// The place before the first event that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

impl Problem {
    /// A problem without SKU and quantities.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            sku: None,
            requested: None,
            available: None,
            gtin: None,
            format: None,
            retry_after_s: None,
            count: None,
            #[cfg(feature = "hub")]
            central: None,
            replayed: false,
        }
    }

    /// `gone`: events are not kept any more; those after `first` are.
    #[cfg(feature = "hub")]
    pub fn gone(first: impl ToString, message: impl Into<String>) -> Self {
        let central = Central { first: Some(first.to_string()), ..Central::default() };
        Self { central: Some(Box::new(central)), ..Self::new(Code::Gone, message) }
    }

    /// `storage_unavailable`: the stock of a SKU was lost to damage of the database.
    pub fn stock_lost(sku: &Sku) -> Self {
        let message = format!(
            "nothing was applied: the stock of SKU {sku} was lost to damage of the database, other SKUs are served; run `stockgate doctor`, it says how to bring the database back"
        );
        Self::new(Code::StorageUnavailable, message).about(sku, None, None)
    }

    /// `bad_request`: the input is malformed or impossible.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// `unknown_code`: nothing is listed under a sound code of this form.
    pub fn unknown_code(
        format: &'static str,
        gtin: Option<String>,
        message: impl Into<String>,
    ) -> Self {
        let gtin = gtin.map(Into::into);
        Self { gtin, format: Some(format), ..Self::new(Code::UnknownCode, message) }
    }

    /// The same with the SKU that may have been meant.
    #[must_use]
    pub fn near(self, sku: &Sku) -> Self {
        self.about(sku, None, None)
    }

    /// `would_drop`: a catalogue lacks so many of the listings that it may be the wrong file.
    pub fn would_drop(count: usize, message: impl Into<String>) -> Self {
        let count = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX));
        Self { count, ..Self::new(Code::WouldDrop, message) }
    }

    /// `overloaded`: the client has to wait this long.
    pub fn overloaded_for(wait: Duration, message: impl Into<String>) -> Self {
        Self::new(Code::Overloaded, message).retry_after(wait)
    }

    /// `throttled`: too many wrong tokens; another one may be shown after this long.
    pub fn throttled_for(wait: Duration, message: impl Into<String>) -> Self {
        Self::new(Code::Throttled, message).retry_after(wait)
    }

    fn retry_after(self, wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        Self { retry_after_s: Some(seconds.max(1)), ..self }
    }

    /// A refusal by the stock rules, or its replay. `decimals_of` says how the figures of its SKU are
    /// written.
    pub fn refused(
        refusal: &Refusal,
        replayed: bool,
        decimals_of: impl FnOnce(&Sku) -> Decimals,
    ) -> Self {
        let decimals = refusal.sku().map(decimals_of).unwrap_or_default();
        Self { replayed, ..Self::of_refusal(refusal, decimals) }
    }

    fn about(
        self,
        sku: impl ToString,
        requested: Option<Amount>,
        available: Option<Amount>,
    ) -> Self {
        let (requested, available) = (requested.map(Box::new), available.map(Box::new));
        Self { sku: Some(sku.to_string().into()), requested, available, ..self }
    }
}

impl Problem {
    fn of_refusal(refusal: &Refusal, decimals: Decimals) -> Self {
        let amount = |units: i64| Amount::new(units, decimals);
        match refusal {
            Refusal::UnknownSku { sku } => {
                let message = format!("SKU {sku} is not known here; restock it first");
                Self::new(Code::UnknownSku, message).about(sku, None, None)
            }
            Refusal::InsufficientStock { sku, requested, available } => {
                let (requested, available) = (Amount::of(*requested, decimals), amount(*available));
                let message = format!("SKU {sku}: {requested} requested, {available} available");
                let problem = Self::new(Code::InsufficientStock, message);
                problem.about(sku, Some(requested), Some(available))
            }
            Refusal::BelowReserved { sku, counted, reserved } => {
                let (counted, reserved) = (amount(*counted), amount(*reserved));
                let message = format!(
                    "SKU {sku}: {counted} counted, but {reserved} are reserved; release reservations first"
                );
                let problem = Self::new(Code::BelowReserved, message);
                problem.about(sku, Some(counted), None)
            }
            Refusal::ExceedsDeduction { sku, requested, available } => {
                let of = |units: u64| Amount::of(units, decimals);
                let (requested, available) = (of(*requested), of(*available));
                let message = format!(
                    "SKU {sku}: {requested} requested, and {available} are left of what the named request or reservation moved; ask for no more than that"
                );
                let problem = Self::new(Code::ExceedsDeduction, message);
                problem.about(sku, Some(requested), Some(available))
            }
            Refusal::UnknownRequest { of } => {
                let message = format!(
                    "no applied deduction, commit, restock or count of one SKU has the request id {of}; look it up in the ledger"
                );
                Self::new(Code::UnknownRequest, message)
            }
            Refusal::UnknownReservation { reservation } => {
                let message = format!("there is no reservation {reservation}");
                Self::new(Code::UnknownReservation, message)
            }
            Refusal::ReservationExpired { reservation } => {
                let message = format!("reservation {reservation} has expired; reserve again");
                Self::new(Code::ReservationExpired, message)
            }
            Refusal::ReservationClosed { reservation } => {
                let message = format!("reservation {reservation} is committed or released already");
                Self::new(Code::ReservationClosed, message)
            }
            Refusal::ReservationEnded { reservation, ending } => {
                Self::new(Code::ReservationClosed, ended(reservation, ending))
            }
            Refusal::HasStock { sku, on_hand } => {
                let on_hand = amount(*on_hand);
                let message = format!(
                    "SKU {sku} has stock: {on_hand} on hand; merge it, or count it to 0 first"
                );
                Self::new(Code::WouldDrop, message).about(sku, None, None)
            }
            Refusal::IsListed { sku } => {
                let message =
                    format!("SKU {sku} is listed; take it out of the catalogue at the hub first");
                Self::new(Code::WouldDrop, message).about(sku, None, None)
            }
        }
    }
}

/// Says how a reservation was ended, when and by whom.
fn ended(reservation: &RequestId, ending: &Ending) -> String {
    let how = match ending.by {
        EndedBy::Commit => "committed",
        EndedBy::Release => "released",
    };
    let at = ending.at_ms.map(|at_ms| format!(" at {}", rfc3339(at_ms))).unwrap_or_default();
    let by = ending.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    let request_id = &ending.request_id;
    format!("reservation {reservation} was {how}{at}{by}, with the request id {request_id}")
}

impl From<Undecided> for Problem {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::IdempotencyConflict { request_id, kind } => Self::new(
                Code::IdempotencyConflict,
                format!(
                    "request id {request_id} belongs to an earlier {} with another body; take a new request id",
                    kind.as_str()
                ),
            ),
            Undecided::StockTooLarge { sku } => {
                let message = format!("SKU {sku}: the stock would exceed {STOCK_MAX} units");
                Self::bad_request(message).about(sku, None, None)
            }
            Undecided::ReservationsFull => Self::new(
                Code::Overloaded,
                format!("{RESERVATIONS_MAX} reservations are open; release some, then retry"),
            ),
            Undecided::ReservedLinesFull => Self::new(
                Code::Overloaded,
                format!(
                    "open reservations have {RESERVED_LINES_MAX} lines at most, where one with a lot, serial or date counts as two or more; these would be more: release some, then retry"
                ),
            ),
            Undecided::DecimalsChanged { sku } => Self::new(
                Code::Overloaded,
                format!(
                    "SKU {sku}: the catalogue has just changed, and its decimals may have; retry, nothing was applied"
                ),
            ),
            Undecided::Impossible { sku, why } => {
                Self::bad_request(format!("SKU {sku} {why}")).about(sku, None, None)
            }
            Undecided::StockLost { sku } => Self::stock_lost(&sku),
            Undecided::RecordLost { why } => Self::new(
                Code::StorageUnavailable,
                format!(
                    "nothing was applied: whether this was decided before cannot be read ({why}); other requests are decided, a new attempt takes a new request id, once it is sure that the first was not applied"
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_rollback_or_commit_is_told_with_what_is_left() {
        let sku = Sku::parse("A").unwrap();
        let refusal = Refusal::ExceedsDeduction { sku, requested: 6, available: 4 };
        let problem = Problem::refused(&refusal, false, |_| Decimals::default());
        assert_eq!(
            problem.message,
            "SKU A: 6 requested, and 4 are left of what the named request or reservation moved; ask for no more than that"
        );
    }

    #[test]
    fn each_code_has_the_index_that_is_its_number() {
        assert!(Code::ALL.into_iter().enumerate().all(|(at, code)| code as usize == at));
        #[cfg(feature = "hub")]
        let last = Code::Gone;
        #[cfg(not(feature = "hub"))]
        let last = Code::WouldDrop;
        assert_eq!(last as usize + 1, Code::ALL.len(), "the last one");
    }
}
