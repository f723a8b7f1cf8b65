//! What open orders wait for, which no policy grants.

use crate::hub::core::books::Books;
use crate::stock::Sku;

/// The units of a SKU that open orders wait for.
pub(in crate::hub::core) fn wanted<B: Books>(books: &mut B, sku: &Sku) -> Result<i64, B::Error> {
    let orders = books.open_orders()?;
    let lines = orders.iter().flat_map(|(_, order)| &order.lines);
    let units = lines.filter(|line| line.sku == *sku).map(|line| line.quantity.units());
    Ok(units.fold(0, i64::saturating_add))
}
