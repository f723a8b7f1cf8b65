//! Global Trade Item Numbers (GTIN).

use std::fmt;

use super::error::CodeError;
use super::format::Format;

/// The check digit of ASCII digits: with weights 3 and 1 from the right, it makes the weighted sum
/// a multiple of ten.
pub fn check_digit(digits: &[u8]) -> u8 {
    let weights = [3, 1].iter().cycle();
    let sum: u32 = digits
        .iter()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit & 15) * weight)
        .sum();
    u8::try_from((10 - sum % 10) % 10).expect("a digit")
}

/// Checks the last of these ASCII digits.
///
/// # Errors
/// If it is not the check digit of the others.
pub(super) fn verify(digits: &str, what: &str) -> Result<(), CodeError> {
    let (last, others) = digits.as_bytes().split_last().expect("digits were asked for");
    let (expected, found) = (check_digit(others), last - b'0');
    if expected == found {
        return Ok(());
    }
    Err(CodeError::CheckDigit { what: what.to_owned(), digits: digits.to_owned(), expected, found })
}

pub(super) fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A GTIN. One of 8, 12 or 13 digits equals the one of 14 digits with leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gtin(u64);

impl Gtin {
    /// Parses 8, 12, 13 or 14 digits; `None` for any other text.
    ///
    /// # Errors
    /// If the check digit is wrong.
    pub fn read(text: &str) -> Result<Option<(Format, Self)>, CodeError> {
        let format = match text.len() {
            8 => Format::Ean8,
            12 => Format::UpcA,
            13 => Format::Ean13,
            14 => Format::Itf14,
            _ => return Ok(None),
        };
        let Some(gtin) = Self::of_digits(text) else {
            return Ok(None);
        };
        match (verify(text, name_of(format)), Self::of_upc_e(text)) {
            // A GTIN-8 never begins with a zero.
            (Ok(()), Some(upc_a)) if text.starts_with('0') => Ok(Some((Format::UpcE, upc_a))),
            (Ok(()), _) => Ok(Some((format, gtin))),
            (Err(_), Some(upc_a)) => Ok(Some((Format::UpcE, upc_a))),
            (Err(error), None) => Err(error),
        }
    }

    /// Parses the 8 digits of a UPC-E; `None` if the check digit is wrong.
    pub(super) fn of_upc_e(text: &str) -> Option<Self> {
        let upc_a = upc_a_of(text).filter(|upc_a| verify(upc_a, "").is_ok())?;
        Self::of_digits(&upc_a)
    }

    /// The check digit of a UPC-E of which the number system and six digits are given.
    pub(super) fn upc_e_check(system_and_digits: &str) -> Option<u8> {
        let upc_a = upc_a_of(&format!("{system_and_digits}0"))?;
        Some(check_digit(&upc_a.as_bytes()[..11]))
    }

    /// The GTIN of the units in a carton; `None` for a unit, and for goods whose measure varies.
    pub fn unit(self) -> Option<Self> {
        let carton = self.to_string();
        let unit = format!("0{}", &carton[1..13]);
        let is_carton = ('1'..='8').contains(&char::from(carton.as_bytes()[0]));
        let digits = format!("{unit}{}", check_digit(unit.as_bytes()));
        Self::of_digits(&digits).filter(|_| is_carton)
    }

    /// Whether the measure of the goods varies: the number alone does not say how much they are.
    pub fn varies(self) -> bool {
        self.to_string().starts_with('9')
    }

    /// Whether it is a number for use within one company: such a number may contain a weight or a
    /// price.
    pub fn is_in_store(self) -> bool {
        let digits = self.to_string();
        digits.starts_with("002") || digits.starts_with("02")
    }

    /// Takes digits whose check digit has been verified.
    pub(super) fn of_digits(digits: &str) -> Option<Self> {
        if are_digits(digits) { digits.parse().ok().map(Self) } else { None }
    }

    /// The forms with 14, 13, 12 and 8 digits, as far as they exist.
    pub fn spellings(self) -> Vec<String> {
        let digits = self.to_string();
        let can_be = |length: &usize| digits[..14 - length].bytes().all(|digit| digit == b'0');
        let spelt = [14, 13, 12, 8].into_iter().filter(can_be);
        spelt.map(|length| digits[14 - length..].to_owned()).chain(self.upc_e()).collect()
    }

    /// The 8 digits of UPC-E that stand for it.
    fn upc_e(self) -> Option<String> {
        let digits = self.to_string();
        let (system, middle, check) = (&digits[2..3], &digits[3..13], &digits[13..]);
        let short = [
            format!("{}{}{}", &middle[..2], &middle[7..], &middle[2..3]),
            format!("{}{}3", &middle[..3], &middle[8..]),
            format!("{}{}4", &middle[..4], &middle[9..]),
            format!("{}{}", &middle[..5], &middle[9..]),
        ];
        let mut forms = short.into_iter().map(|short| format!("{system}{short}{check}"));
        forms.find(|form| Self::of_upc_e(form) == Some(self))
    }
}

impl From<Gtin> for u64 {
    /// All 14 digits as one number.
    fn from(Gtin(number): Gtin) -> Self {
        number
    }
}

impl fmt::Display for Gtin {
    /// Writes all 14 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Ean8 => "EAN-8",
        Format::Ean13 => "EAN-13",
        Format::UpcA => "UPC-A",
        Format::UpcE => "UPC-E",
        Format::Itf14 => "ITF-14",
        Format::Gs1 | Format::Text => "GTIN",
    }
}

/// The 12 digits of the UPC-A that 8 digits of UPC-E stand for.
fn upc_a_of(text: &str) -> Option<String> {
    if text.len() != 8 || !(text.starts_with('0') || text.starts_with('1')) {
        return None;
    }
    let (system, d, check) = (&text[..1], &text[1..7], &text[7..]);
    let middle = match d.as_bytes()[5] {
        b'0'..=b'2' => format!("{}{}0000{}", &d[..2], &d[5..], &d[2..5]),
        b'3' => format!("{}00000{}", &d[..3], &d[3..5]),
        b'4' => format!("{}00000{}", &d[..4], &d[4..5]),
        _ => format!("{}0000{}", &d[..5], &d[5..]),
    };
    Some(format!("{system}{middle}{check}"))
}
