use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stock::fold::fold;
use crate::stock::{Barcode, Catalogue, Decimals};

fn listing(sku: &str, name: Option<&str>, codes: &[&str]) -> Listing {
    Listing {
        sku: Sku::parse(sku).unwrap(),
        name: name.map(str::to_owned),
        unit: None,
        decimals: Decimals::default(),
        barcodes: codes.iter().map(|code| Barcode::single(*code)).collect(),
    }
}

fn found(catalogue: &Catalogue, text: &str) -> Vec<(String, bool)> {
    let words = SearchWords::of(text).unwrap();
    let mut found = Vec::new();
    for segment in catalogue.text() {
        segment.search(&words, |sku, is_whole| found.push((sku.as_str().to_owned(), is_whole)));
    }
    found.sort();
    found
}

#[test]
fn every_word_has_to_be_part_of_sku_name_or_barcode() {
    let mut catalogue = Catalogue::default();
    catalogue.apply(&[
        listing("85123A", Some("CREAM HANGING HEART T-LIGHT HOLDER"), &["4006381333931"]),
        listing("71053", Some("WHITE METAL LANTERN"), &["85123A"]),
        listing("HEART", Some("Crème brûlée"), &[]),
    ]);
    let skus =
        |text: &str| found(&catalogue, text).into_iter().map(|(sku, _)| sku).collect::<Vec<_>>();
    assert_eq!(skus("heart"), ["85123A", "HEART"]);
    assert_eq!(skus("heart hang"), ["85123A"]);
    assert_eq!(skus("hold 133 cream"), ["85123A"]);
    assert_eq!(skus("creme BRULEE"), ["HEART"]);
    assert_eq!(skus("lantern heart"), Vec::<String>::new());
    assert_eq!(skus("creamhanging"), Vec::<String>::new());
    assert_eq!(found(&catalogue, "85123a"), [("71053".into(), true), ("85123A".into(), true)]);
    assert_eq!(found(&catalogue, "heart"), [("85123A".into(), false), ("HEART".into(), true)]);
    assert_eq!(found(&catalogue, "white metal lantern"), [("71053".into(), false)]);
    assert!(SearchWords::of(" \t ").is_none());
}

proptest! {
    /// Whatever is listed, listed again and removed, a search finds what a walk through all finds.
    #[test]
    fn a_search_finds_what_a_walk_would(
        changes in prop::collection::vec((0..40_u32, prop::option::of("[a-cÀ ]{0,12}"), "[a-c]{0,3}"), 0..300),
        text in "[a-cà]{1,3}( [a-c]{1,2})?",
    ) {
        let mut catalogue = Catalogue::default();
        let mut model = BTreeMap::new();
        for (sku, name, code) in &changes {
            let sku = format!("s{sku}");
            let codes: &[&str] = if code.is_empty() { &[] } else { &[code.as_str()] };
            // Long names, so that segments fill up and are packed.
            let name = name.as_ref().map(|name| format!("{name}{}", "-".repeat(5_000)));
            catalogue.apply(&[listing(&sku, name.as_deref(), codes)]);
            match name {
                Some(name) => drop(model.insert(sku.clone(), vec![fold(&sku), fold(code), fold(&name)])),
                None => drop(model.remove(&sku)),
            }
        }
        let folded = fold(&text);
        let matches = |parts: &Vec<String>| folded.split_whitespace().all(|word| parts.iter().any(|part| part.contains(word)));
        let expected: Vec<(String, bool)> = model.iter().filter(|(_, parts)| matches(parts))
            .map(|(sku, parts)| (sku.clone(), parts[0] == folded || parts[1] == folded)).collect();
        let mut expected = expected;
        expected.sort();
        prop_assert_eq!(found(&catalogue, &text), expected);
    }
}
