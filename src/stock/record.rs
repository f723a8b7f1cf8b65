//! The record of a decided request: its outcome, refusals included, and what happened to it later.
//!
//! Records outlive ledger entries: a duplicate of a request may arrive after its entries were
//! pruned. It must still get the first answer and change nothing.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::command::Fingerprint;
use super::line::Line;
use super::request_kind::RequestKind;
use super::reservation_state::{Ending, ReservationState};
use super::trace::OptionalTrace;
use super::types::{OrderId, RequestId, Seq, Sku};

/// The outcome of a request.
pub type Outcome = Result<Applied, Refusal>;

/// A mutation that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The position of the last entry of the mutation.
    pub seq: Seq,
    /// The stock after each entry of the mutation: one line per SKU and trace.
    pub lines: AppliedLines,
    /// For a reservation: its end by the wall clock, in milliseconds since 1970. It is for people
    /// only; the deadline counts running time.
    pub expires_at_ms: Option<i64>,
}

/// The lines of an applied mutation. Most have one.
pub type AppliedLines = SmallVec<[AppliedLine; 1]>;

/// One line of an applied mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedLine {
    pub sku: Sku,
    /// The quantity moved; for a count, the counted quantity.
    pub quantity: u64,
    /// On hand after this line.
    pub on_hand: i64,
    /// Reserved after this line.
    pub reserved: i64,
    /// The version of the SKU after this line.
    pub version: Seq,
    /// The change of on hand. It comes from the entry, so a record without entries does not have it.
    #[serde(skip)]
    pub change: i64,
    /// Which goods of the SKU they were. Its postcard form leaves this out.
    #[serde(skip)]
    pub trace: OptionalTrace,
}

/// The reason for a refusal. A refusal is an outcome like any other: a retry gets the same one.
///
/// The variants' order is on disk: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The SKU was never restocked, granted or listed in the catalogue.
    UnknownSku { sku: Sku },
    /// More units were requested than are available.
    InsufficientStock {
        /// The first line that fails.
        sku: Sku,
        requested: u64,
        available: i64,
    },
    /// Fewer units were counted than are reserved.
    BelowReserved { sku: Sku, counted: i64, reserved: i64 },
    /// More units were to be undone or committed than were deducted or reserved.
    ExceedsDeduction {
        /// The first line that fails.
        sku: Sku,
        requested: u64,
        /// Units that are left to undo or commit.
        available: u64,
    },
    /// No applied deduction, commit, restock or count has this request id.
    UnknownRequest { of: RequestId },
    /// No reservation has this id.
    UnknownReservation { reservation: RequestId },
    /// The reservation has expired.
    ReservationExpired { reservation: RequestId },
    /// The reservation was committed or released by another request, of which nothing is known.
    ReservationClosed { reservation: RequestId },
    /// The reservation was committed or released by another request.
    ReservationEnded { reservation: RequestId, ending: Ending },
    /// The SKU was to be hidden and has units.
    HasStock { sku: Sku, on_hand: i64 },
    /// The SKU was to be hidden and the catalogue lists it.
    IsListed { sku: Sku },
}

impl Refusal {
    /// The SKU whose stock is the reason.
    pub fn sku(&self) -> Option<&Sku> {
        match self {
            Self::UnknownSku { sku }
            | Self::InsufficientStock { sku, .. }
            | Self::BelowReserved { sku, .. }
            | Self::ExceedsDeduction { sku, .. }
            | Self::HasStock { sku, .. }
            | Self::IsListed { sku } => Some(sku),
            Self::UnknownRequest { .. }
            | Self::UnknownReservation { .. }
            | Self::ReservationExpired { .. }
            | Self::ReservationClosed { .. }
            | Self::ReservationEnded { .. } => None,
        }
    }
}

/// The record of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The fingerprint of the request's action, to tell a retry from a conflict.
    pub fingerprint: Fingerprint,
    pub kind: RequestKind,
    /// The order of the request. A rollback of it belongs to the same order.
    pub order_id: Option<OrderId>,
    pub outcome: Outcome,
    /// For a deduction, commit, restock or count: the units that were undone. For a reservation: the
    /// units that were committed while the rest stayed reserved.
    pub undone: Vec<Line>,
    /// For a reservation: what became of it; `None` as long as it is as it was made.
    pub state: Option<ReservationState>,
}

impl RequestRecord {
    /// Leaves out what a record that is stored without its entries does not have.
    pub(super) fn forget_changes(&mut self) {
        let applied = self.outcome.as_mut().ok();
        applied.into_iter().flat_map(|applied| &mut applied.lines).for_each(|line| line.change = 0);
    }

    /// Whether this is a reservation that was made and has not ended.
    pub fn is_open_reservation(&self) -> bool {
        let is_open = self.state.as_ref().is_none_or(ReservationState::is_open);
        self.kind == RequestKind::Reserve && self.outcome.is_ok() && is_open
    }
}

/// The store of request records: the database, or a map in tests.
pub trait RequestRecords {
    /// The error of reading a record.
    type Error;

    /// The record of a request, if it was decided.
    ///
    /// # Errors
    /// If the records cannot be read.
    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, Self::Error>;

    /// Whether only what is remembered of this one request is damaged; in words, why. Other
    /// requests can then be decided.
    fn lost_reason(_error: &Self::Error) -> Option<String> {
        None
    }
}
