//! The policies of SKUs, and what they have granted lately.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::core::{Policy, PolicyOfSku, RecentGrants};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ColumnType, GRANTED, POLICY};
use crate::hub::db::sql::{
    Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write, to_postcard,
};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

/// Whether the SKU of a key has any policy. Most have none, and then there is nothing more to read.
pub(super) const EXISTS: &str = "EXISTS (SELECT 1 FROM policy WHERE policy.sku = k.b)";

/// The policies for a key of book and SKU, and what they have granted.
const POLICIES: &str = "SELECT k.a, k.b, general.low_water, general.target, general.max_per_day,
        own.low_water, own.target, own.max_per_day, granted.recent
    FROM {keys} AS k
    LEFT JOIN book AS of ON of.id = k.a
    LEFT JOIN policy AS general ON general.sku = k.b AND general.site = '' AND general.gateway = ''
    LEFT JOIN policy AS own ON own.sku = k.b AND own.site = of.site AND own.gateway = of.gateway
    LEFT JOIN granted ON granted.sku = k.b AND granted.site = of.site
        AND granted.gateway = of.gateway";

#[derive(Debug, Default)]
pub(super) struct PolicySet {
    /// Whether a SKU has any policy, of whatever gateway.
    exists: BTreeMap<Sku, bool>,
    general: BTreeMap<Sku, Option<Policy>>,
    /// By book and SKU: what is for the gateway alone.
    own: BTreeMap<(i64, Sku), Option<Policy>>,
    recent: BTreeMap<(i64, Sku), RecentGrants>,
    /// `None` to delete it.
    changed: BTreeMap<PolicyKey, Option<Policy>>,
    changed_recent: BTreeMap<PolicyKey, RecentGrants>,
}

/// SKU, site and gateway; the latter are empty for all gateways.
type PolicyKey = (Sku, String, String);

impl PolicySet {
    /// Whether it is known if a SKU has any policy.
    pub(super) fn knows(&self, sku: &Sku) -> bool {
        self.exists.contains_key(sku)
    }

    /// Notes whether a SKU has any policy, unless that is known already.
    pub(super) fn note(&mut self, sku: &Sku, exists: bool) {
        self.exists.entry(sku.clone()).or_insert(exists);
    }

    /// Reads the policies that are not known yet, of SKUs that have any.
    pub(super) fn load(
        &mut self,
        db: &mut dyn Executor,
        wanted: &[(i64, &Sku)],
    ) -> Result<(), BooksError> {
        let missing = wanted.iter().filter(|(book, sku)| {
            let exists = self.exists.get(*sku).copied().unwrap_or_default();
            exists && !self.own.contains_key(&(*book, (*sku).clone()))
        });
        let key = |(book, sku): &(i64, &Sku)| -> SqlRow {
            vec![SqlValue::Int(*book), SqlValue::text(sku.as_str())]
        };
        let rows: Vec<SqlRow> = missing.map(key).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let keys = Keys { types: &[ColumnType::Int, ColumnType::Text], rows };
        for row in db.query_keys(POLICIES, &keys)? {
            self.read(&mut RowReader::of(row))?;
        }
        Ok(())
    }

    /// Takes in a row, unless it is known already.
    fn read(&mut self, row: &mut RowReader) -> Result<(), BooksError> {
        let (book, sku) = (row.int()?, row.id(Sku::parse)?);
        let (general, own) = (read_policy(row)?, read_policy(row)?);
        let recent = row.postcard_or_null()?.unwrap_or_default();
        self.general.entry(sku.clone()).or_insert(general);
        self.own.entry((book, sku.clone())).or_insert(own);
        self.recent.entry((book, sku)).or_insert(recent);
        Ok(())
    }

    /// Those of the SKUs that have any policy.
    pub(super) fn existing(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<BTreeSet<Sku>, BooksError> {
        let missing = skus.iter().filter(|sku| !self.exists.contains_key(*sku));
        let rows: Vec<SqlRow> = missing.map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
        if !rows.is_empty() {
            let sql = "SELECT k.a, (SELECT count(*) FROM policy WHERE policy.sku = k.a)
                       FROM {keys} AS k";
            for row in db.query_keys(sql, &Keys { types: &[ColumnType::Text], rows })? {
                let mut row = RowReader::of(row);
                let sku = row.id(Sku::parse)?;
                self.exists.insert(sku, row.int()? > 0);
            }
        }
        let exists = |sku: &&Sku| self.exists.get(*sku).copied().unwrap_or_default();
        Ok(skus.iter().filter(exists).cloned().collect())
    }

    /// All policies of these SKUs, for whatever gateway.
    pub(super) fn all_of(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<Vec<PolicyOfSku>, BooksError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        db.write(&self.changes())?;
        let sql = "SELECT policy.sku, site, gateway, low_water, target, max_per_day
                   FROM {keys} AS k JOIN policy ON policy.sku = k.a";
        let rows = skus.iter().map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
        let found = db.query_keys(sql, &Keys { types: &[ColumnType::Text], rows })?;
        found.into_iter().map(read_policy_of_sku).collect()
    }

    pub(super) fn of(&self, book: i64, sku: &Sku) -> Option<Policy> {
        let own = self.own.get(&(book, sku.clone())).copied().flatten();
        own.or_else(|| self.general.get(sku).copied().flatten())
    }

    /// Sets the policy for a gateway, whose book in force is named if there is one, or for all.
    pub(super) fn save(
        &mut self,
        sku: &Sku,
        of: Option<(&GatewayId, Option<i64>)>,
        policy: Option<Policy>,
    ) {
        if policy.is_some() {
            self.exists.insert(sku.clone(), true);
        }
        match of {
            None => drop(self.general.insert(sku.clone(), policy)),
            Some((_, Some(book))) => drop(self.own.insert((book, sku.clone()), policy)),
            Some((_, None)) => {}
        }
        self.changed.insert(key(sku, of.map(|(gateway, _)| gateway)), policy);
    }

    pub(super) fn recent(&self, book: i64, sku: &Sku) -> RecentGrants {
        self.recent.get(&(book, sku.clone())).cloned().unwrap_or_default()
    }

    pub(super) fn save_recent(
        &mut self,
        (book, gateway): (i64, &GatewayId),
        sku: &Sku,
        recent: &RecentGrants,
    ) {
        self.recent.insert((book, sku.clone()), recent.clone());
        self.changed_recent.insert(key(sku, Some(gateway)), recent.clone());
    }

    pub(super) fn changes(&self) -> [Change; 3] {
        let set = self.changed.iter().filter_map(|(key, policy)| Some((key, (*policy)?)));
        let set = set.map(|(key, policy)| {
            let Policy { low_water, target, max_per_day } = policy;
            let max_per_day = max_per_day.map_or(SqlValue::Null, SqlValue::Int);
            let figures = [SqlValue::Int(low_water), SqlValue::Int(target), max_per_day];
            key_values(key).into_iter().chain(figures).collect()
        });
        let ended = self.changed.iter().filter(|(_, policy)| policy.is_none());
        let recent = self.changed_recent.iter().map(|(key, recent)| {
            key_values(key).into_iter().chain([to_postcard(recent)]).collect()
        });
        [
            Change { table: &POLICY, write: Write::Set, rows: set.collect() },
            Change {
                table: &POLICY,
                write: Write::Delete,
                rows: ended.map(|(key, _)| SqlRow::from(key_values(key))).collect(),
            },
            Change { table: &GRANTED, write: Write::Set, rows: recent.collect() },
        ]
    }
}

fn key(sku: &Sku, gateway: Option<&GatewayId>) -> PolicyKey {
    let of = gateway.map(|id| (id.site.clone(), id.gateway.clone())).unwrap_or_default();
    (sku.clone(), of.0, of.1)
}

fn key_values((sku, site, gateway): &PolicyKey) -> [SqlValue; 3] {
    [SqlValue::text(sku.as_str()), SqlValue::text(site), SqlValue::text(gateway)]
}

fn read_policy(row: &mut RowReader) -> Result<Option<Policy>, BooksError> {
    let (low_water, target, max_per_day) =
        (row.int_or_null()?, row.int_or_null()?, row.int_or_null()?);
    let policy = |(low_water, target)| Policy { low_water, target, max_per_day };
    Ok(low_water.zip(target).map(policy))
}

fn read_policy_of_sku(row: SqlRow) -> Result<PolicyOfSku, BooksError> {
    let mut row = RowReader::of(row);
    let (sku, site, gateway) = (row.id(Sku::parse)?, row.text()?, row.text()?);
    let of = (!site.is_empty()).then_some(GatewayId { site, gateway });
    let (low_water, target) = (row.int()?, row.int()?);
    Ok((sku, of, Policy { low_water, target, max_per_day: row.int_or_null()? }))
}
