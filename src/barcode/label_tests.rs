//! Labels with and without their separators.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

const YEAR: u16 = 2026;
const PEN: &str = "04006381333931";

#[test]
fn a_lost_separator_is_doubtful_although_another_one_was_sent() {
    for code in [
        "]C1010400638133393110AB117261231",
        "\u{1d}010400638133393110AB117261231",
        "010400638133393110AB117261231\u{1d}",
        "]C1010400638133393121S\u{1d}10AB117261231",
        "]C1010400638133393110AB13012",
        "]d2010400638133393110AB1\u{1d}21S917261231",
        "]C1019400638133393410AB3103001250",
        "[)>\u{1e}05\u{1d}010400638133393110AB13012\u{1e}\u{4}",
    ] {
        let error = read(code, YEAR).unwrap_err().to_string();
        assert!(error.contains("can mean"), "{code:?}: {error}");
    }
    // With (37), (30) makes no sense; and no count begins with a zero.
    for code in ["]C10204006381333931376\u{1d}10AB13012", "]C1010400638133393110AB13012A"] {
        assert!(
            read(code, YEAR).unwrap().lot.is_some_and(|lot| lot.starts_with("AB13012")),
            "{code:?}"
        );
    }
    assert_eq!(read("]C1010400638133393110AB13003", YEAR).unwrap().lot.as_deref(), Some("AB13003"));
    let separated = read("]d2010400638133393110AB13012\u{1d}21S93012", YEAR).unwrap();
    assert_eq!(separated.lot.as_deref(), Some("AB13012"), "the scanner sends separators");
}

/// The terminal page reads these codes by itself while its gateway is away.
#[test]
fn the_codes_that_the_page_reads_say_the_same_here() {
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../tests/page/codes.json")).unwrap();
    for case in &cases {
        let code = case["code"].as_str().unwrap();
        let article = read(code, YEAR).ok().filter(|reading| reading.gtin.is_some());
        let says = article.map_or(serde_json::Value::Null, |reading| said(&reading));
        assert_eq!(says, case["gateway"], "{code:?}");
        assert!(!says.is_null() || case["page"] == false, "{code:?} is no certain reading");
    }
    assert!(cases.len() > 40, "{}", cases.len());
}

fn said(reading: &Reading) -> serde_json::Value {
    let mut said = serde_json::Map::new();
    let mut add = |name: &str, value: Option<serde_json::Value>| {
        said.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("gtin", reading.gtin.map(|gtin| gtin.to_string().into()));
    add("count", Some(reading.count.unwrap_or(1).into()));
    add("lot", reading.lot.clone().map(Into::into));
    add("serial", reading.serial.clone().map(Into::into));
    add("expires", reading.expires.map(|date| date.to_string().into()));
    add("best_before", reading.best_before.map(|date| date.to_string().into()));
    said.into()
}

/// A label with a lot and a serial number, and no count: a part of these may look like a date.
#[test]
fn sound_labels_are_seldom_doubtful() {
    for (text, refused_most) in
        [("[A-Z0-9]{1,20}", 20), ("[A-Z]{2}[0-9]{1,8}", 20), ("[0-9]{4,12}", 400)]
    {
        let (mut runner, labels) = (TestRunner::deterministic(), label(text, 1_u64..1_000));
        let is_refused = |_: &u32| {
            let (mut elements, _) = labels.new_tree(&mut runner).unwrap().current();
            elements.retain(|(ai, _)| !matches!(*ai, "30" | "37"));
            matches!(read(&sent("]C1", &elements, &[true; 5]), YEAR), Err(CodeError::Doubtful(..)))
        };
        let refused = (0..20_000).filter(is_refused).count();
        assert!(refused <= refused_most, "{text}: {refused}");
    }
}

/// A label with elements that go together, the count in any place behind the GTIN, and that count. Lot
/// and serial number are such texts.
fn label(
    text: &'static str,
    counts: impl Strategy<Value = u64>,
) -> impl Strategy<Value = (Vec<(&'static str, String)>, u64)> {
    (counts, text, text, any::<bool>(), 1_usize..5).prop_map(
        |(count, lot, serial, is_parcel, place)| {
            let (first, counts) = if is_parcel { ("02", "37") } else { ("01", "30") };
            let mut elements =
                vec![(first, PEN.to_owned()), ("17", "261231".to_owned()), ("10", lot)];
            if !is_parcel {
                elements.push(("21", serial));
            }
            elements.insert(place.min(elements.len()), (counts, count.to_string()));
            (elements, count)
        },
    )
}

/// A label as a scanner sends it, with those of its separators that are kept.
fn sent(mark: &str, elements: &[(&str, String)], kept: &[bool]) -> String {
    let mut code = mark.to_owned();
    for ((ai, value), kept) in elements.iter().zip(kept) {
        code += &format!("{ai}{value}");
        if *kept && !matches!(*ai, "01" | "02" | "17") {
            code.push(FNC1);
        }
    }
    code
}

proptest! {
    /// Whatever separators are missing, the count is the one on the label, or nothing is answered. Only
    /// a count of one digit is taken for the end of a lot, and any where the scanner sends separators.
    #[test]
    fn a_label_without_separators_never_has_another_count(
        (elements, count) in label("[A-Z0-9]{1,20}", prop_oneof![1_u64..1_000, 1_u64..100_000_000]), kept in prop::collection::vec(any::<bool>(), 5),
        mark in prop::sample::select(vec!["", "]C1", "\u{1d}"]),
    ) {
        let code = sent(mark, &elements, &kept);
        if let Ok(reading) = read(&code, YEAR) {
            let is_told = code.trim_matches(FNC1).contains(FNC1);
            let is_lot = (count < 10 || is_told) && reading.count.is_none();
            prop_assert!(is_lot || reading.count == Some(count), "{:?}: {:?}", code, reading);
        }
    }
}
