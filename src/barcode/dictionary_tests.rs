//! Every application identifier of the table: with the shortest and the longest value, and with
//! values that break each of its rules.

use super::ai::{Ai, Lint, Part, Set};
use super::ai_rows::ROWS;
use super::ai_table::{row_of, split_ai};
use super::check_chars::check_characters;
use super::elements::split;
use super::*;

/// An application identifier with its row.
type Each = (String, &'static Ai);

fn all() -> Vec<Each> {
    let ais = |row: &'static Ai| {
        let (first, last): (u32, u32) = (row.first.parse().unwrap(), row.last.parse().unwrap());
        let width = row.first.len();
        (first..=last).map(move |ai| (format!("{ai:0width$}"), row))
    };
    ROWS.iter().flat_map(ais).collect()
}

/// Content that obeys the rules of a part.
fn sound(part: &Part, length: usize) -> String {
    let mut value = match part.set {
        Set::Digits => "5".repeat(length),
        Set::Text | Set::Upper | Set::Base64 => "A".repeat(length),
    };
    for lint in part.lints() {
        value = obeying(lint, value, length);
    }
    // Check digits are computed last.
    for lint in part.lints().filter(|lint| matches!(lint, Lint::Csum | Lint::Csumalpha)) {
        value = obeying(lint, value, length);
    }
    value
}

fn obeying(lint: Lint, value: String, length: usize) -> String {
    let fixed = match lint {
        Lint::Csum => {
            let others = &value[..length - 1];
            return format!("{others}{}", check_digit(others.as_bytes()));
        }
        Lint::Csumalpha => {
            let others = &value[..length.saturating_sub(2)];
            let pair = check_characters(others.as_bytes()).unwrap();
            return format!("{others}{}", String::from_utf8_lossy(&pair));
        }
        Lint::Gcppos1 | Lint::Gcppos2 => {
            return format!("5555{}", &value[4.min(length)..]);
        }
        Lint::Hh | Lint::Mi | Lint::Ss => "09",
        Lint::Hhmi => "2359",
        Lint::Hyphen => "-",
        Lint::Iban => "GB82WEST12345698765432",
        Lint::Iso3166 | Lint::Iso3166999 => "276",
        Lint::Iso3166alpha2 => "DE",
        Lint::Iso4217 => "978",
        Lint::Iso5218 | Lint::Winding => "9",
        Lint::Latitude | Lint::Longitude => "1000000000",
        Lint::Mediatype => "10",
        Lint::Pieceoftotal => "0203",
        Lint::Posinseqslash => "2/3",
        Lint::Yesno => "1",
        Lint::Yymmd0 => "260200",
        Lint::Yymmdd => "280229",
        Lint::Yyyymmdd => "20280229",
        Lint::Zero => "0",
        Lint::Hasnondigit
        | Lint::Importeridx
        | Lint::Nonzero
        | Lint::Nozeroprefix
        | Lint::Pcenc => return value,
    };
    fixed.to_owned()
}

/// What breaks a rule alone.
fn breaking(lint: Lint) -> &'static [&'static str] {
    match lint {
        Lint::Csum | Lint::Csumalpha | Lint::Gcppos1 | Lint::Gcppos2 => &[],
        Lint::Hasnondigit | Lint::Importeridx | Lint::Nozeroprefix => &[],
        Lint::Hh => &["24", "99"],
        Lint::Hhmi => &["2400", "0960"],
        Lint::Mi | Lint::Ss => &["60"],
        Lint::Hyphen => &["A"],
        Lint::Iban => {
            &["GB83WEST12345698765432", "XX82WEST12345698765432", "GB82west12345698765432"]
        }
        Lint::Iso3166 => &["123", "999", "000"],
        Lint::Iso3166999 => &["123", "000"],
        Lint::Iso3166alpha2 => &["XX", "de"],
        Lint::Iso4217 => &["123", "000"],
        Lint::Iso5218 => &["3"],
        Lint::Winding => &["2", "8"],
        Lint::Latitude => &["1800000001"],
        Lint::Longitude => &["3600000001"],
        Lint::Mediatype => &["00", "11", "79"],
        Lint::Nonzero => &["0000", "00000", "000"],
        Lint::Pcenc => &["A%", "A%4", "A%4G"],
        Lint::Pieceoftotal => &["0001", "0100", "0302"],
        Lint::Posinseqslash => &["3/2", "0/1", "1/0", "1-2", "//1"],
        Lint::Yesno => &["2"],
        Lint::Yymmd0 => &["260001", "261301", "260230", "260431"],
        Lint::Yymmdd => &["260100", "261301", "260229"],
        Lint::Yyyymmdd => &["20260100", "20261301", "21000229"],
        Lint::Zero => &["1"],
    }
}

/// The shortest value that obeys every rule: check characters and keys need some room.
fn shortest(row: &Ai) -> String {
    let has = |part: &Part, lint| part.lints().any(|each| each == lint);
    let room = |part: &Part| {
        let check_characters = if has(part, Lint::Csumalpha) { 2 } else { 0 };
        let prefix = if has(part, Lint::Gcppos1) { 4 } else { 0 };
        usize::from(part.least).max((check_characters + prefix).min(part.most.into()))
    };
    let needed = row.parts.iter().filter(|part| !part.is_optional);
    needed.map(|part| sound(part, room(part))).collect()
}

fn longest(row: &Ai) -> String {
    row.parts.iter().map(|part| sound(part, part.most.into())).collect()
}

/// The value with the content of one part replaced.
fn with_part(row: &Ai, at: usize, content: &str) -> String {
    let each = row.parts.iter().enumerate();
    let each = each.map(|(place, part)| match place == at {
        true => content.to_owned(),
        false => sound(part, part.most.into()),
    });
    each.collect()
}

/// The splits of an element as it is sent, at the end and before a separator, and as it is printed.
fn forms(ai: &str, value: &str) -> [String; 4] {
    let code = format!("{ai}{value}");
    [code.clone(), format!("{FNC1}{code}"), format!("{code}{FNC1}90X"), format!("({ai}){value}")]
}

fn is_refused(ai: &str, value: &str) {
    for code in forms(ai, value) {
        let found = split(&code);
        // Without a separator, what is too much for a predefined length is the next element.
        let error = match found {
            Ok(found) => panic!("{code:?} was read as {found:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(ai) || error.contains("begins at"), "{code:?}: {error}");
    }
}

#[test]
fn the_table_has_every_identifier_once() {
    let all = all();
    assert_eq!(all.len(), 541);
    for (ai, row) in &all {
        assert!(std::ptr::eq(row_of(ai).unwrap(), *row), "{ai}");
        let code = format!("{ai}999999");
        assert_eq!(split_ai(&code).unwrap().0, ai, "none begins another");
    }
}

#[test]
fn what_is_not_in_the_table_is_no_identifier() {
    let all = all();
    let is_known = |ai: &str| all.iter().any(|(each, _)| each == ai);
    let (mut unknown, begins) =
        (0, |ai: &str| all.iter().any(|(each, _)| ai.starts_with(each.as_str())));
    for width in 2..=4 {
        for number in 0..10_u32.pow(width) {
            let ai = format!("{number:0width$}", width = width as usize);
            assert_eq!(row_of(&ai).is_some(), is_known(&ai), "{ai}");
            if width == 4 && !begins(&ai) {
                unknown += 1;
                assert!(split(&format!("{ai}A")).is_err(), "{ai}");
            }
        }
    }
    assert!(unknown > 860, "{unknown}");
}

#[test]
fn the_shortest_and_the_longest_value_are_read() {
    for (ai, row) in all() {
        for value in [shortest(row), longest(row)] {
            for code in forms(&ai, &value) {
                let found = split(&code).unwrap_or_else(|error| panic!("{code:?}: {error}"));
                assert_eq!(
                    (found[0].ai, &*found[0].value),
                    (ai.as_str(), value.as_str()),
                    "{code:?}"
                );
            }
        }
    }
}

#[test]
fn a_value_that_is_too_short_or_empty_is_refused() {
    for (ai, row) in all() {
        is_refused(&ai, "");
        let shortest = shortest(row);
        if row.least() > 1 {
            is_refused(&ai, &shortest[..row.least() - 1]);
        }
    }
}

#[test]
fn a_value_that_is_too_long_is_refused() {
    for (ai, row) in all() {
        let more = if row.is_numeric() { "5" } else { "A" };
        is_refused(&ai, &format!("{}{more}", longest(row)));
    }
}

#[test]
fn other_characters_than_the_type_has_are_refused() {
    for (ai, row) in all() {
        for (at, part) in row.parts.iter().enumerate() {
            let wrong = match part.set {
                Set::Digits => ["A", "-", "é", "{"],
                Set::Text => ["#", "{", "é", "\u{7f}"],
                Set::Upper => ["a", "{", "é", "_"],
                Set::Base64 => ["+", "/", "é", "{"],
            };
            for wrong in wrong {
                let content = sound(part, part.most.into());
                is_refused(&ai, &with_part(row, at, &format!("{}{wrong}", &content[1..])));
            }
        }
    }
}

#[test]
fn a_wrong_check_digit_or_character_is_refused() {
    let mut checked = 0;
    for (ai, row) in all() {
        for (at, part) in row.parts.iter().enumerate() {
            if part.lints().any(|lint| matches!(lint, Lint::Csum | Lint::Csumalpha)) {
                let content = sound(part, part.most.into());
                let (others, last) = content.split_at(content.len() - 1);
                let other = if last == "8" { "7" } else { "8" };
                is_refused(&ai, &with_part(row, at, &format!("{others}{other}")));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 22);
}

#[test]
fn content_that_breaks_a_rule_is_refused() {
    for (ai, row) in all() {
        for (at, part) in row.parts.iter().enumerate() {
            for lint in part.lints() {
                let breaking = breaking(lint).iter();
                let fits = |content: &&&str| content.len() <= usize::from(part.most);
                for content in breaking.filter(fits) {
                    is_refused(&ai, &with_part(row, at, content));
                }
            }
        }
    }
    for (ai, value) in [
        ("00", "A55555555555555555"),
        ("01", "5A5555555555555555"),
        ("8004", "555A5"),
        ("8014", "555555GE"),
        ("8011", "05"),
        ("7040", "1AB."),
        ("10", "A B"),
    ] {
        assert!(split(&format!("({ai}){value}")).is_err(), "({ai}){value}");
    }
    assert!(split("10A ").is_err(), "a space that is sent is not one between printed elements");
}

/// From the examples of the GS1 General Specifications.
#[test]
fn check_characters_are_those_of_the_standard() {
    for (gmn, pair) in [("1987654Ad4X4bL5ttr2310c", "2K"), ("12345678901234567890123", "NT")] {
        let found = check_characters(gmn.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), pair, "{gmn}");
    }
}

#[test]
fn every_identifier_needs_and_excludes_what_the_table_says() {
    for (ai, row) in all() {
        for excluded in row.excludes.split(',').filter(|pattern| !pattern.is_empty()) {
            let is_excluded = |other: &str| {
                other != ai
                    && other.len() == excluded.len()
                    && other.starts_with(excluded.trim_end_matches('n'))
            };
            for (other, row_of_other) in all().into_iter().filter(|(ai, _)| is_excluded(ai)) {
                let code = format!("({ai}){}({other}){}", longest(row), longest(row_of_other));
                let error = elements(&code).unwrap_err();
                assert!(matches!(error, CodeError::Rule { .. }), "{code}: {error}");
            }
        }
        let is_met = |group: &str| group.split(',').any(|each| each.is_empty() || each == "00");
        let is_free = row.needs.split(';').all(is_met);
        let alone = elements(&format!("({ai}){}", longest(row))).is_ok();
        assert_eq!(alone, is_free, "{ai}");
    }
}
