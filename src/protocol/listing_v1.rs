//! A listing on the wire in version 1, which has neither units nor decimals nor contents.

use serde::{Deserialize, Serialize};

use crate::stock::{Barcode, Listing, Sku};

#[derive(Serialize, Deserialize)]
pub(super) struct ListingV1 {
    sku: Sku,
    name: Option<String>,
    barcodes: Vec<String>,
}

impl From<&Listing> for ListingV1 {
    /// A barcode with another content than 1 is left out: the gateway would take a carton for a
    /// single piece.
    fn from(listing: &Listing) -> Self {
        let Listing { sku, name, barcodes, .. } = listing;
        let single = barcodes.iter().filter(|barcode| barcode.content == 1);
        let barcodes = single.map(|barcode| barcode.code.clone()).collect();
        let name = name.clone().filter(|_| listing.is_listed());
        Self { sku: sku.clone(), name, barcodes }
    }
}

impl From<ListingV1> for Listing {
    fn from(ListingV1 { sku, name, barcodes }: ListingV1) -> Self {
        let barcodes = barcodes.into_iter().map(Barcode::single).collect();
        Self { name, barcodes, ..Self::removed(sku) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Decimals;

    #[test]
    fn version_1_is_not_told_of_codes_that_it_would_count_wrong() {
        let listing = Listing {
            name: Some("Pen".into()),
            unit: Some("kg".into()),
            decimals: Decimals::try_from(3).unwrap(),
            barcodes: vec![
                Barcode::single("4006381333931"),
                Barcode { code: "14006381333938".into(), content: 12 },
            ],
            ..Listing::removed(Sku::parse("40-PEN").unwrap())
        };
        let read = Listing::from(ListingV1::from(&listing));
        assert_eq!((read.name, read.unit), (listing.name.clone(), None));
        assert_eq!(read.barcodes, [Barcode::single("4006381333931")]);
        let removed =
            Listing { decimals: listing.decimals, ..Listing::removed(listing.sku) }.sent();
        assert_eq!(removed.name.as_deref(), Some(""));
        assert_eq!(Listing::from(ListingV1::from(&removed)).name, None);
    }
}
