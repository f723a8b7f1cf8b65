//! Which application identifiers need or exclude others.

use super::ai_table::row_of;
use super::element::Element;
use super::error::CodeError;

/// The SSCC, which stands in a barcode of its own on most labels.
const ON_ANOTHER_BARCODE: &str = "00";

/// Checks that elements go together.
///
/// # Errors
/// Names the first that does not.
pub(super) fn check_rules(elements: &[Element<'_>]) -> Result<(), CodeError> {
    elements.iter().try_for_each(|element| check_doubled(element, elements))?;
    elements.iter().try_for_each(|element| check_excluded(element, elements))?;
    elements.iter().try_for_each(|element| check_needed(element, elements))?;
    check_counts(elements)
}

/// What has two counts is not understood, though the dictionary allows it.
fn check_counts(elements: &[Element<'_>]) -> Result<(), CodeError> {
    let with = |ai: &str| elements.iter().find(|element| element.ai == ai);
    match (with("30"), with("37")) {
        (Some(count), Some(_)) => Err(count.wrong("and (37) both count something")),
        _ => Ok(()),
    }
}

fn check_doubled(element: &Element<'_>, all: &[Element<'_>]) -> Result<(), CodeError> {
    let is_other = |other: &&Element<'_>| other.ai == element.ai && other.value != element.value;
    match all.iter().find(is_other) {
        Some(other) => {
            let why = format!("stands there twice, with {} and {}", element.value, other.value);
            Err(rule(element, why))
        }
        None => Ok(()),
    }
}

fn check_excluded(element: &Element<'_>, all: &[Element<'_>]) -> Result<(), CodeError> {
    let patterns = row_of(element.ai).map_or("", |row| row.excludes);
    let is_excluded = |other: &&Element<'_>| {
        other.ai != element.ai && patterns.split(',').any(|pattern| matches(pattern, other.ai))
    };
    match all.iter().find(is_excluded) {
        Some(other) => Err(rule(element, format!("and ({}) exclude one another", other.ai))),
        None => Ok(()),
    }
}

fn check_needed(element: &Element<'_>, all: &[Element<'_>]) -> Result<(), CodeError> {
    let groups = row_of(element.ai).map_or("", |row| row.needs);
    let is_there = |pattern: &str| {
        pattern == ON_ANOTHER_BARCODE || all.iter().any(|other| matches(pattern, other.ai))
    };
    let is_met = |group: &&str| {
        group.is_empty() || group.split(',').any(|each| each.split('+').all(is_there))
    };
    match groups.split(';').find(|group| !is_met(group)) {
        Some(group) => Err(rule(element, format!("needs {}", in_words(group)))),
        None => Ok(()),
    }
}

fn rule(element: &Element<'_>, why: String) -> CodeError {
    CodeError::Rule { ai: element.ai.to_owned(), why }
}

/// Whether an identifier has a pattern, in which `n` stands for any digit at its end.
fn matches(pattern: &str, ai: &str) -> bool {
    pattern.len() == ai.len() && ai.starts_with(pattern.trim_end_matches('n'))
}

/// `01+21,8006` as `(01) with (21), or (8006)`.
fn in_words(group: &str) -> String {
    let each = group.split(',').map(|each| format!("({})", each.replace('+', ") with (")));
    each.collect::<Vec<_>>().join(", or ")
}
