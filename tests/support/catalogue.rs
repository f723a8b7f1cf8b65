//! A catalogue for a gateway without a hub: it is put into the database while the gateway is down.

use stockgate::clock::Now;
use stockgate::stock::{Barcode, CatalogueUpdate, Decimals, Draft, Listing, Sku};
use stockgate::store::Store;

use super::gateway::Gateway;

/// A listing with a name and barcodes.
pub fn named(sku: &str, name: &str, codes: &[&str]) -> Listing {
    Listing {
        sku: Sku::parse(sku).unwrap(),
        name: Some(name.into()),
        unit: None,
        decimals: Decimals::default(),
        barcodes: codes.iter().map(|code| Barcode::single(*code)).collect(),
    }
}

/// A listing of goods that are measured.
pub fn measured(sku: &str, unit: &str, decimals: u8, codes: &[&str]) -> Listing {
    let decimals = Decimals::try_from(decimals).unwrap();
    let barcode = |code: &&str| Barcode { code: (*code).into(), content: decimals.one() };
    Listing {
        unit: Some(unit.into()),
        decimals,
        barcodes: codes.iter().map(barcode).collect(),
        ..named(sku, &format!("{sku} by {unit}"), &[])
    }
}

/// Restarts the gateway with more listings.
pub fn list(gateway: &mut Gateway, listings: Vec<Listing>) {
    gateway.terminate();
    let (mut store, opened) = Store::open(&gateway.data_dir(), "wh-01", "gw-01").unwrap();
    let running_ms = opened.progress.running_ms;
    let now = Now { wall_ms: 0, running_ms, trusted: true };
    let mut draft = Draft::new(&opened.stock, now, 900);
    let after = opened.stock.taken().catalogue;
    assert!(draft.apply_catalogue_update(&CatalogueUpdate { after, up_to: after + 1, listings }));
    store.commit(&draft.finish(), None, &opened.stock).unwrap();
    drop(store);
    gateway.launch();
}
