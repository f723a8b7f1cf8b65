//! A chunk: consecutive facts of the ledger, encoded into one row.
//!
//! A fact is one decision with the entries it made and what is to be remembered of it, so a
//! deduction is written once and in one place. Rows are appended and never changed: what a
//! commit dirties is the end of one table, whatever the requests are called. Digest and chain
//! are kept once, before the first fact; the ones behind each entry follow from it. A CRC at the
//! end finds what a bad disk makes of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::StoreError;
use crate::stock::{
    Applied, AppliedLine, Chain, Checks, Digest, Entry, Fingerprint, IdError, LedgerRecord,
    OrderId, Posted, RequestId, RequestRecord, Seq, Sku,
};

/// Written before each chunk, so that its layout can change.
const VERSION: u8 = 1;

/// What a chunk holds, unpacked.
#[derive(Debug)]
pub struct LedgerChunk {
    /// The facts, in order.
    pub ledger_records: Vec<LedgerRecord>,
    /// The entries of the facts, in order.
    pub entries: Vec<Posted>,
    /// On hand and reserved after each entry.
    pub figures: Vec<(i64, i64)>,
    /// Progress and checks before the first entry.
    pub base: (Seq, Checks),
}

/// What every fact of a chunk is told relative to.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Head {
    base_seq: Seq,
    digest: [u8; 8],
    chain: [u8; 8],
    base_ms: i64,
}

/// The variants' order is on disk: append only.
#[derive(Serialize, Deserialize)]
enum EncodedRecord<'a> {
    /// A mutation that was applied.
    Applied {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        fingerprint: Fingerprint,
        expires_at_ms: Option<i64>,
        entered: EncodedEntries<'a>,
    },
    /// A reservation that ended by itself, under its name; or a transfer, under the hub's.
    Unasked {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        entered: EncodedEntries<'a>,
    },
    /// A refusal, or what became of an earlier request.
    Remembered {
        #[serde(borrow)]
        request_id: EncodedId<'a>,
        record: RequestRecord,
    },
}

/// Most clients name their requests by random UUIDs: 16 bytes instead of 37.
#[derive(Serialize, Deserialize)]
enum EncodedId<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

/// The entries of one decision.
#[derive(Serialize, Deserialize)]
struct EncodedEntries<'a> {
    /// See [`Entry::code`].
    kind: u8,
    #[serde(borrow)]
    order_id: Option<&'a str>,
    after_base_ms: i64,
    moves: Vec<EncodedLine<'a>>,
}

#[derive(Serialize, Deserialize)]
struct EncodedLine<'a> {
    sku: &'a str,
    quantity: u64,
    change: i64,
    reserved_change: i64,
    on_hand: i64,
    reserved: i64,
}

/// Packs facts one by one until a chunk is full.
pub(super) struct ChunkEncoder {
    bytes: Vec<u8>,
    base_ms: i64,
}

impl ChunkEncoder {
    /// A chunk behind the position and checks of `base`.
    pub(super) fn new((base_seq, checks): (Seq, Checks), base_ms: i64) -> Self {
        let digest = checks.digest.0.to_le_bytes();
        let chain = checks.chain.0.to_le_bytes();
        let head = Head { base_seq, digest, chain, base_ms };
        Self { bytes: append(vec![VERSION], &head), base_ms }
    }

    /// Adds a fact with the entries it made and on hand and reserved after each.
    pub(super) fn add(&mut self, fact: &LedgerRecord, entries: &[Posted], figures: &[(i64, i64)]) {
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = append(bytes, &encode(fact, entries, figures, self.base_ms));
    }

    /// The chunk's size so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The chunk as it is stored.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let crc = crc32fast::hash(&self.bytes);
        self.bytes.extend(crc.to_le_bytes());
        self.bytes
    }
}

fn append(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("plain data always serializes")
}

fn encode<'a>(
    fact: &'a LedgerRecord,
    entries: &'a [Posted],
    figures: &[(i64, i64)],
    base_ms: i64,
) -> EncodedRecord<'a> {
    let request_id = EncodedId::of(&fact.request_id);
    let entered = |lines: &[AppliedLine]| entered(entries, lines, figures, base_ms);
    match (&fact.record, entries) {
        (Some(record), []) => EncodedRecord::Remembered { request_id, record: record.clone() },
        (Some(RequestRecord { outcome: Ok(applied), fingerprint, .. }), _) => {
            EncodedRecord::Applied {
                request_id,
                fingerprint: *fingerprint,
                expires_at_ms: applied.expires_at_ms,
                entered: entered(&applied.lines),
            }
        }
        (None, _) => EncodedRecord::Unasked { request_id, entered: entered(&[]) },
        (Some(RequestRecord { outcome: Err(_), .. }), _) => {
            unreachable!("a refusal enters nothing into the ledger")
        }
    }
}

/// Entries of one decision; `lines` say what quantity was reported for each, if any was.
fn entered<'a>(
    entries: &'a [Posted],
    lines: &[AppliedLine],
    figures: &[(i64, i64)],
    base_ms: i64,
) -> EncodedEntries<'a> {
    let moves =
        entries.iter().zip(figures).enumerate().map(|(index, (posted, figures))| EncodedLine {
            sku: posted.entry.sku.as_str(),
            quantity: lines.get(index).map_or(0, |line| line.quantity),
            change: posted.entry.change,
            reserved_change: posted.entry.reserved_change,
            on_hand: figures.0,
            reserved: figures.1,
        });
    let first =
        &entries.first().expect("a decision that enters nothing is encoded otherwise").entry;
    EncodedEntries {
        kind: first.code(),
        order_id: first.order_id.as_ref().map(OrderId::as_str),
        after_base_ms: first.at_ms.wrapping_sub(base_ms),
        moves: moves.collect(),
    }
}

impl<'a> EncodedId<'a> {
    fn of(id: &'a RequestId) -> Self {
        let text = id.as_str();
        let uuid = if text.len() == Hyphenated::LENGTH { Uuid::try_parse(text).ok() } else { None };
        match uuid {
            // Other spellings of the same UUID are other names.
            Some(uuid) if is_spelled_as(&uuid, text) => Self::Uuid(*uuid.as_bytes()),
            Some(_) | None => Self::Text(text),
        }
    }

    fn decode(&self) -> Result<RequestId, IdError> {
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

impl LedgerChunk {
    /// Unpacks a stored chunk; `n` is its row, for the error.
    ///
    /// # Errors
    /// If the bytes are no chunk, or do not end where it does.
    pub(super) fn decode(n: i64, bytes: &[u8]) -> Result<Self, StoreError> {
        body(bytes).and_then(Self::read).ok_or_else(|| damaged(n))
    }

    /// Reads only what a chunk made of the stock: position, SKU, and on hand and reserved after
    /// each entry. A start goes through many chunks, and needs no more of them.
    ///
    /// # Errors
    /// As [`LedgerChunk::decode`].
    pub(super) fn scan(
        n: i64,
        bytes: &[u8],
        mut take: impl FnMut(Seq, &str, (i64, i64)),
    ) -> Result<(), StoreError> {
        let skimmed = body(bytes).and_then(|bytes| {
            let (head, mut rest) = postcard::take_from_bytes::<Head>(bytes).ok()?;
            let mut seq = head.base_seq;
            while !rest.is_empty() {
                let (encoded, behind) =
                    postcard::take_from_bytes::<EncodedRecord<'_>>(rest).ok()?;
                rest = behind;
                for line in encoded.entered().map_or(&[][..], |entered| &entered.moves) {
                    seq += 1;
                    take(seq, line.sku, (line.on_hand, line.reserved));
                }
            }
            Some(())
        });
        skimmed.ok_or_else(|| damaged(n))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = postcard::take_from_bytes::<Head>(bytes).ok()?;
        let digest = Digest(u64::from_le_bytes(head.digest));
        let chain = Chain(u64::from_le_bytes(head.chain));
        let checks = Checks { digest, chain };
        let base = (head.base_seq, checks);
        let chunk =
            Self { ledger_records: Vec::new(), entries: Vec::new(), figures: Vec::new(), base };
        let mut reader = ChunkDecoder { chunk, seq: head.base_seq, checks, base_ms: head.base_ms };
        while !rest.is_empty() {
            let (encoded, behind) = postcard::take_from_bytes::<EncodedRecord<'_>>(rest).ok()?;
            reader.take(encoded)?;
            rest = behind;
        }
        Some(reader.chunk)
    }

    /// The last entry's position and checks, or those before the chunk.
    pub fn last(&self) -> (Seq, Checks) {
        self.entries.last().map_or(self.base, |posted| (posted.entry.seq, posted.checks))
    }
}

/// What is between version and CRC, if both are right.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let (checked, crc) = bytes.split_last_chunk::<4>()?;
    let (version, body) = checked.split_first()?;
    let is_right = *version == VERSION && crc32fast::hash(checked) == u32::from_le_bytes(*crc);
    is_right.then_some(body)
}

fn damaged(n: i64) -> StoreError {
    StoreError::Damaged(format!("row {n} of the ledger cannot be read"))
}

impl<'a> EncodedRecord<'a> {
    fn entered(&self) -> Option<&EncodedEntries<'a>> {
        match self {
            Self::Applied { entered, .. } | Self::Unasked { entered, .. } => Some(entered),
            Self::Remembered { .. } => None,
        }
    }
}

/// A chunk being read.
struct ChunkDecoder {
    chunk: LedgerChunk,
    seq: Seq,
    checks: Checks,
    base_ms: i64,
}

impl ChunkDecoder {
    fn take(&mut self, encoded: EncodedRecord<'_>) -> Option<()> {
        let (request_id, record, entries) = match encoded {
            EncodedRecord::Applied { request_id, fingerprint, expires_at_ms, entered } => {
                let (kind, _) = Entry::from_code(entered.kind)?;
                let request_id = request_id.decode().ok()?;
                let lines = self.enter(&request_id, &entered)?;
                let entries = lines.len();
                let applied = Applied { seq: self.seq, lines, expires_at_ms };
                let record = RequestRecord {
                    fingerprint,
                    kind,
                    order_id: order_id(&entered)?,
                    outcome: Ok(applied),
                    undone: Vec::new(),
                    closed: None,
                };
                (request_id, Some(record), entries)
            }
            EncodedRecord::Unasked { request_id, entered } => {
                let request_id = request_id.decode().ok()?;
                let entries = self.enter(&request_id, &entered)?.len();
                (request_id, None, entries)
            }
            EncodedRecord::Remembered { request_id, record } => {
                (request_id.decode().ok()?, Some(record), 0)
            }
        };
        self.chunk.ledger_records.push(LedgerRecord { request_id, record, entries });
        Some(())
    }

    fn enter(
        &mut self,
        request_id: &RequestId,
        entered: &EncodedEntries<'_>,
    ) -> Option<Vec<AppliedLine>> {
        let (kind, clock_trusted) = Entry::from_code(entered.kind)?;
        let order_id = order_id(entered)?;
        let at_ms = self.base_ms.wrapping_add(entered.after_base_ms);
        let mut lines = Vec::with_capacity(entered.moves.len());
        for line in &entered.moves {
            self.seq += 1;
            let (sku, change, reserved_change) =
                (Sku::parse(line.sku).ok()?, line.change, line.reserved_change);
            let after = (line.on_hand, line.reserved);
            let before = (after.0.checked_sub(change)?, after.1.checked_sub(reserved_change)?);
            let entry = Entry {
                seq: self.seq,
                kind,
                sku: sku.clone(),
                change,
                reserved_change,
                order_id: order_id.clone(),
                request_id: request_id.clone(),
                at_ms,
                clock_trusted,
            };
            self.checks.digest = self.checks.digest.moved(&sku, before, after);
            self.checks.chain = self.checks.chain.with(&entry);
            self.chunk.entries.push(Posted { entry, checks: self.checks });
            self.chunk.figures.push(after);
            let (on_hand, reserved) = after;
            let quantity = line.quantity;
            lines.push(AppliedLine { sku, quantity, on_hand, reserved, version: self.seq });
        }
        Some(lines)
    }
}

fn order_id(entered: &EncodedEntries<'_>) -> Option<Option<OrderId>> {
    entered.order_id.map(|id| OrderId::parse(id).ok()).map_or(Some(None), |id| id.map(Some))
}
