//! The opening stock: each SKU is restocked with what the file deducts.
//!
//! A run after the first one must not seed a second time what the rows have taken already. So the
//! ledger is read first, and a row that is in it needs nothing. The requests are named after what the
//! whole file needs: a run of the same rows repeats their names, and changes nothing.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use super::arguments::ReplayArguments;
use super::groups::GroupKey;
use super::plan::Plan;
use super::requests::{group_name, group_of, key};
use crate::cli::client::Client;
use crate::cli::orders::{Quantity, in_decimals};
use crate::limits::QUANTITY_MAX;
use crate::stock::Sku;

/// SKUs in one request.
const SKUS: usize = 200;
const LEDGER_PAGE: u64 = 1_000;

/// What the rows of a file deduct of each SKU, in millionths.
#[derive(Debug, Default)]
pub(super) struct Needs {
    by_sku: BTreeMap<Sku, i128>,
    /// The rows, by order and SKU, or by request id.
    rows: HashSet<GroupKey>,
    has_ids: bool,
}

impl Needs {
    pub(super) fn of(arguments: &ReplayArguments, plan: &Plan) -> anyhow::Result<Self> {
        let mut needs = Self { has_ids: arguments.columns.has_ids(), ..Self::default() };
        for row in arguments.rows()? {
            if let Ok(movement) = plan.check(&row?)
                && movement.quantity.is_positive()
            {
                let name = match &movement.id {
                    Some(id) => key(id.as_str()),
                    None => key(&group_name(movement)),
                };
                needs.rows.insert(name);
                let need = needs.by_sku.entry(movement.sku.clone()).or_default();
                *need += movement.quantity.millionths();
            }
        }
        Ok(needs)
    }

    /// The SKUs whose need may be more than one line takes: that depends on their decimals.
    pub(super) fn large(&self) -> impl Iterator<Item = &Sku> {
        let large = self.by_sku.iter().filter(|(_, need)| **need > i128::from(QUANTITY_MAX));
        large.map(|(sku, _)| sku)
    }

    /// Names this opening stock.
    fn name(&self) -> String {
        let mut hasher = Xxh3::new();
        for (sku, millionths) in &self.by_sku {
            hasher.update(sku.as_str().as_bytes());
            hasher.update(&millionths.to_le_bytes());
        }
        format!("seed:{:016x}", hasher.digest())
    }

    /// What rows of the file have deducted already, by the ledger.
    pub(super) async fn met(&self, client: &mut Client) -> anyhow::Result<BTreeMap<Sku, i128>> {
        let (mut met, mut after) = (BTreeMap::new(), 0_u64);
        loop {
            let request = json!({"op": "ledger", "after": after, "limit": LEDGER_PAGE});
            let page = client.call(request).await?;
            for entry in page["entries"].as_array().into_iter().flatten() {
                if let Some((sku, millionths)) = self.deducted(entry) {
                    *met.entry(sku).or_default() += millionths;
                }
            }
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => return Ok(met),
            }
        }
    }

    /// What an entry of the ledger has deducted for a row of the file.
    fn deducted(&self, entry: &Value) -> Option<(Sku, i128)> {
        let request_id = entry["request_id"].as_str()?;
        let name = if self.has_ids { request_id } else { group_of(request_id) };
        if entry["kind"] != "deduct" || !self.rows.contains(&key(name)) {
            return None;
        }
        let change = match &entry["change"] {
            Value::String(text) => text.clone(),
            change @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => change.to_string(),
        };
        Some((
            Sku::parse(entry["sku"].as_str()?).ok()?,
            -Quantity::read(&change).ok()?.millionths(),
        ))
    }

    /// The requests that restock what is not met yet.
    pub(super) fn requests(&self, met: &BTreeMap<Sku, i128>, plan: &Plan) -> Vec<Value> {
        let name = self.name();
        let skus: Vec<(&Sku, &i128)> = self.by_sku.iter().collect();
        let requests = skus.chunks(SKUS).enumerate().map(|(number, skus)| {
            let lines = skus.iter().flat_map(|(sku, need)| {
                let missing = **need - met.get(*sku).copied().unwrap_or(0);
                lines(sku, missing, plan.decimals(sku))
            });
            let lines: Vec<Value> = lines.collect();
            json!({"op": "restock", "request_id": format!("{name}:{number}"), "lines": lines})
        });
        requests.filter(|request| request["lines"] != json!([])).collect()
    }
}

/// The lines that restock a SKU, each within the limit of a line.
fn lines(sku: &Sku, mut missing: i128, decimals: u8) -> Vec<Value> {
    let line_max = i128::from(QUANTITY_MAX) * 10_i128.pow(6 - u32::from(decimals.min(6)));
    let mut lines = Vec::new();
    while missing > 0 {
        let millionths = missing.min(line_max);
        let quantity = in_decimals(millionths);
        lines.push(match quantity.parse::<u64>() {
            Ok(whole) => json!({"sku": sku.as_str(), "quantity": whole}),
            Err(_) => json!({"sku": sku.as_str(), "quantity": quantity}),
        });
        missing -= millionths;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(rows: &[(&str, &str, i128)]) -> Needs {
        let mut needs = Needs::default();
        for (order, sku, units) in rows {
            needs.rows.insert(key(&format!("{order}:{sku}")));
            *needs.by_sku.entry(Sku::parse(sku).unwrap()).or_default() += units * 1_000_000;
        }
        needs
    }

    fn units(requests: &[Value], sku: &str) -> u64 {
        let lines = requests.iter().flat_map(|request| request["lines"].as_array().unwrap());
        lines.filter(|line| line["sku"] == sku).filter_map(|line| line["quantity"].as_u64()).sum()
    }

    #[test]
    fn the_opening_stock_covers_every_deduction_and_keeps_its_name() {
        let rows = [("A", "s", 3), ("A", "t", 2_000_000_001), ("B", "s", 4)];
        let [first, sorted] = [needs(&rows), needs(&[rows[2], rows[0], rows[1]])]
            .map(|needs| needs.requests(&BTreeMap::new(), &Plan::default()));
        assert_eq!(first, sorted);
        assert_eq!((units(&first, "s"), units(&first, "t")), (7, 2_000_000_001));
    }

    #[test]
    fn rows_in_the_ledger_need_nothing() {
        let needs = needs(&[("A", "s", 3), ("B", "s", 4)]);
        let entry = |kind: &str, id: &str| json!({"kind": kind, "request_id": id, "sku": "s", "change": -3});
        let sku = Sku::parse("s").unwrap();
        assert_eq!(needs.deducted(&entry("deduct", "A:s:1")), Some((sku.clone(), 3_000_000)));
        assert_eq!(needs.deducted(&entry("deduct", "C:s:1")), None, "a row of another file");
        assert_eq!(needs.deducted(&entry("rollback", "A:s:1")), None);
        let met = BTreeMap::from([(sku.clone(), 3_000_000)]);
        assert_eq!(units(&needs.requests(&met, &Plan::default()), "s"), 4);
        let met = BTreeMap::from([(sku, 7_000_000)]);
        assert!(needs.requests(&met, &Plan::default()).is_empty());
    }

    #[test]
    fn fractions_are_seeded_exactly_and_within_the_limit_of_a_line() {
        let sku = Sku::parse("s").unwrap();
        assert_eq!(lines(&sku, 2_500_000, 3), [json!({"sku": "s", "quantity": "2.5"})]);
        assert_eq!(lines(&sku, 1_500_000_000_000, 3).len(), 2, "1,000,000 is the most");
    }
}
