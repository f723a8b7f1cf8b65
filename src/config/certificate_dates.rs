//! The dates of a certificate: just enough of X.509 to find them.

use rustls::pki_types::CertificateDer;

use super::der::{Der, SEQUENCE};

/// From when and until when a certificate is valid, in milliseconds since 1970; 0 without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateDates {
    /// The first moment.
    pub begin_ms: i64,
    /// The last moment.
    pub end_ms: i64,
}

const VERSION: u8 = 0xa0;
/// A year of two digits, which are from 1950 on.
const UTC_TIME: u8 = 0x17;

impl CertificateDates {
    /// The dates of a certificate; `None` if it cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let mut outer = Der(certificate);
        let mut certificate = Der(outer.take(SEQUENCE)?);
        let mut signed = Der(certificate.take(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.next()?;
        }
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            signed.next()?;
        }
        let mut validity = Der(signed.take(SEQUENCE)?);
        let (begin, end) = (validity.next()?, validity.next()?);
        Some(Self { begin_ms: moment(begin)?, end_ms: moment(end)? })
    }

    /// Whether it ends soon: less than a fifth of its time is left.
    pub fn ends_soon(&self, now_ms: i64) -> bool {
        self.end_ms.saturating_sub(now_ms) < self.end_ms.saturating_sub(self.begin_ms) / 5
    }
}

/// `YYMMDDHHMMSSZ`, or the same with a year of four digits.
fn moment((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        _ => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let days = days_since_1970(year, part(0)?, part(2)?);
    let seconds = (part(4)? * 60 + part(6)?) * 60 + part(8)?;
    Some((days * 86_400 + seconds) * 1_000)
}

/// Counts in years from March on, so that the leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_1970() {
        let at = |tag, text: &str| moment((tag, text.as_bytes()));
        assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, "260131082600Z"), Some(1_769_847_960_000));
        assert_eq!(at(0x18, "20390918230640Z"), Some(2_200_000_000_000));
        assert_eq!(at(0x18, "20000229000000Z"), Some(951_782_400_000));
        assert_eq!(at(UTC_TIME, "2601"), None);
    }

    #[test]
    fn a_certificate_ends_soon_in_the_last_fifth_of_its_time() {
        let day = CertificateDates { begin_ms: 0, end_ms: 86_400_000 };
        assert!(!day.ends_soon(60_000_000));
        assert!(day.ends_soon(70_000_000) && day.ends_soon(90_000_000));
    }
}
