//! The values of DER, the encoding of certificates and keys: just enough to find one of them.

/// The tag of a value that consists of others.
pub(super) const SEQUENCE: u8 = 0x30;

/// Values, one after the other.
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value and its tag.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    pub(super) fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == expected).map(|(_, value)| value)
    }
}

/// Whether these bytes are one value that consists of others, and nothing is missing or follows.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut values = Der(bytes);
    values.take(SEQUENCE).is_some() && values.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_whole_with_as_many_bytes_as_it_says() {
        for whole in [&[SEQUENCE, 0][..], &[SEQUENCE, 2, 5, 0], &[SEQUENCE, 0x81, 1, 7]] {
            assert!(is_whole(whole), "{whole:?}");
            assert!(!is_whole(&whole[..whole.len() - 1]), "{whole:?}");
            assert!(!is_whole(&[whole, &[0]].concat()), "{whole:?}");
        }
        assert!(!is_whole(&[4, 1, 7]) && !is_whole(&[]));
    }
}
