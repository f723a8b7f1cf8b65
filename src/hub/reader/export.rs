//! The feed of a period, in the order of the bookings.

use super::feed::{FeedFilter, FeedRange, events, read_range, select_ranges};
use super::feed_event::FeedEvent;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, SqlValue};
use crate::limits::FEED_SCAN_MAX;
use crate::stock::Seq;

/// A period: from a moment on and before another one, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct Period {
    pub(in crate::hub) from_ms: i64,
    pub(in crate::hub) to_ms: i64,
}

/// How far an export is: after an entry of a range, in the order of the bookings.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hub) struct ExportPlace {
    /// 0 for ranges that an earlier program has booked; they come first.
    at_ms: i64,
    position: u64,
    seq: Seq,
}

/// Some events of a period after a place, and the place after them; `None` at the end.
pub(in crate::hub) fn export_page(
    db: &mut dyn Executor,
    place: ExportPlace,
    period: Period,
    filter: &FeedFilter,
) -> Result<(Vec<FeedEvent>, Option<ExportPlace>), BooksError> {
    let ranges = ranges(db, place, period)?;
    let is_last = ranges.len() < FEED_SCAN_MAX;
    let Some(mut next) = ranges.last().map(ExportPlace::after) else {
        return Ok((Vec::new(), place.later(period)));
    };
    let (mut part, mut left) = (Vec::new(), FEED_SCAN_MAX as u64);
    let mut is_cut = false;
    for mut range in ranges {
        range.first = if range.position == place.position { place.seq + 1 } else { range.first };
        if range.first > range.last || !filter.has_ledger(&range) {
            continue;
        }
        if left == 0 {
            is_cut = true;
            break;
        }
        let last = range.last.min(range.first.saturating_add(left - 1));
        is_cut = last < range.last;
        left -= last - range.first + 1;
        range.last = last;
        part.push(range);
    }
    if is_cut && let Some(last) = part.last() {
        next = ExportPlace::after(last);
    }
    let mut events = events(db, &part)?;
    if next.at_ms == 0 {
        events.retain(|event| (period.from_ms..period.to_ms).contains(&event.booked_ms));
    } else {
        let order: Vec<u64> = part.iter().map(|range| range.position).collect();
        events.sort_by_key(|event| order.iter().position(|at| *at == event.cursor.position));
    }
    Ok((events, if is_last && !is_cut { next.later(period) } else { Some(next) }))
}

fn ranges(
    db: &mut dyn Executor,
    place: ExportPlace,
    period: Period,
) -> Result<Vec<FeedRange>, BooksError> {
    let to_ms = if place.at_ms == 0 { 1 } else { period.to_ms };
    let sql = select_ranges(
        "(feed.at_ms, feed.position) >= ($1, $2) AND feed.at_ms < $3
         ORDER BY feed.at_ms, feed.position LIMIT $4",
    );
    let limit = SqlValue::number(FEED_SCAN_MAX as u64);
    let position = SqlValue::number(place.position);
    let values = [SqlValue::Int(place.at_ms), position, SqlValue::Int(to_ms), limit];
    db.query(&sql, &values)?.into_iter().map(read_range).collect()
}

impl ExportPlace {
    fn after(range: &FeedRange) -> Self {
        Self { at_ms: range.at_ms, position: range.position, seq: range.last }
    }

    /// The beginning of the ranges whose time is known, once the others are done.
    fn later(self, period: Period) -> Option<Self> {
        (self.at_ms == 0).then_some(Self { at_ms: period.from_ms.max(1), position: 0, seq: 0 })
    }
}
