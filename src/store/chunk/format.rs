//! The layout of a chunk: a version byte, a header, the records in postcard, a CRC-32.
//!
//! Everything here is on disk: fields and variants are appended, never reordered.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::stock::{
    Actor, Cause, Chain, Day, Fingerprint, IdError, Lot, OptionalTrace, Reason, RequestId,
    RequestRecord, Seq, Serial, Trace,
};

/// The first byte of each chunk, so that its layout can change.
pub(super) const VERSION: u8 = 3;
/// The version without causes and traces, and with the older chain.
pub(super) const VERSION_WITHOUT_CAUSE: u8 = 2;
/// The version whose CRC does not cover the columns beside the chunk. Such rows are still read;
/// whether they are in their place shows only in their neighbours.
pub(super) const VERSION_WITHOUT_KEY: u8 = 1;

/// What the row of a chunk holds beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct ChunkKey {
    /// The number of its last record.
    pub(in crate::store) n: i64,
    /// The position of the last entry up to there.
    pub(in crate::store) seq: i64,
}

/// The CRC at the end of a chunk, over its version, its body and its key.
pub(in crate::store) fn crc(checked: &[u8], key: ChunkKey) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(checked);
    if checked.first() != Some(&VERSION_WITHOUT_KEY) {
        crc.update(&key.n.to_le_bytes());
        crc.update(&key.seq.to_le_bytes());
    }
    crc.finalize()
}

/// The header of chunks with the older chain, which is little-endian.
#[derive(Serialize, Deserialize)]
struct ShortHeader {
    base_seq: Seq,
    digest: [u8; 8],
    chain: [u8; 8],
    base_ms: i64,
}

impl Header {
    /// The header at the beginning of a body, and what follows it.
    pub(super) fn take(version: u8, body: &[u8]) -> Option<(Self, &[u8])> {
        if version == VERSION {
            return postcard::take_from_bytes(body).ok();
        }
        let (header, rest) = postcard::take_from_bytes::<ShortHeader>(body).ok()?;
        let ShortHeader { base_seq, digest, chain, base_ms } = header;
        let chain = Chain::Xxh3(u64::from_le_bytes(chain)).to_bytes();
        Some((Self { base_seq, digest, chain, base_ms }, rest))
    }
}

/// What the records of a chunk are encoded relative to.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Header {
    /// The position before the first entry.
    pub(super) base_seq: Seq,
    /// The digest of the stock at `base_seq`, little-endian.
    pub(super) digest: [u8; 8],
    /// The chain of the ledger at `base_seq`.
    pub(super) chain: [u8; 32],
    /// The time that the times of entries are relative to, in milliseconds since 1970.
    pub(super) base_ms: i64,
}

/// One ledger record, or what holds for those that follow.
#[derive(Serialize, Deserialize)]
pub(super) enum EncodedRecord<'a> {
    /// A mutation that was applied.
    Applied {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        fingerprint: Fingerprint,
        expires_at_ms: Option<i64>,
        entries: EncodedEntries<'a>,
    },
    /// Entries that no terminal asked for: an expired reservation, under its request id, or a
    /// transfer, under the hub's.
    Unasked {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        entries: EncodedEntries<'a>,
    },
    /// A record without entries: a refusal, or what happened to an earlier request since.
    Remembered {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        record: RequestRecord,
    },
    /// Who asked for the entries of the records that follow, and why. At the beginning of a chunk
    /// neither is known.
    Cause {
        #[serde(borrow)]
        actor: Option<&'a str>,
        reason: Option<&'a str>,
    },
    /// The traces of the lines of the next record: of its entries, or of the lines of its outcome
    /// and then those that were undone. Without it there are none.
    Traces(#[serde(borrow)] Vec<EncodedTrace<'a>>),
}

/// The trace of a line; nothing in it if it has none.
#[derive(Serialize, Deserialize)]
pub(super) struct EncodedTrace<'a> {
    lot: Option<&'a str>,
    serial: Option<&'a str>,
    /// Days since 1970-01-01.
    expires: Option<i32>,
}

impl<'a> EncodedTrace<'a> {
    pub(super) fn of(trace: &'a OptionalTrace) -> Self {
        let trace = trace.as_deref();
        Self {
            lot: trace.and_then(|trace| trace.lot.as_ref()).map(Lot::as_str),
            serial: trace.and_then(|trace| trace.serial.as_ref()).map(Serial::as_str),
            expires: trace.and_then(|trace| trace.expires).map(Day::number),
        }
    }

    /// `None` if it cannot be decoded.
    pub(super) fn decode(&self) -> Option<OptionalTrace> {
        let lot = self.lot.map(Lot::parse).transpose().ok()?;
        let serial = self.serial.map(Serial::parse).transpose().ok()?;
        Some(Trace::of(lot, serial, self.expires.map(Day::try_from).transpose().ok()?))
    }
}

impl<'a> EncodedRecord<'a> {
    pub(super) fn of_cause(cause: &'a Cause) -> Self {
        Self::Cause {
            actor: cause.actor.as_ref().map(Actor::as_str),
            reason: cause.reason.as_ref().map(Reason::as_str),
        }
    }

    /// Whether it is a record.
    pub(super) fn is_record(&self) -> bool {
        match self {
            Self::Applied { .. } | Self::Unasked { .. } | Self::Remembered { .. } => true,
            Self::Cause { .. } | Self::Traces(_) => false,
        }
    }
}

/// A cause that was encoded; `None` if it cannot be decoded.
pub(super) fn decode_cause(actor: Option<&str>, reason: Option<&str>) -> Option<Cause> {
    Some(Cause {
        actor: actor.map(Actor::parse).transpose().ok()?,
        reason: reason.map(Reason::parse).transpose().ok()?,
    })
}

/// A request id. Most clients choose random UUIDs, which take 16 bytes instead of 37.
#[derive(Serialize, Deserialize)]
pub(super) enum EncodedId<'a> {
    /// A hyphenated UUID in lower case.
    Uuid([u8; 16]),
    Text(&'a str),
}

/// The entries of one decision.
#[derive(Serialize, Deserialize)]
pub(super) struct EncodedEntries<'a> {
    /// See [`crate::stock::Entry::code`].
    pub(super) kind: u8,
    #[serde(borrow)]
    pub(super) order_id: Option<&'a str>,
    /// Milliseconds after [`Header::base_ms`].
    pub(super) after_base_ms: i64,
    pub(super) lines: SmallVec<[EncodedLine<'a>; 1]>,
}

/// One entry.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct EncodedLine<'a> {
    pub(in crate::store) sku: &'a str,
    /// The quantity of the outcome's line; 0 if the outcome has none.
    pub(in crate::store) quantity: u64,
    pub(in crate::store) change: i64,
    pub(in crate::store) reserved_change: i64,
    /// On hand after the entry.
    pub(in crate::store) on_hand: i64,
    /// Reserved after the entry.
    pub(in crate::store) reserved: i64,
}

impl<'a> EncodedRecord<'a> {
    pub(super) fn entries(&self) -> Option<&EncodedEntries<'a>> {
        match self {
            Self::Applied { entries, .. } | Self::Unasked { entries, .. } => Some(entries),
            Self::Remembered { .. } | Self::Cause { .. } | Self::Traces(_) => None,
        }
    }
}

impl<'a> EncodedId<'a> {
    pub(super) fn of(id: &'a RequestId) -> Self {
        let text = id.as_str();
        let uuid = if text.len() == Hyphenated::LENGTH { Uuid::try_parse(text).ok() } else { None };
        match uuid {
            // A UUID in upper case is another request id, so it must come back as it was.
            Some(uuid) if is_spelled_as(&uuid, text) => Self::Uuid(*uuid.as_bytes()),
            Some(_) | None => Self::Text(text),
        }
    }

    pub(super) fn decode(&self) -> Result<RequestId, IdError> {
        match self {
            Self::Uuid(bytes) => {
                let mut buffer = Uuid::encode_buffer();
                RequestId::parse(Uuid::from_bytes(*bytes).hyphenated().encode_lower(&mut buffer))
            }
            Self::Text(text) => RequestId::parse(text),
        }
    }
}

fn is_spelled_as(uuid: &Uuid, text: &str) -> bool {
    uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text
}
