//! Numbers for use within one company, GTINs that begin with 02 or 20 to 29. A scale or a counter may
//! print a weight, a count or a price into them; each company decides how.

use super::gtin::{Gtin, check_digit};
use super::measure::Measure;

/// Digits of an EAN-13.
const DIGITS: usize = 13;

/// How a company prints a weight, a count or a price into its own numbers: 13 characters, such as
/// `21iiiiiwwwwwc`. A digit stands for itself, `i` for a digit of the item, `w` for one of its weight in
/// grams, `n` for one of its count, `p` for one of its price, `x` for one that says nothing here, and
/// `c` for the check digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InStoreForm(String);

/// What such a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InStoreItem {
    /// The number of the item in the catalogue: zeros in the place of weight, count or price.
    pub gtin: Gtin,
    pub measure: Option<Measure>,
    pub count: Option<u64>,
    /// Whether it has a price, from which no quantity follows.
    pub has_price: bool,
}

impl InStoreItem {
    /// Whether nothing was weighed or counted. The number of the item in the catalogue says that, too.
    pub fn is_empty(&self) -> bool {
        self.count == Some(0) || self.measure.is_some_and(|measure| measure.digits == 0)
    }
}

impl InStoreForm {
    /// Reads a form.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() != DIGITS || !text.ends_with('c') {
            return Err("must have 13 characters, the last one c for the check digit");
        }
        let body = &text[..DIGITS - 1];
        if !body.bytes().all(|byte| byte.is_ascii_digit() || b"iwnpx".contains(&byte)) {
            return Err("must consist of digits, i, w, n, p and x, and one c at the end");
        }
        let is_prefix = |prefix: &str| prefix == "02" || prefix.starts_with('2');
        if !is_prefix(&text[..2]) || !text.as_bytes()[1].is_ascii_digit() {
            return Err("must begin with 02 or 20 to 29");
        }
        let part = |kind: char| body.trim_matches(|char| char != kind);
        let is_whole = |kind: char| part(kind).chars().all(|char| char == kind);
        let values = ['w', 'n', 'p'].into_iter().filter(|kind| !part(*kind).is_empty()).count();
        if part('i').is_empty() || values != 1 {
            return Err("must have an item (i), and a weight (w), a count (n) or a price (p)");
        }
        if !['w', 'n', 'p'].into_iter().all(is_whole) {
            return Err("must have the digits of the weight, count or price side by side");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether there are numbers of both forms.
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_digit = |place: u8| place.is_ascii_digit();
        let places = self.0.bytes().zip(other.0.bytes());
        let mut fixed = places.filter(|(a, b)| is_digit(*a) && is_digit(*b));
        fixed.all(|(a, b)| a == b)
    }

    /// What a number of this form says; `None` for any other number.
    pub fn read(&self, gtin: Gtin) -> Option<InStoreItem> {
        let digits = gtin.to_string();
        let digits = digits.strip_prefix('0')?;
        let (mut item, mut value) = (String::with_capacity(DIGITS), String::new());
        for (place, digit) in self.0.chars().zip(digits.chars()) {
            match place {
                'i' => item.push(digit),
                'w' | 'n' | 'p' => {
                    value.push(digit);
                    item.push('0');
                }
                'x' => item.push('0'),
                'c' => item.push(char::from(b'0' + check_digit(item.as_bytes()))),
                _ if place == digit => item.push(digit),
                _ => return None,
            }
        }
        let number: u32 = value.parse().ok()?;
        let measure = Measure { unit: "kg", digits: number, decimals: 3 };
        Some(InStoreItem {
            gtin: Gtin::of_digits(&item)?,
            measure: self.0.contains('w').then_some(measure),
            count: self.0.contains('n').then_some(number.into()),
            has_price: self.0.contains('p'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, digits: &str) -> Option<(String, Option<u32>, Option<u64>)> {
        let body = &digits[..12];
        let code = format!("{body}{}", check_digit(body.as_bytes()));
        let gtin = Gtin::read(&code).unwrap().unwrap().1;
        let item = InStoreForm::parse(form).unwrap().read(gtin)?;
        Some((item.gtin.to_string(), item.measure.map(|measure| measure.digits), item.count))
    }

    #[test]
    fn a_weight_or_a_count_is_read_where_the_form_says() {
        let (item, weight, count) = read("21iiiiiwwwwwc", "211234501250").unwrap();
        assert_eq!((&item[..13], weight, count), ("0211234500000", Some(1_250), None));
        assert!(Gtin::read(&item).is_ok(), "its check digit is right");
        let (item, weight, count) = read("02iiiixnnnnnc", "021234700012").unwrap();
        assert_eq!((&item[..13], weight, count), ("0021234000000", None, Some(12)));
        assert_eq!(read("21iiiiiwwwwwc", "221234501250"), None, "another prefix");
        assert_eq!(read("21iiiiiwwwwwc", "400638133393"), None);
        assert_eq!(
            read("21iiiiiwwwwwc", "211234500000").unwrap().1,
            Some(0),
            "nothing was weighed"
        );
        assert_eq!(read("21iiiiiwwwwwc", "211234500001").unwrap().1, Some(1));
        let (item, weight, count) = read("23iiiiixppppc", "231234500199").unwrap();
        assert_eq!((&item[..13], weight, count), ("0231234500000", None, None));
    }

    #[test]
    fn forms_that_have_numbers_in_common_overlap() {
        let overlap = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|form| InStoreForm::parse(form).unwrap());
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        assert!(overlap("21iiiiiwwwwwc", "21iiiiiwwwwwc"));
        assert!(overlap("21iiiiiwwwwwc", "211iiiixnnnnc"));
        assert!(!overlap("21iiiiiwwwwwc", "22iiiiinnnnnc"));
        assert!(!overlap("210iiiiwwwwwc", "211iiiixnnnnc"));
    }

    #[test]
    fn a_form_that_makes_no_sense_is_refused() {
        for wrong in [
            "",
            "21iiiiiwwwwww",
            "21iiiiiwwwwc",
            "40iiiiiwwwwwc",
            "2iiiiiiwwwwwc",
            "21iiiiiiiiiic",
            "21iiiiiwwnnnc",
            "2112345wwwwwc",
            "21iiiiiwiwwwc",
            "21iiiiiwwpwwc",
            "21iiiiippnnnc",
            "21iiiiipnippc",
            "21iiiiipippic",
            "21iiiii€wwc",
        ] {
            assert!(InStoreForm::parse(wrong).is_err(), "{wrong}");
        }
    }
}
