//! The pools, and which SKUs have a listing, with the decimals in it.

use std::collections::{BTreeMap, BTreeSet};

use super::books::Lock;
use crate::hub::core::{Pool, SkuRecord};
use crate::hub::db::error::{BooksError, Locks};
use crate::hub::db::schema::{ColumnType, POOL};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::stock::{Decimals, Listing, Sku};

/// What is read of a SKU once its pool is locked: whether a sale waits for it, whether it has any policy,
/// and the decimals in its listing.
const KNOWN: &str = "SELECT k.a, CAST(CASE WHEN EXISTS (SELECT 1 FROM open_order_line
        WHERE open_order_line.sku = k.a) THEN 1 ELSE 0 END AS BIGINT),
    CAST(CASE WHEN EXISTS (SELECT 1 FROM policy
        WHERE policy.sku = k.a) THEN 1 ELSE 0 END AS BIGINT), decimals
    FROM {keys} AS k LEFT JOIN listing ON listing.sku = k.a";

#[derive(Clone, Copy, Debug, Default)]
struct CachedPool {
    pool: Option<Pool>,
    /// The decimals in its listing, if it has one.
    listed: Option<Decimals>,
    /// Whether a sale waits for it.
    is_awaited: bool,
    /// Whether it has any policy, as it was read.
    has_policy: bool,
    /// Whether there is a row of it, which is locked.
    is_stored: bool,
    is_changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct PoolSet {
    pools: BTreeMap<Sku, CachedPool>,
    /// The SKUs of which there is more to sell than before.
    given: BTreeSet<Sku>,
    has_locked: bool,
}

impl PoolSet {
    /// Reads and locks those pools that are not known yet.
    pub(super) fn load<'a>(
        &mut self,
        db: &mut dyn Executor,
        skus: impl Iterator<Item = &'a Sku>,
    ) -> Result<(), BooksError> {
        let missing: BTreeSet<&Sku> = skus.filter(|sku| !self.pools.contains_key(*sku)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let lock = if self.has_locked { Lock::AtOnce } else { Lock::Wait };
        let keys = keys(missing.iter().copied());
        let both = db.query_keys_twice(&figures(lock), KNOWN, &keys);
        let [found, known] = both.map_err(|error| {
            let skus = missing.iter().copied().cloned().collect();
            error.or_contended(lock == Lock::AtOnce, Locks { skus, ..Locks::default() })
        })?;
        self.has_locked = true;
        for row in known {
            let mut row = RowReader::of(row);
            let (sku, is_awaited, has_policy) = (row.id(Sku::parse)?, row.bool()?, row.bool()?);
            let listed = row.decimals_or_null()?;
            let cached = CachedPool { listed, is_awaited, has_policy, ..CachedPool::default() };
            self.pools.insert(sku, cached);
        }
        for row in found {
            let mut row = RowReader::of(row);
            let (sku, pool) = (row.id(Sku::parse)?, read_pool(&mut row)?);
            let cached = self.pools.entry(sku).or_default();
            (cached.pool, cached.is_stored) = (Some(pool), true);
        }
        Ok(())
    }

    pub(super) fn has_locked(&self) -> bool {
        self.has_locked
    }

    pub(super) fn record(
        &mut self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<SkuRecord, BooksError> {
        self.load(db, std::iter::once(sku))?;
        let CachedPool { pool, listed, .. } = self.pools.get(sku).copied().unwrap_or_default();
        Ok(SkuRecord { pool, listed: listed.is_some(), decimals: listed.unwrap_or_default() })
    }

    /// Whether a sale may wait for a SKU.
    pub(super) fn is_awaited(&self, sku: &Sku) -> bool {
        self.pools.get(sku).is_none_or(|cached| cached.is_awaited)
    }

    /// Whether a SKU has any policy, if that was read.
    pub(super) fn has_policy(&self, sku: &Sku) -> Option<bool> {
        self.pools.get(sku).map(|cached| cached.has_policy)
    }

    /// Notes a listing that this transaction has changed.
    pub(super) fn list(&mut self, listing: &Listing) {
        if let Some(cached) = self.pools.get_mut(&listing.sku) {
            cached.listed = Some(listing.decimals);
        }
    }

    /// Removes the pool of a SKU at once, unless a gateway has just brought units of it.
    pub(super) fn remove(&mut self, db: &mut dyn Executor, sku: &Sku) -> Result<(), BooksError> {
        let sql = "DELETE FROM pool WHERE sku = $1
                   AND NOT EXISTS (SELECT 1 FROM held WHERE held.sku = $1)";
        db.query(sql, &[SqlValue::text(sku.as_str())])?;
        self.pools.remove(sku);
        Ok(())
    }

    pub(super) fn save(&mut self, pools: &[(Sku, Pool)]) -> Result<(), BooksError> {
        for (sku, pool) in pools {
            let missing = || BooksError::Damaged(format!("the pool of {sku} was not read"));
            let cached = self.pools.get_mut(sku).ok_or_else(missing)?;
            if pool.available() > cached.pool.unwrap_or_default().available() {
                self.given.insert(sku.clone());
            }
            (cached.pool, cached.is_changed) = (Some(*pool), true);
        }
        Ok(())
    }

    /// The SKUs of which there was more to sell than before at any time since this was asked last.
    pub(super) fn take_given(&mut self) -> Vec<Sku> {
        std::mem::take(&mut self.given).into_iter().collect()
    }

    /// What to write. A pool that another worker has made meanwhile was not locked, so a new one must
    /// not replace it. `new_skus` get an empty pool if they have none.
    pub(super) fn changes(&self, new_skus: &BTreeSet<&Sku>) -> Vec<Change> {
        let changed = |is_stored: bool| -> Vec<SqlRow> {
            let of = self.pools.iter().filter(|(_, cached)| cached.is_changed);
            let of = of.filter(|(_, cached)| cached.is_stored == is_stored);
            of.map(|(sku, cached)| row(sku, &cached.pool.unwrap_or_default())).collect()
        };
        let is_known = |sku: &&&Sku| {
            self.pools.get(**sku).is_some_and(|cached| cached.is_stored || cached.is_changed)
        };
        let empty = new_skus.iter().filter(|sku| !is_known(sku));
        let empty = empty.map(|sku| row(sku, &Pool::default())).collect();
        let change = |write, rows| Change { table: &POOL, write, rows };
        vec![
            change(Write::Set, changed(true)),
            change(Write::Insert, changed(false)),
            change(Write::Register, empty),
        ]
    }
}

fn keys<'a>(skus: impl Iterator<Item = &'a Sku>) -> Keys {
    let rows = skus.map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
    Keys { types: &[ColumnType::Text], rows }
}

/// The query of the figures.
fn figures(lock: Lock) -> String {
    let clause = match lock {
        Lock::No => "",
        Lock::Wait => "{for update of pool}",
        Lock::AtOnce => "{for update of pool NOWAIT}",
        Lock::IfFree => "{for update of pool SKIP LOCKED}",
    };
    format!(
        "SELECT pool.sku, received, adjusted, deducted, unallotted, in_transit, given,
            reserved
         FROM {{keys}} AS k JOIN pool ON pool.sku = k.a ORDER BY pool.sku {clause}"
    )
}

fn read_pool(row: &mut RowReader) -> Result<Pool, BooksError> {
    Ok(Pool {
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
        unallotted: row.int()?,
        in_transit: row.int()?,
        given: row.int()?,
        reserved: row.int()?,
    })
}

fn row(sku: &Sku, pool: &Pool) -> SqlRow {
    let Pool { received, adjusted, deducted, unallotted, in_transit, given, reserved } = *pool;
    let figures = [received, adjusted, deducted, unallotted, in_transit, given, reserved];
    let figures = figures.map(SqlValue::Int);
    [SqlValue::text(sku.as_str())].into_iter().chain(figures).collect()
}
