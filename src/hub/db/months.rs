//! The tables of the ledgers by month, which only PostgreSQL has. They are made ahead, and one goes as a
//! whole once every entry in it was removed.
//!
//! What is booked in a month without a table goes into the last one, so nothing here keeps frames from
//! being booked; and a change waits for locks so shortly that none waits long behind it.

use super::error::BooksError;
use super::postgres::Postgres;
use super::sql::{Executor, RowReader, SqlRow, SqlValue};

/// Months after this one that have a table already.
const AHEAD: i64 = 2;
/// Lets one worker at a time make or remove tables; the second waits, or does not.
const LOCK: &str = "SELECT EXISTS (SELECT FROM pg_advisory_xact_lock(6001229868153520707))";
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(6001229868153520707)";
/// Who reads or books waits behind a change that waits for a lock.
const LOCK_WAIT: &str = "SELECT set_config('lock_timeout', '200', true)";

/// A ledger that has tables by month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ledger {
    Entry,
    Movement,
}

/// The table of some months.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    ledger: Ledger,
    /// As it is written in a statement.
    table: String,
    /// `None`: from the beginning.
    from: Option<i64>,
    /// The month after the last one; `None`: without an end.
    to: Option<i64>,
}

/// The tables, and what time it is by the server's clock. Months are counted from January 1970.
#[derive(Debug)]
struct Months {
    now: i64,
    /// That of a day ago: no transaction has begun before, and goes on.
    settled: i64,
    /// That of the first range that is kept in the feed.
    kept: Option<i64>,
    parts: Vec<Part>,
}

/// Makes the tables that are missing.
pub(super) fn make(db: &Postgres) -> Result<(), BooksError> {
    let mut made = Ok(());
    for (ledger, month) in db.read(Months::read)?.missing() {
        made = made.and(db.change(|db| Ok((make_one(db, ledger, month)?, Vec::new()))));
    }
    made
}

/// Removes the tables of which everything was removed.
pub(super) fn remove(db: &Postgres) -> Result<(), BooksError> {
    let mut removed = Ok(());
    for part in db.read(Months::read)?.removable() {
        let gone = db.change(|db| Ok((remove_one(db, &part)?, Vec::new())));
        if matches!(gone, Ok(true)) {
            let table = part.table;
            tracing::info!(table, "a table of the ledgers is removed: all that was in it was old");
        }
        removed = removed.and(gone.map(drop));
    }
    removed
}

fn make_one(db: &mut dyn Executor, ledger: Ledger, month: i64) -> Result<(), BooksError> {
    db.query(LOCK, &[])?;
    // Another worker may have made it meanwhile.
    if !Months::read(db)?.missing().contains(&(ledger, month)) {
        return Ok(());
    }
    db.query(LOCK_WAIT, &[])?;
    let (name, table) = (ledger.name(), format!("{}_{}", ledger.name(), label(month)));
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {name}_default WHERE month = $1)");
    if is(db.query(&sql, &[SqlValue::Int(month)])?) {
        return Err(BooksError::InDefault(ledger.default(), label(month).replace('_', "-")));
    }
    let (key, next) = (ledger.key(), month + 1);
    let made =
        format!("CREATE TABLE {table} (LIKE {name} INCLUDING DEFAULTS, PRIMARY KEY ({key}))");
    db.query(&made, &[])?;
    let attached = format!(
        "ALTER TABLE {name} ATTACH PARTITION {table} FOR VALUES FROM ({month}) TO ({next})"
    );
    db.query(&attached, &[]).map(drop)
}

/// Removes a table, unless something is kept in it; returns whether it does.
fn remove_one(db: &mut dyn Executor, part: &Part) -> Result<bool, BooksError> {
    if !is(db.query(TRY_LOCK, &[])?) || !Months::read(db)?.parts.contains(part) {
        return Ok(false);
    }
    db.query(LOCK_WAIT, &[])?;
    let table = &part.table;
    db.query(&format!("LOCK TABLE {table} IN SHARE MODE"), &[])?;
    if is(db.query(&part.ledger.has_kept(table), &[])?) {
        return Ok(false);
    }
    db.query(&format!("DROP TABLE {table}"), &[]).map(|_| true)
}

/// Whether the answer is a row that says so.
fn is(rows: Vec<SqlRow>) -> bool {
    rows.into_iter().flatten().next() == Some(SqlValue::bool(true))
}

/// A month as in the name of a table.
fn label(month: i64) -> String {
    format!("{:04}_{:02}", 1970 + month.div_euclid(12), month.rem_euclid(12) + 1)
}

impl Ledger {
    fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Movement => "movement",
        }
    }

    fn default(self) -> &'static str {
        match self {
            Self::Entry => "entry_default",
            Self::Movement => "movement_default",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Entry => "book, seq",
            Self::Movement => "seq",
        }
    }

    /// Whether a table has entries that were not removed. It looks at the end of each book in it.
    fn has_kept(self, table: &str) -> String {
        match self {
            Self::Entry => format!(
                "WITH RECURSIVE part (book) AS (
                     (SELECT book FROM {table} ORDER BY book LIMIT 1)
                     UNION ALL
                     SELECT (SELECT other.book FROM {table} AS other WHERE other.book > part.book
                             ORDER BY other.book LIMIT 1) FROM part WHERE part.book IS NOT NULL)
                 SELECT EXISTS (SELECT 1 FROM part LEFT JOIN pruned ON pruned.book = part.book
                     WHERE part.book IS NOT NULL AND coalesce(pruned.seq, 0) <
                         (SELECT max(seq) FROM {table} AS own WHERE own.book = part.book))"
            ),
            Self::Movement => format!(
                "SELECT coalesce((SELECT max(seq) FROM {table}), 0)
                     > coalesce((SELECT seq FROM pruned WHERE book = 0), 0)"
            ),
        }
    }
}

impl Months {
    fn read(db: &mut dyn Executor) -> Result<Self, BooksError> {
        let month = |time: &str| {
            format!(
                "CAST(extract(year FROM {time} AT TIME ZONE 'UTC') * 12
                     + extract(month FROM {time} AT TIME ZONE 'UTC') - 23641 AS BIGINT)"
            )
        };
        let (now, settled) = (month("now()"), month("(now() - interval '1 day')"));
        let kept = "(SELECT month FROM feed ORDER BY position LIMIT 1)";
        let row = db.query(&format!("SELECT {now}, {settled}, {kept}"), &[])?.pop();
        let mut row = RowReader::of(row.unwrap_or_default());
        let (now, settled, kept) = (row.int()?, row.int()?, row.int_or_null()?);
        let mut parts = Vec::new();
        for ledger in [Ledger::Entry, Ledger::Movement] {
            parts.extend(Part::of(db, ledger)?);
        }
        Ok(Self { now, settled, kept, parts })
    }

    fn missing(&self) -> Vec<(Ledger, i64)> {
        let wanted = |ledger| (self.now..=self.now + AHEAD).map(move |month| (ledger, month));
        let wanted = wanted(Ledger::Entry).chain(wanted(Ledger::Movement));
        let has = |(ledger, month): (Ledger, i64)| {
            self.parts.iter().any(|part| part.ledger == ledger && part.contains(month))
        };
        wanted.filter(|wanted| !has(*wanted)).collect()
    }

    /// What is worth to be looked at: the feed begins after these months.
    fn removable(&self) -> Vec<Part> {
        let is_over = |part: &&Part| {
            let is_past = |to| to <= self.settled && self.kept.is_some_and(|kept| to <= kept);
            part.to.is_some_and(is_past)
        };
        self.parts.iter().filter(is_over).cloned().collect()
    }
}

impl Part {
    fn of(db: &mut dyn Executor, ledger: Ledger) -> Result<Vec<Self>, BooksError> {
        let sql = r"SELECT CAST(CAST(part AS regclass) AS text),
                CAST(substring(bound FROM 'FROM \(''?(-?[0-9]+)') AS BIGINT),
                CAST(substring(bound FROM 'TO \(''?(-?[0-9]+)') AS BIGINT)
            FROM (SELECT inhrelid AS part, pg_get_expr(relpartbound, pg_class.oid) AS bound
                FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = CAST($1 AS regclass)) AS parts
            WHERE bound <> 'DEFAULT' ORDER BY 3";
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            let (table, from) = (row.text()?, row.int_or_null()?);
            Ok(Self { ledger, table, from, to: row.int_or_null()? })
        };
        db.query(sql, &[SqlValue::text(ledger.name())])?.into_iter().map(read).collect()
    }

    fn contains(&self, month: i64) -> bool {
        self.from.is_none_or(|from| from <= month) && self.to.is_none_or(|to| month < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from: Option<i64>, to: Option<i64>) -> Part {
        Part { ledger: Ledger::Entry, table: "t".into(), from, to }
    }

    #[test]
    fn a_month_has_a_name_by_its_number_and_the_other_way_round() {
        assert_eq!([0, 11, 12, 682].map(label), ["1970_01", "1970_12", "1971_01", "2026_11"]);
    }

    #[test]
    fn this_month_and_the_next_two_are_made_if_no_table_has_them() {
        let parts = vec![part(None, Some(682)), part(Some(683), Some(684))];
        let months = Months { now: 681, settled: 681, kept: None, parts };
        let missing = |ledger: Ledger| {
            let missing = months.missing().into_iter();
            missing.filter(|(of, _)| *of == ledger).map(|(_, month)| month).collect::<Vec<_>>()
        };
        assert_eq!(missing(Ledger::Entry), [682]);
        assert_eq!(missing(Ledger::Movement), [681, 682, 683]);
    }

    #[test]
    fn a_table_is_looked_at_once_its_months_are_over_and_the_feed_begins_after_them() {
        let removable = |settled, kept| {
            let parts = vec![part(None, Some(680)), part(Some(680), Some(681)), part(None, None)];
            Months { now: 690, settled, kept, parts }.removable().len()
        };
        assert_eq!([removable(681, Some(681)), removable(681, Some(680))], [2, 1]);
        assert_eq!([removable(680, Some(690)), removable(679, Some(690))], [1, 0]);
        assert_eq!([removable(690, Some(679)), removable(690, None)], [0, 0]);
    }
}
