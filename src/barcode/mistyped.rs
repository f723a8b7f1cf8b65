//! Codes that a scanner has typed in another keyboard layout, into an input method, or one after the
//! other.

use super::error::CodeError;
use super::gtin::Gtin;
use super::reading::Reading;
use super::text_forms::BLANKS;

/// The characters of the digits 0 to 9 on a French keyboard without the shift key.
const FRENCH_DIGITS: [char; 10] = ['à', '&', 'é', '"', '\'', '(', '-', 'è', '_', 'ç'];
/// Digits of the GTINs of which two in a row are hardly another number, and digits of the longest one.
const LONG_DIGITS: usize = 12;
const GTIN_DIGITS: usize = 14;
const DOUBLED_MIN: usize = 4;
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

/// Why a text is no code, if it is the numbers of two articles, or one of them twice: the scanner sent
/// nothing between them.
pub(super) fn run_together(text: &str) -> Option<CodeError> {
    let is_article = |code: &str| matches!(Gtin::read(code), Ok(Some(_)));
    let are_two = |(one, other): &(&str, &str)| {
        let are_long = one.len() >= LONG_DIGITS && other.len() >= LONG_DIGITS;
        (are_long || one == other) && is_article(one) && is_article(other)
    };
    let splits = (LONG_DIGITS..=GTIN_DIGITS).filter_map(|at| text.split_at_checked(at));
    let (one, other) = splits.chain(halves(text)).find(are_two)?;
    Some(CodeError::Form(format!("the code is two, {one} and {other}: scan one of them, once")))
}

/// What a text consists of twice, with or without a blank between. A few characters are so by chance.
pub fn doubled(text: &str) -> Option<&str> {
    let (one, other) = halves(text)?;
    (one == other && one.len() >= DOUBLED_MIN).then_some(one)
}

/// The two parts of a text with one blank, or the halves of one with none.
fn halves(text: &str) -> Option<(&str, &str)> {
    text.split_once(BLANKS).or_else(|| text.split_at_checked(text.len() / 2))
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
