//! The requests that a replay makes from the rows of a file.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::cli::csv_file::Row;
use crate::limits::{ID_BYTES_MAX, QUANTITY_MAX};
use crate::stock::Sku;

/// SKUs in one request of the seeded stock.
const SEED_LINES: usize = 200;

/// The request of a row: a deduction, or a restock for a negative quantity.
pub(super) fn row_request(row: &Row, quantity: i64) -> Value {
    let op = if quantity > 0 { "deduct" } else { "restock" };
    let mut request = json!({
        "op": op,
        "request_id": request_id(row),
        "sku": row.sku,
        "quantity": quantity.unsigned_abs(),
    });
    if !row.order.is_empty() {
        request["order_id"] = row.order.as_str().into();
    }
    request
}

/// Made from order and row number; a long order id is replaced by its hash.
fn request_id(row: &Row) -> String {
    let id = format!("{}:{}", row.order, row.number);
    if id.len() <= ID_BYTES_MAX {
        return id;
    }
    format!("{:016x}:{}", xxh3_64(row.order.as_bytes()), row.number)
}

/// Restocks each SKU with the sum of its deductions in the file, ignoring returns.
pub(super) fn seed_requests(
    rows: impl Iterator<Item = anyhow::Result<Row>>,
) -> anyhow::Result<Vec<Value>> {
    let mut needs: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let row = row?;
        // An invalid SKU is refused with its row.
        if let Some(quantity @ 1..) = row.quantity
            && Sku::parse(&row.sku).is_ok()
        {
            *needs.entry(row.sku).or_default() += quantity.unsigned_abs();
        }
    }
    let mut hasher = Xxh3::new();
    for (sku, units) in &needs {
        hasher.update(sku.as_bytes());
        hasher.update(&units.to_le_bytes());
    }
    let name = format!("seed:{:016x}", hasher.digest());
    let lines: Vec<Value> = needs.iter().flat_map(|(sku, units)| seed_lines(sku, *units)).collect();
    let chunks = lines.chunks(SEED_LINES).enumerate();
    Ok(chunks
        .map(|(number, lines)| {
            json!({"op": "restock", "request_id": format!("{name}:{number}"), "lines": lines})
        })
        .collect())
}

fn seed_lines(sku: &str, mut units: u64) -> Vec<Value> {
    let mut lines = Vec::new();
    while units > 0 {
        let quantity = units.min(QUANTITY_MAX);
        lines.push(json!({"sku": sku, "quantity": quantity}));
        units -= quantity;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, order: &str, sku: &str, quantity: i64) -> Row {
        let (order, sku) = (order.into(), sku.into());
        Row { number, order, sku, quantity: Some(quantity), at_ms: None }
    }

    #[test]
    fn equal_rows_make_equal_requests_and_other_rows_others() {
        let long = "x".repeat(64);
        let ids = [row(1, "A", "s", 1), row(2, "A", "s", 1), row(1, &long, "s", 1)];
        let ids: Vec<String> = ids.iter().map(request_id).collect();
        assert_eq!(ids[0], "A:1");
        assert!(ids.iter().all(|id| id.len() <= ID_BYTES_MAX));
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
    }

    #[test]
    fn negative_quantities_become_returns() {
        let request = row_request(&row(1, "C1", "s", -4), -4);
        assert_eq!(
            (request["op"].as_str(), request["quantity"].as_u64()),
            (Some("restock"), Some(4))
        );
    }

    #[test]
    fn the_seeded_stock_covers_every_deduction_and_is_reproducible() {
        let file = || {
            let rows = [row(1, "A", "s", 3), row(2, "A", "s", -1), row(3, "B", "t", 2_000_000_001)];
            rows.into_iter().map(Ok)
        };
        let requests = seed_requests(file()).unwrap();
        assert_eq!(requests, seed_requests(file()).unwrap());
        let lines = requests[0]["lines"].as_array().unwrap();
        let units = |sku: &str| -> u64 {
            let of_sku = lines.iter().filter(|line| line["sku"] == sku);
            of_sku.filter_map(|line| line["quantity"].as_u64()).sum()
        };
        assert_eq!((units("s"), units("t")), (3, 2_000_000_001));
    }
}
