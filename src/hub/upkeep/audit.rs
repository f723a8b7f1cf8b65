//! Reads ledgers in the books for auditors: the hub's own, and those of gateways.

use crate::config::BookStore;
use crate::hub::core::{EnteredMovement, Movement};
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::hub::db::{
    BooksDatabase, BooksError, OWN_LEDGER, entries_sql, movements_sql, newest_version, read_entry,
    read_movement,
};
use crate::limits::PAGE_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Entry, Origin, Seq, Signed, SignedPosition};

/// A ledger in the books.
#[derive(Debug)]
pub(crate) struct AuditedLedger {
    pub(crate) origin: Origin,
    /// The book of a gateway's database; `None` for the hub's own ledger.
    book: Option<i64>,
    /// Its end and the chain there.
    pub(crate) end: (Seq, Chain),
    /// The last entry that was removed, and the chain after it.
    pruned: Option<(Seq, Chain)>,
    /// The position after which it has the newer kind of chain.
    chain_since: Seq,
    /// Whether the gateway has shown a key to sign with.
    pub(crate) has_key: bool,
    /// What was signed of it, in order.
    pub(crate) signed: Vec<Signed>,
}

/// An entry of a ledger in the books.
pub(crate) enum AuditedEntry {
    OfGateway(Entry),
    OfBooks(EnteredMovement),
}

impl AuditedEntry {
    pub(crate) fn seq(&self) -> Seq {
        match self {
            Self::OfGateway(entry) => entry.seq,
            Self::OfBooks(entered) => entered.seq,
        }
    }
}

/// Books that are read for an auditor, beside a hub that runs on them too.
#[derive(Debug)]
pub(crate) struct BooksAudit(BooksDatabase);

impl BooksAudit {
    /// Opens the books.
    ///
    /// # Errors
    /// If there are none of this version, or they cannot be read.
    pub(crate) fn open(store: &BookStore) -> Result<Self, BooksError> {
        let database = BooksDatabase::open_existing(store)?;
        match database.version()? {
            Some(version) if version == newest_version() => Ok(Self(database)),
            Some(_) | None => Err(BooksError::Damaged(
                "the books are not of this version; start the hub once, which upgrades them".into(),
            )),
        }
    }

    /// The hub's own ledger.
    pub(crate) fn own(&mut self) -> Result<AuditedLedger, BooksError> {
        self.0.read(|db| {
            let sql = "SELECT (SELECT books FROM identity), seq, chain FROM movement_end";
            let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
            let (books, seq, chain) = (row.epoch()?, row.number()?, row.bytes_or_null()?);
            let chain = Chain::Sha256(chain.unwrap_or_else(EnteredMovement::first_chain));
            let sql = "SELECT seq, chain, at_ms, signature, public_key FROM books_checkpoint
                       ORDER BY seq";
            let signed = db.query(sql, &[])?.into_iter().map(read_signed).collect::<Result<_, _>>();
            let (origin, end) = (Movement::origin(books), (seq, chain));
            let (signed, pruned): (Vec<Signed>, _) = (signed?, read_pruned(db, OWN_LEDGER)?);
            let has_key = !signed.is_empty();
            Ok(AuditedLedger { origin, book: None, end, pruned, chain_since: 0, has_key, signed })
        })
    }

    /// The ledgers of all databases of a gateway, or of all gateways, in the order in which they came.
    pub(crate) fn ledgers(
        &mut self,
        of: Option<&GatewayId>,
    ) -> Result<Vec<AuditedLedger>, BooksError> {
        self.0.read(|db| {
            let sql =
                "SELECT id, site, gateway, epoch, acked_seq, chain, chain_sha256, chain_since,
                           device_key
                       FROM book WHERE $1 = '' OR site = $1 AND gateway = $2 ORDER BY id";
            let (site, gateway) = of.map_or(("", ""), |id| (&id.site, &id.gateway));
            let found = db.query(sql, &[SqlValue::text(site), SqlValue::text(gateway)])?;
            found.into_iter().map(|row| read_ledger(db, row)).collect()
        })
    }

    /// Calls `each` with every entry of a ledger, in order: with the position and the chain before
    /// it, and the chain after it; until it returns false. The books may grow meanwhile.
    pub(crate) fn visit(
        &mut self,
        ledger: &AuditedLedger,
        mut each: impl FnMut(&AuditedEntry, (Seq, Chain), Chain) -> bool,
    ) -> Result<(), BooksError> {
        let mut last = ledger.start();
        while last.0 < ledger.end.0 {
            let page = self.page(ledger, last.0)?;
            let before = last.0;
            for entry in page.into_iter().take_while(|entry| entry.seq() <= ledger.end.0) {
                last.1 = ledger.chain_before(last);
                let chain = chained(&entry, last.1);
                if !each(&entry, last, chain) {
                    return Ok(());
                }
                last = (entry.seq(), chain);
            }
            if last.0 == before {
                return Ok(());
            }
        }
        Ok(())
    }

    fn page(
        &mut self,
        ledger: &AuditedLedger,
        after: Seq,
    ) -> Result<Vec<AuditedEntry>, BooksError> {
        let (after, limit) = (SqlValue::number(after), SqlValue::number(PAGE_MAX as u64));
        self.0.read(|db| match ledger.book {
            Some(book) => {
                let rows = db.query(&entries_sql(false), &[SqlValue::Int(book), after, limit])?;
                rows.into_iter().map(|row| read_entry(row).map(AuditedEntry::OfGateway)).collect()
            }
            None => {
                let rows = db.query(&movements_sql(), &[after, limit])?;
                rows.into_iter().map(|row| read_movement(row).map(AuditedEntry::OfBooks)).collect()
            }
        })
    }
}

impl AuditedLedger {
    /// Whether it is the hub's own ledger.
    pub(crate) fn is_own(&self) -> bool {
        self.book.is_none()
    }

    /// The position before the first entry that is kept, and the chain there.
    pub(crate) fn start(&self) -> (Seq, Chain) {
        let (seq, chain) = self.pruned.unwrap_or_default();
        (seq, self.chain_before((seq, chain)))
    }

    /// The chain that the entry after a position continues.
    fn chain_before(&self, (seq, chain): (Seq, Chain)) -> Chain {
        let is_new = matches!(self.end.1, Chain::Sha256(_)) && seq >= self.chain_since;
        if is_new { chain.upgraded(seq) } else { chain }
    }
}

fn chained(entry: &AuditedEntry, before: Chain) -> Chain {
    match entry {
        AuditedEntry::OfGateway(entry) => before.with(entry),
        AuditedEntry::OfBooks(entered) => Chain::Sha256(entered.chained(&before.to_bytes())),
    }
}

fn read_ledger(db: &mut dyn Executor, row: SqlRow) -> Result<AuditedLedger, BooksError> {
    let mut row = RowReader::of(row);
    let book = row.int()?;
    let origin = Origin { site: row.text()?, gateway: row.text()?, epoch: row.epoch()? };
    let (seq, older) = (row.number()?, Chain::Xxh3(row.bits()?));
    let end = (seq, row.bytes_or_null()?.map_or(older, Chain::Sha256));
    let chain_since = row.number()?;
    let has_key = row.bytes_or_null::<32>()?.is_some();
    let sql = "SELECT seq, chain, at_ms, signature, public_key FROM checkpoint
               WHERE book = $1 ORDER BY seq";
    let signed = db.query(sql, &[SqlValue::Int(book)])?.into_iter().map(read_signed);
    let signed = signed.collect::<Result<_, _>>()?;
    let pruned = read_pruned(db, book)?;
    Ok(AuditedLedger { origin, book: Some(book), end, pruned, chain_since, has_key, signed })
}

fn read_pruned(db: &mut dyn Executor, book: i64) -> Result<Option<(Seq, Chain)>, BooksError> {
    let sql = "SELECT seq, chain FROM pruned WHERE book = $1";
    let row = db.query(sql, &[SqlValue::Int(book)])?.pop();
    let read = |row| {
        let mut row = RowReader::of(row);
        Ok((row.number()?, Chain::from_bytes(row.bytes()?)))
    };
    row.map(read).transpose()
}

fn read_signed(row: SqlRow) -> Result<Signed, BooksError> {
    let mut row = RowReader::of(row);
    let (seq, chain, at_ms) = (row.number()?, row.bytes()?, row.int()?);
    let signature = row.bytes()?;
    Ok((SignedPosition { seq, chain, at_ms, signature }, row.bytes()?))
}
