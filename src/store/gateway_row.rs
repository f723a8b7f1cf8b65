//! The row of the table `gateway`: whose database this is, and the positions that are not in the
//! ledger.
//!
//! Nothing else says what is in it, so the table holds it twice. Both copies lie in one page and are
//! written together. One that is damaged is rewritten from the other.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::error::StoreError;
use super::repairs::Repairs;
use super::row_check::{RowChecks, text, write_row};
use super::schema::{BEGINNING, BOOKS, CATALOGUE, CHECKSUMS};
use super::sql_values::{get_u64, to_i64};
use super::version::check_ours;
use crate::stock::{BooksId, Origin, Seq, Taken};

/// How far the hub and the running clock have come. It is saved with a commit when it matters, not
/// with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The position up to which the hub has committed the ledger.
    pub acked_seq: Seq,
    /// Milliseconds this database has been in use.
    pub running_ms: u64,
}

/// What never changes in the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) origin: Origin,
    /// The seed of this database's hashes of request ids.
    pub(super) seed: u64,
}

/// What changes in the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    pub(super) progress: Progress,
    /// The position up to which the stock table holds every change: see [`super::checkpoint`].
    pub(super) checkpoint_seq: Seq,
    /// The position up to which the ledger was pruned.
    pub(super) pruned_seq: Seq,
    /// The last record that was pruned. A refusal is a record without entries, so no position says
    /// with which one the ledger begins. `None` until a start has read the first row of a database of
    /// an older version.
    pub(super) pruned_n: Option<i64>,
    /// What was applied of what the hub sent.
    pub(super) taken: Taken,
    /// The hub's books that the gateway belongs to, once it has heard of any.
    pub(super) books: Option<BooksId>,
    pub(super) rows: RowCounts,
}

/// How many rows a table has whose missing rows nothing else would show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    pub(super) stock: u64,
    pub(super) listings: u64,
    pub(super) barcodes: u64,
}

/// The row, as it was read.
#[derive(Debug)]
pub(super) struct GatewayRow {
    pub(super) identity: Identity,
    pub(super) positions: Positions,
    /// Whether both copies are sound.
    pub(super) is_whole: bool,
}

const COPIES: [i64; 2] = [1, 2];

impl GatewayRow {
    /// Reads the row; `None` if the database was created but never used.
    ///
    /// # Errors
    /// If the database cannot be read, or no copy of the row is sound.
    pub(super) fn read(db: &Connection) -> Result<Option<Self>, StoreError> {
        let checks = RowChecks::of(db)?;
        let version = check_ours(db)?;
        let mut statement = db.prepare(columns(version))?;
        let mut rows = statement.query([])?;
        let (mut found, mut read) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            read += 1;
            if checks.pass("gateway", row) {
                found.push(parse(row, version)?);
            }
        }
        let is_whole = (read, found.len()) == (2, 2) || !checks.exist();
        let differ = found.iter().any(|copy| *copy != found[0]);
        match found.into_iter().next() {
            Some(_) if differ => Err(damaged("the copies of the gateway's row differ")),
            Some((identity, positions)) => Ok(Some(Self { identity, positions, is_whole })),
            None if read > 0 => Err(damaged("neither copy of the gateway's row can be read")),
            None => Ok(None),
        }
    }
}

impl GatewayRow {
    /// Says that one copy of the row is damaged.
    pub(super) fn tell_damaged_copy(repairs: &mut Repairs) {
        let fault = "one copy of the row of the table gateway is damaged or missing";
        repairs.add(fault.into(), "it is rewritten from the other one");
    }
}

fn damaged(why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "{why}, which says whose database this is and how far the hub has confirmed it"
    ))
}

/// The columns of the newest version, as a database of this version has them.
fn columns(version: i32) -> &'static str {
    match version {
        BEGINNING.. => {
            "SELECT copy, site, gateway, epoch, acked_seq, running_ms, stocked_seq, pruned_seq, seed,
                taken_transfer, taken_at_seq, taken_catalogue, stock_rows, listing_rows,
                barcode_rows, books, books_generation, pruned_n, crc FROM gateway ORDER BY copy"
        }
        CHECKSUMS.. => "SELECT * FROM gateway ORDER BY copy",
        CATALOGUE => {
            "SELECT one, site, gateway, epoch, acked_seq, running_ms, stocked_seq, pruned_seq, seed,
                taken_transfer, taken_at_seq, taken_catalogue, 0, 0, 0, NULL FROM gateway"
        }
        _ => {
            "SELECT one, site, gateway, epoch, acked_seq, running_ms, stocked_seq, pruned_seq, seed,
                0, 0, 0, 0, 0, 0, NULL FROM gateway"
        }
    }
}

fn parse(row: &Row<'_>, version: i32) -> rusqlite::Result<(Identity, Positions)> {
    let epoch = Uuid::from_bytes(row.get(3)?);
    let origin = Origin { site: row.get(1)?, gateway: row.get(2)?, epoch };
    let identity = Identity { origin, seed: row.get::<_, i64>(8)?.cast_unsigned() };
    let positions = Positions {
        progress: Progress { acked_seq: get_u64(row, 4)?, running_ms: get_u64(row, 5)? },
        checkpoint_seq: get_u64(row, 6)?,
        pruned_seq: get_u64(row, 7)?,
        pruned_n: if version < BEGINNING { None } else { row.get(17)? },
        taken: Taken {
            transfer: get_u64(row, 9)?,
            at_seq: get_u64(row, 10)?,
            catalogue: get_u64(row, 11)?,
        },
        books: if version < BOOKS { None } else { parse_books(row)? },
        rows: RowCounts {
            stock: get_u64(row, 12)?,
            listings: get_u64(row, 13)?,
            barcodes: get_u64(row, 14)?,
        },
    };
    Ok((identity, positions))
}

fn parse_books(row: &Row<'_>) -> rusqlite::Result<Option<BooksId>> {
    let generation = get_u64(row, 16)?;
    let books = row.get::<_, Option<[u8; 16]>>(15)?.map(Uuid::from_bytes);
    Ok(books.map(|books| BooksId { books, generation }))
}

/// Writes both copies of the row.
pub(super) fn save(
    db: &Connection,
    identity: &Identity,
    positions: &Positions,
) -> Result<(), StoreError> {
    let Identity { origin, seed } = identity;
    let Positions { progress, checkpoint_seq, pruned_seq, pruned_n, taken, books, rows } =
        positions;
    let number = |number: u64| ValueRef::Integer(to_i64(number));
    let sql = "INSERT OR REPLACE INTO gateway
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?19, ?18)";
    let mut statement = db.prepare_cached(sql)?;
    for copy in COPIES {
        let values = [
            ValueRef::Integer(copy),
            text(&origin.site),
            text(&origin.gateway),
            ValueRef::Blob(origin.epoch.as_bytes()),
            number(progress.acked_seq),
            number(progress.running_ms),
            number(*checkpoint_seq),
            number(*pruned_seq),
            ValueRef::Integer(seed.cast_signed()),
            number(taken.transfer),
            number(taken.at_seq),
            number(taken.catalogue),
            number(rows.stock),
            number(rows.listings),
            number(rows.barcodes),
            books.as_ref().map_or(ValueRef::Null, |id| ValueRef::Blob(id.books.as_bytes())),
            number(books.map_or(0, |id| id.generation)),
            pruned_n.map_or(ValueRef::Null, ValueRef::Integer),
        ];
        write_row(&mut statement, "gateway", &values)?;
    }
    Ok(())
}

/// Makes a new database the configured gateway's, under a new epoch.
pub(super) fn create(db: &Connection, site: &str, gateway: &str) -> Result<(), StoreError> {
    let origin = Origin { site: site.into(), gateway: gateway.into(), epoch: Uuid::new_v4() };
    let identity = Identity { origin, seed: fastrand::u64(..) };
    save(db, &identity, &Positions { pruned_n: Some(0), ..Positions::default() })
}

/// Reads the row, which must be the configured gateway's. It was created together with the tables.
/// A damaged copy is a repair, which the caller writes.
pub(super) fn read_own(
    db: &Connection,
    site: &str,
    gateway: &str,
    repairs: &mut Repairs,
) -> Result<GatewayRow, StoreError> {
    let row = GatewayRow::read(db)?.ok_or_else(|| {
        StoreError::Damaged("it does not say whose it is: its log was lost or cut".into())
    })?;
    check_owner(&row.identity.origin, site, gateway)?;
    if !row.is_whole {
        GatewayRow::tell_damaged_copy(repairs);
    }
    Ok(row)
}

/// Checks that a database belongs to this gateway.
///
/// # Errors
/// [`StoreError::OtherGateway`] if it does not.
pub fn check_owner(origin: &Origin, site: &str, gateway: &str) -> Result<(), StoreError> {
    if (origin.site.as_str(), origin.gateway.as_str()) == (site, gateway) {
        return Ok(());
    }
    Err(StoreError::OtherGateway {
        found: format!("{}/{}", origin.site, origin.gateway),
        configured: format!("{site}/{gateway}"),
    })
}

impl Positions {
    /// How far the ledger had come at least: the furthest position that is kept beside it.
    pub(super) fn reached_seq(&self) -> Seq {
        self.progress.acked_seq.max(self.checkpoint_seq).max(self.taken.at_seq)
    }
}

/// The position up to which the ledger was pruned, and the one to which it had come at least, by what
/// is kept beside it.
///
/// # Errors
/// If the row cannot be read.
pub fn read_ledger_range(db: &Connection) -> Result<(Seq, Seq), StoreError> {
    let positions = GatewayRow::read(db)?.map(|row| row.positions).unwrap_or_default();
    Ok((positions.pruned_seq, positions.reached_seq()))
}

/// Reads whose database this is; `None` if it was created but never used.
///
/// # Errors
/// If the row cannot be read.
pub fn read_identity(db: &Connection) -> Result<Option<(Origin, Progress)>, StoreError> {
    let row = GatewayRow::read(db)?;
    Ok(row.map(|row| (row.identity.origin, row.positions.progress)))
}
