//! The barcodes of the catalogue in JSON.

use serde::Serialize;

use crate::net::json::json;
use crate::stock::Amount;
use crate::terminal::response::{BarcodePage, ListedBarcode};

/// A page of barcodes.
pub(in crate::terminal) fn barcodes_json(page: &BarcodePage) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        catalogue: u64,
        items: Vec<BarcodeJson<'a>>,
        next: Option<&'a str>,
    }
    let items = page.items.iter().map(BarcodeJson::new).collect();
    json(&Page { catalogue: page.catalogue, items, next: page.next.as_deref() })
}

#[derive(Serialize)]
struct BarcodeJson<'a> {
    code: &'a str,
    sku: &'a str,
    content: Amount,
}

impl<'a> BarcodeJson<'a> {
    fn new(listed: &'a ListedBarcode) -> Self {
        let ListedBarcode { barcode, sku, decimals } = listed;
        let content = Amount::of(barcode.content, *decimals);
        Self { code: &barcode.code, sku: sku.as_str(), content }
    }
}
