//! What goods are called, and what is printed on them.

use serde::{Deserialize, Serialize};

use super::types::Sku;

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

/// What changed in the catalogue between two of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueUpdate {
    /// Behind this one …
    pub after: u64,
    /// … up to this one.
    pub up_to: u64,
    /// In the order of their changes, as they are now.
    pub listings: Vec<Listing>,
}
