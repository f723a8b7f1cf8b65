//! The policies.

use serde::Serialize;

use super::decimals::decimals_column;
use super::gateways::of_sites;
use super::page::BooksPage;
use crate::hub::core::Policy;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::net::access::Sites;
use crate::protocol::topic::GatewayId;
use crate::stock::{Amount, Decimals, Sku};

const COLUMNS: &str = "sku, site, gateway, low_water, target, max_per_day";

/// A policy, of one gateway or of all.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct PolicyOfSkuJson {
    sku: Sku,
    site: Option<String>,
    gateway: Option<String>,
    low_water: Amount,
    target: Amount,
    max_per_day: Option<Amount>,
}

impl PolicyOfSkuJson {
    /// A policy of a SKU with these decimals, for one gateway or for all.
    pub(in crate::hub) fn new(
        sku: Sku,
        gateway: Option<GatewayId>,
        policy: Policy,
        decimals: Decimals,
    ) -> Self {
        let (site, gateway) = gateway.map(|id| (id.site, id.gateway)).unzip();
        let amount = |units: i64| Amount::new(units, decimals);
        Self {
            sku,
            site,
            gateway,
            low_water: amount(policy.low_water),
            target: amount(policy.target),
            max_per_day: policy.max_per_day.map(amount),
        }
    }
}

/// The SKUs after this one of which gateways wait for units, in order.
pub(in crate::hub) fn waiting_skus(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
) -> Result<Vec<Sku>, BooksError> {
    let sql = "SELECT DISTINCT sku FROM ask WHERE sku > $1 ORDER BY sku LIMIT $2";
    let rows = db.query(sql, &[SqlValue::text(after), SqlValue::number(limit as u64)])?;
    rows.into_iter().map(|row| RowReader::of(row).id(Sku::parse)).collect()
}

/// A page of the policies, by SKU, site and gateway; the general one of a SKU comes first.
pub(in crate::hub) fn policies(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
    sites: &Sites,
) -> Result<BooksPage<PolicyOfSkuJson>, BooksError> {
    // Sites and gateways have no slash, and a SKU may have some.
    let mut parts = after.splitn(3, '/');
    let [site, gateway, sku] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let (condition, last) = of_sites(sites, 4);
    let condition = match condition.strip_prefix("AND ") {
        Some(condition) => format!("AND (site = '' OR {condition})"),
        None => condition,
    };
    let sql = format!(
        "SELECT {COLUMNS}, {} FROM policy WHERE (sku, site, gateway) > ($1, $2, $3) {condition}
         ORDER BY sku, site, gateway LIMIT ${last}",
        decimals_column("policy")
    );
    let mut values = [sku, site, gateway].map(SqlValue::text).to_vec();
    if let Sites::Only(sites) = sites {
        values.extend(sites.iter().map(|site| SqlValue::text(site)));
    }
    values.push(SqlValue::number(limit as u64 + 1));
    let found = db.query(&sql, &values)?.into_iter().map(read_policy);
    let found = found.collect::<Result<Vec<_>, _>>()?;
    Ok(BooksPage::new(found, limit, |policy| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}/{}", part(&policy.site), part(&policy.gateway), policy.sku)
    }))
}

/// One policy; `None` if there is none for just this gateway, or for all.
pub(in crate::hub) fn policy(
    db: &mut dyn Executor,
    sku: &Sku,
    gateway: Option<&GatewayId>,
) -> Result<Option<PolicyOfSkuJson>, BooksError> {
    let (site, gateway) = gateway.map_or(("", ""), |id| (&id.site, &id.gateway));
    let sql = format!(
        "SELECT {COLUMNS}, {} FROM policy WHERE sku = $1 AND site = $2 AND gateway = $3",
        decimals_column("policy")
    );
    let of = [SqlValue::text(sku.as_str()), SqlValue::text(site), SqlValue::text(gateway)];
    db.query(&sql, &of)?.pop().map(read_policy).transpose()
}

fn read_policy(row: SqlRow) -> Result<PolicyOfSkuJson, BooksError> {
    let mut row = RowReader::of(row);
    let named = |text: String| (!text.is_empty()).then_some(text);
    let sku = row.id(Sku::parse)?;
    let (site, gateway) = (named(row.text()?), named(row.text()?));
    let gateway = site.zip(gateway).map(|(site, gateway)| GatewayId { site, gateway });
    let (low_water, target) = (row.int()?, row.int()?);
    let policy = Policy { low_water, target, max_per_day: row.int_or_null()? };
    Ok(PolicyOfSkuJson::new(sku, gateway, policy, row.decimals()?))
}
