//! When our certificate for the broker begins and ends.

use super::counter::Gauge;

/// In seconds since 1970; 0 without a certificate.
#[derive(Debug, Default)]
pub struct CertificateGauges {
    pub begin_s: Gauge,
    pub end_s: Gauge,
}

impl CertificateGauges {
    /// Shows a certificate's dates, in milliseconds since 1970.
    pub fn set(&self, begin_ms: i64, end_ms: i64) {
        let seconds = |ms: i64| u64::try_from(ms / 1_000).unwrap_or(0);
        self.begin_s.set(seconds(begin_ms));
        self.end_s.set(seconds(end_ms));
    }
}
