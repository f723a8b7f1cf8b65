//! New movements of the hub's own ledger, and its signatures.

use std::ops::RangeInclusive;

use crate::clock;
use crate::hub::core::{EnteredMovement, Movement};
use crate::hub::db::error::BooksError;
use crate::hub::db::rows::{movement_row, movements_sql, read_movement};
use crate::hub::db::schema::{BOOKS_CHECKPOINT, MOVEMENT, MOVEMENT_END};
use crate::hub::db::sql::{Change, Executor, RowReader, SqlValue, Write};
use crate::limits::{PAGE_MAX, SIGN_EVERY_ENTRIES};
use crate::process::signing_key::SigningKey;
use crate::stock::{Origin, Seq, SignedPosition};

#[derive(Debug, Default)]
pub(super) struct MovementSet {
    new: Vec<Movement>,
    /// How far movements of an earlier version have been chained.
    chained: Option<ChainedUpTo>,
    signed: Option<(SignedPosition, [u8; 32])>,
    /// The new positions that are multiples, with the chain and the time there.
    multiples: Vec<(Seq, [u8; 32], i64)>,
}

/// The end of the hub's own ledger.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct MovementsEnd {
    pub(in crate::hub) seq: Seq,
    pub(in crate::hub) chain: [u8; 32],
    /// The last position that was signed; 0 if none was.
    pub(in crate::hub) signed_seq: Seq,
}

impl MovementsEnd {
    /// `None` before the first movement that is chained.
    pub(in crate::hub) fn read(db: &mut dyn Executor) -> Result<Option<Self>, BooksError> {
        let sql = "SELECT seq, chain, (SELECT coalesce(max(seq), 0) FROM books_checkpoint)
                   FROM movement_end";
        let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
        let (seq, chain) = (row.number()?, row.bytes_or_null()?);
        let signed_seq = row.number()?;
        Ok(chain.map(|chain| Self { seq, chain, signed_seq }))
    }
}

/// How far the movements have been chained that an earlier version has entered.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub::db) struct ChainedUpTo {
    pub(in crate::hub::db) seq: Seq,
    pub(in crate::hub::db) chain: [u8; 32],
}

impl Default for ChainedUpTo {
    fn default() -> Self {
        Self { seq: 0, chain: EnteredMovement::first_chain() }
    }
}

impl ChainedUpTo {
    /// The last movement, if the movements are not chained yet.
    pub(in crate::hub::db) fn wanted(db: &mut dyn Executor) -> Result<Option<Seq>, BooksError> {
        let found = db.query("SELECT seq, chain FROM movement_end", &[])?.pop();
        let mut row = RowReader::of(found.unwrap_or_default());
        let (seq, chain) = (row.number()?, row.bytes_or_null::<32>()?);
        Ok((seq > 0 && chain.is_none()).then_some(seq))
    }

    /// Chains a page of movements, up to a position.
    pub(in crate::hub::db) fn page(
        mut self,
        db: &mut dyn Executor,
        up_to: Seq,
    ) -> Result<Self, BooksError> {
        let limit = (up_to - self.seq).min(PAGE_MAX as u64);
        let page =
            db.query(&movements_sql(), &[SqlValue::number(self.seq), SqlValue::number(limit)])?;
        if page.is_empty() {
            let missing = format!("movement {} is missing", self.seq + 1);
            return Err(BooksError::Damaged(missing));
        }
        for row in page {
            let entered = read_movement(row)?;
            self = Self { seq: entered.seq, chain: entered.chained(&self.chain) };
        }
        Ok(self)
    }

    /// Chains what is left, up to a position.
    fn rest(mut self, db: &mut dyn Executor, up_to: Seq) -> Result<[u8; 32], BooksError> {
        while self.seq < up_to {
            self = self.page(db, up_to)?;
        }
        Ok(self.chain)
    }
}

impl MovementSet {
    /// Stores the chain of the movements that an earlier version has entered.
    pub(super) fn set_chained(&mut self, chained: ChainedUpTo) {
        self.chained = Some(chained);
    }

    pub(super) fn enter(&mut self, movements: &[Movement]) {
        self.new.extend_from_slice(movements);
    }

    pub(super) fn sign(&mut self, signed: SignedPosition, key: [u8; 32]) {
        self.signed = Some((signed, key));
    }

    /// Numbers and chains the movements. The last position is locked from here to the commit, so
    /// that other workers leave no gap; hence this is the last thing that a transaction reads.
    /// Returns the positions as well, if there are any.
    pub(super) fn changes(
        &mut self,
        db: &mut dyn Executor,
    ) -> Result<(Vec<Change>, Option<RangeInclusive<Seq>>), BooksError> {
        let new = std::mem::take(&mut self.new);
        let row = |(signed, key): &(SignedPosition, [u8; 32])| vec![signature(signed, key)];
        let mut changes: Vec<Change> = self.signed.iter().map(row).map(checkpoints).collect();
        if new.is_empty() && self.chained.is_none() {
            return Ok((changes, None));
        }
        let (chained, entered) = self.chain(db, new)?;
        changes.extend(chained);
        Ok((changes, Some(entered).filter(|entered| !entered.is_empty())))
    }

    /// Whether new movements are at positions that are multiples of [`SIGN_EVERY_ENTRIES`].
    pub(super) fn has_multiples(&self) -> bool {
        !self.multiples.is_empty()
    }

    /// Signs these positions.
    pub(super) fn sign_multiples(&self, origin: &Origin, key: &SigningKey) -> Change {
        let sign = |(seq, chain, at_ms): &(Seq, [u8; 32], i64)| {
            let signed = SignedPosition::new(origin, (*seq, *chain), *at_ms, key.pair());
            signature(&signed, &key.public())
        };
        checkpoints(self.multiples.iter().map(sign).collect())
    }

    fn chain(
        &mut self,
        db: &mut dyn Executor,
        new: Vec<Movement>,
    ) -> Result<([Change; 2], RangeInclusive<Seq>), BooksError> {
        let sql = "UPDATE movement_end SET seq = seq + $1 RETURNING seq, chain";
        let end = db.query(sql, &[SqlValue::number(new.len() as u64)])?.pop();
        let mut end = RowReader::of(end.unwrap_or_default());
        let last = end.number()?;
        let first = last + 1 - new.len() as u64;
        let mut chain = match end.bytes_or_null()? {
            Some(chain) => chain,
            None => self.chained.take().unwrap_or_default().rest(db, first - 1)?,
        };
        let at_ms = clock::wall_ms();
        let row = |(seq, movement)| {
            let entered = EnteredMovement { seq, at_ms, movement };
            chain = entered.chained(&chain);
            if seq % SIGN_EVERY_ENTRIES == 0 {
                self.multiples.push((seq, chain, at_ms));
            }
            movement_row(&entered).to_vec()
        };
        let rows = (first..).zip(new).map(row).collect();
        let entered = Change { table: &MOVEMENT, write: Write::Insert, rows };
        let end = vec![SqlValue::Int(1), SqlValue::number(last), SqlValue::Blob(chain.to_vec())];
        let end = Change { table: &MOVEMENT_END, write: Write::Set, rows: vec![end] };
        Ok(([entered, end], first..=last))
    }
}

fn signature(signed: &SignedPosition, key: &[u8; 32]) -> Vec<SqlValue> {
    let SignedPosition { seq, chain, at_ms, signature } = signed;
    // The last position of a part is a multiple.
    let part = seq.saturating_sub(1) / SIGN_EVERY_ENTRIES;
    vec![
        SqlValue::number(part),
        SqlValue::number(*seq),
        SqlValue::Blob(chain.to_vec()),
        SqlValue::Int(*at_ms),
        SqlValue::Blob(signature.to_vec()),
        SqlValue::Blob(key.to_vec()),
    ]
}

fn checkpoints(rows: Vec<Vec<SqlValue>>) -> Change {
    Change { table: &BOOKS_CHECKPOINT, write: Write::Set, rows }
}
