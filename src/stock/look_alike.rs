//! What people take for the same text: a misread letter, another letter case, a blank too many.

use super::fold::fold_into;

/// A text as people see it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct LookAlike(String);

impl LookAlike {
    pub fn of(text: &str) -> Self {
        Self(seen(text))
    }

    /// Without the zeros at its start, or what looks like them.
    #[must_use]
    pub fn without_leading_zeros(self) -> Self {
        let significant = self.0.trim_start_matches('0');
        if significant.is_empty() { self } else { Self(significant.to_owned()) }
    }

    /// Whether a text looks like it.
    pub fn is(&self, text: &str) -> bool {
        // Most texts are ASCII and differ early, and a search compares many.
        match text.is_ascii() {
            true => text.chars().filter(|c| !is_blank(*c)).map(twin).eq(self.0.chars()),
            false => seen(text) == self.0,
        }
    }
}

/// Whether people see nothing of a character: it has no width, or only a direction.
pub fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_blank(char: char) -> bool {
    char.is_whitespace() || is_invisible(char)
}

fn seen(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded.chars().filter(|c| !is_blank(*c)).map(twin).collect()
}

/// One character for all that look like it, in either letter case.
fn twin(char: char) -> char {
    match char.to_ascii_lowercase() {
        'o' | 'о' | 'ο' => '0',
        'i' | 'l' | '|' | 'і' | 'ι' => '1',
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' => 'c',
        'е' | 'ε' => 'e',
        'н' | 'η' => 'h',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'ν' => 'n',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'у' | 'υ' => 'y',
        'х' | 'χ' => 'x',
        'ζ' => 'z',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        char => char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_take_for_the_same_looks_alike() {
        for (text, other) in [
            ("85123A", "85123a"),
            ("85123A", " 85 123A"),
            ("85123A", "85123\u{410}"),
            ("85120A", "8512OA"),
            ("LAMP-1", "Lamp\u{2013}l"),
            ("85123A", "85123A\u{200b}"),
            ("85123A", "\u{202e}85123A"),
            ("\u{421}\u{422}\u{41e}\u{41b}", "CTO\u{41b}"),
            ("CAF\u{c9}", "cafe"),
        ] {
            assert!(LookAlike::of(text).is(other) && LookAlike::of(other).is(text), "{other:?}");
        }
        for other in ["85123", "85123B", "851231A", "85123A-1", ""] {
            assert!(!LookAlike::of("85123A").is(other), "{other:?}");
        }
    }
}
