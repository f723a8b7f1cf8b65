//! Decoding of a chunk, in full or only what it made of the stock.

use super::format::{
    ChunkKey, EncodedEntries, EncodedLine, EncodedRecord, EncodedTrace, Header, VERSION,
    VERSION_WITHOUT_CAUSE, VERSION_WITHOUT_KEY, crc, decode_cause,
};
use crate::limits::RECORD_NUMBER_MAX;
use crate::stock::{
    Applied, AppliedLine, AppliedLines, Cause, Chain, Checks, Digest, Entry, Kind, LedgerRecord,
    OptionalTrace, OrderId, Posted, RequestId, RequestKind, RequestRecord, Seq, Sku,
};
use crate::store::error::StoreError;

/// What a chunk holds, decoded.
#[derive(Debug)]
pub struct LedgerChunk {
    /// The ledger records, in order.
    pub ledger_records: Vec<LedgerRecord>,
    /// The entries of all records, in order.
    pub entries: Vec<Posted>,
    /// On hand and reserved after each entry.
    pub figures: Vec<(i64, i64)>,
    /// Position and checks before the first entry.
    pub base: (Seq, Checks),
}

impl LedgerChunk {
    /// Decodes the blob of a row.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the CRC or the version is wrong, the blob does not decode, or it
    /// cannot be in this place.
    pub(in crate::store) fn decode(key: ChunkKey, blob: &[u8]) -> Result<Self, StoreError> {
        let chunk = body(key, blob).and_then(|(version, body)| Self::decode_body(version, body));
        let chunk = chunk.filter(|chunk| {
            let (records, seq) = (chunk.ledger_records.len(), chunk.last().0);
            ChunkSpan::new(key, records, chunk.base.0, seq).is_some()
        });
        chunk.ok_or_else(|| damaged(key))
    }

    /// Whether the CRC of a blob is right, and it decodes.
    pub(in crate::store) fn passes(key: ChunkKey, blob: &[u8]) -> bool {
        body(key, blob).is_some() && Self::decode(key, blob).is_ok()
    }

    /// Calls `visit` with the position and the line of each entry.
    /// A start goes through many chunks and needs nothing else of them.
    ///
    /// # Errors
    /// As [`LedgerChunk::decode`].
    pub(in crate::store) fn visit_stock(
        key: ChunkKey,
        blob: &[u8],
        mut visit: impl FnMut(Seq, &EncodedLine<'_>),
    ) -> Result<ChunkSpan, StoreError> {
        let visited = body(key, blob).and_then(|(version, body)| {
            let (header, mut rest) = Header::take(version, body)?;
            let (mut seq, mut records) = (header.base_seq, 0);
            while !rest.is_empty() {
                let (record, after) = postcard::take_from_bytes::<EncodedRecord<'_>>(rest).ok()?;
                rest = after;
                records += usize::from(record.is_record());
                for line in record.entries().map_or(&[][..], |entries| &entries.lines) {
                    seq += 1;
                    visit(seq, line);
                }
            }
            ChunkSpan::new(key, records, header.base_seq, seq)
        });
        visited.ok_or_else(|| damaged(key))
    }

    fn decode_body(version: u8, body: &[u8]) -> Option<Self> {
        let (header, mut rest) = Header::take(version, body)?;
        let mut decoder = ChunkDecoder::new(version, header);
        while !rest.is_empty() {
            let (record, after) = postcard::take_from_bytes::<EncodedRecord<'_>>(rest).ok()?;
            decoder.add(record)?;
            rest = after;
        }
        // Traces without a record are not an encoder's work.
        decoder.traces.is_empty().then_some(decoder.chunk)
    }

    /// Position and checks after the last entry, or those before the chunk if it has none.
    pub fn last(&self) -> (Seq, Checks) {
        self.entries.last().map_or(self.base, |posted| (posted.entry.seq, posted.checks))
    }
}

/// The place of a chunk in the ledger.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct ChunkSpan {
    /// The number of its first record.
    pub(in crate::store) first: i64,
    /// The position before its first entry.
    pub(in crate::store) base_seq: Seq,
}

impl ChunkSpan {
    /// The place of a chunk with this content; `None` if it contradicts the key.
    fn new(key: ChunkKey, records: usize, base_seq: Seq, seq: Seq) -> Option<Self> {
        let first = key.n.checked_sub(i64::try_from(records).ok()?)? + 1;
        let fits = records > 0 && first > 0 && key.n <= RECORD_NUMBER_MAX;
        (fits && u64::try_from(key.seq) == Ok(seq)).then_some(Self { first, base_seq })
    }
}

/// The version, and what lies between it and the CRC, if both are right.
fn body(key: ChunkKey, blob: &[u8]) -> Option<(u8, &[u8])> {
    let (checked, found) = blob.split_last_chunk::<4>()?;
    let (version, body) = checked.split_first()?;
    let is_known = [VERSION, VERSION_WITHOUT_CAUSE, VERSION_WITHOUT_KEY].contains(version);
    (is_known && crc(checked, key) == u32::from_le_bytes(*found)).then_some((*version, body))
}

fn damaged(ChunkKey { n, .. }: ChunkKey) -> StoreError {
    StoreError::Damaged(format!("row {n} of the ledger cannot be read"))
}

/// A chunk while it is decoded, and the position and checks after its last entry so far.
struct ChunkDecoder {
    chunk: LedgerChunk,
    seq: Seq,
    checks: Checks,
    base_ms: i64,
    /// Whether its entries continue the newer chain; the chain before them may be the older one.
    has_newer_chain: bool,
    /// The cause of the entries that follow.
    cause: Cause,
    /// The traces of the next record's lines.
    traces: Vec<OptionalTrace>,
}

/// What the entries of one record have in common.
struct Decision<'a> {
    kind: Kind,
    clock_trusted: bool,
    order_id: Option<OrderId>,
    request_id: &'a RequestId,
    at_ms: i64,
}

impl ChunkDecoder {
    fn new(version: u8, header: Header) -> Self {
        let digest = Digest(u64::from_le_bytes(header.digest));
        let chain = Chain::from_bytes(header.chain);
        let checks = Checks { digest, chain };
        let base = (header.base_seq, checks);
        let chunk = LedgerChunk {
            ledger_records: Vec::new(),
            entries: Vec::new(),
            figures: Vec::new(),
            base,
        };
        let Header { base_seq: seq, base_ms, .. } = header;
        let has_newer_chain = version == VERSION;
        let (cause, traces) = (Cause::default(), Vec::new());
        Self { chunk, seq, checks, base_ms, has_newer_chain, cause, traces }
    }

    fn add(&mut self, encoded: EncodedRecord<'_>) -> Option<()> {
        let (request_id, record, entries) = match encoded {
            EncodedRecord::Applied { request_id, fingerprint, expires_at_ms, entries } => {
                let (kind, _) = Entry::from_code(entries.kind)?;
                let request_id = request_id.decode().ok()?;
                let lines = self.add_entries(&request_id, &entries)?;
                let count = lines.len();
                let applied = Applied { seq: self.seq, lines, expires_at_ms };
                let record = RequestRecord {
                    fingerprint,
                    kind: RequestKind::of_entries(kind)?,
                    order_id: order_id(&entries)?,
                    outcome: Ok(applied),
                    undone: Vec::new(),
                    state: None,
                };
                (request_id, Some(record), count)
            }
            EncodedRecord::Unasked { request_id, entries } => {
                let request_id = request_id.decode().ok()?;
                let count = self.add_entries(&request_id, &entries)?.len();
                (request_id, None, count)
            }
            EncodedRecord::Remembered { request_id, mut record } => {
                self.give_traces(&mut record)?;
                (request_id.decode().ok()?, Some(record), 0)
            }
            EncodedRecord::Cause { actor, reason } => {
                self.cause = decode_cause(actor, reason)?;
                return Some(());
            }
            EncodedRecord::Traces(traces) => {
                self.traces = traces.iter().map(EncodedTrace::decode).collect::<Option<_>>()?;
                return Some(());
            }
        };
        self.chunk.ledger_records.push(LedgerRecord { request_id, record, entries });
        Some(())
    }

    /// Gives the lines of a record without entries their traces.
    fn give_traces(&mut self, record: &mut RequestRecord) -> Option<()> {
        let outcome = record.outcome.as_mut().ok();
        let of_outcome = outcome.into_iter().flat_map(|applied| &mut applied.lines);
        let undone = record.undone.iter_mut().map(|line| &mut line.trace);
        let lines: Vec<_> = of_outcome.map(|line| &mut line.trace).chain(undone).collect();
        let traces = self.next_traces(lines.len())?;
        lines.into_iter().zip(traces).for_each(|(line, trace)| *line = trace);
        Some(())
    }

    /// The traces of so many lines.
    fn next_traces(&mut self, lines: usize) -> Option<Vec<OptionalTrace>> {
        match std::mem::take(&mut self.traces) {
            traces if traces.is_empty() => Some(vec![None; lines]),
            traces => (traces.len() == lines).then_some(traces),
        }
    }

    /// Adds the entries of one record. Returns the stock after each, as lines of an outcome.
    fn add_entries(
        &mut self,
        request_id: &RequestId,
        encoded: &EncodedEntries<'_>,
    ) -> Option<AppliedLines> {
        let (kind, clock_trusted) = Entry::from_code(encoded.kind)?;
        let at_ms = self.base_ms.wrapping_add(encoded.after_base_ms);
        let order_id = order_id(encoded)?;
        let decision = Decision { kind, clock_trusted, order_id, request_id, at_ms };
        let traces = self.next_traces(encoded.lines.len())?;
        let lines = encoded.lines.iter().zip(traces);
        lines.map(|(line, trace)| self.add_entry(&decision, line, trace)).collect()
    }

    fn add_entry(
        &mut self,
        decision: &Decision<'_>,
        line: &EncodedLine<'_>,
        trace: OptionalTrace,
    ) -> Option<AppliedLine> {
        self.seq += 1;
        let sku = Sku::parse(line.sku).ok()?;
        let EncodedLine { change, reserved_change, on_hand, reserved, quantity, .. } = *line;
        let before = (on_hand.checked_sub(change)?, reserved.checked_sub(reserved_change)?);
        let entry = Entry {
            seq: self.seq,
            kind: decision.kind,
            sku: sku.clone(),
            change,
            reserved_change,
            order_id: decision.order_id.clone(),
            request_id: decision.request_id.clone(),
            at_ms: decision.at_ms,
            clock_trusted: decision.clock_trusted,
            cause: self.cause.clone(),
            trace: trace.clone(),
        };
        self.checks.digest = self.checks.digest.moved(&sku, before, (on_hand, reserved));
        if self.has_newer_chain {
            self.checks.chain = self.checks.chain.upgraded(self.seq - 1);
        }
        self.checks.chain = self.checks.chain.with(&entry);
        self.chunk.entries.push(Posted { entry, checks: self.checks });
        self.chunk.figures.push((on_hand, reserved));
        let version = self.seq;
        Some(AppliedLine { sku, quantity, on_hand, reserved, version, change, trace })
    }
}

/// The order of a record: `None` if its id does not parse, `Some(None)` if it has none.
fn order_id(entries: &EncodedEntries<'_>) -> Option<Option<OrderId>> {
    entries.order_id.map(|id| OrderId::parse(id).ok()).map_or(Some(None), |id| id.map(Some))
}
