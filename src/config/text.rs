//! Text files that people write, on any system.

use std::path::Path;

/// Reads a text in UTF-8, without a byte order mark.
///
/// # Errors
/// A message that names another encoding, if it is one.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    decode(&bytes).map_err(|why| format!("{} {why}", file.display()))
}

/// The text that bytes hold.
///
/// # Errors
/// A message that names another encoding, if it is one.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if is_utf_16(bytes) {
        return Err("is in UTF-16: save it as UTF-8".into());
    }
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let valid = &bytes[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        format!("is not UTF-8 in line {line}, maybe Latin-1: save it as UTF-8")
    })
}

/// By its byte order mark, or by the zeros of ASCII text without one.
fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(decode(b"\xef\xbb\xbfurl = 1\n"), Ok("url = 1\n".into()));
        let wide: Vec<u8> = "\u{feff}[mqtt]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [&wide[..], &wide[2..], b"\xfe\xff\x00["] {
            assert!(decode(text).unwrap_err().contains("UTF-16"), "{text:?}");
        }
        let latin = b"[gateway]\n# K\xf6ln\n";
        assert!(decode(latin).unwrap_err().contains("in line 2, maybe Latin-1"));
    }
}
