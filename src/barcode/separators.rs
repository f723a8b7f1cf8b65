//! Finds separators (FNC1) that a printer left out or a scanner does not send.
//!
//! A value that may vary in length ends with a separator. Without it, the rest of the code looks
//! like a part of the value. That is noticed if the rest does not fit, or if the value is a number
//! and the rest is sound by itself. The text of a lot or a serial number may well contain the
//! digits of an identifier, so only what has a check digit, a date or a number is looked for there.

use super::ai::{Ai, Lint};
use super::ai_table::split_ai;
use super::element::{Element, FNC1};
use super::error::CodeError;
use super::rules::check_rules;
use super::value::check_value;

/// A code with more ways to read it is refused.
const STEPS_MAX: usize = 2_000;

/// Where separators may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// After values that are numbers or have one length, and before what has a check digit, a date or a
    /// measure.
    BeforeChecked,
    /// The same, and before a count that is hardly a part of a text by chance.
    BeforeLikely,
    /// The same, before anything that is told from text by its value.
    BeforePlain,
    /// Wherever an identifier may begin.
    Anywhere,
}

/// Up to two sound readings of a code in which at least one separator is missing.
///
/// # Errors
/// If the code can be split in too many ways to try them all.
pub(super) fn find_missing<'a>(
    text: &'a str,
    missing: Missing,
    wanted: impl Fn(&[Element<'a>]) -> bool,
) -> Result<Vec<Vec<Element<'a>>>, CodeError> {
    let mut search = Search::new(missing, wanted);
    search.go_on(text.trim_start_matches(FNC1), &mut Vec::new(), false);
    match search.is_cut {
        true => Err(CodeError::Form("the code can be split in too many ways".into())),
        false => Ok(search.found),
    }
}

/// Whether two readings say the same about the stock.
pub(super) fn is_same_stock(one: &[Element<'_>], other: &[Element<'_>]) -> bool {
    let says = |element: &&Element<'_>| {
        let ai = element.ai;
        let counts = ["01", "02", "03", "8006", "8026", "30", "37", "15", "17", "7003"];
        counts.contains(&ai) || is_measure(ai)
    };
    let all = |elements: &'_ [Element<'_>]| {
        let stock = elements.iter().filter(says);
        stock.map(|each| (each.ai.to_owned(), each.value.to_string())).collect::<Vec<_>>()
    };
    all(one) == all(other)
}

struct Search<'a, W> {
    missing: Missing,
    wanted: W,
    steps_left: usize,
    /// Whether it was given up.
    is_cut: bool,
    found: Vec<Vec<Element<'a>>>,
}

impl<'a, W: Fn(&[Element<'a>]) -> bool> Search<'a, W> {
    fn new(missing: Missing, wanted: W) -> Self {
        Self { missing, wanted, steps_left: STEPS_MAX, is_cut: false, found: Vec::new() }
    }

    fn go_on(&mut self, rest: &'a str, so_far: &mut Vec<Element<'a>>, is_missing: bool) {
        if self.is_cut || self.found.len() > 1 {
            return;
        }
        if rest.is_empty() {
            if is_missing && check_rules(so_far).is_ok() && (self.wanted)(so_far) {
                self.found.push(so_far.clone());
            }
            return;
        }
        if let Some((ai, row, after)) = split_ai(rest) {
            self.try_lengths(ai, row, after, so_far, is_missing);
        }
    }

    fn try_lengths(
        &mut self,
        ai: &'a str,
        row: &'static Ai,
        after: &'a str,
        so_far: &mut Vec<Element<'a>>,
        is_missing: bool,
    ) {
        if so_far.iter().any(|each| each.ai == ai) {
            return;
        }
        let to_separator = after.find(FNC1).unwrap_or(after.len());
        for length in (row.least()..=row.most().min(to_separator)).rev() {
            let Some((value, rest)) = after.split_at_checked(length) else { continue };
            let ends_early = length < to_separator && !row.is_predefined;
            if ends_early && !self.may_follow(row, rest) {
                continue;
            }
            let Some(left) = self.steps_left.checked_sub(1) else {
                self.is_cut = true;
                return;
            };
            self.steps_left = left;
            if check_value(row, value).is_err() {
                continue;
            }
            so_far.push(Element { ai, value: value.into() });
            self.go_on(rest.trim_start_matches(FNC1), so_far, is_missing || ends_early);
            so_far.pop();
        }
    }

    /// Whether a value may have ended without a separator before this text.
    fn may_follow(&self, row: &Ai, rest: &str) -> bool {
        let Some((ai, next, value)) = split_ai(rest) else {
            return false;
        };
        let is_number = row.is_numeric() || row.least() == row.most();
        is_number
            || match self.missing {
                Missing::BeforeChecked => is_plain(ai, next) && !is_count(ai),
                Missing::BeforeLikely => is_plain(ai, next) && is_likely(ai, value),
                Missing::BeforePlain => is_plain(ai, next),
                Missing::Anywhere => true,
            }
    }
}

/// Whether an element is told from text by its value.
fn is_plain(ai: &str, row: &Ai) -> bool {
    let is_checked = [Lint::Csum, Lint::Yymmd0, Lint::Yymmdd].into_iter().any(|lint| row.has(lint));
    is_checked && row.is_numeric() || is_measure(ai) || is_count(ai)
}

fn is_count(ai: &str) -> bool {
    matches!(ai, "30" | "37")
}

/// Whether an element that is told from text by its value is hardly a part of a text by chance. A
/// count of one digit may be: `LOT305` is a lot.
fn is_likely(ai: &str, value: &str) -> bool {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    !is_count(ai) || digits > 1 && !value.starts_with('0')
}

/// Whether it is a weight or another measure.
fn is_measure(ai: &str) -> bool {
    ai.len() == 4 && ("31".."37").contains(&&ai[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_with_too_many_steps_is_given_up() {
        let ais = (91..=99).chain(240..=243).chain([400, 10, 21]);
        let text: String = ais.map(|ai| format!("{ai}A")).collect();
        let wanted = |_: &[Element<'_>]| false;
        let mut search = Search::new(Missing::Anywhere, wanted);
        search.go_on(&text, &mut Vec::new(), false);
        assert_eq!((search.steps_left, search.is_cut), (0, true));
        let refused = find_missing(&text, Missing::Anywhere, wanted);
        assert!(refused.is_err_and(|error| error.to_string().contains("too many ways")));
        assert_eq!(find_missing("9012", Missing::Anywhere, wanted), Ok(Vec::new()));
    }

    #[test]
    fn a_search_ends_with_its_second_reading() {
        let text = "020400638133393110A13260101112601023712";
        let found = find_missing(text, Missing::Anywhere, |_| true).unwrap();
        assert_eq!(found.len(), 2);
    }
}
