//! Places in the feed.
//!
//! Books that were put back from a backup give out the same positions again, for other entries. So a
//! cursor also has a check of the range at its position, by which a reader whose range these books
//! do not have is told so. Where the range is the same, nothing before it was lost.

use std::cmp::Ordering;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::stock::Seq;

/// A place in the feed: after an entry of the range at a position. Cursors are ordered by their
/// places.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hub) struct FeedCursor {
    /// From 1 on; 0 before the first range.
    pub(super) position: u64,
    /// The last entry of the range that is behind this place.
    pub(super) seq: Seq,
    /// The check of the range; `None` if it is not known, as of the cursors of earlier versions.
    pub(super) check: Option<u32>,
}

impl FeedCursor {
    /// After the entry `seq` of the range at a position.
    pub(in crate::hub) fn new(position: u64, seq: Seq) -> Self {
        Self { position, seq, check: None }
    }

    pub(in crate::hub) fn position(self) -> u64 {
        self.position
    }

    pub(in crate::hub) fn seq(self) -> Seq {
        self.seq
    }

    /// Reads what [`fmt::Display`] has written; `None` for anything else.
    pub(in crate::hub) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (position, seq, check) = (parts.next()?, parts.next().unwrap_or("0"), parts.next());
        let number = |text: &str| {
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse());
            number?.ok().filter(|number| *number <= i64::MAX.unsigned_abs())
        };
        let check = match check {
            Some(check) if check.len() == CHECK_DIGITS && !check.starts_with('+') => {
                Some(u32::from_str_radix(check, 16).ok()?)
            }
            Some(_) => return None,
            None => None,
        };
        let is_all = parts.next().is_none();
        is_all.then_some(Self { position: number(position)?, seq: number(seq)?, check })
    }

    /// The check of a range, by what never changes in it.
    pub(super) fn check_of(book: i64, first: Seq, at_ms: i64) -> u32 {
        let numbers = [book.cast_unsigned(), first, at_ms.cast_unsigned()];
        let bytes = numbers.map(u64::to_le_bytes).concat();
        let [a, b, c, d, ..] = xxh3_64(&bytes).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn place(&self) -> (u64, Seq) {
        (self.position, self.seq)
    }
}

/// The hexadecimal digits of a check.
const CHECK_DIGITS: usize = 8;

impl PartialEq for FeedCursor {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for FeedCursor {}

impl PartialOrd for FeedCursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FeedCursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, seq, check } = self;
        match check {
            Some(check) => write!(f, "{position}.{seq}.{check:08x}"),
            None => write!(f, "{position}.{seq}"),
        }
    }
}

/// Where the feed begins and ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct FeedEnds {
    /// Before the first entry that is kept.
    pub(in crate::hub) first: FeedCursor,
    /// After the last one.
    pub(in crate::hub) last: FeedCursor,
}

impl FeedEnds {
    /// Whether all that follows a place is kept. Books that were put back from a backup end before
    /// places that they have given out.
    pub(super) fn have(&self, after: FeedCursor) -> bool {
        after == FeedCursor::default()
            || (self.first <= after && after.position <= self.last.position)
    }
}

pub(in crate::hub) fn feed_ends(db: &mut dyn Executor) -> Result<FeedEnds, BooksError> {
    let sql = "SELECT feed_end.position,
               coalesce((SELECT min(position) FROM feed), feed_end.position + 1),
               coalesce(last.last_seq, 0), last.book, last.first_seq, last.at_ms,
               (SELECT position FROM feed_start), (SELECT seq FROM feed_start)
               FROM feed_end LEFT JOIN feed AS last ON last.position = feed_end.position";
    let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
    let (position, first, seq) = (row.number()?, row.number()?, row.number()?);
    let check = check(&mut row)?;
    let first = FeedCursor { position: first.saturating_sub(1), ..FeedCursor::default() };
    // After what was removed; a cursor within that has lost what follows it.
    let first = first.max(FeedCursor::new(row.number()?, row.number()?));
    Ok(FeedEnds { first, last: first.max(FeedCursor { position, seq, check }) })
}

/// Whether the books have the range of a cursor, as far as it is kept.
pub(super) fn has_range(db: &mut dyn Executor, cursor: FeedCursor) -> Result<bool, BooksError> {
    let Some(wanted) = cursor.check else { return Ok(true) };
    let sql = "SELECT book, first_seq, at_ms FROM feed WHERE position = $1";
    let found = db.query(sql, &[SqlValue::number(cursor.position)])?.pop();
    let found = found.map(|row| check(&mut RowReader::of(row))).transpose()?.flatten();
    Ok(found.is_none_or(|found| found == wanted))
}

fn check(row: &mut RowReader) -> Result<Option<u32>, BooksError> {
    let of = (row.int_or_null()?, row.int_or_null()?, row.int_or_null()?);
    let (Some(book), Some(first), Some(at_ms)) = of else { return Ok(None) };
    Ok(Some(FeedCursor::check_of(book, first.unsigned_abs(), at_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::tests::test_hub::TestHub;
    use crate::hub::reader::{FeedFilter, feed_page};

    /// The cursor after all events that follow one; `None` if it is gone.
    fn end(hub: &mut TestHub, after: FeedCursor) -> Option<FeedCursor> {
        let filter = FeedFilter::everything();
        let page = hub.database.read(|db| feed_page(db, after, 1_000, &filter)).unwrap();
        page.ok().map(|page| page.next)
    }

    #[test]
    fn a_cursor_of_events_that_older_books_lack_is_gone_though_they_go_on_beyond_it() {
        let mut hub = TestHub::new();
        hub.receive("in", 5);
        let before = end(&mut hub, FeedCursor::default()).unwrap();
        let mut older = hub.copy();
        hub.receive("lost", 5);
        let lost = end(&mut hub, before).unwrap();
        // Its range has another time, or another book.
        hub.db("UPDATE feed SET at_ms = at_ms + 100000 WHERE position = 2");
        let moved = end(&mut hub, before).unwrap();
        assert_ne!(lost.check, moved.check);
        ["a", "b", "c"].iter().for_each(|id| drop(older.receive(id, 1)));

        assert!(end(&mut older, moved).is_none(), "{moved}");
        assert_eq!(end(&mut older, before).map(|end| end.position), Some(4));
        let unchecked = FeedCursor { check: None, ..moved };
        assert!(end(&mut older, unchecked).is_some(), "of an earlier version");
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        for check in [None, Some(0), Some(0xfedc_0001)] {
            let cursor = FeedCursor { position: 17, seq: 42, check };
            let read = FeedCursor::parse(&cursor.to_string()).unwrap();
            assert_eq!((read, read.check), (cursor, check));
        }
        assert_eq!(FeedCursor::parse("0"), Some(FeedCursor::default()));
        for other in [
            "",
            ".",
            "1.",
            "-1",
            "+1.1",
            "1.1.1",
            "1.1.+0000000",
            "1.1.00000000.",
            "x",
            "9223372036854775808.0",
        ] {
            assert_eq!(FeedCursor::parse(other), None, "{other:?}");
        }
    }
}
