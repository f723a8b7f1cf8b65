//! The feed: every entry of every ledger, in the order in which the books committed them.

use std::collections::{BTreeMap, BTreeSet};

use super::decimals::decimals;
use super::feed_cursor::{FeedCursor, feed_ends, has_range};
use super::feed_event::FeedEvent;
use crate::hub::core::{EnteredMovement, SkuDecimals, WholeUnits};
use crate::hub::db::sql::{ColumnType, Executor, Keys, RowReader, SqlRow, SqlValue};
use crate::hub::db::{
    BooksError, Look, OWN_LEDGER, feed_entries_sql, feed_movements_sql, read_entry, read_movement,
};
use crate::limits::FEED_SCAN_MAX;
use crate::net::access::Sites;
use crate::stock::{Entry, Origin, Seq, Sku};

/// Which events to read.
#[derive(Clone, Debug)]
pub(in crate::hub) struct FeedFilter {
    pub(in crate::hub) site: Option<String>,
    pub(in crate::hub) sku: Option<String>,
    pub(in crate::hub) kind: Option<String>,
    /// The sites that the client may see. The hub's own ledger is of none.
    pub(in crate::hub) sites: Sites,
}

/// A page of the feed.
#[derive(Debug)]
pub(in crate::hub) struct FeedPage {
    pub(in crate::hub) events: Vec<FeedEvent>,
    /// After the last entry that was looked at.
    pub(in crate::hub) next: FeedCursor,
    /// Whether entries after it were in the books.
    pub(in crate::hub) has_more: bool,
}

/// What does not follow in the books: the place before the first entry that is kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct Gone(pub(in crate::hub) FeedCursor);

/// A part of a ledger that was booked at once.
pub(super) struct FeedRange {
    pub(super) position: u64,
    pub(super) book: i64,
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) check: u32,
    pub(super) at_ms: i64,
    /// `None` for the hub's own ledger.
    pub(super) origin: Option<Origin>,
    /// The SKUs that this ledger counts in whole units.
    pub(super) whole_units: WholeUnits,
}

/// The events after a place, at most `limit`.
pub(in crate::hub) fn feed_page(
    db: &mut dyn Executor,
    after: FeedCursor,
    limit: usize,
    filter: &FeedFilter,
) -> Result<Result<FeedPage, Gone>, BooksError> {
    let ends = feed_ends(db)?;
    if !ends.have(after) || !has_range(db, after)? {
        return Ok(Err(Gone(ends.first)));
    }
    // A range may have lost its beginning. Of equal places the given one has a check.
    let after = ends.first.max(after);
    let scan = if filter.is_open() { limit } else { FEED_SCAN_MAX };
    let sql = select_ranges("feed.position >= $1 ORDER BY feed.position LIMIT $2");
    // The first range may be behind the place as a whole.
    let values = [SqlValue::number(after.position), SqlValue::number(scan as u64 + 1)];
    let ranges = db.query(&sql, &values)?.into_iter().map(read_range);
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    let (ranges, next) = cut(ranges, after, scan, filter);
    let found = events(db, &ranges)?;
    let mut page = FeedPage { events: Vec::new(), next, has_more: next < ends.last };
    for event in found {
        let cursor = event.cursor;
        page.events.extend(Some(event).filter(|event| filter.matches(event)));
        if page.events.len() == limit {
            (page.next, page.has_more) = (cursor, cursor < ends.last);
            break;
        }
    }
    Ok(Ok(page))
}

/// The events at some places, as far as the books have them.
pub(in crate::hub) fn events_at(
    db: &mut dyn Executor,
    places: &[FeedCursor],
) -> Result<Vec<FeedEvent>, BooksError> {
    let sql = format!(
        "SELECT k.b, {RANGE_COLUMNS} FROM {{keys}} AS k
         JOIN feed ON feed.position = k.a AND k.b BETWEEN feed.first_seq AND feed.last_seq
         LEFT JOIN book ON book.id = feed.book
         WHERE (k.a, k.b) > (SELECT position, seq FROM feed_start)"
    );
    let rows = places.iter().map(|place| [place.position, place.seq].map(SqlValue::number).into());
    let keys = Keys { types: &[ColumnType::Int; 2], rows: rows.collect() };
    let found = if places.is_empty() { Vec::new() } else { db.query_keys(&sql, &keys)? };
    let one = |mut row: SqlRow| {
        let seq = RowReader::of(vec![row.remove(0)]).number()?;
        Ok(FeedRange { first: seq, last: seq, ..read_range(row)? })
    };
    let ranges = found.into_iter().map(one).collect::<Result<Vec<_>, BooksError>>()?;
    events(db, &ranges)
}

/// The columns that [`read_range`] reads.
const RANGE_COLUMNS: &str = "feed.position, feed.book, feed.first_seq, feed.last_seq, feed.at_ms,
    book.site, book.gateway, book.epoch, book.whole_units";

/// Selects ranges of the feed, with the origins of their ledgers.
pub(super) fn select_ranges(condition: &str) -> String {
    format!(
        "SELECT {RANGE_COLUMNS} FROM feed LEFT JOIN book ON book.id = feed.book WHERE {condition}"
    )
}

pub(super) fn read_range(row: SqlRow) -> Result<FeedRange, BooksError> {
    let mut row = RowReader::of(row);
    let (position, book) = (row.number()?, row.int()?);
    let (first, last, at_ms) = (row.number()?, row.number()?, row.int()?);
    let (check, whole_units) = (FeedCursor::check_of(book, first, at_ms), WholeUnits::default());
    let names = row.text_or_null()?.zip(row.text_or_null()?);
    let own = FeedRange { position, book, first, last, check, at_ms, origin: None, whole_units };
    let Some((site, gateway)) = names else { return Ok(own) };
    let origin = Some(Origin { site, gateway, epoch: row.epoch()? });
    let whole_units = row.postcard_or_null()?.unwrap_or_default();
    Ok(FeedRange { origin, whole_units, ..own })
}

/// The ranges to read after a place, with at most `entries_max` entries, and the place after them.
fn cut(
    ranges: Vec<FeedRange>,
    after: FeedCursor,
    entries_max: usize,
    filter: &FeedFilter,
) -> (Vec<FeedRange>, FeedCursor) {
    let (mut cut, mut next, mut left) = (Vec::new(), after, entries_max as u64);
    for mut range in ranges {
        if range.position == after.position {
            range.first = range.first.max(after.seq + 1);
        }
        if filter.has_ledger(&range) && range.first <= range.last {
            if left == 0 {
                break;
            }
            range.last = range.last.min(range.first.saturating_add(left - 1));
            left -= range.last - range.first + 1;
            next = range.cursor(range.last);
            cut.push(range);
        } else {
            let seq = range.last.max(after.seq_at(range.position));
            next = range.cursor(seq);
        }
    }
    (cut, next)
}

impl FeedRange {
    /// The place after an entry of the range.
    pub(super) fn cursor(&self, seq: Seq) -> FeedCursor {
        FeedCursor { position: self.position, seq, check: Some(self.check) }
    }
}

impl FeedCursor {
    fn seq_at(self, position: u64) -> Seq {
        if self.position == position { self.seq } else { 0 }
    }
}

impl FeedFilter {
    /// Lets every event through.
    pub(in crate::hub) fn everything() -> Self {
        Self { site: None, sku: None, kind: None, sites: Sites::All }
    }

    fn is_open(&self) -> bool {
        self.sku.is_none() && self.kind.is_none()
    }

    /// Whether a range is of a ledger that is asked for.
    pub(super) fn has_ledger(&self, range: &FeedRange) -> bool {
        match &range.origin {
            Some(Origin { site, .. }) => {
                self.sites.contains(site) && self.site.as_ref().is_none_or(|asked| asked == site)
            }
            None => matches!(self.sites, Sites::All) && self.site.is_none(),
        }
    }

    pub(super) fn matches(&self, event: &FeedEvent) -> bool {
        self.sku.as_ref().is_none_or(|sku| sku == event.sku.as_str())
            && self.kind.as_ref().is_none_or(|kind| kind == event.kind)
    }
}

/// The events of ranges, in their order.
pub(super) fn events(
    db: &mut dyn Executor,
    ranges: &[FeedRange],
) -> Result<Vec<FeedEvent>, BooksError> {
    let entries = entries(db, ranges)?;
    let movements = movements(db, ranges)?;
    let skus = entries.iter().map(|(_, entry)| &entry.sku);
    let skus: BTreeSet<&Sku> =
        skus.chain(movements.iter().map(|(_, entered)| &entered.movement.sku)).collect();
    let decimals = decimals(db, skus.into_iter())?;
    let of: BTreeMap<u64, &FeedRange> =
        ranges.iter().map(|range| (range.position, range)).collect();
    let entries = entries.iter().filter_map(|(position, entry)| {
        let range = of.get(position)?;
        let origin = range.origin.as_ref()?;
        let decimals = range.whole_units.own_decimals(&entry.sku, &decimals);
        let cursor = range.cursor(entry.seq);
        Some(FeedEvent::of_entry(cursor, origin, entry, range.at_ms, decimals))
    });
    let mut events: Vec<FeedEvent> = entries.collect();
    events.extend(movement_events(db, &movements, &of, &decimals)?);
    events.sort_by_key(|event| event.cursor);
    Ok(events)
}

fn movement_events(
    db: &mut dyn Executor,
    movements: &[(u64, EnteredMovement)],
    of: &BTreeMap<u64, &FeedRange>,
    decimals: &SkuDecimals,
) -> Result<Vec<FeedEvent>, BooksError> {
    if movements.is_empty() {
        return Ok(Vec::new());
    }
    let row = db.query("SELECT books FROM identity WHERE one = 1", &[])?.pop();
    let books = RowReader::of(row.unwrap_or_default()).epoch()?;
    let event = |(position, entered): &(u64, EnteredMovement)| {
        let range = of.get(position)?;
        let decimals = decimals.of(&entered.movement.sku);
        let cursor = range.cursor(entered.seq);
        Some(FeedEvent::of_movement(cursor, books, entered, range.at_ms, decimals))
    };
    Ok(movements.iter().filter_map(event).collect())
}

fn entries(db: &mut dyn Executor, ranges: &[FeedRange]) -> Result<Vec<(u64, Entry)>, BooksError> {
    let of_gateways = ranges.iter().filter(|range| range.book != OWN_LEDGER);
    let rows = of_gateways.map(|range| {
        let FeedRange { book, first, last, position, .. } = range;
        vec![
            SqlValue::Int(*book),
            SqlValue::number(*first),
            SqlValue::number(*last),
            SqlValue::number(*position),
        ]
    });
    let sql = feed_entries_sql(Look::fast(db.dialect()));
    read_keys(db, &sql, &[ColumnType::Int; 4], rows.collect(), read_entry)
}

fn movements(
    db: &mut dyn Executor,
    ranges: &[FeedRange],
) -> Result<Vec<(u64, EnteredMovement)>, BooksError> {
    let own = ranges.iter().filter(|range| range.book == OWN_LEDGER);
    let rows =
        own.map(|range| [range.first, range.last, range.position].map(SqlValue::number).to_vec());
    let sql = feed_movements_sql(Look::fast(db.dialect()));
    read_keys(db, &sql, &[ColumnType::Int; 3], rows.collect(), read_movement)
}

/// Reads rows that begin with a position in the feed.
fn read_keys<T>(
    db: &mut dyn Executor,
    sql: &str,
    types: &'static [ColumnType],
    rows: Vec<SqlRow>,
    read: impl Fn(SqlRow) -> Result<T, BooksError>,
) -> Result<Vec<(u64, T)>, BooksError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found = db.query_keys(sql, &Keys { types, rows })?.into_iter();
    let read = |mut row: SqlRow| {
        let position = RowReader::of(vec![row.remove(0)]).number()?;
        Ok((position, read(row)?))
    };
    found.map(read).collect()
}
