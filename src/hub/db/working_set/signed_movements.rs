//! Whether the hub's own ledger is what was signed of it, looked at before anything more is signed: a
//! signature of books that were edited would make the edit look like an entry.

use super::feed::OWN_LEDGER;
use super::movements::ChainedUpTo;
use crate::hub::core::{EnteredMovement, Movement};
use crate::hub::db::error::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::limits::SIGN_EVERY_ENTRIES;
use crate::stock::{Chain, Origin, Seq, SignedPosition};

/// What was signed of the hub's own ledger last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignedMovements {
    /// The key that has signed last; `None` if nothing is signed.
    pub(crate) key: Option<[u8; 32]>,
    /// What of the ledger is not as it was signed or entered, if anything is.
    pub(crate) fault: Option<String>,
}

/// Ten times as many entries as are between two signatures.
const EXAMINED_MAX: u64 = 10 * SIGN_EVERY_ENTRIES;

/// A position of the ledger, with the chain there.
#[derive(Clone, Copy)]
struct Mark {
    seq: Seq,
    chain: [u8; 32],
}

impl SignedMovements {
    /// Looks at the last two signatures, at the entries between them, and at all that follow. What is
    /// before them is signed already, and an audit looks at it; as it does where so many entries are
    /// without a signature that they would hold up a start.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub(in crate::hub) fn read(db: &mut dyn Executor) -> Result<Self, BooksError> {
        let sql = "SELECT (SELECT books FROM identity), seq, chain FROM movement_end";
        let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
        let (books, seq, chain) = (row.epoch()?, row.number()?, row.bytes_or_null()?);
        let end = Mark { seq, chain: chain.unwrap_or_else(EnteredMovement::first_chain) };
        let sql = "SELECT seq, chain, at_ms, signature, public_key FROM books_checkpoint
                   ORDER BY seq DESC LIMIT 2";
        let mut signed = Vec::new();
        for row in db.query(sql, &[])? {
            signed.push(read_signed(row)?);
        }
        let key = signed.first().map(|(_, key)| *key);
        let fault = match forged(&signed, &Movement::origin(books)) {
            Some(fault) => Some(fault),
            None => changed(db, &signed, end)?,
        };
        Ok(Self { key, fault })
    }
}

fn read_signed(row: SqlRow) -> Result<(SignedPosition, [u8; 32]), BooksError> {
    let mut row = RowReader::of(row);
    let (seq, chain, at_ms) = (row.number()?, row.bytes()?, row.int()?);
    let signature = row.bytes()?;
    Ok((SignedPosition { seq, chain, at_ms, signature }, row.bytes()?))
}

fn forged(signed: &[(SignedPosition, [u8; 32])], origin: &Origin) -> Option<String> {
    let wrong = signed.iter().rfind(|(signed, key)| !signed.is_signed_by(key, origin));
    wrong.map(|(signed, _)| {
        format!("the signature of entry {} is not of the key that it names", signed.seq)
    })
}

/// Computes the chain again from the last signature but one, or where the ledger begins.
fn changed(
    db: &mut dyn Executor,
    signed: &[(SignedPosition, [u8; 32])],
    end: Mark,
) -> Result<Option<String>, BooksError> {
    let mark = |(signed, _): &(SignedPosition, [u8; 32])| {
        let SignedPosition { seq, chain, .. } = *signed;
        Mark { seq, chain }
    };
    let begin = signed.get(1).map(mark).into_iter().chain([start(db)?]);
    let mut from = begin.max_by_key(|mark| mark.seq).expect("there is a start");
    if end.seq.saturating_sub(from.seq) > EXAMINED_MAX {
        return Ok(None);
    }
    let last = signed.first().map(mark).filter(|last| last.seq > from.seq);
    for to in last.into_iter().chain([end]) {
        if !leads_to(db, from, to)? {
            let (first, last) = (from.seq + 1, to.seq);
            return Ok(Some(match last.checked_sub(first) {
                None => format!("entries up to {} are missing, which were signed", from.seq),
                Some(0) => format!("entry {first} does not fit the chain there"),
                Some(_) => format!("entries {first} to {last} do not fit the chain at their end"),
            }));
        }
        from = to;
    }
    Ok(None)
}

/// Where the ledger begins: after what was removed.
fn start(db: &mut dyn Executor) -> Result<Mark, BooksError> {
    let sql = "SELECT seq, chain FROM pruned WHERE book = $1";
    let Some(row) = db.query(sql, &[SqlValue::Int(OWN_LEDGER)])?.pop() else {
        return Ok(Mark { seq: 0, chain: EnteredMovement::first_chain() });
    };
    let mut row = RowReader::of(row);
    let (seq, chain) = (row.number()?, Chain::from_bytes(row.bytes()?));
    Ok(Mark { seq, chain: chain.upgraded(seq).to_bytes() })
}

/// Whether the entries between two positions lead from the chain at one to that at the other.
fn leads_to(db: &mut dyn Executor, from: Mark, to: Mark) -> Result<bool, BooksError> {
    let mut reached = ChainedUpTo { seq: from.seq, chain: from.chain };
    while reached.seq < to.seq {
        reached = match reached.page(db, to.seq) {
            Err(BooksError::Damaged(_)) => return Ok(false),
            page => page?,
        };
    }
    Ok(reached.seq == to.seq && reached.chain == to.chain)
}
