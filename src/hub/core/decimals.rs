//! The decimals in which the quantities of SKUs are read and shown.

use std::collections::BTreeMap;

use super::books::Books;
use crate::stock::{Decimals, Sku};

/// The decimals of some SKUs.
#[derive(Clone, Debug, Default)]
pub struct SkuDecimals(BTreeMap<Sku, Decimals>);

impl SkuDecimals {
    /// Those of a SKU; 0 for one that is not among them.
    pub fn of(&self, sku: &Sku) -> Decimals {
        self.0.get(sku).copied().unwrap_or_default()
    }
}

impl FromIterator<(Sku, Decimals)> for SkuDecimals {
    fn from_iter<I: IntoIterator<Item = (Sku, Decimals)>>(decimals: I) -> Self {
        Self(decimals.into_iter().collect())
    }
}

/// The decimals of SKUs whose quantities are about to be decided on.
///
/// # Errors
/// If the books database fails.
pub fn decimals_of<B: Books>(books: &mut B, skus: &[Sku]) -> Result<SkuDecimals, B::Error> {
    books.expect_skus(skus)?;
    let mut decimals = BTreeMap::new();
    for sku in skus {
        decimals.insert(sku.clone(), books.sku_record(sku)?.decimals);
    }
    Ok(SkuDecimals(decimals))
}
