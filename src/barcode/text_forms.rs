//! Other written forms of trade item numbers: ISBN and ISSN, add-ons of periodicals, short forms of
//! UPC-E, and digits in groups or after a name.

use super::error::CodeError;
use super::gtin::{Gtin, are_digits, check_digit, verify};
use super::reading::Reading;

pub(super) const BLANKS: [char; 2] = [' ', '\u{a0}'];
const BETWEEN: [char; 3] = [' ', '\u{a0}', '-'];
const SSCC_DIGITS: usize = 18;
/// The prefixes of periodicals and books, which may have an add-on.
const PRINTED_MATTER: [&str; 3] = ["977", "978", "979"];
/// What people write before the number of an article.
const NAMES: [&str; 3] = ["GTIN", "EAN", "UPC"];
/// How digits are grouped below their bars. Blanks of others may be anything's.
const GROUPS: [&[usize]; 5] = [&[1, 6, 6], &[7, 6], &[1, 5, 5, 1], &[6, 6], &[1, 2, 5, 5, 1]];

/// Reads a text that is none of the usual forms.
///
/// # Errors
/// If it has one of these forms and breaks its rules.
pub(super) fn read_form(text: &str) -> Result<Option<Reading>, CodeError> {
    for read in [book, periodical, separate_add_on, joined_add_on, short_upc, named, grouped] {
        if let Some(reading) = read(text)? {
            return Ok(Some(reading));
        }
    }
    Ok(None)
}

/// Reads what is marked as an EAN or UPC symbol with an add-on of two or five digits.
///
/// # Errors
/// If it has other digits.
pub(super) fn with_add_on(text: &str) -> Result<Reading, CodeError> {
    let (number, add_on) = text.split_at_checked(13).unwrap_or((text, ""));
    match matches!(add_on.len(), 0 | 2 | 5) && are_digits(add_on) {
        true => trade_item(number),
        false => {
            let why = format!("the add-on {add_on:?} does not have two or five digits");
            Err(CodeError::Form(why))
        }
    }
}

/// # Errors
/// If the text is no GTIN.
pub(super) fn trade_item(text: &str) -> Result<Reading, CodeError> {
    let (format, gtin) = Gtin::read(text)?.ok_or_else(|| CodeError::NoGtin(text.to_owned()))?;
    Ok(Reading::plain(format, Some(gtin)))
}

/// An ISBN with hyphens or spaces.
fn book(text: &str) -> Result<Option<Reading>, CodeError> {
    let (is_named, number) = without_name(text, "ISBN");
    let digits = number.replace(['-', ' '], "");
    match digits.len() {
        13 if are_digits(&digits) && (digits.starts_with("978") || digits.starts_with("979")) => {
            trade_item(&digits).map(Some)
        }
        10 if is_named || is_isbn_10(number) => checked(text, true, &digits, 10, "978", ""),
        _ => Ok(None),
    }
}

/// Whether ten digits are split as those of an ISBN: group, publisher, title and check digit.
fn is_isbn_10(number: &str) -> bool {
    let parts: Vec<&str> = number.split(['-', ' ']).collect();
    let [group, publisher, title, check] = parts[..] else { return false };
    let are_numbers = [group, publisher, title].iter().all(|part| are_digits(part));
    are_numbers && check.len() == 1 && (check.eq_ignore_ascii_case("X") || are_digits(check))
}

/// An ISSN with its hyphen.
fn periodical(text: &str) -> Result<Option<Reading>, CodeError> {
    let (is_named, number) = without_name(text, "ISSN");
    match number.split_once('-') {
        Some((first, second)) if first.len() == 4 && second.len() == 4 => {
            checked(text, is_named, &format!("{first}{second}"), 8, "977", "00")
        }
        _ => Ok(None),
    }
}

fn without_name<'a>(text: &'a str, name: &str) -> (bool, &'a str) {
    match text.split_at_checked(name.len()) {
        Some((start, number)) if start.eq_ignore_ascii_case(name) => {
            let is_between = [' ', ':', '-'];
            let number = number.trim_start_matches(is_between);
            // The edition of the standard, as in `ISBN-13: 978…`.
            let edition = number.strip_prefix("10").or_else(|| number.strip_prefix("13"));
            let after = edition.filter(|rest| rest.starts_with([' ', ':']));
            (true, after.unwrap_or(number).trim_start_matches(is_between))
        }
        _ => (false, text),
    }
}

/// Makes an EAN-13 of a number with a check digit modulo 11. Many other numbers have hyphens, so
/// only one that is certainly such a number is an error if the check digit is wrong.
fn checked(
    text: &str,
    is_certain: bool,
    digits: &str,
    length: usize,
    prefix: &str,
    variant: &str,
) -> Result<Option<Reading>, CodeError> {
    let is_right = digits.len() == length && has_check_digit_11(digits);
    if !is_right {
        let wrong = || CodeError::WrittenCheckDigit(text.to_owned());
        return if is_certain { Err(wrong()) } else { Ok(None) };
    }
    let number = format!("{prefix}{}{variant}", &digits[..length - 1]);
    trade_item(&format!("{number}{}", check_digit(number.as_bytes()))).map(Some)
}

/// Whether the sum of the digits, weighted from 1 on the right, is a multiple of 11.
fn has_check_digit_11(digits: &str) -> bool {
    let sum = digits.chars().rev().zip(1..).try_fold(0, |sum, (digit, weight)| {
        let digit =
            if weight == 1 && matches!(digit, 'X' | 'x') { Some(10) } else { digit.to_digit(10) };
        Some(sum + digit? * weight)
    });
    sum.is_some_and(|sum| sum % 11 == 0)
}

/// A number, a space, and its add-on. Eight digits may be anything, unless their check digit is right.
fn separate_add_on(text: &str) -> Result<Option<Reading>, CodeError> {
    match text.split_once(' ') {
        Some((number, add_on))
            if matches!(number.len(), 8 | 12 | 13)
                && matches!(add_on.len(), 2 | 5)
                && are_digits(number)
                && are_digits(add_on) =>
        {
            let read = trade_item(number);
            if number.len() == 8 { Ok(read.ok()) } else { read.map(Some) }
        }
        _ => Ok(None),
    }
}

/// Digits after `EAN` or the like.
fn named(text: &str) -> Result<Option<Reading>, CodeError> {
    let number =
        NAMES.into_iter().map(|name| without_name(text, name)).find(|(is_named, _)| *is_named);
    let digits = number.unwrap_or_default().1.replace(['-', ' '], "");
    match matches!(digits.len(), 8 | 12..=14) && are_digits(&digits) {
        true => trade_item(&digits).map(Some),
        false => Ok(None),
    }
}

/// Digits with blanks as they are printed below the bars of a symbol. Those with hyphens may be any
/// number, unless their check digit is wrong in groups that few others have.
fn grouped(text: &str) -> Result<Option<Reading>, CodeError> {
    let lengths: Vec<usize> = text.split(BETWEEN).map(str::len).collect();
    let digits = text.replace(BETWEEN, "");
    let has_hyphen = text.contains('-');
    let can_be = match digits.len() {
        8 => lengths == [4, 4],
        12..=14 => lengths.len() > 1,
        _ => false,
    };
    let is_group = GROUPS.contains(&lengths.as_slice()) && (!has_hyphen || lengths.len() > 2);
    match trade_item(&digits) {
        Err(error) if is_group && are_digits(&digits) => Err(error),
        read => Ok(read.ok().filter(|_| can_be && !has_hyphen)),
    }
}

/// The GTIN that a text may stand for: an ISBN-10, a UPC-A without its first zero, or digits in groups
/// with hyphens. Other numbers look the same.
pub(super) fn likely_gtin(text: &str) -> Option<Gtin> {
    let read = match text.len() {
        10 => checked(text, false, text, text.len(), "978", "").ok()?,
        11 => trade_item(&format!("0{text}")).ok(),
        _ => trade_item(&text.replace(BETWEEN, "")).ok().filter(|_| text.len() > 11),
    };
    read?.gtin
}

/// Whether 18 digits are those of a logistic unit.
pub(super) fn is_sscc(text: &str) -> bool {
    text.len() == SSCC_DIGITS && are_digits(text) && verify(text, "").is_ok()
}

/// The number of a book or periodical with its add-on.
fn joined_add_on(text: &str) -> Result<Option<Reading>, CodeError> {
    let is_printed_matter = PRINTED_MATTER.iter().any(|prefix| text.starts_with(prefix));
    match is_printed_matter && matches!(text.len(), 15 | 18) && are_digits(text) {
        true => trade_item(&text[..13]).map(Some),
        false => Ok(None),
    }
}

/// The GTINs whose digits stand in a text, alone or with an add-on behind them or an identifier before
/// them. Any other numbers may be as long, so they are no more than a hint.
pub fn gtins_within(text: &str) -> impl Iterator<Item = Gtin> {
    text.split(|char: char| !char.is_ascii_digit()).filter_map(|digits| {
        let number = match digits.len() {
            12..=14 => digits,
            15 | 18 => &digits[..13],
            16 => &digits[2..],
            17 => &digits[..12],
            _ => return None,
        };
        Gtin::read(number).ok().flatten().map(|(_, gtin)| gtin)
    })
}

/// UPC-E without its number system or its check digit or both. Such a number may be anything, so
/// it stands for the GTIN only where that one is known. Seven digits may lack either, and then name
/// two GTINs.
fn short_upc(text: &str) -> Result<Option<Reading>, CodeError> {
    if !are_digits(text) || !matches!(text.len(), 6 | 7) {
        return Ok(None);
    }
    let with_system = if text.len() == 6 { format!("0{text}") } else { text.to_owned() };
    let unchecked = Gtin::upc_e_check(&with_system).map(|check| format!("{with_system}{check}"));
    let checked = (text.len() == 7).then(|| format!("0{text}"));
    let gtins =
        [unchecked, checked].into_iter().flatten().filter_map(|upc_e| Gtin::of_upc_e(&upc_e));
    let names: Vec<String> = gtins.flat_map(Gtin::spellings).collect();
    Ok((!names.is_empty()).then(|| Reading { names, ..Reading::text() }))
}
