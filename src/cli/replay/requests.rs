//! The requests that a replay makes from the rows of a file.

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::groups::GroupKey;
use crate::cli::orders::Movement;
use crate::limits::ID_BYTES_MAX;

/// Digits of the number in a request id.
const NUMBER_DIGITS: usize = 10;

/// The name of an order and a SKU: `order:sku`, or a hash of them if that is too long for a request
/// id, or if a colon in one of them makes it the name of another order and SKU too.
pub(super) fn group_name(movement: &Movement) -> String {
    let order = movement.order.as_ref().map_or("", |order| order.as_str());
    let sku = movement.sku.as_str();
    let bytes = order.len() + sku.len() + ":".len();
    let is_plain = !order.contains(':') && !sku.contains(':');
    if is_plain && bytes + ":".len() + NUMBER_DIGITS <= ID_BYTES_MAX {
        return format!("{order}:{sku}");
    }
    // An id contains no control characters.
    format!("{:032x}", xxh3_128(format!("{order}\0{sku}").as_bytes()))
}

/// The key of a group by its name, or of a row by its request id.
pub(super) fn key(name: &str) -> GroupKey {
    xxh3_128(name.as_bytes())
}

/// The request id of a row, by its number among the rows of its order and SKU.
pub(super) fn request_id(group_name: &str, number: u32) -> String {
    format!("{group_name}:{number}")
}

/// The name of the group in a request id.
pub(super) fn group_of(request_id: &str) -> &str {
    request_id.rsplit_once(':').map_or(request_id, |(group, _)| group)
}

/// The request of a row: a deduction, or a restock for a negative quantity.
pub(super) fn row_request(movement: &Movement, request_id: &str) -> Value {
    let mut request = json!({
        "op": if movement.quantity.is_positive() { "deduct" } else { "restock" },
        "request_id": request_id,
        "sku": movement.sku.as_str(),
        "quantity": movement.quantity.magnitude(),
    });
    if let Some(order) = &movement.order {
        request["order_id"] = order.as_str().into();
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::orders::Quantity;
    use crate::stock::{OrderId, Sku};

    fn movement(order: &str, sku: &str, quantity: &str) -> Movement {
        let (order, sku) = (OrderId::parse(order).ok(), Sku::parse(sku).unwrap());
        Movement { id: None, order, sku, quantity: Quantity::read(quantity).unwrap() }
    }

    #[test]
    fn a_request_id_names_order_sku_and_number() {
        let name = group_name(&movement("536365", "85123A", "6"));
        assert_eq!(request_id(&name, 2), "536365:85123A:2");
        assert_eq!(group_of("536365:85123A:2"), name);
    }

    #[test]
    fn different_orders_and_skus_have_different_names_of_bounded_length() {
        let long = "x".repeat(ID_BYTES_MAX);
        let pairs = [("a:b", "c"), ("a", "b:c"), ("a", "c"), (&long, "c"), ("a", &long)];
        let names = pairs.map(|(order, sku)| group_name(&movement(order, sku, "1")));
        for (n, name) in names.iter().enumerate() {
            assert!(request_id(name, u32::MAX).len() <= ID_BYTES_MAX, "{name}");
            assert!(!names[..n].contains(name), "{name}");
        }
    }

    #[test]
    fn negative_quantities_become_returns() {
        let request = row_request(&movement("C1", "s", "-4.0"), "C1:s:1");
        assert_eq!(
            (request["op"].as_str(), request["quantity"].as_u64()),
            (Some("restock"), Some(4))
        );
    }
}
