use super::*;
use crate::clock::Now;
use crate::stock::{Decimals, Listing, Stock, Taken};

#[test]
fn a_listed_sku_becomes_known_without_stock_and_without_an_entry() {
    let mut stock = Stock::default();
    assert!(take(&mut stock, &update(0, 7, &["A", "B"])));
    assert_eq!((stock.item("A"), stock.sku_count()), (Some(Item::default()), 2));
    assert_eq!((stock.seq(), stock.checks()), Default::default());
    assert_eq!(stock.changed_after(0).count(), 0);
    assert_eq!(stock.taken(), Taken { catalogue: 7, ..Taken::default() });
}

#[test]
fn an_update_that_is_known_or_leaves_a_gap_changes_nothing() {
    let mut stock = Stock::default();
    take(&mut stock, &update(0, 7, &["A"]));
    let before = stock.clone();
    for (after, up_to) in [(0, 7), (0, 6), (8, 9), (7, 7), (9, 3), (0, u64::MAX)] {
        assert!(!take(&mut stock, &update(after, up_to, &["B"])), "{after} to {up_to}");
    }
    assert_eq!(stock, before);
    assert!(take(&mut stock, &update(3, 8, &["A", "B"])), "it goes on, and says more");
}

#[test]
fn a_removed_listing_makes_no_sku_known() {
    let mut stock = Stock::default();
    let mut gone = update(0, 1, &["A"]);
    gone.listings[0].name = None;
    assert!(take(&mut stock, &gone));
    assert_eq!((stock.item("A"), stock.taken().catalogue), (None, 1));
    let three = Decimals::try_from(3).unwrap();
    let mut gone = update(1, 2, &["KG"]);
    gone.listings[0] = Listing { name: None, decimals: three, ..gone.listings[0].clone() }.sent();
    assert!(take(&mut stock, &gone));
    assert_eq!((stock.item("KG"), stock.taken().catalogue), (None, 2));
    assert_eq!(
        stock.catalogue().decimals("KG"),
        three,
        "it is booked in these, should it come back"
    );
}

#[test]
fn a_listing_without_a_name_makes_its_sku_known_whatever_its_decimals() {
    for decimals in Decimals::all() {
        let mut stock = Stock::default();
        let mut nameless = update(0, 1, &["A"]);
        let listing = &mut nameless.listings[0];
        *listing = Listing { name: Some(String::new()), decimals, ..listing.clone() }.sent();
        assert!(take(&mut stock, &nameless));
        assert_eq!(stock.item("A"), Some(Item::default()), "{decimals:?}");
    }
}

#[test]
fn listings_that_change_an_item_are_told_from_others() {
    let mut stock = Stock::default();
    let by = |stock: &Stock, update: &CatalogueUpdate| {
        let relisted = stock.catalogue().relisted_by(&update.listings);
        relisted.iter().map(|sku| sku.as_str().to_owned()).collect::<Vec<_>>()
    };
    let first = update(0, 1, &["A", "B", "C", "D", "E"]);
    assert_eq!(by(&stock, &first), ["A", "B", "C", "D", "E"]);
    take(&mut stock, &first);
    assert_eq!(by(&stock, &first), [""; 0]);
    let mut next = update(1, 2, &["A", "B", "C", "D", "E"]);
    next.listings[0].barcodes.push(crate::stock::Barcode::single("4006381333931"));
    next.listings[1].name = Some("renamed".into());
    next.listings[2].unit = Some("kg".into());
    next.listings[3].decimals = Decimals::MOST;
    next.listings[4].name = None;
    next.listings.push(Listing::removed(Sku::parse("F").unwrap()));
    assert_eq!(by(&stock, &next), ["B", "C", "D", "E"]);
}

fn take(stock: &mut Stock, update: &CatalogueUpdate) -> bool {
    let mut draft = Draft::new(stock, Now { wall_ms: 0, running_ms: 0, trusted: true }, 900);
    let taken = draft.apply_catalogue_update(update);
    let changes = draft.finish();
    assert_eq!(changes.is_empty(), !taken);
    assert_eq!(changes.listings.len(), if taken { update.listings.len() } else { 0 });
    stock.apply(&changes);
    taken
}

fn update(after: u64, up_to: u64, skus: &[&str]) -> CatalogueUpdate {
    let listing = |sku: &&str| Listing {
        name: Some(format!("{sku} in words")),
        ..Listing::removed(Sku::parse(sku).unwrap())
    };
    CatalogueUpdate { after, up_to, listings: skus.iter().map(listing).collect() }
}
