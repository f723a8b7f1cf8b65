//! Labels as they are met with: what they mean, and what is wrong with them.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const YEAR: u16 = 2026;
const PEN: &str = "04006381333931";

fn right(code: &str) -> Reading {
    read(code, YEAR).unwrap_or_else(|error| panic!("{code:?}: {error}"))
}

fn wrong(code: &str) -> String {
    match read(code, YEAR) {
        Ok(reading) => panic!("{code:?} was read as {reading:?}"),
        Err(error) => error.to_string(),
    }
}

fn gtin(reading: &Reading) -> String {
    reading.gtin.map(|gtin| gtin.to_string()).unwrap_or_default()
}

#[test]
fn a_missing_separator_is_found_where_one_reading_makes_sense() {
    for (code, lot, count) in [
        // A number ends before a letter.
        ("02040063813339313761", None, Some(61)),
        ("020400638133393137610AB", Some("AB"), Some(6)),
        ("]C1020400638133393137610AB", Some("AB"), Some(6)),
        // A length that is fixed, though not predefined.
        ("0104006381333931800500036510L", Some("L"), None),
        ("0104006381333931422276\u{1d}10L", Some("L"), None),
        ("010400638133393142227610L", Some("L"), None),
        // A count has to follow.
        ("020400638133393110AB3712", Some("AB"), Some(12)),
        // Any text may contain what looks like a variant.
        ("020400638133393110A20123712", Some("A2012"), Some(12)),
    ] {
        let reading = right(code);
        assert_eq!(gtin(&reading), PEN, "{code}");
        assert_eq!((reading.lot.as_deref(), reading.count), (lot, count), "{code}");
    }
}

#[test]
fn what_makes_sense_in_two_ways_is_doubtful() {
    for (code, one, other) in [
        ("02040063813339313761012 3".replace(' ', ""), "(37)610123", "(37)6(10)123"),
        ("]C1020400638133393137610123".to_owned(), "(37)610123", "(37)6(10)123"),
        ("010400638133393110AB117261231".to_owned(), "(10)AB117261231", "(10)AB1(17)261231"),
        ("010400638133393110LOT305".to_owned(), "(10)LOT305", "(10)LOT(30)5"),
        ("010400638133393110AB3102001255".to_owned(), "(10)AB3102001255", "(10)AB(3102)001255"),
        ("010400638133393110AB3602001255".to_owned(), "(10)AB3602001255", "(10)AB(3602)001255"),
        // They say the same about the stock, but not about the lot.
        (
            "020400638133393110A13260101112601023712".to_owned(),
            "(10)A13260101(11)260102(37)12",
            "(10)A1326010111260102(37)12",
        ),
    ] {
        let error = wrong(&code);
        assert!(error.contains(one) && error.contains(other), "{code}: {error}");
    }
}

#[test]
fn a_code_with_very_many_ways_to_read_it_is_refused() {
    let few = "020400638133393191A92A93A3712";
    assert_eq!(right(few).count, Some(12));
    let many = "020400638133393191A92A93A94A95A96A97A98A99A90A240A241A243A400A3712";
    let error = wrong(many);
    assert!(error.contains("too many ways"), "{error}");
}

#[test]
fn a_text_may_look_like_elements_where_separators_are_sent() {
    for (code, lot) in [
        ("]C1010400638133393110LOT305", "LOT305"),
        ("\u{1d}010400638133393121S\u{1d}10LOT305", "LOT305"),
        ("(01)04006381333931(10)LOT305", "LOT305"),
        ("(01) 04006381333931 (10) LOT305 ", "LOT305"),
        ("(01)04006381333931(10)L(3)", "L(3)"),
        ("010400638133393110AB2191", "AB2191"),
        ("010400638133393110AB8005000365", "AB8005000365"),
        ("010400638133393110AB3702001255", "AB3702001255"),
    ] {
        assert_eq!(right(code).lot.as_deref(), Some(lot), "{code:?}");
    }
}

#[test]
fn elements_that_do_not_go_together_are_refused() {
    for (code, why) in [
        ("010400638133393110AB1\u{1d}3712", "(01) and (37) exclude one another"),
        ("01040063813339310204006381333931", "(02) and (01) exclude one another"),
        ("01040063813339310114006381333938", "(01) stands there twice"),
        ("0204006381333931", "(02) needs (37)"),
        ("8005000365\u{1d}10L", "needs (01)"),
        ("(01)04006381333931(3102)000100(3103)001000", "(3102) and (3103) exclude one another"),
        ("(02)04006381333931(37)3(30)5", "(30)5: and (37) both count something"),
    ] {
        let error = wrong(code);
        assert!(error.contains(why), "{code:?}: {error}");
    }
    let twice = right("(01)04006381333931(01)04006381333931");
    assert_eq!(gtin(&twice), PEN, "the same twice");
}

#[test]
fn the_part_of_a_value_that_is_wrong_is_named() {
    for (code, why) in [
        ("(01)04006381333931(7003)2612312499", "(7003)2612312499: is not a time, at \"2499\";"),
        ("(01)04006381333931(422)123", "(422)123: is not the code of a country;"),
        (
            "(01)04006381333931(21)S(8030)AB=C",
            "(8030)AB=C: may have = only at its end, and two of them",
        ),
        ("(01)04006381333931(21)S(8030)A===", "(8030)A===: may have ="),
    ] {
        let error = wrong(code);
        assert!(error.contains(why), "{code}: {error}");
    }
}

#[test]
fn base64_is_padded_at_its_end() {
    for value in ["AB-_", "ABC=", "AB=="] {
        let code = format!("(01)04006381333931(21)S(8030){value}");
        assert_eq!(right(&code).serial.as_deref(), Some("S"), "{value}");
    }
}

#[test]
fn what_begins_like_an_element_string_is_one() {
    for code in [
        "010400638133393117261301",
        "0104006381333932",
        "0104006381333",
        "010400638133393",
        "01040063813339311",
        "00340063813339300003",
        "010400638133393199",
        "(05)123",
        "(01)123",
        "17261231010400638133393210AB",
        "1126010117261231010400638133393210AB",
        "31030012500104006381333932",
        "172613310104006381333931",
        "17261331010400638133393110AB",
        "1726123100340063813339300003",
        "330000125000340063813339300003",
    ] {
        wrong(code);
    }
    for code in [
        "0193e0d1-7a55-7b3c-9f00-0123456789ab",
        "01-RACK-07",
        "0012345X",
        "(5)",
        "1012345678901234567",
        "202401150826001234567890",
        "17261331010400638133393210AB",
        "17AB12310104006381333931",
        "1726123101RACK",
        "172612310512345678901234",
        "10AB010400638133393210AB",
        // The number of a shipment.
        "31001171800000017989625355702636",
    ] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
    let led_by_a_date = right("1726123101040063813339 3110L".replace(' ', "").as_str());
    assert_eq!(gtin(&led_by_a_date), PEN);
}

#[test]
fn a_gtin_is_found_wherever_the_dictionary_has_one() {
    for code in [
        "(01)04006381333931",
        "(02)04006381333931(37)2",
        "(03)04006381333931",
        "(8006)040063813339310102",
        "(8026)040063813339310102(37)4",
        "]d28006040063813339310102",
        "8006040063813339310102",
    ] {
        assert_eq!(gtin(&right(code)), PEN, "{code}");
    }
}

#[test]
fn dates_and_measures_are_answered() {
    let reading = right("(01)94006381333934(15)261231(3103)001250");
    assert_eq!(reading.best_before.unwrap().to_string(), "2026-12-31");
    assert_eq!(reading.measures, [Measure { unit: "kg", digits: 1250, decimals: 3 }]);
    for (decimals, measured) in [(3, 1250), (4, 12_500), (2, 125)] {
        assert_eq!(reading.measured("kg", decimals), Ok(Some(measured)), "{decimals}");
    }
    for (ai, units) in [
        ("310", &["kg", "KG", "Kg"][..]),
        ("311", &["m", "M"]),
        ("314", &["m2", "m\u{b2}", "M2"]),
        ("315", &["l", "L"]),
        ("316", &["m3", "m\u{b3}", "M\u{b3}"]),
        ("320", &["lb", "LB"]),
    ] {
        let reading = right(&format!("(01)94006381333934({ai}0)000007"));
        for unit in units {
            assert_eq!(reading.measured(unit, 0), Ok(Some(7)), "{ai} {unit}");
        }
    }
    for code in [
        "(01)04006381333931(7003)2612312359",
        "(01)04006381333931(17)261231(7003)2701312359",
        "(01)04006381333931(7003)2701312359(17)261231",
    ] {
        assert_eq!(right(code).expires.unwrap().to_string(), "2026-12-31", "{code}");
    }
}

/// The SKU is counted in what the label measures, but not so that a quantity follows.
#[test]
fn a_measure_that_is_no_quantity_of_the_sku_is_named() {
    for (elements, unit, decimals, measure) in [
        ("(3103)001250", "kg", 1, "1.250 kg"),
        ("(3105)001250", "kg", 3, "0.01250 kg"),
        ("(3202)001250", "kg", 3, "12.50 lb"),
        ("(3100)000002", "g", 0, "2 kg"),
        ("(3111)000012(3121)000034", "m", 1, "1.2 m"),
        ("(3103)001250", "bag", 3, "1.250 kg"),
        ("(3103)001250", "", 3, "1.250 kg"),
        ("(3103)001250", "m", 3, "1.250 kg"),
        ("(3150)000002", "kg", 0, "2 l"),
    ] {
        let reading = right(&format!("(01)94006381333934{elements}"));
        let refused = reading.measured(unit, decimals).unwrap_err();
        assert_eq!(refused.to_string(), measure, "{elements} {unit}");
    }
    let weighed = right("(01)94006381333934(3103)001250(3203)002756");
    assert_eq!(weighed.measured("kg", 3), Ok(Some(1250)), "in pounds, too");
    for (unit, decimals) in [("pcs", 0), ("", 0)] {
        assert_eq!(weighed.measured(unit, decimals), Ok(None), "{unit}: no weight");
    }
}

#[test]
fn counts_are_multiplied_by_the_content() {
    for (code, content, units) in [
        ("4006381333931", 1, Some(1)),
        ("14006381333938", 12, Some(12)),
        ("0214006381333938373", 12, Some(36)),
        ("(01)04006381333931(30)5", 1, Some(5)),
        ("(02)04006381333931(37)99999999", u64::MAX, None),
    ] {
        assert_eq!(right(code).units(content), units, "{code}");
    }
}

#[test]
fn a_link_of_gs1_is_read_whatever_its_domain() {
    for (code, lot, serial, expires) in [
        ("https://id.gs1.org/01/04006381333931", None, None, None),
        ("http://id.gs1.org/01/04006381333931/", None, None, None),
        (
            "https://id.gs1.org/01/04006381333931/10/AB1?17=261231",
            Some("AB1"),
            None,
            Some("2026-12-31"),
        ),
        ("https://id.gs1.org/01/04006381333931/10/A%2FB%251#top", Some("A/B%1"), None, None),
        ("HTTPS://EXAMPLE.COM/SHOP/01/4006381333931/21/77", None, Some("77"), None),
        ("]Q1https://id.gs1.org/01/04006381333931", None, None, None),
        (
            "]d1https://a.b:8080/x/y/01/04006381333931/22/V/10/L/21/S?linkType=gs1:pip",
            Some("L"),
            Some("S"),
            None,
        ),
        ("https://a.b/01/04006381333931?17=261231;10=L&exp=1", Some("L"), None, Some("2026-12-31")),
        ("https://a.b/8006/040063813339310102/21/S", None, Some("S"), None),
    ] {
        let reading = right(code);
        assert_eq!((reading.format, gtin(&reading).as_str()), (Format::Gs1, PEN), "{code}");
        let date = reading.expires.map(|date| date.to_string());
        assert_eq!(
            (reading.lot.as_deref(), reading.serial.as_deref(), date.as_deref()),
            (lot, serial, expires),
            "{code}"
        );
    }
    assert_eq!(right("https://a.b/01/04006381333931?30=5").count, Some(5));
    assert!(right("https://id.gs1.org/00/340063813339300002").is_logistic_unit);
}

#[test]
fn a_broken_link_of_gs1_is_refused() {
    for (code, why) in [
        ("https://id.gs1.org/01/04006381333932", "should be 1, but is 2"),
        ("https://id.gs1.org/01/0400638133", "(01)0400638133: is too short"),
        ("https://id.gs1.org/01/12345", "(01)12345: is too short"),
        ("https://id.gs1.org/01/A4006381333931", "(01)A4006381333931: must be digits"),
        ("https://id.gs1.org/01/", "(01): is empty"),
        ("HTTPS://ID.GS1.ORG/01", "(01): is empty"),
        ("https://id.gs1.org/01//10/L", "(01): is empty"),
        ("https://id.gs1.org/01/04006381333931/10", "(10): is empty"),
        ("https://id.gs1.org/01/04006381333931/10/", "(10): is empty"),
        ("https://id.gs1.org/01/04006381333931/10//21/S", "(10): is empty"),
        ("https://id.gs1.org/01/04006381333931?10=", "(10): is empty"),
        ("https://id.gs1.org/01/04006381333931/hello", "must not follow (01)"),
        ("https://id.gs1.org/01/04006381333931/21/S/10/L", "must not follow (01)"),
        ("https://id.gs1.org/01/04006381333931/17/261231", "must not follow (01)"),
        ("https://id.gs1.org/01/04006381333931/10/A%2", "percent-encoded"),
        ("https://id.gs1.org/01/04006381333931/10/A%G0", "percent-encoded"),
        ("https://id.gs1.org/01/04006381333931?17=261301", "is not a date"),
        ("https://id.gs1.org/01/04006381333931?37=3", "exclude one another"),
        ("https://id.gs1.org/01/04006381333931?21=3", "is no attribute"),
        ("https://id.gs1.org/01/04006381333931?4711=3", "is no attribute"),
    ] {
        let error = wrong(code);
        assert!(error.contains(why), "{code}: {error}");
    }
    for code in [
        "https://example.com/hello",
        "https://example.com/01/hello",
        "https://example.com/01/2024-review",
        "https://example.com/01/40063é",
        "https://example.com/8004/hello",
        "https://",
        "http://a/01",
        "ftp://a/01/04006381333931",
        "https://é/01/1",
    ] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

#[test]
fn a_message_of_iso_15434_is_read() {
    let gs1 = right("[)>\u{1e}05\u{1d}0104006381333931\u{1d}10AB1\u{1d}21S\u{1e}\u{4}");
    assert_eq!((gtin(&gs1).as_str(), gs1.lot.as_deref()), (PEN, Some("AB1")));
    let ansi = "[)>\u{1e}06\u{1d}1PMAKER-7\u{1d}POURS\u{1d}Q24\u{1d}1TL1\u{1d}SS1\u{1d}14D20261231\u{1d}VIGNORED\u{1e}\u{4}";
    for code in [ansi.to_owned(), format!("]d1{ansi}")] {
        let reading = right(&code);
        assert_eq!(
            (reading.names.as_slice(), reading.count),
            (&["OURS".to_owned(), "MAKER-7".to_owned()][..], Some(24))
        );
        assert_eq!((reading.lot.as_deref(), reading.serial.as_deref()), (Some("L1"), Some("S1")));
        assert_eq!(reading.expires.unwrap().to_string(), "2026-12-31");
    }
    for unit in ["PC", "EA"] {
        let reading = right(&format!("[)>\u{1e}06\u{1d}1PPEN\u{1d}7Q24{unit}\u{1e}\u{4}"));
        assert_eq!(reading.count, Some(24), "{unit}");
    }
    for (code, why) in [
        ("[)>\u{1e}06\u{1d}1PPEN\u{1d}7Q24KG\u{1e}\u{4}", "7Q 24KG: is not a count"),
        ("[)>\u{1e}06\u{1d}1PPEN\u{1d}7Q24\u{1e}\u{4}", "7Q 24: is not a count"),
        ("[)>\u{1e}06\u{1d}1PPEN\u{1d}7Q0PC\u{1e}\u{4}", "7Q 0PC: is not a count"),
        ("[)>\u{1e}06\u{1d}1PPEN\u{1d}2Q24\u{1e}\u{4}", "2Q 24: is not a count"),
        ("[)>\u{1e}06\u{1d}1PPEN\u{1d}Q24\u{1d}7Q12PC\u{1e}\u{4}", "twice"),
        ("[)>06\u{1d}P1", "no separators"),
        ("[)>\u{1e}06P1\u{1e}\u{4}", "no separators"),
        ("[)>\u{1e}06\u{1d}PA\u{1d}Q1", "breaks off before its end"),
        ("[)>\u{1e}06\u{1d}PA\u{1d}Q1\u{1e}", "breaks off before its end"),
        ("[)>\u{1e}06\u{1d}PA\u{1d}Q1\u{4}", "breaks off before its end"),
        ("[)>\u{1e}12\u{1d}SEQ 1", "breaks off before its end"),
        ("[)>\u{1e}05\u{1d}0104006381333932\u{1e}\u{4}", "should be 1"),
        ("[)>\u{1e}06\u{1d}Q0\u{1e}\u{4}", "is not a count"),
        ("[)>\u{1e}06\u{1d}Q1.5\u{1e}\u{4}", "is not a count"),
        ("[)>\u{1e}06\u{1d}14D20261301\u{1e}\u{4}", "is not a date"),
        ("[)>\u{1e}06\u{1d}PA\u{1d}PB\u{1e}\u{4}", "twice"),
        ("[)>\u{1e}06\u{1d}123\u{1e}\u{4}", "no data identifier"),
        ("[)>\u{1e}06\u{1d}P\u{1e}\u{4}", "no data identifier"),
    ] {
        let error = wrong(code);
        assert!(error.contains(why), "{code:?}: {error}");
    }
    assert_eq!(right("[)>\u{1e}12\u{1d}SEQ 1\u{1e}\u{4}"), Reading::text());
}

#[test]
fn books_periodicals_and_add_ons_are_trade_items() {
    for (code, gtin_of_it) in [
        ("978-0-201-37962-4", "09780201379624"),
        ("ISBN 978-0-201-37962-4", "09780201379624"),
        ("978 0 201 37962 4", "09780201379624"),
        ("0-8044-2957-X", "09780804429573"),
        ("ISBN 080442957X", "09780804429573"),
        ("0378-5955", "09770378595002"),
        ("ISSN 0378-5955", "09770378595002"),
        ("ISSN 2434-561X", "09772434561006"),
        ("978020137962412345", "09780201379624"),
        ("977037859500201", "09770378595002"),
        ("9780201379624 12345", "09780201379624"),
        ("036000291452 12", "00036000291452"),
        ("96385074 12", "00000096385074"),
        ("01234565 12345", "00012345000065"),
        ("ISBN-13: 978-0-201-37962-4", "09780201379624"),
        ("ISBN-13 9780201379624", "09780201379624"),
        ("ISBN-10: 0-8044-2957-X", "09780804429573"),
        ("isbn-10: 080442957x", "09780804429573"),
        ("0-8044-2957-x", "09780804429573"),
        ("ISSN 2434-561x", "09772434561006"),
        ("]E3978020137962412345", "09780201379624"),
        ("]E09780201379624]E212345", "09780201379624"),
        ("]E09780201379624]E112", "09780201379624"),
    ] {
        assert_eq!(gtin(&right(code)), gtin_of_it, "{code}");
    }
    for code in [
        "978-0-201-37962-5",
        "ISBN 0804429570",
        "ISBN-10: 0804429570",
        "0-8044-2957-1",
        "0 8044 2957 1",
        "ISSN 0378-5956",
        "978020137962512345",
        "9780201379625 12",
        "]E39780201379624123",
        "]E397802013796241A",
        "]E09780201379624]E11A",
        "]E09780201379624]E112345",
        "]E09780201379624]E2ABCDE",
        "]E09780201379624]E212",
    ] {
        wrong(code);
    }
    for code in [
        "96385075 12",
        "96385074 123",
        "0378-5956",
        "1234-5678",
        "12-34",
        "0-80-442-95-71",
        "A-8044-2957-1",
        "90ABCDEFGHIJKLMNOP",
    ] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

#[test]
fn a_short_upc_e_names_its_gtin_without_claiming_it() {
    for (code, gtin) in
        [("123456", "00012345000065"), ("0123456", "00012345000065"), ("425261", "00042100005264")]
    {
        let reading = right(code);
        assert_eq!((reading.format, reading.gtin), (Format::Text, None), "{code}");
        assert_eq!(reading.names[0], gtin, "{code}");
    }
    let both = right("1234565").names;
    for gtin in ["00123456000056", "00012345000065"] {
        assert!(both.iter().any(|name| name == gtin), "without check digit or system: {both:?}");
    }
    assert_eq!(right("12345"), Reading::text());
}

#[test]
fn digits_through_another_keyboard_layout_are_recognized() {
    let error = wrong("'àà-\"_&\"\"\"ç\"&");
    assert!(error.contains("4006381333931") && error.contains("keyboard"), "{error}");
    assert_eq!(right("--------"), Reading::text());
    for code in [
        "à&à'àà-\"_&\"\"\"ç\"&",
        "+E04006381333931",
        "*C1010400638133393110AB",
        "$d20104006381333931",
        "\u{a8}I104006381333931",
    ] {
        let error = wrong(code);
        assert!(error.contains("4006381333931") && error.contains("keyboard"), "{code}: {error}");
    }
    for code in [
        "XE04006381333931",
        "+E04006381333932",
        "-A04006381333931",
        "+E04006",
        "+E0-4006381333931",
        "+C1",
        "+",
    ] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

#[test]
fn digits_through_an_input_method_are_recognized() {
    for code in [
        "\u{ff14}\u{ff10}\u{ff10}\u{ff16}\u{ff13}\u{ff18}1333931",
        "\u{664}006381333931",
        "\u{6f4}006381333931",
        "\u{ff08}01\u{ff09}04006381333931",
        "\u{ff3d}C10104006381333931",
    ] {
        let error = wrong(code);
        assert!(
            error.contains("4006381333931") && error.contains("input method"),
            "{code}: {error}"
        );
    }
    let error = wrong("\u{ff14}006381333932");
    assert!(error.contains("should be 1, but is 2"), "{error}");
    for code in ["\u{ff21}-7", "LAMP\u{ff0d}1", "\u{664}\u{665}"] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

#[test]
fn a_number_is_known_as_people_copy_it() {
    for code in [
        "4 006381 333931",
        "4006381 333931",
        "4\u{a0}006381\u{a0}333931",
        "0 40 06381 33393 1",
        "40 06 38 13 33 93 1",
        "EAN 4006381333931",
        "EAN: 4006381333931",
        "EAN-13: 4006381333931",
        "ean 4 006381 333931",
        "GTIN 04006381333931",
    ] {
        assert_eq!(gtin(&right(code)), PEN, "{code}");
    }
    assert_eq!(gtin(&right("0 36000 29145 2")), "00036000291452");
    assert_eq!(gtin(&right("UPC 036000291452")), "00036000291452");
    assert_eq!(gtin(&right("9638 5074")), "00000096385074");
    for code in ["4 006381 333932", "0 36000 29145 3", "EAN 4006381333932", "1 40 06381 33393 1"] {
        assert!(wrong(code).contains("check digit"), "{code}");
    }
    for code in [
        "9638 5075",
        "96 38 50 74",
        "40 06 38 13 33 93 2",
        "EANOR 7",
        "EAN",
        "UPC 12",
        "4 00638x 333931",
    ] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

#[test]
fn a_carton_names_its_unit() {
    let unit = |code: &str| right(code).gtin.unwrap().unit().map(|unit| unit.to_string());
    assert_eq!(unit("14007777000120").as_deref(), Some("04007777000123"));
    assert_eq!(unit("84006381333937").as_deref(), Some(PEN));
    assert_eq!(unit("94006381333934"), None, "the measure varies");
    assert_eq!(unit("4006381333931"), None);
}

#[test]
fn a_number_for_use_within_a_company_is_recognized() {
    for (code, expected) in [
        ("2012345006780", true),
        ("0212345006787", true),
        ("4006381333931", false),
        ("2912345006782", true),
        ("036000291452", false),
    ] {
        let digits = &code[..code.len() - 1];
        let code = format!("{digits}{}", check_digit(digits.as_bytes()));
        assert_eq!(right(&code).gtin.unwrap().is_in_store(), expected, "{code}");
    }
}

/// The cases that are shared by all tests of this kind, as far as they need no catalogue.
#[test]
#[ignore = "needs a file that is not part of the project: see cases_file"]
fn the_shared_cases_are_read_or_refused() {
    let mut rows = 0;
    for row in csv::Reader::from_path(cases_file()).unwrap().into_records() {
        let row = row.unwrap();
        let (code, expected) = (row[0].replace("{GS}", "\u{1d}"), &row[1]);
        let read = read(&code, YEAR);
        match read {
            Err(error) => assert!(expected.starts_with("bad_code"), "{code:?}: {error}"),
            Ok(reading) => check_expected(&code, &reading, expected),
        }
        rows += 1;
    }
    assert!(rows >= 30, "{rows}");
}

fn check_expected(code: &str, reading: &Reading, expected: &str) {
    assert!(
        expected.starts_with("sku=") || expected.starts_with("unknown_code"),
        "{code:?}: {expected}"
    );
    let content =
        if expected.starts_with("sku=") && gtin(reading).starts_with('1') { 12 } else { 1 };
    for (key, value) in expected.split(' ').filter_map(|each| each.split_once('=')) {
        let found = match key {
            "quantity" => reading.units(content).map(|units| units.to_string()),
            "lot" => reading.lot.clone(),
            "serial" => reading.serial.clone(),
            "expires" => reading.expires.map(|date| date.to_string()),
            "best_before" => reading.best_before.map(|date| date.to_string()),
            _ => continue,
        };
        assert_eq!(found.as_deref(), Some(value), "{code:?}: {key}");
    }
}

/// The file is not part of the project.
fn cases_file() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let data = std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into());
    let path = PathBuf::from(data).with_file_name("cases").join("codes.csv");
    assert!(path.exists(), "{} is not there: codes with what they have to mean", path.display());
    path
}

proptest! {
    #[test]
    fn no_link_makes_reading_panic(
        code in "https://a(/(01|00|8004|10|21|[0-9aé€%]{0,8})){0,6}(\\?[0-9=&;%é]{0,12})?",
    ) {
        let _ = read(&code, YEAR);
    }

    #[test]
    fn no_message_makes_reading_panic(
        code in "\\[\\)>\u{1e}?(05|06|12)?(\u{1d}(P|1P|Q|14D|01)?[0-9aé]{0,15}){0,4}\u{1e}?\u{4}?",
    ) {
        let _ = read(&code, YEAR);
    }

    #[test]
    fn no_written_form_makes_reading_panic(code in "(ISBN|ISSN|]E[0-3])?[- ]?[0-9Xé -]{0,20}(]E[12])?[0-9é]{0,5}") {
        let _ = read(&code, YEAR);
    }

    /// The number is in the text, digit by digit.
    #[test]
    fn no_count_is_named_that_the_text_does_not_hold(
        code in "(\\]C1)?(0104006381333931|0204006381333931|)(10|21|30|37|17|3103|[0-9]{1,4}|[A-Z\u{1d}]){0,12}",
    ) {
        if let Ok(Reading { count: Some(count), .. }) = read(&code, YEAR) {
            prop_assert!(code.contains(&count.to_string()), "{code:?}: {count}");
        }
    }
}
