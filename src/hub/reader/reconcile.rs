//! Whether the books balance.

use std::collections::BTreeSet;

use serde::Serialize;

use super::balance::{BalanceJson, balance_of, balance_page, balance_within};
use crate::hub::core::{WholeUnits, is_drift};
use crate::hub::db::BooksError;
use crate::hub::db::sql::{ColumnType, Executor, Keys, RowReader, SqlRow, SqlValue};
use crate::stock::Sku;

/// Books of so few SKUs, and allotments, are counted for every answer.
const COUNTED_AT_ONCE: usize = 2_000;
const ALLOTMENTS_AT_ONCE: usize = 20_000;
/// The most SKUs of the last count that are looked at again for one answer.
const LOOKED_AT_AGAIN: usize = 200;

/// The balance of the books.
#[derive(Debug, Serialize)]
pub struct Reconciliation {
    /// The difference of every SKU is 0.
    pub balanced: bool,
    items: Vec<BalanceJson>,
    next: Option<String>,
    drift: Vec<DriftJson>,
}

impl Reconciliation {
    /// Whether the books or the device of any gateway need people.
    pub fn drifts(&self) -> bool {
        !self.drift.is_empty()
    }
}

/// A gateway with a problem that does not pass by itself.
#[derive(Debug, Serialize)]
struct DriftJson {
    site: String,
    gateway: String,
    problem: String,
    /// The SKUs that are known to differ, or that the gateway books in other units.
    skus: Vec<Sku>,
}

/// What is known from a count of the whole books.
#[derive(Debug, Default)]
pub(in crate::hub) struct Known {
    /// The SKUs that differed; `None` if there was no count yet.
    pub(super) differing: Option<BTreeSet<String>>,
}

#[cfg(test)]
impl Known {
    /// A count has found no difference.
    pub(in crate::hub) fn sound() -> Self {
        Self { differing: Some(BTreeSet::new()) }
    }
}

/// The balance of the books, with a page of the SKUs after one that do not balance, or of all. `None` if
/// they are too large to count at once, and were not counted yet.
pub(in crate::hub) fn reconcile(
    db: &mut dyn Executor,
    known: &Known,
    all: bool,
    after: &str,
    limit: usize,
) -> Result<Option<Reconciliation>, BooksError> {
    let Some(mut differing) = differing(db, known)? else { return Ok(None) };
    let (mut items, mut next) = (Vec::new(), None);
    let mut balanced = differing.is_empty();
    if all {
        let page = balance_page(db, after, limit)?;
        balanced &= page.items.iter().all(|item| !item.differs());
        (items, next) = (page.items, page.next);
    } else {
        differing.retain(|item| item.sku.as_str() > after);
        let more = differing.len() > limit;
        differing.truncate(limit);
        next = differing.last().filter(|_| more).map(|item| item.sku.clone()).or(next);
        items.append(&mut differing);
    }
    Ok(Some(Reconciliation { balanced, items, next, drift: drift(db)? }))
}

/// The SKUs that do not balance, by SKU: of all, if there are few, or else of those of the last
/// count, if there was one.
fn differing(db: &mut dyn Executor, known: &Known) -> Result<Option<Vec<BalanceJson>>, BooksError> {
    let first = balance_within(db, "", COUNTED_AT_ONCE, ALLOTMENTS_AT_ONCE)?;
    let mut differing: Vec<BalanceJson> =
        first.items.into_iter().filter(|item| item.differs()).collect();
    if let Some(counted_up_to) = first.next {
        let Some(known) = &known.differing else { return Ok(None) };
        for sku in known.range(counted_up_to..).take(LOOKED_AT_AGAIN) {
            let again = balance_of(db, sku)?;
            let is_new = |item: &BalanceJson| differing.iter().all(|one| one.sku != item.sku);
            differing.extend(again.filter(|item| item.differs() && is_new(item)));
        }
    }
    Ok(Some(differing))
}

fn drift(db: &mut dyn Executor) -> Result<Vec<DriftJson>, BooksError> {
    let mut found = with_problems(db)?;
    found.retain(|gateway| is_drift(&gateway.problem));
    Ok(found)
}

fn with_problems(db: &mut dyn Executor) -> Result<Vec<DriftJson>, BooksError> {
    let sql = "SELECT site, gateway, problem, differing, id, whole_units FROM book
               WHERE in_force = 1 AND problem IS NOT NULL ORDER BY site, gateway";
    let mut drift = Vec::new();
    for row in db.query(sql, &[])? {
        let mut row = RowReader::of(row);
        let (site, gateway, problem) = (row.text()?, row.text()?, row.text()?);
        let (mut skus, book): (Vec<Sku>, _) = (row.postcard()?, row.int()?);
        let whole_units: WholeUnits = row.postcard_or_null()?.unwrap_or_default();
        skus.extend(in_whole_units(db, book, &whole_units)?);
        skus.sort();
        skus.dedup();
        drift.push(DriftJson { site, gateway, problem, skus });
    }
    Ok(drift)
}

/// The SKUs of which a database has units that it books in other decimals, which is not settled.
fn in_whole_units(
    db: &mut dyn Executor,
    book: i64,
    whole_units: &WholeUnits,
) -> Result<Vec<Sku>, BooksError> {
    let key = |sku: &Sku| vec![SqlValue::Int(book), SqlValue::text(sku.as_str())];
    let rows: Vec<SqlRow> = whole_units.in_conflict().map(key).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT held.sku FROM {keys} AS k
               JOIN held ON held.book = k.a AND held.sku = k.b
               WHERE held.on_hand + held.in_transit <> 0";
    let found = db.query_keys(sql, &Keys { types: &[ColumnType::Int, ColumnType::Text], rows })?;
    found.into_iter().map(|row| RowReader::of(row).id(Sku::parse)).collect()
}

/// What is wrong with gateways, or keeps them waiting: site, gateway and problem.
pub(in crate::hub) fn problems(
    db: &mut dyn Executor,
) -> Result<Vec<(String, String, String)>, BooksError> {
    let found = with_problems(db)?.into_iter();
    Ok(found.map(|DriftJson { site, gateway, problem, .. }| (site, gateway, problem)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::tests::test_hub::TestHub;

    fn pools(count: usize) -> String {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT OR IGNORE INTO pool (sku, received, adjusted, deducted, unallotted, in_transit)
             SELECT printf('S%04d', i), 5, 0, 0, 5, 0 FROM n"
        )
    }

    /// A shop's whole range is no large book: a difference is not to be found minutes later.
    #[test]
    fn a_difference_in_two_thousand_skus_is_in_the_next_answer() {
        let mut hub = TestHub::new();
        hub.db(&pools(2_000));
        hub.db("UPDATE pool SET unallotted = 4 WHERE sku = 'S2000'");
        let sound = Known::sound();
        let found = hub.database.read(|db| reconcile(db, &sound, false, "", 10)).unwrap().unwrap();
        assert!(!found.balanced);
        assert_eq!(found.items[0].sku, "S2000");
    }

    #[test]
    fn whether_large_books_balance_is_not_known_before_their_first_count() {
        let mut hub = TestHub::new();
        let counted = |differing: &[&str]| Known {
            differing: Some(differing.iter().map(ToString::to_string).collect()),
        };
        let balanced = |hub: &mut TestHub, known: &Known| {
            let found = hub.database.read(|db| reconcile(db, known, false, "", 10)).unwrap();
            found.map(|found| found.balanced)
        };
        hub.db(&pools(COUNTED_AT_ONCE));
        assert_eq!(balanced(&mut hub, &Known::default()), Some(true));
        hub.db(&pools(COUNTED_AT_ONCE + 1));
        assert_eq!(balanced(&mut hub, &Known::default()), None);
        assert_eq!(balanced(&mut hub, &counted(&[])), Some(true));
        let last = format!("S{:04}", COUNTED_AT_ONCE + 1);
        hub.db(&format!("UPDATE pool SET unallotted = 4 WHERE sku = '{last}'"));
        assert_eq!(balanced(&mut hub, &Known::default()), None);
        assert_eq!(balanced(&mut hub, &counted(&[&last])), Some(false));
    }
}
