//! Codes that are misread, or that may be something else: nothing is read into them, and no SKU is made
//! of them.

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

#[test]
fn records_of_one_message_that_differ_are_doubtful() {
    let message = |records: &[&str]| format!("[)>\u{1e}{}\u{1e}\u{4}", records.join("\u{1e}"));
    for records in [
        ["06\u{1d}PA", "06\u{1d}PB"],
        ["06\u{1d}PA", "06\u{1d}Q5"],
        ["05\u{1d}0104006381333931", "06\u{1d}PB"],
        ["05\u{1d}0104006381333931", "05\u{1d}0100036000291452"],
    ] {
        assert!(wrong(&message(&records)).contains("several records"), "{records:?}");
    }
    let twice = message(&["06\u{1d}PA", "12\u{1d}X", "06\u{1d}PA"]);
    assert_eq!(right(&twice).names, ["A"], "the same twice");
}

#[test]
fn a_piece_of_an_article_is_told_from_the_whole() {
    for (code, is_piece) in [
        ("(8006)040063813339310102", true),
        ("(8026)040063813339310202(37)4", true),
        ("(8006)040063813339310101", false),
        ("(01)04006381333931", false),
    ] {
        assert_eq!(right(code).is_piece, is_piece, "{code}");
    }
}

/// No SKU is to be made of them, though they are unlisted.
#[test]
fn what_names_a_thing_that_is_no_article_has_its_form() {
    for (code, is_logistic_unit) in [
        ("340063813339300002", true),
        ("00340063813339300002", true),
        ("4144006381333931", false),
        ("4144006381333931254A-7", false),
        ("8018400638133393000007", false),
        ("80184006381333930000078019123", false),
        ("2534006381333931ABC", false),
    ] {
        let reading = right(code);
        assert_eq!(
            (reading.format, reading.gtin, reading.is_logistic_unit),
            (Format::Gs1, None, is_logistic_unit),
            "{code}"
        );
    }
    for code in ["340063813339300003", "4144006381333932", "2534006381333932ABC"] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
}

/// Any number may look so, so it stands for nothing; but no SKU is to be made of it.
#[test]
fn a_text_that_may_be_the_number_of_an_article_says_so() {
    for (code, gtin) in [
        ("36000291452", "00036000291452"),
        ("080442957X", "09780804429573"),
        ("0804429574", ""),
        ("4-006381-333931", PEN),
        ("400-6381-333931", PEN),
        ("4006381-333931", PEN),
        ("4006381-333932", ""),
        ("36000291453", ""),
        ("85123A", ""),
    ] {
        let reading = right(code);
        assert_eq!((reading.format, reading.gtin), (Format::Text, None), "{code}");
        let likely = reading.likely.map(|gtin| gtin.to_string()).unwrap_or_default();
        assert_eq!(likely, gtin, "{code}");
    }
    for code in ["4-006381-333932", "0-36000-29145-3"] {
        assert!(wrong(code).contains("check digit"), "{code}");
    }
}

#[test]
fn codes_that_run_together_are_refused() {
    for code in [
        "40063813339314006381333931",
        "4006381333931 4006381333931",
        "042100005264042100005264",
        "9638507496385074",
        "40063813339319780201379624",
        "4006381333931036000291452",
        "042100005264 4006381333931",
    ] {
        assert!(wrong(code).contains("the code is two, "), "{code}: {}", wrong(code));
    }
    for code in ["85123A85123A", "1234512345", "9638507401234565", "40063813339314006381333932"] {
        assert_eq!(right(code), Reading::text(), "{code}");
    }
    assert_eq!(doubled("85123A85123A"), Some("85123A"));
    assert_eq!(doubled("85123A 85123A"), Some("85123A"));
    assert_eq!([doubled("2222"), doubled("85123A"), doubled("")], [None; 3]);
}

#[test]
fn a_control_character_within_a_code_is_named() {
    for code in ["4006381333931\r4006381333931", "A\nB", "]E04006381333931\t", "A\u{1e}B"] {
        assert!(wrong(code).contains("control character '\\"), "{code:?}: {}", wrong(code));
    }
}
