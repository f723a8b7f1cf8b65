use proptest::prelude::*;

use super::*;

fn decimals(count: u8) -> Decimals {
    Decimals::try_from(count).unwrap()
}

fn read(text: &str, count: u8) -> Result<u64, DecimalError> {
    Decimal::parse(text)?.units(decimals(count))
}

#[test]
fn numbers_of_equal_meaning_are_equal() {
    for text in ["1", "1.0", "1e0", "10e-1", "0.1E+1", "1.000000000000000000000000000000000000000"]
    {
        assert_eq!(read(text, 0), Ok(1), "{text}");
        assert_eq!(Decimal::parse(text), Decimal::parse("1"), "{text}");
        assert_eq!(read(text, 3), Ok(1_000), "{text}");
    }
    for text in ["0", "-0", "0.000", "0e999999999999999999999", "0e-5"] {
        assert_eq!(read(text, 0), Ok(0), "{text}");
    }
    assert_eq!(read("9007199254.740991", 6), Ok(9_007_199_254_740_991));
    assert_eq!(read("0.1", 1), Ok(1));
}

#[test]
fn more_decimals_than_there_are_and_numbers_out_of_range_are_refused() {
    assert_eq!(read("1.5", 0), Err(DecimalError::NotWhole));
    assert_eq!(read("1.2501", 3), Err(DecimalError::TooManyDecimals(3)));
    assert_eq!(read("1e-7", 6), Err(DecimalError::TooManyDecimals(6)));
    assert_eq!(read("1e-999999999999", 6), Err(DecimalError::TooManyDecimals(6)));
    assert_eq!(read("-1", 0), Err(DecimalError::Negative));
    for text in ["1e20", "18446744073709551616", "1e999999999999", &"9".repeat(60)] {
        assert_eq!(read(text, 0), Err(DecimalError::TooLarge), "{text}");
    }
}

#[test]
fn a_number_says_how_many_decimals_it_needs() {
    for (text, decimals) in
        [("12", Some(0)), ("1e3", Some(0)), ("1.250", Some(2)), ("1e-6", Some(6))]
    {
        let needed = Decimal::parse(text).unwrap().decimals();
        assert_eq!(needed.map(u8::from), decimals, "{text}");
    }
    assert_eq!(Decimal::parse("1e-7").unwrap().decimals(), None);
    let (is_negative, number) = Decimal::parse_signed("-9007199254740991").unwrap();
    assert!(is_negative);
    assert_eq!(number.large_units(decimals(6)), Ok(9_007_199_254_740_991_000_000));
}

#[test]
fn what_is_no_json_number_is_refused() {
    for text in [
        "", " 1", "1 ", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1,5", "NaN", "Infinity", "١",
        "--1", "1e1.5", "1.2.3",
    ] {
        assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text:?}");
    }
}

#[test]
fn amounts_have_no_digits_that_say_nothing() {
    let text = |units, count| Amount::new(units, decimals(count)).to_string();
    assert_eq!(text(98_750, 3), "98.75");
    assert_eq!(text(98_000, 3), "98");
    assert_eq!(text(5, 3), "0.005");
    assert_eq!(text(-1_250, 3), "-1.25");
    assert_eq!(text(-5, 0), "-5");
    assert_eq!(text(0, 6), "0");
    let json = |amount: Amount| serde_json::to_string(&amount).unwrap();
    assert_eq!(json(Amount::new(98_750, decimals(3))), "98.75");
    assert_eq!(json(Amount::whole(98)), "98");
    assert_eq!(json(Amount::new(9_007_199_254_740_991, decimals(6))), "9007199254.740991");
}

#[test]
fn json_numbers_and_texts_are_read_alike() {
    for (json, units) in
        [("1.25", 1_250), (r#""1.25""#, 1_250), (r#""\u0031""#, 1_000), ("2e0", 2_000)]
    {
        let read: Decimal = serde_json::from_str(json).unwrap();
        assert_eq!(read.units(decimals(3)), Ok(units), "{json}");
    }
    for json in ["true", "null", "[1]", r#"{"a":1}"#, r#""""#, r#""x""#] {
        let error = serde_json::from_str::<Decimal>(json).unwrap_err().to_string();
        assert!(error.contains("must be a number"), "{json}: {error}");
    }
}

/// Decimal arithmetic on texts, digit by digit: the number of the smallest unit, as text.
fn reference(whole: &str, fraction: &str, shift: i64, count: u8) -> Option<String> {
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap() + shift + i64::from(count);
    let at = |place: i64| {
        let place = usize::try_from(place).ok().filter(|place| *place < digits.len());
        place.map_or(b'0', |place| digits.as_bytes()[place])
    };
    let last = i64::try_from(digits.len()).unwrap();
    if (point.max(0)..last).any(|place| at(place) != b'0')
        || (point < 0 && digits.bytes().any(|d| d != b'0'))
    {
        return None;
    }
    let units: String = (0..point.max(0)).map(|place| char::from(at(place))).collect();
    let units = units.trim_start_matches('0').to_owned();
    Some(if units.is_empty() { "0".into() } else { units })
}

proptest! {
    #[test]
    fn every_number_is_read_as_the_text_says(
        whole in "(0|[1-9][0-9]{0,8})",
        fraction in "[0-9]{0,8}",
        shift in -8..8_i64,
        count in 0..=6_u8,
    ) {
        let dot = if fraction.is_empty() { "" } else { "." };
        let text = format!("{whole}{dot}{fraction}e{shift}");
        let read = read(&text, count);
        match reference(&whole, &fraction, shift, count) {
            Some(units) if units.len() <= 19 => prop_assert_eq!(read.map(|read| read.to_string()), Ok(units), "{}", text),
            Some(_) => {}
            None => prop_assert!(read.is_err(), "{text}: {read:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_is_the_shortest(units in 0..=9_007_199_254_740_991_i64, count in 0..=6_u8) {
        let text = Amount::new(units, decimals(count)).to_string();
        prop_assert_eq!(read(&text, count), Ok(units.unsigned_abs()));
        prop_assert!(!text.contains('.') || !text.ends_with('0'));
        prop_assert!(!text.ends_with('.') && (text == "0" || !text.starts_with('0') || text.starts_with("0.")));
    }
}

#[test]
fn a_total_of_several_decimals_is_exact() {
    let of = |units: i64, decimals: u8| Amount::new(units, Decimals::try_from(decimals).unwrap());
    let total = |amounts: &[Amount]| Amount::total(amounts.iter().copied()).to_string();
    assert_eq!(total(&[of(1_500, 3), of(2, 0), of(-1, 6)]), "3.499999");
    assert_eq!(total(&[of(9_007_199_254_740_991, 0), of(1, 0)]), "9007199254740992");
    assert_eq!(total(&[]), "0");
}
