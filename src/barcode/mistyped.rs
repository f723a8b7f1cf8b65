//! Codes that a scanner has typed in another keyboard layout, or into an input method.

use super::error::CodeError;
use super::reading::Reading;

/// The characters of the digits 0 to 9 on a French keyboard without the shift key.
const FRENCH_DIGITS: [char; 10] = ['à', '&', 'é', '"', '\'', '(', '-', 'è', '_', 'ç'];
/// The symbologies of GTINs and element strings.
const SYMBOLOGIES: [char; 7] = ['E', 'C', 'I', 'e', 'd', 'Q', 'J'];

/// Why a text is no code, if it is one as it was meant. `read` reads a code.
pub(super) fn mistyped(
    text: &str,
    read: impl Fn(&str) -> Result<Reading, CodeError>,
) -> Option<CodeError> {
    if let Some(narrow) = narrow(text) {
        let why = "in wide characters or digits of another script: turn the input method off";
        return read(&narrow)
            .map_or_else(Some, |reading| reading.gtin.map(|_| looks_like(&narrow, why)));
    }
    let why = "through another keyboard layout: set the scanner to the layout of this computer";
    let meant = french(text).or_else(|| with_label(text))?;
    let is_code = read(&meant).is_ok_and(|reading| reading.gtin.is_some());
    is_code.then(|| looks_like(&meant, why))
}

fn looks_like(meant: &str, why: &str) -> CodeError {
    CodeError::Form(format!("the code looks like {meant} {why}"))
}

/// The text in ASCII, if it has full-width characters or digits of another script.
fn narrow(text: &str) -> Option<String> {
    let plain = |char: char| match char {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0),
        '\u{660}'..='\u{669}' => char::from_u32(u32::from(char) - 0x660 + u32::from('0')),
        '\u{6f0}'..='\u{6f9}' => char::from_u32(u32::from(char) - 0x6f0 + u32::from('0')),
        _ => None,
    };
    let narrow: String = text.chars().map(|char| plain(char).unwrap_or(char)).collect();
    (narrow != text).then_some(narrow)
}

/// The digits that a French keyboard would type so.
fn french(text: &str) -> Option<String> {
    let digit = |char| FRENCH_DIGITS.iter().position(|&each| each == char);
    let digits: Option<Vec<usize>> = text.chars().map(digit).collect();
    digits.map(|digits| digits.iter().map(ToString::to_string).collect())
}

/// The text with the bracket of a symbology identifier, which many layouts have on another key.
fn with_label(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let bracket = chars.next().filter(|char| !char.is_alphanumeric() && !"]([".contains(*char))?;
    let is_label = SYMBOLOGIES.contains(&chars.next()?);
    is_label.then(|| format!("]{}", &text[bracket.len_utf8()..]))
}
