//! The barcodes of the catalogue, for terminals that resolve codes while the gateway is away.

use super::unreadable;
use crate::engine::state::CommittedState;
use crate::problem::Problem;
use crate::stock::{Barcode, Sku};
use crate::store::LedgerReader;
use crate::terminal::response::{BarcodePage, ListedBarcode};

/// Up to `limit` barcodes after this one, in order.
///
/// # Errors
/// `storage_unavailable` if the catalogue cannot be read.
pub(in crate::terminal) async fn page(
    state: &CommittedState,
    reader: &LedgerReader,
    after: String,
    limit: usize,
) -> Result<BarcodePage, Problem> {
    // Read first: a page that a change came into says that it is older, and is asked for again.
    let catalogue = state.catalogue();
    let read = reader.barcodes(after, limit + 1).await;
    let mut barcodes = read.map_err(|error| unreadable("catalogue", &error))?;
    let has_more = barcodes.len() > limit;
    barcodes.truncate(limit);
    let next = barcodes.last().filter(|_| has_more).map(|(last, _)| last.code.clone());
    let listed = |(barcode, sku): (Barcode, Sku)| {
        let decimals = state.decimals(&sku);
        ListedBarcode { barcode, sku, decimals }
    };
    Ok(BarcodePage { catalogue, items: barcodes.into_iter().map(listed).collect(), next })
}
