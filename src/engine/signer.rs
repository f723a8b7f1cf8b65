//! Signing of the ledger: at least every minute with new entries. Every ten thousandth entry is signed by
//! the transaction that enters it.

use std::sync::Arc;

use super::state::Signatures;
use crate::clock::{Clock, Now};
use crate::hex;
use crate::limits::SIGN_AFTER_MS;
use crate::process::log_throttle::LogThrottle;
use crate::process::signing_key::SigningKey;
use crate::stock::{Seq, Signed, Stock, UNCHAINED};
use crate::store::{DEVICE_KEY_FILE, Store};

/// When the ledger was signed last, and with which key.
#[derive(Debug)]
pub(super) struct Signer {
    /// `None` if there is no key: the ledger is not signed then.
    key: Option<Arc<SigningKey>>,
    seq: Seq,
    /// The last attempt, in running time.
    at_ms: u64,
    failures: LogThrottle,
}

impl Signer {
    /// The signer of a database, and what it has signed before.
    pub(super) fn of(store: &mut Store) -> (Self, Signatures) {
        let key = SigningKey::open(store.directory(), DEVICE_KEY_FILE);
        if let Err(error) = &key {
            tracing::error!(%error, "the key of this device cannot be used, and its ledger is not signed");
        }
        let last = store.last_signed().unwrap_or_else(|error| {
            tracing::warn!(%error, "what this device has signed cannot be read; its ledger is signed from the start");
            None
        });
        let key = key.ok().filter(|_| !UNCHAINED).map(Arc::new);
        let seq = last.map_or(0, |(signed, _)| signed.seq);
        if let Some(key) = &key {
            store.set_key(Arc::clone(key));
        }
        let signatures = signatures(key.as_deref(), last);
        (Self { key, seq, at_ms: 0, failures: LogThrottle::default() }, signatures)
    }

    fn is_due(&self, seq: Seq, now_ms: u64) -> bool {
        seq > self.seq && now_ms >= self.at_ms + SIGN_AFTER_MS
    }

    /// The newest signature, if an entry was signed when it was committed.
    pub(super) fn signed_with_entry(&mut self, store: &Store, clock: &Clock) -> Option<Signatures> {
        let newest = store.signed_after(self.seq)?;
        (self.seq, self.at_ms) = (newest.seq, clock.now().running_ms);
        let key = self.key.as_deref().map(SigningKey::public);
        Some(Signatures { key, newest: Some(newest) })
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
    use crate::limits::SIGN_EVERY_MS;

    #[test]
    fn a_failed_signature_is_tried_again_most_of_a_minute_later() {
        let signer = Signer { key: None, seq: 5, at_ms: 1_000, failures: LogThrottle::default() };
        assert!(!signer.is_due(6, 1_001), "not with every batch");
        assert!(!signer.is_due(5, 1_000 + SIGN_EVERY_MS), "there is nothing to sign");
        assert!(signer.is_due(6, SIGN_EVERY_MS), "before a minute has passed");
    }
}
