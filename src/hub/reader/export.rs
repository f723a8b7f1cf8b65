//! The feed of a period, in the order of the bookings.

use super::feed::{FeedFilter, FeedRange, events, feed_page, read_range, select_ranges};
use super::feed_cursor::{FeedCursor, feed_ends};
use super::feed_event::FeedEvent;
use crate::clock::wall_ms;
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

/// Some events, and the place after them; `None` at the end.
type ExportPage = (Vec<FeedEvent>, Option<ExportPlace>);

/// Entries of the period were removed, because they were old.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct Removed {
    /// The place before the first one that is kept.
    pub(in crate::hub) first: FeedCursor,
    /// The time since which all is kept that was booked, in milliseconds since 1970.
    pub(in crate::hub) since_ms: i64,
}

/// Entries are kept for a day at least.
const KEPT_MIN_MS: i64 = 86_400_000;

/// Some events of a period after a place. A period without a beginning begins with what is kept.
pub(in crate::hub) fn export_page(
    db: &mut dyn Executor,
    place: ExportPlace,
    period: Period,
    filter: &FeedFilter,
) -> Result<Result<ExportPage, Removed>, BooksError> {
    let first = feed_ends(db)?.first;
    if place.may_lack(first, period) {
        let since_ms = kept_since(db, wall_ms())?;
        if place.position > 0 || period.from_ms < since_ms {
            return Ok(Err(Removed { first, since_ms }));
        }
    }
    page(db, place, period, filter, first).map(Ok)
}

/// Since when all is kept that was booked, if anything was removed. What was removed last is not known,
/// but what was booked before the first entry that is kept may be older.
fn kept_since(db: &mut dyn Executor, now_ms: i64) -> Result<i64, BooksError> {
    let page = feed_page(db, FeedCursor::default(), 1, &FeedFilter::everything())?;
    let events = page.map(|page| page.events).unwrap_or_default();
    let booked_ms = events.first().map_or(i64::MAX, |event| event.booked_ms);
    Ok(booked_ms.min(now_ms.saturating_sub(KEPT_MIN_MS)))
}

fn page(
    db: &mut dyn Executor,
    place: ExportPlace,
    period: Period,
    filter: &FeedFilter,
    kept: FeedCursor,
) -> Result<ExportPage, BooksError> {
    let ranges = ranges(db, place, period)?;
    let is_last = ranges.len() < FEED_SCAN_MAX;
    let Some(mut next) = ranges.last().map(ExportPlace::after) else {
        return Ok((Vec::new(), place.later(period)));
    };
    let (mut part, mut left) = (Vec::new(), FEED_SCAN_MAX as u64);
    let mut is_cut = false;
    for mut range in ranges {
        range.begin_after(place.position, place.seq);
        range.begin_after(kept.position, kept.seq);
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
    events.retain(|event| filter.matches(event));
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

impl FeedRange {
    /// Leaves out the entries up to one, if that is of this range.
    fn begin_after(&mut self, position: u64, seq: Seq) {
        if self.position == position {
            self.first = self.first.max(seq + 1);
        }
    }
}

impl ExportPlace {
    /// Whether entries of a period after this place may have been removed, if the feed begins at
    /// another one.
    fn may_lack(self, first: FeedCursor, period: Period) -> bool {
        let was_removed = first > FeedCursor::new(self.position, self.seq);
        let is_begun = self.position > 0;
        let begins_late = self.at_ms == 0 && period.from_ms > 0;
        was_removed && (is_begun || begins_late)
    }

    fn after(range: &FeedRange) -> Self {
        Self { at_ms: range.at_ms, position: range.position, seq: range.last }
    }

    /// The beginning of the ranges whose time is known, once the others are done.
    fn later(self, period: Period) -> Option<Self> {
        (self.at_ms == 0).then_some(Self { at_ms: period.from_ms.max(1), position: 0, seq: 0 })
    }
}
