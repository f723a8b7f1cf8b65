//! Check characters of texts: those of GMN and MUDI (AI 8013 and 8014), and of an IBAN.

/// CSET 82 in the order of the weights.
const CSET_82: &[u8] =
    b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// CSET 32, of which the check characters are.
const CSET_32: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// The weights of the characters from the right.
const PRIMES: [u32; 23] =
    [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83];

const IBAN_LENGTHS: std::ops::RangeInclusive<usize> = 11..=34;

/// Whether the last two characters are the check characters of the others.
pub(super) fn has_check_characters(text: &str) -> bool {
    let Some((others, found)) = text.as_bytes().split_last_chunk::<2>() else {
        return false;
    };
    check_characters(others).as_ref() == Some(found)
}

/// The two check characters of a text; `None` if it is too long or has other characters.
pub(super) fn check_characters(text: &[u8]) -> Option<[u8; 2]> {
    let mut sum = 0;
    for (at, byte) in text.iter().rev().enumerate() {
        let weight = CSET_82.iter().position(|each| each == byte)?;
        sum += u32::try_from(weight).ok()? * PRIMES.get(at)?;
    }
    let sum = usize::try_from(sum % 1021).ok()?;
    Some([CSET_32[sum >> 5], CSET_32[sum & 31]])
}

/// Whether the check digits of an IBAN are right: as a number, letters as two digits and the first
/// four characters last, it leaves 1 when divided by 97.
pub(super) fn is_iban(text: &str) -> bool {
    let Some((first, others)) = text.split_at_checked(4) else {
        return false;
    };
    let remainder = others.chars().chain(first.chars()).try_fold(0, |sum, char| {
        let is_right = char.is_ascii_digit() || char.is_ascii_uppercase();
        let digit = char.to_digit(36).filter(|_| is_right)?;
        Some((if digit < 10 { sum * 10 + digit } else { sum * 100 + digit }) % 97)
    });
    IBAN_LENGTHS.contains(&text.len()) && remainder == Some(1)
}
