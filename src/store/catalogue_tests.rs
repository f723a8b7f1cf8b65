//! Units, decimals and contents in the catalogue, and the upgrade to them.

use rusqlite::Connection;

use super::migrate::upgrade_to;
use super::shop::{Shop, named, open};
use super::store_tests::VERSION_3;
use super::{DATABASE_FILE, find_barcode, listing, load_stock};
use crate::stock::{Barcode, CatalogueUpdate, Decimals, Listing, Sku};

#[test]
fn units_decimals_and_contents_are_kept() {
    let mut shop = Shop::new();
    publish(&mut shop, 0, &apples());
    shop.reopen();
    assert_eq!(shop.listed("APPLE"), Some(apples()));
    assert_eq!(content(&shop, "bag"), Some(2_500));

    let larger = Listing { barcodes: vec![bag(5_000)], ..apples() };
    publish(&mut shop, 1, &larger);
    assert_eq!((shop.listed("APPLE"), content(&shop, "bag")), (Some(larger), Some(5_000)));
    publish(&mut shop, 2, &Listing::removed(apples().sku));
    assert_eq!((shop.listed("APPLE"), content(&shop, "bag")), (None, None));
}

#[test]
fn a_lost_barcode_is_rebuilt_with_its_content() {
    for sql in ["DELETE FROM barcode", "UPDATE barcode SET content = 1"] {
        let mut shop = Shop::new();
        publish(&mut shop, 0, &apples());
        shop.sql(sql);
        shop.reopen_repaired(&["the hub sends the catalogue again"]);
        assert_eq!(content(&shop, "bag"), Some(2_500), "{sql}");
        shop.assert_repaired();
    }
}

/// A scan of the code must not be answered as if nobody had listed it.
#[test]
fn a_key_that_is_damaged_while_the_store_is_open_is_found_by_its_neighbours() {
    for flipped in ["A0", "Z9", "M5"] {
        let mut shop = Shop::new();
        let listed = ["A1", "B2", "M4", "M6", "Z8"].map(|sku| named(sku, "Thing", &[sku]));
        for (number, listing) in listed.iter().enumerate() {
            publish(&mut shop, number as u64, listing);
        }
        let unlisted = Sku::parse("N1").unwrap();
        assert_eq!(find_barcode(&shop.store.db, "N1").unwrap(), None);
        assert_eq!(listing(&shop.store.db, &unlisted).unwrap(), None);
        for near in ["A1", "M4", "Z8"].into_iter().filter(|near| near[..1] == flipped[..1]) {
            // As a bit of the key flips, without a change of its place.
            shop.sql(&format!("UPDATE barcode SET code = '{flipped}' WHERE code = '{near}'"));
            shop.sql(&format!("UPDATE listing SET sku = '{flipped}' WHERE sku = '{near}'"));
            assert!(find_barcode(&shop.store.db, near).unwrap_err().is_damage(), "{near}");
            let sku = Sku::parse(near).unwrap();
            assert!(listing(&shop.store.db, &sku).unwrap_err().is_damage(), "{near}");
        }
    }
}

#[test]
fn a_catalogue_without_contents_gets_them_in_an_upgrade() {
    let directory = version_4("");
    let (store, opened) = open(&directory).unwrap();
    assert!(opened.repairs.is_empty(), "{:?}", opened.repairs);
    assert!(opened.stock.taken().catalogue > 0);
    let shop = Shop { stock: opened.stock, directory, store };
    assert_eq!(shop.listed("C"), Some(named("C", "Saw", &["402", "405"])));
    assert_eq!(content(&shop, "402"), Some(1));
    shop.assert_repaired();
}

#[test]
fn rows_that_are_damaged_before_an_upgrade_are_not_taken_for_sound_after_it() {
    for damage in [
        "UPDATE listing SET name = 'Screw' WHERE sku = 'C'",
        "UPDATE barcode SET sku = 'A' WHERE code = '402'",
    ] {
        let directory = version_4(damage);
        let (_, opened) = open(&directory).unwrap();
        assert_eq!(opened.repairs.len(), 1, "{damage}: {:?}", opened.repairs);
        assert_eq!(opened.stock.taken().catalogue, 0, "{damage}: the hub sends it again");
    }
}

/// A database of the version before units, decimals and contents.
fn version_4(damage: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE_FILE);
    std::fs::write(&path, VERSION_3).unwrap();
    let mut db = Connection::open(&path).unwrap();
    upgrade_to(&mut db, 4);
    db.execute_batch(damage).unwrap();
    load_stock(&db).unwrap();
    directory
}

fn publish(shop: &mut Shop, after: u64, listing: &Listing) {
    let update = CatalogueUpdate { after, up_to: after + 1, listings: vec![listing.clone()] };
    let mut draft = shop.empty_draft();
    assert!(draft.apply_catalogue_update(&update));
    let changes = draft.finish();
    shop.commit(&changes);
}

fn content(shop: &Shop, code: &str) -> Option<u64> {
    find_barcode(&shop.store.db, code).unwrap().map(|(_, content)| content)
}

fn apples() -> Listing {
    Listing {
        name: Some("Apples".into()),
        unit: Some("kg".into()),
        decimals: Decimals::try_from(3).unwrap(),
        barcodes: vec![bag(2_500)],
        ..Listing::removed(Sku::parse("APPLE").unwrap())
    }
}

fn bag(content: u64) -> Barcode {
    Barcode { code: "bag".into(), content }
}
