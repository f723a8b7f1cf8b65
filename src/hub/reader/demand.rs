//! Demand by day, gateway and SKU.

use serde::Serialize;

use super::decimals::decimals_column;
use super::page::BooksPage;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::net::access::Sites;
use crate::stock::{Amount, Day, Sku};

/// What was asked for at a gateway on a day.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct DemandJson {
    day: String,
    site: String,
    gateway: String,
    sku: Sku,
    sold: Amount,
    refused_lines: i64,
    refused_units: Amount,
}

/// Which demand to list.
#[derive(Debug)]
pub(in crate::hub) struct DemandQuery {
    pub(in crate::hub) site: Option<String>,
    pub(in crate::hub) gateway: Option<String>,
    pub(in crate::hub) sku: Option<String>,
    /// The first and the last day.
    pub(in crate::hub) from: Option<Day>,
    pub(in crate::hub) to: Option<Day>,
    /// As `DAY/SITE/GATEWAY/SKU`.
    pub(in crate::hub) after: String,
    pub(in crate::hub) limit: usize,
    pub(in crate::hub) sites: Sites,
}

/// A page of the demand, by day, site, gateway and SKU.
pub(in crate::hub) fn demand(
    db: &mut dyn Executor,
    query: &DemandQuery,
) -> Result<BooksPage<DemandJson>, BooksError> {
    let mut parts = query.after.splitn(4, '/');
    let day = parts.next().and_then(|day| Day::parse(day).ok()).map_or(i64::MIN, number);
    let [site, gateway, sku] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let mut values = vec![SqlValue::Int(day)];
    values.extend([site, gateway, sku].map(SqlValue::text));
    let mut conditions = "(day, site, gateway, sku) > ($1, $2, $3, $4)".to_owned();
    // SQLite numbers parameters in the order in which they stand.
    let mut add = |condition: &str, value: SqlValue| {
        values.push(value);
        conditions += &format!(" AND {condition} ${}", values.len());
    };
    for (column, wanted) in
        [("site", &query.site), ("gateway", &query.gateway), ("sku", &query.sku)]
    {
        if let Some(wanted) = wanted {
            add(&format!("{column} ="), SqlValue::text(wanted));
        }
    }
    if let Some(from) = query.from {
        add("day >=", SqlValue::Int(number(from)));
    }
    if let Some(to) = query.to {
        add("day <=", SqlValue::Int(number(to)));
    }
    if let Sites::Only(sites) = &query.sites {
        let first = values.len() + 1;
        let names: Vec<String> = (first..first + sites.len()).map(|n| format!("${n}")).collect();
        conditions += &format!(" AND site IN ({})", names.join(", "));
        values.extend(sites.iter().map(|site| SqlValue::text(site)));
    }
    values.push(SqlValue::number(query.limit as u64 + 1));
    let sql = format!(
        "SELECT day, site, gateway, sku, {}, CAST(sum(sold) AS BIGINT),
             CAST(sum(refused_lines) AS BIGINT), CAST(sum(refused_units) AS BIGINT)
         FROM demand WHERE {conditions} GROUP BY day, site, gateway, sku
         ORDER BY day, site, gateway, sku LIMIT ${}",
        decimals_column("demand"),
        values.len()
    );
    let found = db.query(&sql, &values)?.into_iter().map(read_demand);
    let found = found.collect::<Result<Vec<_>, _>>()?;
    Ok(BooksPage::new(found, query.limit, |it| {
        format!("{}/{}/{}/{}", it.day, it.site, it.gateway, it.sku)
    }))
}

fn read_demand(row: SqlRow) -> Result<DemandJson, BooksError> {
    let mut row = RowReader::of(row);
    let day = row.int()?;
    let day = i32::try_from(day).ok().and_then(|day| Day::try_from(day).ok());
    let damaged = || BooksError::Damaged("a day of the demand does not exist".into());
    let (site, gateway, sku) = (row.text()?, row.text()?, row.id(Sku::parse)?);
    let decimals = row.decimals()?;
    Ok(DemandJson {
        day: day.ok_or_else(damaged)?.to_string(),
        site,
        gateway,
        sku,
        sold: Amount::new(row.int()?, decimals),
        refused_lines: row.int()?,
        refused_units: Amount::new(row.int()?, decimals),
    })
}

fn number(day: Day) -> i64 {
    day.number().into()
}
