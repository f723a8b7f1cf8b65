//! What is remembered of a decided request: its outcome, refusals too, and what became of it.
//!
//! Records outlive their ledger entries: a duplicate of a request may arrive when the entry has
//! long been pruned, and must still get the first answer and change nothing.

use serde::{Deserialize, Serialize};

use super::command::Fingerprint;
use super::entry::Kind;
use super::types::{Line, OrderId, RequestId, Seq, Sku};

/// How a request was decided.
pub type Outcome = Result<Applied, Refusal>;

/// A mutation that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The ledger position of its last entry.
    pub seq: Seq,
    /// The stock after it, a line per SKU.
    pub lines: Vec<AppliedLine>,
    /// For a reservation: when it will end, in milliseconds since 1970 by the wall clock. For
    /// people only; the reservation really ends by running time.
    pub expires_at_ms: Option<i64>,
}

/// One line of an applied mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedLine {
    /// Of what.
    pub sku: Sku,
    /// How much; for a count, what was counted.
    pub quantity: u64,
    /// On hand afterwards.
    pub on_hand: i64,
    /// Reserved afterwards.
    pub reserved: i64,
    /// The SKU's version afterwards.
    pub version: Seq,
}

/// Why the stock says no. An outcome like any other: the same request gets the same refusal.
///
/// The variants' order is on disk: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Never restocked, granted or named in the catalogue.
    UnknownSku {
        /// Which.
        sku: Sku,
    },
    /// More was asked than is available.
    InsufficientStock {
        /// The first line that fails.
        sku: Sku,
        /// Units asked.
        requested: u64,
        /// Units available.
        available: i64,
    },
    /// Less was counted than is promised to orders.
    BelowReserved {
        /// What was counted.
        sku: Sku,
        /// How much was found.
        counted: i64,
        /// How much is reserved.
        reserved: i64,
    },
    /// More than was deducted, or reserved, is to be undone or committed.
    ExceedsDeduction {
        /// The first line that fails.
        sku: Sku,
        /// Units asked.
        requested: u64,
        /// Units that remain.
        available: u64,
    },
    /// No applied deduction or commit has this request id.
    UnknownRequest {
        /// The id.
        of: RequestId,
    },
    /// No reservation has this id.
    UnknownReservation {
        /// The id.
        reservation: RequestId,
    },
    /// The reservation has ended by itself.
    ReservationExpired {
        /// Its id.
        reservation: RequestId,
    },
    /// The reservation was committed or released by another request.
    ReservationClosed {
        /// Its id.
        reservation: RequestId,
    },
}

/// What is remembered of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Identifies its body.
    pub fingerprint: Fingerprint,
    /// What it asked for.
    pub kind: Kind,
    /// The order it was for; a rollback belongs to the same one.
    pub order_id: Option<OrderId>,
    /// How it was decided.
    pub outcome: Outcome,
    /// Of a deduction: how much of it has been undone.
    pub undone: Vec<Line>,
    /// Of a reservation: how it ended.
    pub closed: Option<Closed>,
}

/// How a reservation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// By this commit.
    Committed(RequestId),
    /// By this release.
    Released(RequestId),
    /// By itself.
    Expired,
}

/// Where records are kept: the database, or a map in tests.
pub trait RequestRecords {
    /// What may go wrong in finding one.
    type Error;

    /// The record of this request, if it was decided.
    ///
    /// # Errors
    /// Whatever keeps the records from being read.
    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, Self::Error>;

    /// Whether only what is remembered of this one request is damaged; in words, why. Other
    /// requests can then be decided.
    fn is_lost(_error: &Self::Error) -> Option<String> {
        None
    }
}
