//! A signed position: the word of a device for what its ledger was there.

use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use super::entry::Origin;
use super::types::Seq;

/// A position of a ledger with the signature of the device that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedPosition {
    pub seq: Seq,
    /// The chain of the ledger there.
    pub chain: [u8; 32],
    /// When it was signed, in milliseconds since 1970.
    pub at_ms: i64,
    /// Ed25519.
    pub signature: [u8; 64],
}

/// A signed position, and the public key that it was signed with.
pub type Signed = (SignedPosition, [u8; 32]);

impl SignedPosition {
    /// Signs a position.
    ///
    /// # Panics
    /// Never: signatures of Ed25519 have 64 bytes.
    pub fn new(
        origin: &Origin,
        (seq, chain): (Seq, [u8; 32]),
        at_ms: i64,
        key: &Ed25519KeyPair,
    ) -> Self {
        let unsigned = Self { seq, chain, at_ms, signature: [0; 64] };
        let signature = key.sign(&unsigned.message(origin));
        let signature = signature.as_ref().try_into().expect("64 bytes");
        Self { signature, ..unsigned }
    }

    /// Whether the holder of a key has signed it for this ledger.
    pub fn is_signed_by(&self, public_key: &[u8], origin: &Origin) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, public_key);
        key.verify(&self.message(origin), &self.signature).is_ok()
    }

    /// What is signed: a name; site and gateway, each preceded by its length in a byte; the epoch;
    /// position and time as eight bytes each, little-endian; the chain.
    fn message(&self, origin: &Origin) -> Vec<u8> {
        let mut message = b"stockgate checkpoint 1".to_vec();
        for name in [&origin.site, &origin.gateway] {
            message.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            message.extend(name.as_bytes());
        }
        message.extend(origin.epoch.as_bytes());
        message.extend(self.seq.to_le_bytes());
        message.extend(self.at_ms.to_le_bytes());
        message.extend(self.chain);
        message
    }
}
