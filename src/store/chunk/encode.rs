//! Encoding of ledger records into a chunk.

use serde::Serialize;

use super::format::{
    ChunkKey, EncodedEntries, EncodedId, EncodedLine, EncodedRecord, EncodedTrace, Header, VERSION,
    crc,
};
use crate::stock::{
    AppliedLine, Cause, Checks, LedgerRecord, OptionalTrace, OrderId, Posted, RequestRecord, Seq,
};

/// Encodes records one by one. The caller decides when the chunk is full.
pub(in crate::store) struct ChunkEncoder {
    bytes: Vec<u8>,
    base_ms: i64,
    /// The cause that the next entries have unless another is encoded.
    cause: Cause,
}

impl ChunkEncoder {
    /// Begins a chunk after the position and checks of `base`. The times of entries are encoded
    /// relative to `base_ms`.
    pub(in crate::store) fn new((base_seq, checks): (Seq, Checks), base_ms: i64) -> Self {
        let digest = checks.digest.0.to_le_bytes();
        let chain = checks.chain.to_bytes();
        let header = Header { base_seq, digest, chain, base_ms };
        Self { bytes: append(vec![VERSION], &header), base_ms, cause: Cause::default() }
    }

    /// Adds a record with its entries, and with on hand and reserved after each of them.
    pub(in crate::store) fn add(
        &mut self,
        record: &LedgerRecord,
        entries: &[Posted],
        figures: &[(i64, i64)],
    ) {
        let cause = entries.first().map(|posted| &posted.entry.cause);
        if let Some(cause) = cause.filter(|cause| **cause != self.cause) {
            self.append(&EncodedRecord::of_cause(cause));
            self.cause = cause.clone();
        }
        if traces(record, entries).any(Option::is_some) {
            let traces = traces(record, entries).map(EncodedTrace::of).collect();
            self.append(&EncodedRecord::Traces(traces));
        }
        self.append(&encode(record, entries, figures, self.base_ms));
    }

    fn append(&mut self, value: &impl Serialize) {
        self.bytes = append(std::mem::take(&mut self.bytes), value);
    }

    /// The size of the chunk so far, in bytes.
    pub(in crate::store) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Completes the blob, which gets this place.
    pub(in crate::store) fn finish(mut self, key: ChunkKey) -> Vec<u8> {
        let crc = crc(&self.bytes, key);
        self.bytes.extend(crc.to_le_bytes());
        self.bytes
    }
}

fn append(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("plain data always serializes")
}

/// The traces of a record's lines, in their order.
fn traces<'a>(
    record: &'a LedgerRecord,
    entries: &'a [Posted],
) -> impl Iterator<Item = &'a OptionalTrace> {
    let remembered = record.record.as_ref().filter(|_| entries.is_empty());
    let outcome = remembered.and_then(|record| record.outcome.as_ref().ok());
    let of_outcome = outcome.into_iter().flat_map(|applied| &applied.lines);
    let undone = remembered.into_iter().flat_map(|record| &record.undone);
    let of_record = of_outcome.map(|line| &line.trace).chain(undone.map(|line| &line.trace));
    entries.iter().map(|posted| &posted.entry.trace).chain(of_record)
}

fn encode<'a>(
    record: &'a LedgerRecord,
    entries: &'a [Posted],
    figures: &[(i64, i64)],
    base_ms: i64,
) -> EncodedRecord<'a> {
    let request_id = EncodedId::of(&record.request_id);
    let encoded = |lines: &[AppliedLine]| encode_entries(entries, lines, figures, base_ms);
    match (&record.record, entries) {
        (Some(record), []) => EncodedRecord::Remembered { request_id, record: record.clone() },
        (Some(RequestRecord { outcome: Ok(applied), fingerprint, .. }), _) => {
            EncodedRecord::Applied {
                request_id,
                fingerprint: *fingerprint,
                expires_at_ms: applied.expires_at_ms,
                entries: encoded(&applied.lines),
            }
        }
        (None, _) => EncodedRecord::Unasked { request_id, entries: encoded(&[]) },
        (Some(RequestRecord { outcome: Err(_), .. }), _) => {
            unreachable!("a refusal makes no entries")
        }
    }
}

/// Encodes the entries of one decision. `lines` are those of the outcome, if it has any.
fn encode_entries<'a>(
    entries: &'a [Posted],
    lines: &[AppliedLine],
    figures: &[(i64, i64)],
    base_ms: i64,
) -> EncodedEntries<'a> {
    let encoded = entries.iter().zip(figures).enumerate().map(|(index, (posted, figures))| {
        let (on_hand, reserved) = *figures;
        EncodedLine {
            sku: posted.entry.sku.as_str(),
            quantity: lines.get(index).map_or(0, |line| line.quantity),
            change: posted.entry.change,
            reserved_change: posted.entry.reserved_change,
            on_hand,
            reserved,
        }
    });
    let first = &entries.first().expect("a record without entries is encoded otherwise").entry;
    EncodedEntries {
        kind: first.code(),
        order_id: first.order_id.as_ref().map(OrderId::as_str),
        after_base_ms: first.at_ms.wrapping_sub(base_ms),
        lines: encoded.collect(),
    }
}
