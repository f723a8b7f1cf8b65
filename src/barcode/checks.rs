//! The rules for the content of values: dates, check characters, codes of countries and so on.
//!
//! Left out are the coupon codes of North America (AI 8110 and 8112) and the list of package types
//! (AI 7041): only characters and length are checked there.

use super::ai::Lint;
use super::check_chars::{has_check_characters, is_iban};
use super::dates::{Date, is_time};
use super::gtin::{are_digits, verify};
use super::iso_codes::{COUNTRIES, COUNTRY_LETTERS, CURRENCIES};

/// The digits of a GS1 Company Prefix that every one has.
const PREFIX_DIGITS: usize = 4;

/// Whether a value obeys a rule. Its length and characters have been checked.
pub(super) fn obeys(lint: Lint, value: &str) -> bool {
    match lint {
        Lint::Csum => verify(value, "").is_ok(),
        Lint::Csumalpha => has_check_characters(value),
        Lint::Gcppos1 => begins_with_prefix(value),
        Lint::Gcppos2 => begins_with_prefix(&value[1..]),
        Lint::Hasnondigit => !are_digits(value),
        Lint::Hh => is_time(value, 24),
        Lint::Hhmi => is_time(&value[..2], 24) && is_time(&value[2..], 60),
        Lint::Mi | Lint::Ss => is_time(value, 60),
        Lint::Hyphen => value == "-",
        Lint::Iban => is_iban(value) && is_country_letters(&value[..2]),
        Lint::Importeridx => {
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        }
        Lint::Iso3166 => is_in(&COUNTRIES, value),
        Lint::Iso3166999 => value == "999" || is_in(&COUNTRIES, value),
        Lint::Iso3166alpha2 => is_country_letters(value),
        Lint::Iso4217 => is_in(&CURRENCIES, value),
        Lint::Iso5218 => matches!(value, "0" | "1" | "2" | "9"),
        Lint::Latitude => number(value) <= 1_800_000_000,
        Lint::Longitude => number(value) <= 3_600_000_000,
        Lint::Mediatype => matches!(number(value), 1..=10 | 80..=99),
        Lint::Nonzero => number(value) > 0,
        Lint::Nozeroprefix => !value.starts_with('0'),
        Lint::Pcenc => is_percent_encoded(value),
        Lint::Pieceoftotal => {
            is_piece_of_total(&value[..value.len() / 2], &value[value.len() / 2..])
        }
        Lint::Posinseqslash => is_position_of_total(value),
        Lint::Winding => matches!(value, "0" | "1" | "9"),
        Lint::Yesno => matches!(value, "0" | "1"),
        // A day 00 is the last one of the month.
        Lint::Yymmd0 => Date::of_digits(&format!("20{value}")).is_some(),
        Lint::Yymmdd => !value.ends_with("00") && Date::of_digits(&format!("20{value}")).is_some(),
        Lint::Yyyymmdd => !value.ends_with("00") && Date::of_digits(value).is_some(),
        Lint::Zero => value == "0",
    }
}

/// What a value is not that does not obey a rule.
pub(super) fn demand(lint: Lint) -> &'static str {
    match lint {
        Lint::Csum => "a number with its check digit",
        Lint::Csumalpha => "text with its two check characters",
        Lint::Gcppos1 | Lint::Gcppos2 => "a key with the digits of a GS1 Company Prefix",
        Lint::Hasnondigit => "text with a character that is no digit",
        Lint::Hh | Lint::Hhmi | Lint::Mi | Lint::Ss => "a time",
        Lint::Hyphen => "a hyphen",
        Lint::Iban => "an IBAN",
        Lint::Importeridx => "an importer index",
        Lint::Iso3166 | Lint::Iso3166999 | Lint::Iso3166alpha2 => "the code of a country",
        Lint::Iso4217 => "the code of a currency",
        Lint::Iso5218 => "a code for a sex",
        Lint::Latitude | Lint::Longitude => "a place on Earth",
        Lint::Mediatype => "a type of medium",
        Lint::Nonzero => "more than zero",
        Lint::Nozeroprefix => "a number without leading zeros",
        Lint::Pcenc => "text in percent-encoding",
        Lint::Pieceoftotal | Lint::Posinseqslash => "a position and a total",
        Lint::Winding => "a winding direction",
        Lint::Yesno => "0 or 1",
        Lint::Yymmd0 | Lint::Yymmdd | Lint::Yyyymmdd => "a date",
        Lint::Zero => "zero",
    }
}

fn begins_with_prefix(key: &str) -> bool {
    key.len() >= PREFIX_DIGITS && key.bytes().take(PREFIX_DIGITS).all(|byte| byte.is_ascii_digit())
}

fn number(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

/// Looks a number up in a set of bits.
fn is_in(bits: &[u64], digits: &str) -> bool {
    usize::try_from(number(digits)).is_ok_and(|number| bit(bits, number))
}

fn bit(bits: &[u64], number: usize) -> bool {
    bits.get(number / 64).is_some_and(|word| (word << (number % 64)) >> 63 == 1)
}

fn is_country_letters(letters: &str) -> bool {
    let [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] = letters.as_bytes() else {
        return false;
    };
    bit(&COUNTRY_LETTERS, usize::from(a - b'A') * 26 + usize::from(b - b'A'))
}

fn is_percent_encoded(value: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let mut parts = value.split('%').skip(1);
    parts.all(|part| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(is_hex)))
}

fn is_piece_of_total(piece: &str, total: &str) -> bool {
    (1..=number(total)).contains(&number(piece))
}

/// As in `1/3`.
fn is_position_of_total(value: &str) -> bool {
    value.split_once('/').is_some_and(|(position, total)| {
        let are_numbers = [position, total]
            .iter()
            .all(|part| !part.is_empty() && are_digits(part) && !part.starts_with('0'));
        are_numbers && number(position) <= number(total)
    })
}
