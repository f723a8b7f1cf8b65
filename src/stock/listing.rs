//! The catalogue: names, units and barcodes of SKUs.

use serde::{Deserialize, Serialize};

use super::decimals::Decimals;
use super::types::Sku;
use crate::limits::STOCK_MAX;

/// The catalogue's data of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub sku: Sku,
    /// The name for people; `None` if the SKU was removed from the catalogue.
    pub name: Option<String>,
    /// What a quantity counts, such as `kg`; `None` for pieces.
    pub unit: Option<String>,
    /// How many decimals a quantity has.
    pub decimals: Decimals,
    /// Every code that resolves to this SKU.
    pub barcodes: Vec<Barcode>,
}

impl Listing {
    /// The listing of a SKU that is not in the catalogue any more.
    pub fn removed(sku: Sku) -> Self {
        Self { sku, name: None, unit: None, decimals: Decimals::default(), barcodes: Vec::new() }
    }
}

impl Listing {
    /// Whether the catalogue lists the SKU. One that is removed has no name, or nothing but its
    /// decimals.
    pub(crate) fn is_listed(&self) -> bool {
        let is_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let has_text = is_text(&self.name) || is_text(&self.unit);
        self.name.is_some() && (has_text || self.decimals == Decimals::default())
    }

    /// The listing as gateways are sent it: that of a SKU which is removed has an empty name if it
    /// has decimals, which would be lost without a name. So one that is listed without a name is sent
    /// with its SKU as its name.
    #[must_use]
    pub fn sent(mut self) -> Self {
        if self.name.is_some() && !self.is_listed() {
            self.name = Some(self.sku.to_string());
        } else if self.name.is_none() && self.decimals != Decimals::default() {
            self.name = Some(String::new());
        }
        self
    }

    /// The listing in other decimals, for a SKU that has stock in these. A SKU that is removed keeps
    /// them with an empty name.
    #[must_use]
    pub(super) fn in_decimals(&self, decimals: Decimals, unit: Option<String>) -> Self {
        let content = |barcode: &Barcode| {
            let content = barcode.content.saturating_mul(decimals.one()) / self.decimals.one();
            Barcode { code: barcode.code.clone(), content: content.max(1) }
        };
        Self {
            sku: self.sku.clone(),
            name: Some(self.name.clone().unwrap_or_default()),
            unit,
            decimals,
            barcodes: self.barcodes.iter().map(content).collect(),
        }
    }
}

/// A barcode of a SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barcode {
    /// The code as published: check digits are neither added nor removed. It has no white space.
    pub code: String,
    /// How much of the SKU one of the scanned things holds, in the smallest unit: 12 for a carton of
    /// twelve, 1,000 for a bag of one kilogram where a quantity has three decimals.
    pub content: u64,
}

impl Barcode {
    /// The code of a single thing without decimals.
    pub fn single(code: impl Into<String>) -> Self {
        Self { code: code.into(), content: 1 }
    }

    /// Whether the content is one that a stock can have.
    pub fn has_valid_content(&self) -> bool {
        (1..=STOCK_MAX.unsigned_abs()).contains(&self.content)
    }

    /// Writes barcodes as `code*content`, with a space between them, for a database.
    pub fn join(barcodes: &[Self]) -> String {
        let stored = |barcode: &Self| format!("{}*{}", barcode.code, barcode.content);
        barcodes.iter().map(stored).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Barcode::join`] wrote; `None` if it did not.
    pub fn split(stored: &str) -> Option<Vec<Self>> {
        let read = |stored: &str| {
            let (code, content) = stored.rsplit_once('*')?;
            let barcode = Self { code: code.into(), content: content.parse().ok()? };
            barcode.has_valid_content().then_some(barcode)
        };
        stored.split_whitespace().map(read).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcodes_are_stored_with_their_content() {
        let carton = Barcode { code: "A*B".into(), content: 12 };
        let barcodes = [Barcode::single("4006381333931"), carton];
        let stored = Barcode::join(&barcodes);
        assert_eq!(stored, "4006381333931*1 A*B*12");
        assert_eq!(Barcode::split(&stored).as_deref(), Some(&barcodes[..]));
        assert_eq!(Barcode::split(""), Some(Vec::new()));
        for damaged in ["401", "401*", "401*0", "401*-1", "401*9007199254740992", "401*1 402"] {
            assert_eq!(Barcode::split(damaged), None, "{damaged}");
        }
    }
}
