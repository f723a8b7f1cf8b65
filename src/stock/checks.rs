//! The checks that gateway and hub compare to find out whether their data is the same.
//!
//! The [`Chain`] of a ledger is a hash over every field of every entry up to a position. It is
//! equal only for equal histories. The [`Digest`] is equal for equal stock, whatever the history.
//!
//! The digest of a stock is the wrapping sum of one 64-bit hash per SKU whose stock is not all
//! zero. A sum does not depend on the order of the SKUs, and one change costs two hashes, so
//! both sides keep it at every entry of the ledger. It detects accidents, not forgery.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::chain::Chain;
use super::entry::Entry;
use super::types::Sku;
use crate::limits::ID_BYTES_MAX;

/// The digest of a whole stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest after one SKU went from `before` to `after`, each `(on_hand, reserved)`.
    #[must_use]
    pub fn moved(self, sku: &Sku, before: (i64, i64), after: (i64, i64)) -> Self {
        Self(self.0.wrapping_sub(term(sku, before)).wrapping_add(term(sku, after)))
    }
}

/// The checks that gateway and hub compare at a position of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// The digest of the stock.
    pub digest: Digest,
    /// The chain of the ledger.
    pub chain: Chain,
}

/// An entry as posted to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub entry: Entry,
    /// The checks after the entry.
    pub checks: Checks,
}

/// xxh3-64 of the SKU's bytes, then on hand and reserved as 64-bit little-endian numbers.
fn term(sku: &Sku, (on_hand, reserved): (i64, i64)) -> u64 {
    if (on_hand, reserved) == (0, 0) {
        return 0;
    }
    let text = sku.as_str().as_bytes();
    let mut bytes = [0; ID_BYTES_MAX + 16];
    bytes[..text.len()].copy_from_slice(text);
    bytes[text.len()..text.len() + 8].copy_from_slice(&on_hand.to_le_bytes());
    bytes[text.len() + 8..text.len() + 16].copy_from_slice(&reserved.to_le_bytes());
    xxh3_64(&bytes[..text.len() + 16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_ignores_the_order_of_changes_and_zero_stock() {
        let (a, b) = (Sku::parse("A").unwrap(), Sku::parse("B").unwrap());
        let one = Digest::default().moved(&a, (0, 0), (5, 0)).moved(&b, (0, 0), (7, 2));
        let other = Digest::default().moved(&b, (0, 0), (9, 0)).moved(&a, (0, 0), (5, 0)).moved(
            &b,
            (9, 0),
            (7, 2),
        );
        assert_eq!(one, other);
        assert_ne!(one, Digest::default());
        assert_eq!(one.moved(&a, (5, 0), (0, 0)).moved(&b, (7, 2), (0, 0)), Digest::default());
    }
}
