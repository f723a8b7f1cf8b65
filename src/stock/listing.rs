//! The catalogue: names and barcodes of SKUs.

use serde::{Deserialize, Serialize};

use super::types::Sku;

/// The catalogue's data of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub sku: Sku,
    /// The name for people; `None` if the SKU was removed from the catalogue.
    pub name: Option<String>,
    /// Every code that resolves to this SKU, as published: check digits are neither added nor
    /// removed.
    pub barcodes: Vec<String>,
}

/// A contiguous range of changes of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueUpdate {
    /// The number of the last change before this update …
    pub after: u64,
    /// … and the number of the last change in it.
    pub up_to: u64,
    /// The newest listing of each SKU that changed, in the order of change.
    pub listings: Vec<Listing>,
}
