//! The checks that gateway and hub compare to find out whether their data is the same.
//!
//! The [`Chain`] of a ledger is a hash over every field of every entry up to a position. It is
//! equal only for equal histories. The [`Digest`] is equal for equal stock, whatever the history.
//!
//! The digest of a stock is the wrapping sum of one 64-bit hash per SKU whose stock is not all
//! zero. A sum does not depend on the order of the SKUs, and one change costs two hashes, so
//! both sides keep it at every entry of the ledger. Both numbers detect accidents, not forgery.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::Entry;
use super::types::{OrderId, Sku};
use crate::limits::{ID_BYTES_MAX, REQUEST_ID_BYTES_MAX};

/// The bytes that [`Chain::with`] hashes at most: five numbers, and three texts with their lengths.
const CHAINED_BYTES_MAX: usize = 33 + 3 + 2 * ID_BYTES_MAX + REQUEST_ID_BYTES_MAX;

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

/// The hash of a ledger up to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain(pub u64);

impl Chain {
    /// The chain after one more entry: xxh3-64 of the chain before it, then the entry's kind (one
    /// byte, +64 if its clock was not trusted), change, reserved change and time, then SKU, order
    /// id and request id, each preceded by its length (255 for no order id). Numbers are
    /// little-endian, lengths one byte.
    #[must_use]
    pub fn with(self, entry: &Entry) -> Self {
        let mut bytes = [0; CHAINED_BYTES_MAX];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            rest.split_off_mut(..part.len()).expect("ids are short").copy_from_slice(part);
        };
        put(&self.0.to_le_bytes());
        put(&[entry.code()]);
        for number in [entry.change, entry.reserved_change, entry.at_ms] {
            put(&number.to_le_bytes());
        }
        let order_id = entry.order_id.as_ref().map(OrderId::as_str);
        for text in [Some(entry.sku.as_str()), order_id, Some(entry.request_id.as_str())] {
            let length =
                text.map_or(u8::MAX, |text| u8::try_from(text.len()).expect("ids are short"));
            put(&[length]);
            put(text.unwrap_or_default().as_bytes());
        }
        let left = rest.len();
        Self(xxh3_64(&bytes[..CHAINED_BYTES_MAX - left]))
    }
}

/// The checks that gateway and hub compare at a position of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    use crate::stock::{Cause, Kind, RequestId};

    #[test]
    fn every_field_of_an_entry_is_in_the_chain() {
        let entry = Entry {
            seq: 1,
            kind: Kind::Deduct,
            sku: Sku::parse("A").unwrap(),
            change: -1,
            reserved_change: 0,
            order_id: Some(OrderId::parse("o1").unwrap()),
            request_id: RequestId::parse("r1").unwrap(),
            at_ms: 7,
            clock_trusted: true,
            cause: Cause::default(),
            trace: None,
        };
        let others = [
            Entry { kind: Kind::Commit, ..entry.clone() },
            Entry { sku: Sku::parse("B").unwrap(), ..entry.clone() },
            Entry { change: -2, ..entry.clone() },
            Entry { reserved_change: -1, ..entry.clone() },
            Entry { order_id: None, ..entry.clone() },
            Entry { request_id: RequestId::parse("r2").unwrap(), ..entry.clone() },
            Entry { at_ms: 8, ..entry.clone() },
        ];
        let chain = Chain(5).with(&entry);
        assert_eq!(chain, Chain(5).with(&entry));
        assert_ne!(chain, Chain(6).with(&entry), "and so is all that came before it");
        for other in others {
            assert_ne!(chain, Chain(5).with(&other), "{other:?}");
        }
    }

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
