//! Signing of the ledger: at least every minute with new entries, and every ten thousand entries.

use super::state::Signatures;
use crate::clock::Now;
use crate::hex;
use crate::limits::{SIGN_EVERY_ENTRIES, SIGN_EVERY_MS};
use crate::process::log_throttle::LogThrottle;
use crate::process::signing_key::SigningKey;
use crate::stock::{Seq, Signed, Stock};
use crate::store::{DEVICE_KEY_FILE, Store};

/// When the ledger was signed last, and with which key.
#[derive(Debug)]
pub(super) struct Signer {
    /// `None` if there is no key: the ledger is not signed then.
    key: Option<SigningKey>,
    seq: Seq,
    /// The last attempt has failed; the next one is a minute later.
    has_failed: bool,
    /// In running time.
    at_ms: u64,
    failures: LogThrottle,
}

impl Signer {
    /// The signer of a database, and what it has signed before.
    pub(super) fn of(store: &Store) -> (Self, Signatures) {
        let key = SigningKey::open(store.directory(), DEVICE_KEY_FILE);
        if let Err(error) = &key {
            tracing::error!(%error, "the key of this device cannot be used, and its ledger is not signed");
        }
        let last = store.last_signed().unwrap_or_else(|error| {
            tracing::warn!(%error, "what this device has signed cannot be read; its ledger is signed from the start");
            None
        });
        let (key, seq) = (key.ok(), last.map_or(0, |(signed, _)| signed.seq));
        let signatures = signatures(key.as_ref(), last);
        let failures = LogThrottle::default();
        (Self { key, seq, at_ms: 0, has_failed: false, failures }, signatures)
    }

    fn is_due(&self, seq: Seq, now_ms: u64) -> bool {
        let is_long = seq > self.seq && seq - self.seq >= SIGN_EVERY_ENTRIES && !self.has_failed;
        seq > self.seq && (is_long || now_ms >= self.at_ms + SIGN_EVERY_MS)
    }

    /// Signs the end of the ledger if it is time. Returns the signature.
    pub(super) fn sign_if_due(
        &mut self,
        store: &mut Store,
        stock: &Stock,
        now: Now,
    ) -> Option<Signatures> {
        if self.is_due(stock.seq(), now.running_ms) { self.sign(store, stock, now) } else { None }
    }

    /// Signs the end of the ledger if it is not.
    pub(super) fn sign(
        &mut self,
        store: &mut Store,
        stock: &Stock,
        now: Now,
    ) -> Option<Signatures> {
        let key = self.key.as_ref().filter(|_| stock.seq() > self.seq)?;
        self.at_ms = now.running_ms;
        let signed = store.sign(key.pair(), stock, now.wall_ms);
        self.has_failed = signed.is_err();
        match signed {
            Ok(newest) => {
                self.seq = stock.seq();
                return Some(Signatures { key: Some(key.public()), newest });
            }
            Err(error) if self.failures.should_log(now.running_ms) => {
                tracing::warn!(%error, "the ledger could not be signed; it is tried again later");
            }
            Err(_) => {}
        }
        None
    }
}

/// What the hub is told first: the key, and the last position if this key has signed it.
fn signatures(key: Option<&SigningKey>, last: Option<Signed>) -> Signatures {
    let Some(key) = key.map(SigningKey::public) else { return Signatures::default() };
    if let Some((signed, other)) = last.filter(|(_, by)| *by != key) {
        tracing::warn!(
            now = hex::encode(&key),
            before = hex::encode(&other),
            seq = signed.seq,
            "this device signs with another key than before; for the hub that counts once an operator accepts it"
        );
    }
    let newest = last.filter(|(_, by)| *by == key).map(|(signed, _)| signed);
    Signatures { key: Some(key), newest }
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
