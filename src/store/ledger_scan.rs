//! What the whole ledger says of stock and reservations, for a start that finds their tables
//! damaged.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::chunk::LedgerChunk;
use super::error::StoreError;
use super::ledger::for_each_blob;
use crate::limits::RESERVATION_TTL_S_MAX;
use crate::stock::{
    Action, Actor, Command, Entry, Hold, Item, Kind, LedgerRecord, Posted, RequestId, RequestKind,
    RequestRecord, Seq, Sku,
};

/// The stock of a SKU after its last entry in the ledger.
pub(super) struct LastStock {
    pub(super) item: Item,
    /// Whether the stock table must have had a row of it.
    pub(super) had_row: bool,
    /// The position of the last entry that hid it.
    hidden_at: Option<Seq>,
}

impl LastStock {
    /// Whether its last entry hid it.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden_at == Some(self.item.version)
    }
}

/// The stock of each SKU that has entries in the ledger. The stock table is complete up to
/// `checkpoint_seq`.
pub(super) fn last_stock(
    db: &Connection,
    checkpoint_seq: Seq,
) -> Result<BTreeMap<Sku, LastStock>, StoreError> {
    let mut found: BTreeMap<Sku, LastStock> = BTreeMap::new();
    for_each_blob(db, 0, |key, blob| {
        let mut may_hide = false;
        let visited = LedgerChunk::visit_stock(key, blob, |version, line| {
            may_hide |= (line.on_hand, line.change, line.reserved_change) == (0, 0, 0);
            let item = Item { on_hand: line.on_hand, reserved: line.reserved, version };
            let had_stock = (line.on_hand, line.reserved) != (line.change, line.reserved_change);
            match found.get_mut(line.sku) {
                Some(last) => last.item = item,
                None => {
                    let had_row = had_stock || version <= checkpoint_seq;
                    if let Ok(sku) = Sku::parse(line.sku) {
                        found.insert(sku, LastStock { item, had_row, hidden_at: None });
                    }
                }
            }
        });
        if visited.is_err() {
            // What it says of earlier rows may be outdated.
            found.clear();
        }
        if let Some(chunk) = may_hide.then(|| LedgerChunk::decode(key, blob).ok()).flatten() {
            for (sku, seq) in hidden_by(&chunk) {
                if let Some(last) = found.get_mut(sku) {
                    // The row of a hidden SKU is written at once.
                    (last.had_row, last.hidden_at) = (true, Some(seq));
                }
            }
        }
        Ok(true)
    })?;
    Ok(found)
}

/// The SKUs that a chunk hides, each with the position of the entry. It is a count of nothing, told
/// from others by the fingerprint of its request.
fn hidden_by(chunk: &LedgerChunk) -> Vec<(&Sku, Seq)> {
    let mut entries = chunk.entries.iter();
    let mut hidden = Vec::new();
    for record in &chunk.ledger_records {
        let its = entries.by_ref().take(record.entries);
        let last = its.last().map(|posted| &posted.entry).filter(|entry| hides(record, entry));
        hidden.extend(last.map(|entry| (&entry.sku, entry.seq)));
    }
    hidden
}

fn hides(record: &LedgerRecord, entry: &Entry) -> bool {
    let action = Action::Hide { sku: entry.sku.clone() };
    let hide = Command::chosen(record.request_id.clone(), action);
    let hide = Command { cause: entry.cause.clone(), ..hide };
    record.record.as_ref().is_some_and(|record| hide.has_fingerprint(record.fingerprint))
}

/// A reservation that is open, and the number of the record of its request.
pub(super) struct OpenReservation {
    pub(super) n: i64,
    record: RequestRecord,
    /// Who made it; not known once the record was carried forward.
    actor: Option<Actor>,
}

impl OpenReservation {
    /// The reservation. Its deadline is not in the ledger: what was left of its lifetime at the
    /// last entry, which was decided at `last_ms`, begins at this running time.
    pub(super) fn hold(&self, last_ms: i64, running_ms: u64) -> Option<Hold> {
        let (lines, expires_at_ms) = self.record.still_reserved()?;
        let left_ms = expires_at_ms.unwrap_or(last_ms).saturating_sub(last_ms).max(0);
        let left_ms = left_ms.unsigned_abs().min(RESERVATION_TTL_S_MAX * 1_000);
        let (order_id, deadline_ms) = (self.record.order_id.clone(), running_ms + left_ms);
        Some(Hold { order_id, lines, deadline_ms, actor: self.actor.clone() })
    }
}

/// The reservations that are open by the ledger, and the time of its last entry. Pruning keeps the
/// records of all.
pub(super) fn open_reservations(
    db: &Connection,
) -> Result<(BTreeMap<RequestId, OpenReservation>, i64), StoreError> {
    let (mut open, mut last_ms) = (BTreeMap::new(), 0);
    for_each_blob(db, 0, |key, blob| {
        let Ok(chunk) = LedgerChunk::decode(key, blob) else { return Ok(true) };
        let mut entries = chunk.entries.iter();
        let first = key.n + 1 - i64::try_from(chunk.ledger_records.len()).unwrap_or(0);
        for (record, n) in chunk.ledger_records.into_iter().zip(first..) {
            let its: Vec<&Posted> = entries.by_ref().take(record.entries).collect();
            last_ms = its.last().map_or(last_ms, |posted| posted.entry.at_ms);
            follow(&mut open, n, record, its.first().map(|posted| &posted.entry));
        }
        Ok(true)
    })?;
    Ok((open, last_ms))
}

fn follow(
    open: &mut BTreeMap<RequestId, OpenReservation>,
    n: i64,
    LedgerRecord { request_id, record, .. }: LedgerRecord,
    first: Option<&Entry>,
) {
    let kind = first.map(|entry| entry.kind);
    match record {
        Some(record) if record.kind == RequestKind::Reserve && record.outcome.is_ok() => {
            if record.is_open_reservation() {
                let before = || open.get(&request_id).and_then(|open| open.actor.clone());
                let actor = first.and_then(|entry| entry.cause.actor.clone()).or_else(before);
                open.insert(request_id, OpenReservation { n, record, actor });
            } else {
                open.remove(&request_id);
            }
        }
        None if kind == Some(Kind::Expire) => drop(open.remove(&request_id)),
        Some(_) | None => {}
    }
}
