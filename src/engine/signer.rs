//! Signing of the ledger: at least every minute with new entries, and every ten thousand entries.

use crate::clock::Now;
use crate::limits::{SIGN_EVERY_ENTRIES, SIGN_EVERY_MS};
use crate::process::log_throttle::LogThrottle;
use crate::stock::{Seq, Stock};
use crate::store::{DeviceKey, Store};

/// When the ledger was signed last, and with which key.
#[derive(Debug)]
pub(super) struct Signer {
    /// `None` if there is no key: the ledger is not signed then.
    key: Option<DeviceKey>,
    seq: Seq,
    /// The last attempt has failed; the next one is a minute later.
    has_failed: bool,
    /// In running time.
    at_ms: u64,
    failures: LogThrottle,
}

impl Signer {
    pub(super) fn of(store: &Store) -> Self {
        let key = DeviceKey::open(store.directory());
        if let Err(error) = &key {
            tracing::error!(%error, "the key of this device cannot be used, and its ledger is not signed");
        }
        let seq = store.last_signed().unwrap_or(0);
        Self { key: key.ok(), seq, at_ms: 0, has_failed: false, failures: LogThrottle::default() }
    }

    fn is_due(&self, seq: Seq, now_ms: u64) -> bool {
        let is_long = seq > self.seq && seq - self.seq >= SIGN_EVERY_ENTRIES && !self.has_failed;
        seq > self.seq && (is_long || now_ms >= self.at_ms + SIGN_EVERY_MS)
    }

    /// Signs the end of the ledger if it is time.
    pub(super) fn sign_if_due(&mut self, store: &mut Store, stock: &Stock, now: Now) {
        if self.is_due(stock.seq(), now.running_ms) {
            self.sign(store, stock, now);
        }
    }

    /// Signs the end of the ledger if it is not.
    pub(super) fn sign(&mut self, store: &mut Store, stock: &Stock, now: Now) {
        let Some(key) = self.key.as_ref().filter(|_| stock.seq() > self.seq) else { return };
        self.at_ms = now.running_ms;
        let signed = store.sign(key, stock, now.wall_ms);
        self.has_failed = signed.is_err();
        match signed {
            Ok(_) => self.seq = stock.seq(),
            Err(error) if self.failures.should_log(now.running_ms) => {
                tracing::warn!(%error, "the ledger could not be signed; it is tried again later");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_signature_is_tried_again_a_minute_later() {
        let failures = LogThrottle::default();
        let signer = Signer { key: None, seq: 5, has_failed: true, at_ms: 1_000, failures };
        let many = 5 + SIGN_EVERY_ENTRIES;
        assert!(!signer.is_due(many, 1_001), "not with every batch");
        assert!(signer.is_due(many, 1_000 + SIGN_EVERY_MS));
        assert!(Signer { has_failed: false, ..signer }.is_due(many, 1_001));
    }
}
