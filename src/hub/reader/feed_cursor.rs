//! Places in the feed.

use std::fmt;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader};
use crate::stock::Seq;

/// A place in the feed: after an entry of the range at a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hub) struct FeedCursor {
    /// From 1 on; 0 before the first range.
    pub(super) position: u64,
    /// The last entry of the range that is behind this place.
    pub(super) seq: Seq,
}

impl FeedCursor {
    /// Reads what [`fmt::Display`] has written; `None` for anything else.
    pub(in crate::hub) fn parse(text: &str) -> Option<Self> {
        let (position, seq) = text.split_once('.').unwrap_or((text, "0"));
        let number = |text: &str| {
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse());
            number?.ok().filter(|number| *number <= i64::MAX.unsigned_abs())
        };
        Some(Self { position: number(position)?, seq: number(seq)? })
    }
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.seq)
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
            || (self.first.position <= after.position && after.position <= self.last.position)
    }
}

pub(in crate::hub) fn feed_ends(db: &mut dyn Executor) -> Result<FeedEnds, BooksError> {
    let sql = "SELECT position, coalesce((SELECT min(position) FROM feed), position + 1),
               coalesce((SELECT last_seq FROM feed WHERE feed.position = feed_end.position), 0)
               FROM feed_end";
    let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
    let (last, first, seq) = (row.number()?, row.number()?, row.number()?);
    let first = FeedCursor { position: first.saturating_sub(1), seq: 0 };
    Ok(FeedEnds { first, last: FeedCursor { position: last, seq } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = FeedCursor { position: 17, seq: 42 };
        assert_eq!(FeedCursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(FeedCursor::parse("0"), Some(FeedCursor::default()));
        for other in ["", ".", "1.", "-1", "+1.1", "1.1.1", "x", "9223372036854775808.0"] {
            assert_eq!(FeedCursor::parse(other), None, "{other:?}");
        }
    }
}
