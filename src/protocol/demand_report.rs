//! When the gateway reports refused demand to the hub, and what a frame of it holds.
//!
//! The hub does not answer such a frame. So a gateway reports what has changed since its last frame,
//! and everything once it is online again: what was lost arrives then.

use uuid::Uuid;

use super::frame::{Demand, Frame, RefusedDemand};
use crate::limits::{DEMAND_FRAME_MS, DEMAND_REPEAT_MS, DEMAND_REPORT_MS, DEMAND_SKUS_MAX};
use crate::stock::{DemandCounter, RefusedRow};

/// The longest envelope and head of the frame.
const HEAD_BYTES_MAX: usize = 64;
/// The longest numbers of a SKU, and the length of its name.
const NUMBERS_BYTES_MAX: usize = 21;

/// What was reported, and when the next frame may follow. Times are running time.
#[derive(Debug, Default)]
pub struct DemandReport {
    is_online: bool,
    /// Everything is to be reported once more.
    repeats: bool,
    repeat_at_ms: u64,
    /// All changes up to here are reported.
    reported: u64,
    next_at_ms: u64,
}

impl DemandReport {
    /// The next frame, if it is time and something has changed. `bytes_max` is the size that a frame
    /// may have.
    pub fn poll(
        &mut self,
        is_online: bool,
        counter: &mut DemandCounter,
        (epoch, bytes_max): (Uuid, usize),
        now_ms: u64,
    ) -> Option<Frame> {
        self.repeats |= is_online && !self.is_online;
        self.is_online = is_online;
        if !is_online || now_ms < self.next_at_ms {
            return None;
        }
        if self.repeats && now_ms >= self.repeat_at_ms {
            (self.repeats, self.reported) = (false, 0);
            self.repeat_at_ms = now_ms + DEMAND_REPEAT_MS;
        }
        if counter.changes() == self.reported {
            return None;
        }
        let changed = counter.changed_after(self.reported);
        let packed = fitting(&changed, bytes_max);
        let is_all = packed == changed.len();
        let last = changed[..packed].last();
        // The last changes may be of rows that are deleted.
        self.reported = last.filter(|_| !is_all).map_or(counter.changes(), |(at, _)| *at);
        let day = last?.1.day;
        counter.set_sent(self.reported);
        self.next_at_ms = now_ms + if is_all { DEMAND_REPORT_MS } else { DEMAND_FRAME_MS };
        let refused = changed.into_iter().take(packed).map(|(_, row)| refused(row)).collect();
        Some(Frame::Demand(Demand { epoch: epoch.into(), day, refused }))
    }

    /// When [`Self::poll`] must be called at the latest, unless more is refused.
    pub fn deadline_ms(&self, counter: &DemandCounter) -> Option<u64> {
        if !self.is_online {
            return None;
        }
        if counter.changes() > self.reported {
            return Some(self.next_at_ms);
        }
        let is_repeated = self.repeats && counter.changes() > 0;
        is_repeated.then(|| self.next_at_ms.max(self.repeat_at_ms))
    }
}

/// How many of these rows fit a frame, which is of one day; one at least, if there are any.
fn fitting(rows: &[(u64, RefusedRow)], bytes_max: usize) -> usize {
    let mut left = bytes_max.saturating_sub(HEAD_BYTES_MAX);
    let fits = |(_, row): &&(u64, RefusedRow)| {
        let bytes = row.sku.as_str().len() + NUMBERS_BYTES_MAX;
        let fits = row.day == rows[0].1.day && bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    rows.iter().take(DEMAND_SKUS_MAX).take_while(fits).count().max(usize::from(!rows.is_empty()))
}

fn refused(RefusedRow { sku, counts, .. }: RefusedRow) -> RefusedDemand {
    RefusedDemand { sku, lines: counts.lines, units: counts.units }
}

#[cfg(test)]
#[path = "demand_report_tests.rs"]
mod tests;
