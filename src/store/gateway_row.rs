//! The one row of the table `gateway`: whose database this is, and the positions that are not in
//! the ledger.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::error::StoreError;
use super::migrate::has_catalogue;
use super::sql_values::{get_u64, to_i64};
use crate::stock::{Origin, Seq, Taken};

/// How far the hub and the running clock have come. It is saved with a commit when it matters, not
/// with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The position up to which the hub has committed the ledger.
    pub acked_seq: Seq,
    /// Milliseconds this database has been in use.
    pub running_ms: u64,
}

/// Reads whose database this is; makes a new one the configured gateway's, under a new epoch.
pub(super) fn read_or_create(
    db: &Connection,
    site: &str,
    gateway: &str,
) -> Result<(Origin, Progress), StoreError> {
    let Some((origin, mut progress)) = read_identity(db)? else {
        let epoch = Uuid::new_v4();
        db.execute(
            "INSERT INTO gateway VALUES (1, ?1, ?2, ?3, 0, 0, 0, 0, ?4, 0, 0, 0)",
            params![site, gateway, epoch.as_bytes(), fastrand::i64(..)],
        )?;
        let origin = Origin { site: site.into(), gateway: gateway.into(), epoch };
        return Ok((origin, Progress::default()));
    };
    check_owner(&origin, site, gateway)?;
    progress.running_ms = progress.running_ms.max(last_mark_ms(db)?);
    Ok((origin, progress))
}

/// The running time of the last retention mark, which is set every hour; the running clock in the
/// `gateway` row is saved with other changes only. Damaged marks count as none: they must not keep
/// the gateway from starting.
fn last_mark_ms(db: &Connection) -> Result<u64, StoreError> {
    let read =
        db.query_row("SELECT coalesce(max(running_ms), 0) FROM mark", [], |row| get_u64(row, 0));
    match read.map_err(StoreError::from) {
        Err(error) if error.is_damage() => Ok(0),
        read => read,
    }
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

/// Reads whose database this is; `None` if it was created but never used.
///
/// # Errors
/// If the row cannot be read.
pub fn read_identity(db: &Connection) -> Result<Option<(Origin, Progress)>, StoreError> {
    let sql = "SELECT site, gateway, epoch, acked_seq, running_ms FROM gateway";
    let row = db.query_row(sql, [], |row| {
        let origin = Origin {
            site: row.get(0)?,
            gateway: row.get(1)?,
            epoch: Uuid::from_bytes(row.get(2)?),
        };
        let progress = Progress { acked_seq: get_u64(row, 3)?, running_ms: get_u64(row, 4)? };
        Ok((origin, progress))
    });
    Ok(row.optional()?)
}

pub(super) fn save_progress(db: &Connection, progress: Progress) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE gateway SET acked_seq = ?1, running_ms = ?2")?
        .execute([to_i64(progress.acked_seq), to_i64(progress.running_ms)])?;
    Ok(())
}

/// The position up to which the ledger was pruned.
pub(super) fn pruned_seq(db: &Connection) -> Result<Seq, StoreError> {
    let sql = "SELECT pruned_seq FROM gateway";
    Ok(db.query_row(sql, [], |row| get_u64(row, 0)).optional()?.unwrap_or(0))
}

/// The position up to which the stock table holds every change: see [`super::checkpoint`].
pub(super) fn checkpoint_seq(db: &Connection) -> Result<Seq, StoreError> {
    let sql = "SELECT stocked_seq FROM gateway";
    Ok(db.query_row(sql, [], |row| get_u64(row, 0)).optional()?.unwrap_or(0))
}

pub(super) fn save_checkpoint_seq(db: &Connection, seq: Seq) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE gateway SET stocked_seq = ?1")?.execute([to_i64(seq)])?;
    Ok(())
}

/// What was applied of what the hub sent; nothing in a database of a version before that.
pub(super) fn taken(db: &Connection) -> Result<Taken, StoreError> {
    if !has_catalogue(db)? {
        return Ok(Taken::default());
    }
    let sql = "SELECT taken_transfer, taken_at_seq, taken_catalogue FROM gateway";
    let taken = db.query_row(sql, [], |row| {
        let (transfer, at_seq) = (get_u64(row, 0)?, get_u64(row, 1)?);
        Ok(Taken { transfer, at_seq, catalogue: get_u64(row, 2)? })
    });
    Ok(taken.optional()?.unwrap_or_default())
}

pub(super) fn save_taken(db: &Transaction<'_>, taken: Taken) -> Result<(), StoreError> {
    let sql = "UPDATE gateway SET taken_transfer = ?1, taken_at_seq = ?2, taken_catalogue = ?3";
    db.prepare_cached(sql)?.execute([taken.transfer, taken.at_seq, taken.catalogue].map(to_i64))?;
    Ok(())
}

/// The seed of this database's hashes of request ids.
pub(super) fn hash_seed(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.query_row("SELECT seed FROM gateway", [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}
