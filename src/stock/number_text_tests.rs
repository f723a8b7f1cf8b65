//! Numbers as texts, for tests: what a quantity must be, and how it must be written, calculated digit
//! by digit from the text alone.

use proptest::prelude::*;

use crate::limits::QUANTITY_MAX;

/// A number of JSON, as a number or a text.
#[derive(Clone, Debug)]
pub(crate) struct NumberText {
    pub(crate) json: String,
    whole: String,
    fraction: String,
    shift: i64,
}

impl NumberText {
    /// Any number that is not negative, written in any way.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let whole = "(0|[1-9][0-9]{0,9})";
        let parts = (whole, "[0-9]{0,7}", -3..4_i64, any::<(bool, bool)>());
        parts.prop_map(|(whole, fraction, shift, (is_quoted, has_exponent))| {
            let shift = if has_exponent { shift } else { 0 };
            let dot = if fraction.is_empty() { "" } else { "." };
            let exponent = if has_exponent { format!("e{shift}") } else { String::new() };
            let quote = if is_quoted { "\"" } else { "" };
            let json = format!("{quote}{whole}{dot}{fraction}{exponent}{quote}");
            Self { json, whole, fraction, shift }
        })
    }

    /// The number without an exponent and without digits that say nothing, if it is a quantity of a
    /// SKU with so many decimals.
    pub(crate) fn quantity(&self, decimals: u8) -> Option<String> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let point = i64::try_from(self.whole.len()).unwrap() + self.shift;
        let (before, after) = match usize::try_from(point) {
            Ok(point) => {
                let padded = format!("{digits:0<point$}");
                (padded[..point].to_owned(), padded[point..].to_owned())
            }
            Err(_) => (String::new(), "0".repeat(point.unsigned_abs() as usize) + &digits),
        };
        let (before, after) = (before.trim_start_matches('0'), after.trim_end_matches('0'));
        let rest = usize::from(decimals).checked_sub(after.len())?;
        let units: u128 = format!("0{before}{after}{}", "0".repeat(rest)).parse().ok()?;
        let is_quantity = (1..=u128::from(QUANTITY_MAX)).contains(&units);
        let before = if before.is_empty() { "0" } else { before };
        let dot = if after.is_empty() { "" } else { "." };
        is_quantity.then(|| format!("{before}{dot}{after}"))
    }

    /// Checks the answer to a request with this number, `None` if it was refused: it must have the
    /// quantity in these fields, or the number is no quantity.
    pub(crate) fn check_answer(
        &self,
        decimals: u8,
        answer: Option<&str>,
        fields: [&str; 3],
    ) -> Result<(), TestCaseError> {
        let quantity = self.quantity(decimals);
        prop_assert_eq!(answer.is_some(), quantity.is_some(), "{:?}: {:?}", self, answer);
        if let (Some(answer), Some(quantity)) = (answer, quantity) {
            for name in fields {
                prop_assert_eq!(field(answer, name), &quantity, "{:?}: {}", self, answer);
            }
        }
        Ok(())
    }
}

/// The text of a field with a number in JSON, as it stands there.
fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap_or_default();
    rest.split([',', '}']).next().unwrap_or_default()
}

#[test]
fn the_reference_reads_numbers_as_people_do() {
    for (whole, fraction, shift, decimals, quantity) in [
        ("12", "", 0, 0, Some("12")),
        ("1", "250", 0, 2, Some("1.25")),
        ("1", "250", 0, 1, None),
        ("0", "05", 1, 1, Some("0.5")),
        ("5", "", -3, 3, Some("0.005")),
        ("10", "", -1, 0, Some("1")),
        ("12", "5", 3, 0, Some("12500")),
        ("0", "0", 0, 3, None),
        ("1000000001", "", 0, 0, None),
        ("1000", "", 0, 6, Some("1000")),
        ("1000", "000001", 0, 6, None),
    ] {
        let [whole, fraction] = [whole, fraction].map(str::to_owned);
        let number = NumberText { json: String::new(), whole, fraction, shift };
        assert_eq!(number.quantity(decimals).as_deref(), quantity, "{number:?}");
    }
}
