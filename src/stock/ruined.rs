//! Cells that a spreadsheet or a re-export has ruined: the text that was there is lost.

/// The errors that spreadsheets put in the place of a value.
const ERRORS: [&str; 8] =
    ["#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#####"];

/// Whether a text has `_x000D_` or the like.
fn has_escape(text: &str) -> bool {
    let is_escape = |at: usize| {
        let code = text.get(at + 2..at + 7).unwrap_or_default();
        let digits = code.strip_suffix('_').filter(|digits| digits.starts_with("00"));
        digits.is_some_and(|digits| u8::from_str_radix(digits, 16).is_ok_and(|byte| byte < 32))
    };
    text.match_indices("_x").any(|(at, _)| is_escape(at))
}

/// Texts that UTF-8 becomes when it is read as Latin-1 or Windows-1252.
const MISREAD: [&str; 8] = ["Ã¤", "Ã¶", "Ã¼", "ÃŸ", "Ã©", "Ã¨", "â€", "Â "];

/// Why the value of any cell cannot be the one that was meant.
pub(crate) fn ruined(cell: &str) -> Option<&'static str> {
    if cell.contains('\u{fffd}') {
        return Some(
            "contains U+FFFD, a replacement character: the file was read in a wrong encoding before",
        );
    }
    ERRORS.iter().any(|error| cell.starts_with(error)).then_some("is an error of a spreadsheet")
}

/// Why a cell that stands for a thing, a SKU or a barcode, cannot be what was meant.
pub(crate) fn ruined_key(cell: &str) -> Option<&'static str> {
    let (number, exponent) = cell.split_once(['e', 'E']).unwrap_or((cell, ""));
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let is_signed = exponent.starts_with(['+', '-']);
    let power = exponent.trim_start_matches(['+', '-']);
    if is_number(whole) && is_number(power) && (is_signed || is_number(fraction)) {
        return Some(
            "is a number in the scientific notation of a spreadsheet; its digits are lost, export it as text",
        );
    }
    if exponent.is_empty() && whole.len() >= 6 && is_number(whole) && is_zeros(fraction) {
        return Some("is a number with decimals; export it as text");
    }
    if has_escape(cell) {
        return Some("has a control character in a spreadsheet's spelling, such as _x000D_");
    }
    if cell.starts_with("=\"") || cell.starts_with('\'') {
        return Some("begins with a spreadsheet's mark for text, which is no part of it");
    }
    None
}

/// Whether a text looks like UTF-8 that was read in another encoding: its characters U+0080 to U+00FF
/// begin with `Â` or `Ã` then.
pub(crate) fn looks_misread(text: &str) -> bool {
    let mut pairs = text.chars().zip(text.chars().skip(1));
    pairs.any(|pair| matches!(pair, ('Â' | 'Ã', '\u{80}'..='\u{bf}')))
        || MISREAD.iter().any(|misread| text.contains(misread))
}

/// Whether a text is one or more digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is one or more zeros.
pub(crate) fn is_zeros(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_lost_their_digits_are_ruined() {
        for cell in [
            "4.00638E+12",
            "4,00638e+12",
            "4E+12",
            "4.0e12",
            "4006381333931.0",
            "'401",
            "A_x000D_",
            "_x001D_01",
        ] {
            assert!(ruined_key(cell).is_some(), "{cell}");
        }
        for cell in [
            "4006381333931",
            "85123E",
            "12E45",
            "A1",
            "1.5",
            "10.0",
            "E+1",
            "85123.A",
            "A_x0041_",
            "A_x00",
            "_x00_x00",
        ] {
            assert_eq!(ruined_key(cell), None, "{cell}");
        }
    }

    #[test]
    fn texts_that_were_read_in_another_encoding_are_recognized() {
        assert!(
            ["Caf\u{c3}\u{a9}", "\u{c2}\u{a3}5", "\u{c3}\u{178}"].into_iter().all(looks_misread)
        );
        assert!(
            !["CORA\u{c7}\u{c3}O", "Caf\u{e9}", "\u{c2}ge \u{a3}5"].into_iter().any(looks_misread)
        );
    }

    #[test]
    fn values_that_are_gone_are_ruined() {
        for cell in ["#N/A", "#REF!", "########", "CAF\u{fffd}"] {
            assert!(ruined(cell).is_some(), "{cell}");
        }
        for cell in ["", "#1", "CAFÉ", "N/A"] {
            assert_eq!(ruined(cell), None, "{cell}");
        }
    }
}
