//! Whether the point in the quantities of a file divides decimals, or thousands as in `1.000`.

/// A quantity and its line.
type Place = (u64, String);

/// What the quantities of a file say of points and commas in all of them: the first of each kind.
#[derive(Debug, Default)]
pub(crate) struct Dialect {
    /// A point that may divide thousands.
    thousands: Option<Place>,
    /// What shows that points divide decimals.
    point: Option<Place>,
    /// What shows that commas do.
    comma: Option<Place>,
    /// A comma that may divide thousands.
    thousands_by_comma: Option<Place>,
    /// The scientific notation of a spreadsheet, which keeps a few digits.
    scientific: Option<Place>,
}

impl Dialect {
    /// Takes in the quantity of a row.
    pub(crate) fn add(&mut self, line: u64, quantity: &str) {
        let is_scientific = quantity.contains("E+") || quantity.contains("e+");
        let kind = match is_scientific {
            true => Some(&mut self.scientific),
            false => self.kind_of(quantity.trim_start_matches(['-', '+'])),
        };
        if let Some(kind) = kind {
            kind.get_or_insert_with(|| (line, quantity.to_owned()));
        }
    }

    fn kind_of(&mut self, number: &str) -> Option<&mut Option<Place>> {
        let last = number.rfind([',', '.'])?;
        let (whole, fraction) = (&number[..last], &number[last + 1..]);
        if whole.is_empty() || !is_number(fraction) || !is_number(&whole.replace([',', '.'], "")) {
            return None;
        }
        let is_comma = number[last..].starts_with(',');
        // One that is there twice divides thousands, so the other one divides decimals.
        let is_repeated = whole.contains(&number[last..=last]);
        let may_be_thousands = fraction.len() == 3 && is_start(whole);
        Some(match (is_comma, is_repeated, may_be_thousands) {
            (true, false, false) | (false, true, _) => &mut self.comma,
            (false, false, false) | (true, true, _) => &mut self.point,
            (true, false, true) => &mut self.thousands_by_comma,
            (false, false, true) => &mut self.thousands,
        })
    }

    /// # Errors
    /// If a point may divide thousands, because commas divide decimals elsewhere; names both places,
    /// in the column of this name.
    pub(crate) fn check(&self, column: &str) -> Result<(), String> {
        let by_comma = self.thousands_by_comma.as_ref().filter(|_| self.point.is_none());
        let (Some((line, quantity)), Some((other, comma))) =
            (&self.thousands, self.comma.as_ref().or(by_comma))
        else {
            return Ok(());
        };
        Err(format!(
            "line {line}, column {column:?}: {quantity:?} may be thousands, because line {other} has {comma:?}; write all quantities with a decimal point and without separators of thousands"
        ))
    }

    /// What is doubtful in a file that passes: nothing in it shows what its points divide, or a number
    /// may have been rounded.
    pub(crate) fn doubts(&self, column: &str) -> impl Iterator<Item = String> {
        let told = move |place: &Option<Place>, (before, after): (&str, &str)| {
            let (line, quantity) = place.as_ref()?;
            Some(format!("line {line}, column {column:?}: {before}{quantity:?}{after}"))
        };
        let points = told(
            &self.thousands,
            (
                "the point of ",
                " is taken for a decimal point; no other quantity shows that it does not divide thousands",
            ),
        );
        let rounded = told(
            &self.scientific,
            ("", " is taken as it is; a spreadsheet that writes so may have rounded it"),
        );
        points.filter(|_| self.point.is_none()).into_iter().chain(rounded)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether thousands may begin with these digits.
fn is_start(text: &str) -> bool {
    text.len() <= 3 && is_number(text) && !text.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(quantities: &[&str]) -> Dialect {
        let mut dialect = Dialect::default();
        for (line, quantity) in (2..).zip(quantities) {
            dialect.add(line, quantity);
        }
        dialect
    }

    #[test]
    fn a_point_that_may_divide_thousands_is_refused_beside_decimal_commas() {
        for quantities in [
            &["1.000", "1,5"][..],
            &["1,5", "1.000"],
            &["-12.500", "1.234,5"],
            &["1.000", "0,250"],
            &["1.000", "1,000"],
            &["1.000", "1.000.000"],
            &["1.5", "1.000", "1,5"],
        ] {
            let why = dialect(quantities).check("quantity").unwrap_err();
            assert!(why.contains(", column \"quantity\": "), "{why}");
        }
        let why = dialect(&["1", "1,5", "2.000"]).check("Menge").unwrap_err();
        assert!(why.starts_with("line 4, column \"Menge\": \"2.000\" may be thousands"), "{why}");
        assert!(why.contains("line 3 has \"1,5\""), "{why}");
    }

    #[test]
    fn points_that_divide_decimals_beyond_doubt_are_taken() {
        for quantities in [
            &["1.000", "1.0"][..],
            &["1.000", "0.250", "1,000"],
            &["1.000", "1234.000"],
            &["1.000", "1,234.50"],
            &["1.000", "1,234,567"],
            &["1.5", "1,5"],
            &["1.000"],
            &["1", "many", "1.", ".", ",", "1.x", "€.000"],
        ] {
            assert_eq!(dialect(quantities).check("quantity"), Ok(()), "{quantities:?}");
        }
    }

    #[test]
    fn a_point_that_only_may_divide_thousands_is_doubtful() {
        let doubts = |quantities| dialect(quantities).doubts("quantity").collect::<Vec<_>>();
        let doubt = &doubts(&["1", "1.000"])[0];
        assert!(
            doubt.starts_with("line 3, column \"quantity\": the point of \"1.000\""),
            "{doubt}"
        );
        for clear in [&["1.000", "1.5"][..], &["1.5"], &["1"], &["0.250"], &["1e0", "1.2e1"]] {
            assert!(doubts(clear).is_empty(), "{clear:?}");
        }
    }

    #[test]
    fn a_number_that_a_spreadsheet_may_have_rounded_is_doubtful() {
        for quantity in ["1.23E+04", "-6.00e+00"] {
            let doubts: Vec<_> = dialect(&["7", quantity, "1E+3"]).doubts("Menge").collect();
            assert_eq!(doubts.len(), 1, "{doubts:?}");
            let begin = format!("line 3, column \"Menge\": {quantity:?}");
            assert!(doubts[0].starts_with(&begin), "{doubts:?}");
        }
    }
}
