//! Bytes in hexadecimal digits.

use std::fmt::Write as _;

/// Writes bytes in lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads exactly so many bytes.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Reads a text of digits, with blanks and line ends anywhere; `None` if it is no such text.
#[cfg(feature = "hub")]
pub(crate) fn decode_text(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits.map(|byte| digit(*byte)).collect::<Option<_>>()?;
    let is_whole = !digits.is_empty() && digits.len().is_multiple_of(2);
    is_whole.then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_and_read_back() {
        assert_eq!(encode(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(decode("001fFF"), Some([0, 0x1f, 0xff]));
        for text in ["001f", "001fff00", "001fg0", "+01f00", "0\u{e4}1f0"] {
            assert_eq!(decode::<3>(text), None, "{text}");
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_text_of_digits_may_have_blanks_and_line_ends() {
        assert_eq!(decode_text(b"001f\r\nfF 00\n"), Some(vec![0, 0x1f, 0xff, 0]));
        for text in [&b""[..], b"\n", b"001", b"SG", b"00\xff"] {
            assert_eq!(decode_text(text), None, "{text:?}");
        }
    }
}
