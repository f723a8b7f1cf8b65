//! The chain: a hash over a ledger, entry by entry.

use ring::digest::SHA256_OUTPUT_LEN;
use xxhash_rust::xxh3::xxh3_64;

use super::chained_bytes::{ChainedBytes, sha256};
use super::entry::Entry;
use super::types::OrderId;
use crate::limits::{ID_BYTES_MAX, REQUEST_ID_BYTES_MAX};

/// The hash of a ledger up to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// As gateways before version 2 of the protocol made it. It detects accidents, not forgery.
    Xxh3(u64),
    /// Nobody can make another ledger with the same one.
    Sha256([u8; SHA256_OUTPUT_LEN]),
}

impl Default for Chain {
    fn default() -> Self {
        Self::Xxh3(0)
    }
}

/// Whether this program was built to measure what the chain and its signatures cost: it has none. Only
/// `scripts/chain-cost` builds that.
pub const UNCHAINED: bool = cfg!(stockgate_unchained);

/// The bytes that are hashed at most: a chain, five numbers, seven texts with their lengths, a day.
const CHAINED_BYTES_MAX: usize =
    SHA256_OUTPUT_LEN + 33 + 7 + 6 * ID_BYTES_MAX + REQUEST_ID_BYTES_MAX + 4;

impl Chain {
    /// The chain after one more entry: the hash of the chain before it and of the entry.
    ///
    /// An entry is its kind (one byte, +64 if its clock was not trusted), change, reserved change
    /// and time, position, then SKU, order id, request id, actor, reason, lot and serial number,
    /// each preceded by its length (255 if it is not there), and the expiry date in days since 1970
    /// as four bytes, the lowest number if it is not there. Numbers are little-endian and have
    /// eight bytes, lengths one. The older chain has no position, and nothing after the request id.
    #[must_use]
    pub fn with(self, entry: &Entry) -> Self {
        if UNCHAINED {
            return self;
        }
        let mut bytes = ChainedBytes::<CHAINED_BYTES_MAX>::default();
        match self {
            Self::Xxh3(before) => {
                bytes.put(&before.to_le_bytes());
                put_change(&mut bytes, entry);
                put_ids(&mut bytes, entry);
                Self::Xxh3(xxh3_64(bytes.so_far()))
            }
            Self::Sha256(before) => {
                bytes.put(&before);
                put_change(&mut bytes, entry);
                bytes.put_number(entry.seq.cast_signed());
                put_ids(&mut bytes, entry);
                bytes.put_said(&entry.cause, &entry.trace);
                Self::Sha256(bytes.sha256())
            }
        }
    }

    /// The chain that new entries after this position continue: a ledger that was begun with the
    /// older chain goes on with the newer one, whose beginning is the hash of a name, the older
    /// chain and the position.
    #[must_use]
    pub fn upgraded(self, seq: u64) -> Self {
        match self {
            Self::Xxh3(before) => {
                let name = b"stockgate chain 2".as_slice();
                let parts = [name, &before.to_le_bytes(), &seq.to_le_bytes()];
                Self::Sha256(sha256(&parts.concat()))
            }
            Self::Sha256(_) => self,
        }
    }

    /// Whether two chains at this position are of the same ledger.
    pub fn agrees(self, other: Self, seq: u64) -> bool {
        self == other || self.upgraded(seq) == other.upgraded(seq)
    }

    /// Whether both are of the same kind.
    pub fn is_like(self, other: Self) -> bool {
        matches!((self, other), (Self::Xxh3(_), Self::Xxh3(_)) | (Self::Sha256(_), Self::Sha256(_)))
    }

    /// The chain as bytes; the older one is followed by zeros.
    pub fn to_bytes(self) -> [u8; 32] {
        match self {
            Self::Xxh3(chain) => {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&chain.to_le_bytes());
                bytes
            }
            Self::Sha256(bytes) => bytes,
        }
    }

    /// The chain with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let (number, rest) = bytes.split_first_chunk().expect("32 bytes");
        match rest.iter().all(|byte| *byte == 0) {
            true => Self::Xxh3(u64::from_le_bytes(*number)),
            false => Self::Sha256(bytes),
        }
    }
}

fn put_change(bytes: &mut ChainedBytes<CHAINED_BYTES_MAX>, entry: &Entry) {
    bytes.put(&[entry.code()]);
    for number in [entry.change, entry.reserved_change, entry.at_ms] {
        bytes.put_number(number);
    }
}

fn put_ids(bytes: &mut ChainedBytes<CHAINED_BYTES_MAX>, entry: &Entry) {
    bytes.put_text(Some(entry.sku.as_str()));
    bytes.put_text(entry.order_id.as_ref().map(OrderId::as_str));
    bytes.put_text(Some(entry.request_id.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{
        Actor, Cause, Day, IdError, Kind, Lot, Reason, RequestId, Serial, Sku, Trace,
    };

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
        fn text<T>(parse: fn(&str) -> Result<T, IdError>) -> Option<T> {
            parse("x").ok()
        }
        let others = [
            Entry { kind: Kind::Commit, ..entry.clone() },
            Entry { sku: Sku::parse("B").unwrap(), ..entry.clone() },
            Entry { change: -2, ..entry.clone() },
            Entry { reserved_change: -1, ..entry.clone() },
            Entry { order_id: None, ..entry.clone() },
            Entry { request_id: RequestId::parse("r2").unwrap(), ..entry.clone() },
            Entry { at_ms: 8, ..entry.clone() },
            Entry { cause: Cause { actor: text(Actor::parse), reason: None }, ..entry.clone() },
            Entry { cause: Cause { actor: None, reason: text(Reason::parse) }, ..entry.clone() },
            Entry { trace: Trace::of(text(Lot::parse), None, None), ..entry.clone() },
            Entry { trace: Trace::of(None, text(Serial::parse), None), ..entry.clone() },
            Entry { trace: Trace::of(None, None, Day::parse("2027-01-31").ok()), ..entry.clone() },
            Entry { seq: 2, ..entry.clone() },
        ];
        let before = [Chain::Xxh3(5), Chain::Sha256([5; 32])];
        for (before, number) in before.into_iter().zip([others.len() - 6, others.len()]) {
            let chain = before.with(&entry);
            assert_eq!(chain, before.with(&entry));
            for other in &others[..number] {
                assert_ne!(chain, before.with(other), "{other:?}");
            }
        }
        for (one, other) in
            [(Chain::Xxh3(5), Chain::Xxh3(6)), (Chain::Sha256([5; 32]), Chain::Sha256([6; 32]))]
        {
            assert_ne!(one.with(&entry), other.with(&entry), "and so is all that came before it");
        }
    }

    #[test]
    fn a_chain_is_upgraded_once_and_differently_at_every_position() {
        let old = Chain::Xxh3(7);
        let new = old.upgraded(3);
        assert_eq!(new.upgraded(9), new);
        assert!(old.agrees(new, 3) && new.agrees(old, 3));
        assert!(!old.agrees(new, 4) && !Chain::Xxh3(8).agrees(new, 3));
        for chain in [old, new] {
            assert_eq!(Chain::from_bytes(chain.to_bytes()), chain);
        }
    }
}
