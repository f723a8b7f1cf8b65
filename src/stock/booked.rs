//! What a request booked: for a rollback of it, and for the rest of a reservation.

use super::line::Line;
use super::record::{AppliedLine, RequestRecord};
use super::request_kind::RequestKind;
use super::reservation_state::ReservationState;
use super::share::Share;
use super::types::Quantity;

/// The units that a request moved.
#[derive(Debug)]
pub(super) enum Booked {
    /// It took them, and they may be given back in parts.
    Taken(Vec<Line>),
    /// It added them, and they may be taken back once.
    Added(Vec<Line>),
    /// A count found so many units missing; they may be given back once.
    Missing(Vec<Line>),
}

impl RequestRecord {
    /// What can be rolled back; `None` if the request was refused, or is none that can be.
    pub(super) fn booked(&self) -> Option<Booked> {
        let lines = &self.outcome.as_ref().ok()?.lines;
        let changed = |line: &AppliedLine| line_of(line, line.change.unsigned_abs());
        match self.kind {
            RequestKind::Deduct | RequestKind::Commit => Some(Booked::Taken(moved(lines))),
            RequestKind::Restock => Some(Booked::Added(moved(lines))),
            // A merge: its two sides belong together.
            RequestKind::Count if lines.len() > 1 => None,
            RequestKind::Count => {
                let is_loss = lines.iter().any(|line| line.change < 0);
                let changed = lines.iter().filter_map(changed).collect();
                Some(if is_loss { Booked::Missing(changed) } else { Booked::Added(changed) })
            }
            RequestKind::Rollback
            | RequestKind::Reserve
            | RequestKind::Release
            | RequestKind::Extend => None,
        }
    }

    /// For a reservation: what was reserved at first.
    pub fn reserved(&self) -> Vec<Line> {
        self.outcome.as_ref().map(|applied| moved(&applied.lines)).unwrap_or_default()
    }

    /// For an open reservation: what it still reserves, and its end by the wall clock.
    pub fn still_reserved(&self) -> Option<(Vec<Line>, Option<i64>)> {
        let applied = self.outcome.as_ref().ok().filter(|_| self.is_open_reservation())?;
        let expires_at_ms = match self.state {
            Some(ReservationState::Extended { expires_at_ms }) => Some(expires_at_ms),
            _ => applied.expires_at_ms,
        };
        Some((Share::of(&self.reserved(), &self.undone).left(), expires_at_ms))
    }
}

impl Booked {
    /// What can still be undone after this much of it was.
    pub(super) fn remaining(&self, undone: &[Line]) -> Vec<Line> {
        match self {
            Self::Taken(lines) => Share::of(lines, undone).left(),
            Self::Added(lines) | Self::Missing(lines) if undone.is_empty() => lines.clone(),
            Self::Added(_) | Self::Missing(_) => Vec::new(),
        }
    }

    /// The sign of the change of on hand that undoes it.
    pub(super) fn opposite(&self) -> i64 {
        match self {
            Self::Taken(_) | Self::Missing(_) => 1,
            Self::Added(_) => -1,
        }
    }
}

fn moved(lines: &[AppliedLine]) -> Vec<Line> {
    lines.iter().filter_map(|line| line_of(line, line.quantity)).collect()
}

/// `None` without units: a commit may release a line as a whole, and a count may confirm the stock.
fn line_of(line: &AppliedLine, units: u64) -> Option<Line> {
    let quantity = Quantity::of_sum(units)?;
    Some(Line { sku: line.sku.clone(), quantity, trace: line.trace.clone() })
}
