//! Removes old entries from the books. What they add up to, and where the chains of their ledgers go
//! on, is kept, so that sums, chains and cursors stay what they were.
//!
//! SQLite deletes their rows. In PostgreSQL they stay until the table of their month goes as a whole (see
//! `db/months.rs`): nobody reads what is before the place where a ledger begins.

use std::collections::BTreeMap;

use super::feed::OWN_LEDGER;
use super::transaction::BooksTransaction;
use crate::hub::core::EnteredMovement;
use crate::hub::db::error::BooksError;
use crate::hub::db::rows::{Look, feed_entries_sql, feed_movements_sql, read_entry, read_movement};
use crate::hub::db::schema::{
    ENTRY, ENTRY_DEFAULT, FEED, FEED_START, MOVEMENT, MOVEMENT_DEFAULT, PRUNED, PRUNED_SUM, Table,
};
use crate::hub::db::sink_rows::now;
use crate::hub::db::sql::{
    Change, ColumnType, Dialect, Executor, Keys, RowReader, SqlRow, SqlValue, Write,
};
use crate::stock::{Chain, Entry, Seq, Sku};

/// Ranges of the feed that one transaction looks at.
const RANGES_MAX: u64 = 500;

/// What may be removed.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Prunable {
    /// What was booked before this time, in milliseconds since 1970.
    pub(in crate::hub) before_ms: i64,
    /// Entries that are removed at once.
    pub(in crate::hub) limit: u64,
    /// The sinks, each of which must have taken it.
    pub(in crate::hub) sinks: Vec<String>,
    /// Sinks that a worker has had since this time count as well.
    pub(in crate::hub) known_since_ms: i64,
}

/// How long after the last booking a clock is believed.
const AHEAD_MAX_MS: i64 = 86_400_000;
/// How old a booking must be to show what time it is: a clock that is wrong books by itself.
const SETTLED_MS: i64 = 3_600_000;

/// A range of the feed, or the part of it that is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    position: u64,
    book: i64,
    first: Seq,
    last: Seq,
    /// Where the range ends in the feed.
    end: Seq,
    at_ms: i64,
}

/// The entries of some ranges, by position in the feed.
#[derive(Debug, Default)]
struct Removed {
    entries: Vec<(u64, i64, Entry)>,
    movements: Vec<(u64, EnteredMovement)>,
}

impl BooksTransaction<'_> {
    /// The time by which entries are old: that of the worker's clock, but no later than the database's
    /// clock shows, and than a day after the newest booking that is an hour old by these. So a clock
    /// that runs ahead makes nothing old within an hour, even if something is booked by it.
    pub(in crate::hub) fn believed_time(&mut self, wall_ms: i64) -> Result<i64, BooksError> {
        let sql = format!("SELECT {}", now(self.db.dialect()));
        let now_ms = wall_ms.min(self.time(&sql, &[])?);
        // The index of the feed by time has it.
        let sql = "SELECT coalesce(max(at_ms), 0) FROM feed WHERE at_ms < $1";
        let settled_ms = SqlValue::Int(now_ms.saturating_sub(SETTLED_MS));
        let booked_ms = self.time(sql, &[settled_ms])?;
        Ok(now_ms.min(booked_ms.saturating_add(AHEAD_MAX_MS)))
    }

    fn time(&mut self, sql: &str, values: &[SqlValue]) -> Result<i64, BooksError> {
        RowReader::of(self.db.query(sql, values)?.pop().unwrap_or_default()).int()
    }

    /// Removes some entries from the beginning of the feed; returns how many.
    pub(in crate::hub) fn prune(&mut self, prunable: &Prunable) -> Result<u64, BooksError> {
        let db = &mut *self.db;
        if !lock(db)? {
            return Ok(0);
        }
        let passed = passed(db, prunable)?;
        let ranges = plan(ranges(db)?, prunable, passed);
        if ranges.is_empty() {
            return Ok(0);
        }
        let removed = read(db, &ranges)?;
        let ranges = undated(ranges, &removed, prunable.before_ms);
        if ranges.is_empty() {
            return Ok(0);
        }
        let mut changes = feed_changes(&ranges);
        let count = ranges.iter().map(Range::count).sum::<u64>();
        changes.extend(ledger_changes(db, &ranges, removed)?);
        changes.retain(|change| !change.rows.is_empty());
        db.write(&changes)?;
        Ok(count)
    }
}

/// Keeps other workers from doing the same; returns false if one does.
fn lock(db: &mut dyn Executor) -> Result<bool, BooksError> {
    let clause = match db.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgresql => "FOR UPDATE SKIP LOCKED",
    };
    Ok(!db.query(&format!("SELECT position FROM feed_start {clause}"), &[])?.is_empty())
}

/// The place that every sink has passed. Dead letters may be asked for, unless their entries are
/// removed already.
fn passed(db: &mut dyn Executor, prunable: &Prunable) -> Result<(u64, Seq), BooksError> {
    let mut passed = (u64::MAX, Seq::MAX);
    let others = others(db, prunable.known_since_ms)?;
    for name in prunable.sinks.iter().chain(&others) {
        let sql = "SELECT position, seq FROM sink WHERE name = $1";
        let row = db.query(sql, &[SqlValue::text(name)])?.pop();
        let place = row.map(read_place).transpose()?.unwrap_or_default();
        let sql = "SELECT position, seq - 1 FROM sink_aside WHERE sink = $1
                   AND (position, seq) > (SELECT position, seq FROM feed_start)
                   ORDER BY position, seq LIMIT 1";
        let row = db.query(sql, &[SqlValue::text(name)])?.pop();
        let aside = row.map(read_place).transpose()?.unwrap_or(place);
        passed = passed.min(place).min(aside);
    }
    Ok(passed)
}

/// The sinks that some worker has had since a time, whether this one knows them or not. Earlier versions
/// do not say when they have released one: these count from now on.
fn others(db: &mut dyn Executor, since_ms: i64) -> Result<Vec<String>, BooksError> {
    let now = now(db.dialect());
    let sql = format!("UPDATE sink SET lease_until_ms = {now} WHERE lease_until_ms = 0");
    db.query(&sql, &[])?;
    let sql = "SELECT name FROM sink WHERE lease_until_ms >= $1";
    let found = db.query(sql, &[SqlValue::Int(since_ms)])?;
    found.into_iter().map(|row| RowReader::of(row).text()).collect()
}

fn read_place(row: SqlRow) -> Result<(u64, Seq), BooksError> {
    let mut row = RowReader::of(row);
    Ok((row.number()?, row.number()?))
}

/// The first ranges of the feed. The very first one may have lost its beginning already.
fn ranges(db: &mut dyn Executor) -> Result<Vec<Range>, BooksError> {
    let sql = "SELECT feed.position, book, CASE WHEN feed.position = feed_start.position
                   THEN feed_start.seq + 1 ELSE first_seq END, last_seq, at_ms
               FROM feed CROSS JOIN feed_start ORDER BY feed.position LIMIT $1";
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let (position, book) = (row.number()?, row.int()?);
        let (first, last) = (row.number()?, row.number()?);
        Ok(Range { position, book, first, last, end: last, at_ms: row.int()? })
    };
    db.query(sql, &[SqlValue::number(RANGES_MAX)])?.into_iter().map(read).collect()
}

/// What may be removed from the beginning: whole ranges, or a part of the first one. An earlier version
/// may have booked a whole ledger as one range.
fn plan(ranges: Vec<Range>, prunable: &Prunable, passed: (u64, Seq)) -> Vec<Range> {
    let (mut planned, mut left) = (Vec::new(), prunable.limit);
    for (at, mut range) in ranges.into_iter().enumerate() {
        if at == 0 {
            range.cut(prunable.limit, passed);
        }
        let is_passed = (range.position, range.last) <= passed;
        let is_old = range.at_ms < prunable.before_ms;
        if !is_old || !is_passed || !(1..=left).contains(&range.count()) {
            break;
        }
        left -= range.count();
        planned.push(range);
        if planned.last().is_some_and(|range| !range.is_whole()) {
            break;
        }
    }
    planned
}

impl Range {
    fn count(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    fn is_whole(&self) -> bool {
        self.last == self.end
    }

    /// Leaves so many entries at most, and none after a place.
    fn cut(&mut self, limit: u64, (position, seq): (u64, Seq)) {
        self.last = self.last.min(self.first.saturating_add(limit) - 1);
        if self.position == position {
            self.last = self.last.min(seq.max(self.first - 1));
        }
    }
}

/// What an earlier program has booked has no time of booking: there the entries' own time counts. What
/// follows the first one that is not old is kept.
fn undated(ranges: Vec<Range>, removed: &Removed, before_ms: i64) -> Vec<Range> {
    let mut old = Vec::new();
    for mut range in ranges {
        if let Some(seq) = removed.first_since(&range, before_ms) {
            range.last = seq - 1;
            old.extend(Some(range).filter(|range| range.count() > 0));
            break;
        }
        old.push(range);
    }
    old
}

impl Removed {
    /// The first entry of a range without a time of booking that is not old.
    fn first_since(&self, range: &Range, before_ms: i64) -> Option<Seq> {
        let entries = self.entries.iter().map(|(at, _, entry)| (*at, entry.seq, entry.at_ms));
        let own = self.movements.iter().map(|(at, entered)| (*at, entered.seq, entered.at_ms));
        let is_new = |(at, seq, at_ms): (u64, Seq, i64)| {
            (at == range.position && at_ms >= before_ms).then_some(seq)
        };
        if range.at_ms == 0 { entries.chain(own).find_map(is_new) } else { None }
    }
}

fn read(db: &mut dyn Executor, ranges: &[Range]) -> Result<Removed, BooksError> {
    let key = |range: &Range| [range.first, range.last, range.position].map(SqlValue::number);
    let (own, of_gateways): (Vec<&Range>, Vec<&Range>) =
        ranges.iter().partition(|range| range.book == OWN_LEDGER);
    let book_of: BTreeMap<u64, i64> =
        of_gateways.iter().map(|range| (range.position, range.book)).collect();
    let keyed = |range: &&Range| -> SqlRow {
        [SqlValue::Int(range.book)].into_iter().chain(key(range)).collect()
    };
    let mut removed = Removed::default();
    let rows: Vec<SqlRow> = of_gateways.iter().map(keyed).collect();
    for mut row in query(db, &feed_entries_sql(Look::Everywhere), &[ColumnType::Int; 4], rows)? {
        let position = RowReader::of(vec![row.remove(0)]).number()?;
        let book = book_of.get(&position).copied().unwrap_or_default();
        removed.entries.push((position, book, read_entry(row)?));
    }
    let rows: Vec<SqlRow> = own.iter().map(|range| key(range).to_vec()).collect();
    for mut row in query(db, &feed_movements_sql(Look::Everywhere), &[ColumnType::Int; 3], rows)? {
        let position = RowReader::of(vec![row.remove(0)]).number()?;
        removed.movements.push((position, read_movement(row)?));
    }
    Ok(removed)
}

fn query(
    db: &mut dyn Executor,
    sql: &str,
    types: &'static [ColumnType],
    rows: Vec<SqlRow>,
) -> Result<Vec<SqlRow>, BooksError> {
    if rows.is_empty() { Ok(Vec::new()) } else { db.query_keys(sql, &Keys { types, rows }) }
}

fn change(table: &'static Table, write: Write, rows: Vec<SqlRow>) -> Change {
    Change { table, write, rows }
}

/// The feed without these ranges.
fn feed_changes(ranges: &[Range]) -> Vec<Change> {
    // The row of a range that is left in part stays as it is: cursors tell the range by its beginning.
    let whole = ranges.iter().filter(|range| range.is_whole());
    let positions = whole.map(|range| vec![SqlValue::number(range.position)]);
    let start = ranges.last().map(|range| {
        vec![SqlValue::Int(1), SqlValue::number(range.position), SqlValue::number(range.last)]
    });
    vec![
        change(&FEED, Write::Delete, positions.collect()),
        change(&FEED_START, Write::Set, start.into_iter().collect()),
    ]
}

/// The ledgers without what lies in these ranges, and what is kept of it.
fn ledger_changes(
    db: &mut dyn Executor,
    ranges: &[Range],
    removed: Removed,
) -> Result<Vec<Change>, BooksError> {
    let last: BTreeMap<u64, Seq> =
        ranges.iter().map(|range| (range.position, range.last)).collect();
    let is_removed = |position, seq| last.get(&position).is_some_and(|last| seq <= *last);
    let mut books: Vec<i64> = ranges.iter().map(|range| range.book).collect();
    books.sort_unstable();
    books.dedup();
    let mut starts = starts(db, &books)?;
    let mut sums = BTreeMap::<(i64, Sku), (i64, i64)>::new();
    let (mut entries, mut movements) = (Vec::new(), Vec::new());
    for (position, book, entry) in removed.entries {
        if is_removed(position, entry.seq) {
            if let Some(start) = starts.get_mut(&book) {
                start.take(entry.seq, |before| before.with(&entry));
            }
            let sum = sums.entry((book, entry.sku.clone())).or_default();
            *sum = (sum.0 + entry.change, sum.1 + entry.reserved_change);
            entries.push(vec![SqlValue::Int(book), SqlValue::number(entry.seq)]);
        }
    }
    for (position, entered) in removed.movements {
        if is_removed(position, entered.seq) {
            if let Some(start) = starts.get_mut(&OWN_LEDGER) {
                let chained = |before: Chain| entered.chained(&before.to_bytes());
                start.take(entered.seq, |before| Chain::Sha256(chained(before)));
            }
            movements.push(vec![SqlValue::number(entered.seq)]);
        }
    }
    let starts = starts.into_iter().map(|(book, start)| {
        let chain = SqlValue::Blob(start.chain.to_bytes().to_vec());
        vec![SqlValue::Int(book), SqlValue::number(start.seq), chain]
    });
    // Of the tables by month, only that which stays is made smaller row by row.
    let (entry, movement) = match db.dialect() {
        Dialect::Sqlite => (&ENTRY, &MOVEMENT),
        Dialect::Postgresql => (&ENTRY_DEFAULT, &MOVEMENT_DEFAULT),
    };
    Ok(vec![
        change(&PRUNED, Write::Set, starts.collect()),
        change(&PRUNED_SUM, Write::Set, added(db, sums)?),
        change(entry, Write::Delete, entries),
        change(movement, Write::Delete, movements),
    ])
}

/// Where a ledger begins in the books.
#[derive(Debug)]
struct Start {
    seq: Seq,
    chain: Chain,
    /// The position after which it has the newer kind of chain, if it has it at all.
    new_since: Option<Seq>,
}

impl Start {
    /// Goes on after an entry.
    fn take(&mut self, seq: Seq, chain: impl FnOnce(Chain) -> Chain) {
        let is_new = self.new_since.is_some_and(|since| self.seq >= since);
        let before = if is_new { self.chain.upgraded(self.seq) } else { self.chain };
        (self.seq, self.chain) = (seq, chain(before));
    }
}

fn starts(db: &mut dyn Executor, books: &[i64]) -> Result<BTreeMap<i64, Start>, BooksError> {
    let rows = || books.iter().map(|book| vec![SqlValue::Int(*book)]).collect::<Vec<_>>();
    let mut starts = BTreeMap::new();
    if books.contains(&OWN_LEDGER) {
        let chain = Chain::Sha256(EnteredMovement::first_chain());
        starts.insert(OWN_LEDGER, Start { seq: 0, chain, new_since: None });
    }
    let sql = "SELECT book.id, book.chain_since, book.chain_sha256 FROM {keys} AS k
               JOIN book ON book.id = k.a";
    for row in query(db, sql, &[ColumnType::Int], rows())? {
        let mut row = RowReader::of(row);
        let (book, since) = (row.int()?, row.number()?);
        let new_since = row.bytes_or_null::<32>()?.map(|_| since);
        starts.insert(book, Start { seq: 0, chain: Chain::default(), new_since });
    }
    let sql = "SELECT pruned.book, pruned.seq, pruned.chain FROM {keys} AS k
               JOIN pruned ON pruned.book = k.a";
    for row in query(db, sql, &[ColumnType::Int], rows())? {
        let mut row = RowReader::of(row);
        let (book, seq, chain) = (row.int()?, row.number()?, row.bytes()?);
        if let Some(start) = starts.get_mut(&book) {
            (start.seq, start.chain) = (seq, Chain::from_bytes(chain));
        }
    }
    Ok(starts)
}

/// The sums of removed entries with those that were removed before.
fn added(
    db: &mut dyn Executor,
    mut sums: BTreeMap<(i64, Sku), (i64, i64)>,
) -> Result<Vec<SqlRow>, BooksError> {
    let sql = "SELECT pruned_sum.book, pruned_sum.sku, change, reserved_change FROM {keys} AS k
               JOIN pruned_sum ON pruned_sum.book = k.a AND pruned_sum.sku = k.b";
    let rows =
        sums.keys().map(|(book, sku)| vec![SqlValue::Int(*book), SqlValue::text(sku.as_str())]);
    for row in query(db, sql, &[ColumnType::Int, ColumnType::Text], rows.collect())? {
        let mut row = RowReader::of(row);
        let key = (row.int()?, row.id(Sku::parse)?);
        let before = (row.int()?, row.int()?);
        if let Some(sum) = sums.get_mut(&key) {
            *sum = (sum.0 + before.0, sum.1 + before.1);
        }
    }
    let row = |((book, sku), (change, reserved)): ((i64, Sku), (i64, i64))| {
        let amounts = [change, reserved].map(SqlValue::Int);
        [SqlValue::Int(book), SqlValue::text(sku.as_str())].into_iter().chain(amounts).collect()
    };
    Ok(sums.into_iter().map(row).collect())
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
