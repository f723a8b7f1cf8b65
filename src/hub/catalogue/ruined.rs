//! Cells that a spreadsheet or a re-export has ruined: the text that was there is lost.

use crate::barcode::{Gtin, check_digit};

/// The errors that spreadsheets put in the place of a value.
const ERRORS: [&str; 8] =
    ["#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#####"];
/// Texts that UTF-8 becomes when it is read as Latin-1 or Windows-1252.
const MISREAD: [&str; 8] = ["Ã¤", "Ã¶", "Ã¼", "ÃŸ", "Ã©", "Ã¨", "â€", "Â "];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Why the value of any cell cannot be the one that was meant.
pub(super) fn ruined(cell: &str) -> Option<&'static str> {
    if cell.contains('\u{fffd}') {
        return Some(
            "contains a replacement character: the file was read in a wrong encoding before",
        );
    }
    ERRORS.iter().any(|error| cell.starts_with(error)).then_some("is an error of a spreadsheet")
}

/// Why a cell that stands for a thing, a SKU or a barcode, cannot be what was meant.
pub(super) fn ruined_key(cell: &str) -> Option<&'static str> {
    let (number, exponent) = cell.split_once(['e', 'E']).unwrap_or((cell, ""));
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let is_signed = exponent.starts_with(['+', '-']);
    let power = exponent.trim_start_matches(['+', '-']);
    if is_number(whole) && is_number(power) && (is_signed || is_number(fraction)) {
        return Some("is a number in scientific notation; its digits are lost, export it as text");
    }
    if exponent.is_empty() && whole.len() >= 6 && is_number(whole) && is_zeros(fraction) {
        return Some("is a number with decimals; export it as text");
    }
    if cell.starts_with("=\"") || cell.starts_with('\'') {
        return Some("begins with a spreadsheet's mark for text, which is no part of it");
    }
    None
}

/// Whether the barcodes of a cell are one number with its digits in groups.
pub(super) fn is_grouped_number(cell: &str) -> bool {
    let mut groups = cell.split([' ', '\u{a0}', ',', '.', '\'']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_group = |group: &&str| group.len() == 3 && is_number(group);
    rest.len() >= 2 && first.len() <= 3 && is_number(first) && rest.iter().all(is_group)
}

/// The UPC-A of which a number may have lost leading zeros.
pub(super) fn without_lost_zeros(code: &str) -> Option<String> {
    let padded = format!("{code:0>12}");
    let is_possible = (9..=11).contains(&code.len()) && is_number(code);
    let is_valid = || matches!(Gtin::read(&padded), Ok(Some(_)));
    (is_possible && is_valid()).then_some(padded)
}

/// Whether a number may have lost the digits that a spreadsheet does not keep: it keeps 15.
pub(super) fn may_lack_digits(code: &str) -> bool {
    code.len() > 15 && is_number(code) && is_zeros(&code[15..])
}

/// The check digit that an SSCC should have, if it has another one.
pub(super) fn wrong_sscc(code: &str) -> Option<u8> {
    if code.len() != 18 || !is_number(code) {
        return None;
    }
    let (others, last) = code.as_bytes().split_at(17);
    let expected = check_digit(others);
    (expected != last[0] - b'0').then_some(expected)
}

/// Whether a SKU may be what a spreadsheet has made a date of.
pub(super) fn looks_like_date(sku: &str) -> bool {
    let lower = sku.to_lowercase();
    let parts: Vec<&str> = lower.split(['-', '.', '/', ' ']).collect();
    let is_month = |part: &&str| MONTHS.contains(part);
    let is_day = |part: &&str| part.len() <= 2 && is_number(part);
    let is_year = |part: &&str| part.len() == 4 && part.starts_with("20") && is_number(part);
    match parts.as_slice() {
        [a, b] => {
            let is_either = |part: &&str| is_day(part) || is_year(part);
            (is_month(a) && is_either(b)) || (is_either(a) && is_month(b))
        }
        [a, b, c] => {
            (is_day(a) && (is_day(b) || is_month(b)) && is_year(c))
                || (is_year(a) && is_day(b) && is_day(c))
        }
        _ => false,
    }
}

/// Whether a text looks like UTF-8 that was read in another encoding.
pub(super) fn looks_misread(text: &str) -> bool {
    MISREAD.iter().any(|misread| text.contains(misread))
}

/// Whether a text contains characters that nobody sees.
pub(super) fn has_invisible(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zeros(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_lost_their_digits_are_ruined() {
        for cell in ["4.00638E+12", "4,00638e+12", "4E+12", "4.0e12", "4006381333931.0", "'401"] {
            assert!(ruined_key(cell).is_some(), "{cell}");
        }
        for cell in ["4006381333931", "85123E", "12E45", "A1", "1.5", "10.0", "E+1", "85123.A"] {
            assert_eq!(ruined_key(cell), None, "{cell}");
        }
        assert!(is_grouped_number("4 006 381 333 931") && is_grouped_number("4.006.381"));
        assert!(!is_grouped_number("401 402") && !is_grouped_number("4006381333931 036000291452"));
    }

    #[test]
    fn doubtful_numbers_are_recognized() {
        assert_eq!(without_lost_zeros("36000291452").as_deref(), Some("036000291452"));
        assert_eq!(without_lost_zeros("36000291453"), None);
        assert!(may_lack_digits("340123450000000000") && !may_lack_digits("4006381333931"));
        assert!(["1-Mar", "Mar-24", "01.03.2024", "2024-03-01"].into_iter().all(looks_like_date));
        assert!(!["85123A", "A-1", "1-2", "10-20-30"].into_iter().any(looks_like_date));
    }
}
