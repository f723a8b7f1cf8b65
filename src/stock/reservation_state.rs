//! What became of a reservation since it was made.

use serde::{Deserialize, Serialize};

use super::types::{Actor, RequestId};

/// The state of a reservation, if it is not as it was made.
///
/// The variants' order is on disk: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReservationState {
    /// Committed by the request with this id, before endings had a time.
    Committed(RequestId),
    /// Released by the request with this id, before endings had a time.
    Released(RequestId),
    /// Ended by the end of its lifetime.
    Expired,
    /// Open, and extended to this wall-clock time, in milliseconds since 1970. It is for people and
    /// for repairs; the deadline counts running time.
    Extended { expires_at_ms: i64 },
    /// Committed or released.
    Ended(Ending),
}

/// How a request ended a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub by: EndedBy,
    pub request_id: RequestId,
    /// When, by the wall clock, in milliseconds since 1970; `None` if an earlier release ended it.
    pub at_ms: Option<i64>,
    /// The name of the token that sent the request.
    pub actor: Option<Actor>,
}

/// The operation that ended a reservation. The order is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedBy {
    Commit,
    Release,
}

impl ReservationState {
    /// Whether the reservation still holds units.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Extended { .. })
    }

    /// How a request ended the reservation; `None` if it is open, or expired.
    pub fn ending(&self) -> Option<Ending> {
        let ending =
            |by, id: &RequestId| Ending { by, request_id: id.clone(), at_ms: None, actor: None };
        match self {
            Self::Committed(id) => Some(ending(EndedBy::Commit, id)),
            Self::Released(id) => Some(ending(EndedBy::Release, id)),
            Self::Ended(ending) => Some(ending.clone()),
            Self::Expired | Self::Extended { .. } => None,
        }
    }
}
