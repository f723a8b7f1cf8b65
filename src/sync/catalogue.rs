//! What goods are called, and what is printed on them.

use serde::{Deserialize, Serialize};

use crate::stock::Sku;

/// One SKU's place in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Which.
    pub sku: Sku,
    /// For people; `None` if it is in the catalogue no longer.
    pub name: Option<String>,
    /// Every code that stands for it, without check digits left out or added.
    pub barcodes: Vec<String>,
}
