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
        Self { key: key.ok(), seq, at_ms: 0, failures: LogThrottle::default() }
    }

    fn is_due(&self, seq: Seq, now_ms: u64) -> bool {
        seq > self.seq
            && (seq - self.seq >= SIGN_EVERY_ENTRIES || now_ms >= self.at_ms + SIGN_EVERY_MS)
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
        let signed = store.sign(key, stock, now.wall_ms);
        (self.seq, self.at_ms) = (stock.seq(), now.running_ms);
        if let Err(error) = signed
            && self.failures.should_log(now.running_ms)
        {
            tracing::warn!(%error, "the ledger could not be signed; it is tried again later");
        }
    }
}
