//! Barcodes that are not the barcode of a thing: several in one, or what a label says in all.

use crate::barcode::{CodeError, Format, Gtin, content, read};
use crate::stock::ruined::{is_number, is_zeros};

/// Whether a code is sound does not depend on the century of its dates.
pub(super) const YEAR: u16 = 2026;
/// What people put between barcodes, where a space belongs.
const SEPARATORS: [char; 6] = [',', ';', '|', '/', '+', '&'];
/// What people put where there is no barcode.
const PLACEHOLDERS: [&str; 9] = ["-", "--", ".", "?", "n/a", "na", "none", "null", "tbd"];
/// What belongs to many a text.
const JOINERS: [char; 5] = ['-', '_', ':', '.', '#'];
/// Digits of a GTIN.
const GTIN_DIGITS: std::ops::RangeInclusive<usize> = 8..=14;

/// Why a text cannot be a barcode: no scan would be looked up under it.
pub(super) fn wrong_form(code: &str) -> Option<String> {
    if are_several(code) {
        return Some("are several barcodes; separate them with spaces".into());
    }
    if code.split_once('*').is_some_and(|(number, _)| may_be_gtin(number)) {
        return Some("has two contents; one follows the number, after an asterisk".into());
    }
    if content(code) != code {
        let label = &code[..code.len() - content(code).len()];
        return Some(format!(
            "begins with {label}, which a scanner sends before a code; leave it out"
        ));
    }
    match read(code, YEAR) {
        Ok(reading) if reading.format == Format::Gs1 => reading
            .gtin
            .map(|gtin| format!("is a GS1 element string or link; list the GTIN in it, {gtin}")),
        Err(error @ (CodeError::CheckDigit { .. } | CodeError::WrittenCheckDigit(_))) => {
            Some(error.to_string())
        }
        Ok(_) | Err(_) => None,
    }
}

/// What is doubtful in a barcode, which is known as it is written.
pub(super) fn doubtful_form(code: &str) -> Option<(&'static str, String)> {
    if code.chars().any(|char| char.is_numeric() && !char.is_ascii()) {
        return Some(("unusual_barcode", "has digits that no scanner sends".into()));
    }
    if is_zeros(code) || PLACEHOLDERS.iter().any(|each| code.eq_ignore_ascii_case(each)) {
        return Some((
            "unusual_barcode",
            "does it stand for none? Then leave the cell empty".into(),
        ));
    }
    let bare = code.trim_matches(|char: char| char.is_ascii_punctuation());
    if bare != code && matches!(Gtin::read(bare), Ok(Some(_))) {
        return Some(("unusual_barcode", format!("is {bare} with something beside it")));
    }
    if code.contains(&SEPARATORS[..3]) || are_joined(code) {
        let what = "are these several barcodes? They are separated by spaces";
        return Some(("separator_in_barcode", what.into()));
    }
    let parts = code.split_once(['x', 'X', '\u{d7}']);
    if let Some((number, content)) = parts.filter(|(a, b)| is_number(a) && is_number(b)) {
        let what = format!("{content} of {number} in one? That is written {number}*{content}");
        return Some(("unusual_barcode", what));
    }
    let what = match read(code, YEAR) {
        Ok(reading) if reading.is_logistic_unit => {
            "is the number of a logistic unit (SSCC), of which each has its own".into()
        }
        Ok(reading) if reading.format == Format::Gs1 => {
            "is a GS1 element string or link without a GTIN".into()
        }
        Ok(reading) => {
            // Plain digits that only may be a GTIN are any number.
            let gtin = reading.gtin.or(reading.likely.filter(|_| !is_number(code)));
            let gtin = gtin.filter(|_| !matches!(Gtin::read(code), Ok(Some(_))))?;
            format!("is GTIN {gtin} in a form that no scanner sends; list its digits alone")
        }
        Err(error) => error.to_string(),
    };
    Some(("unusual_barcode", what))
}

/// Whether it is several numbers of trade items, each alone or with its content, or a part of such a
/// list, in which a blank follows the separator.
fn are_several(code: &str) -> bool {
    let parts = code.split(SEPARATORS).filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.split('*').next().unwrap_or_default());
    code.contains(SEPARATORS) && { parts }.all(may_be_gtin)
}

/// Whether it is several GTINs with a character between them that a text may well have.
fn are_joined(code: &str) -> bool {
    let is_gtin = |part: &str| matches!(Gtin::read(part), Ok(Some(_)));
    code.contains(JOINERS) && code.split(JOINERS).all(is_gtin)
}

fn may_be_gtin(text: &str) -> bool {
    GTIN_DIGITS.contains(&text.len()) && is_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_scan_is_looked_up_under_is_no_barcode() {
        for (code, why) in [
            ("4006381333931,036000291452", "several barcodes"),
            ("4006381333931;036000291452", "several barcodes"),
            ("4006381333931|036000291452", "several barcodes"),
            ("4006381333931/036000291452", "several barcodes"),
            ("4006381333931*12;14006381333938", "several barcodes"),
            ("4006381333931,", "several barcodes"),
            (",", "several barcodes"),
            ("]C10104006381333931", "begins with ]C1"),
            ("]E04006381333931", "begins with ]E0"),
            ("(01)04006381333931", "list the GTIN in it, 04006381333931"),
            ("0104006381333931", "list the GTIN in it, 04006381333931"),
            ("(01)04006381333931(10)A", "list the GTIN in it, 04006381333931"),
            ("https://id.gs1.org/01/04006381333931", "list the GTIN in it, 04006381333931"),
            ("(01)04006381333932", "should be 1, but is 2"),
            ("978-0-201-37962-5", "should be 4, but is 5"),
            ("0-8044-2957-1", "check digit"),
            ("ISBN:0804429571", "check digit"),
            ("ISSN 0378-5956", "check digit"),
        ] {
            let found = wrong_form(code).unwrap_or_default();
            assert!(found.contains(why), "{code}: {found}");
        }
        for code in ["4006381333931", "BOX-7", "A/B", "12/34", "A,B", "https://example.com/7", "]"]
        {
            assert_eq!(wrong_form(code), None, "{code}");
        }
    }

    #[test]
    fn what_is_known_only_as_it_is_written_is_doubtful() {
        for (code, kind) in [
            ("A,B", "separator_in_barcode"),
            ("A;4006381333931", "separator_in_barcode"),
            ("A|B", "separator_in_barcode"),
            ("4006381333931-036000291452", "separator_in_barcode"),
            ("96385074_4006381333931_96385074", "separator_in_barcode"),
            ("\u{ff14}006381333931", "unusual_barcode"),
            ("\u{664}006381333931", "unusual_barcode"),
            ("0", "unusual_barcode"),
            ("0000000000000", "unusual_barcode"),
            ("-", "unusual_barcode"),
            ("N/A", "unusual_barcode"),
            ("4006381333931.", "unusual_barcode"),
            ("~4006381333931", "unusual_barcode"),
            ("#96385074#", "unusual_barcode"),
            ("00340063813339300002", "unusual_barcode"),
            ("(10)A", "unusual_barcode"),
            ("978-0-201-37962-4", "unusual_barcode"),
        ] {
            assert_eq!(doubtful_form(code).map(|(kind, _)| kind), Some(kind), "{code}");
        }
        for code in [
            "4006381333931",
            "96385074",
            "01234565",
            "BOX-7",
            "123456",
            "A/B",
            "A+B",
            "A-4006381333931",
            "4006381333931-4006381333932",
            "GRÜN-7",
            "10",
            "NONE-7",
            "-12-",
        ] {
            assert_eq!(doubtful_form(code), None, "{code}");
        }
    }
}
