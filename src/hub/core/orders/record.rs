//! What the books remember of an order beside its outcome, and an open reservation, as they are
//! stored. The forms of the stock engine leave out what a gateway's ledger holds anyway: traces, and
//! the changes of on hand.

use serde::{Deserialize, Serialize};

use crate::hub::core::records::{AppliedRequest, DecidedRequest, PoolLine};
use crate::stock::{
    Actor, Applied, AppliedLine, Fingerprint, Hold, Line, OptionalTrace, OrderId, Outcome,
    RequestKind, RequestRecord, ReservationState,
};

/// The record of an order. The order of the fields is that of the stored bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredRecord {
    fingerprint: Fingerprint,
    kind: RequestKind,
    order_id: Option<OrderId>,
    outcome: Outcome,
    /// For each line of the outcome, the change of the pool, and which goods they were.
    changes: Vec<(i64, OptionalTrace)>,
    undone: Vec<(Line, OptionalTrace)>,
    state: Option<ReservationState>,
}

impl From<&RequestRecord> for StoredRecord {
    fn from(record: &RequestRecord) -> Self {
        let lines = record.outcome.iter().flat_map(|applied| &applied.lines);
        Self {
            fingerprint: record.fingerprint,
            kind: record.kind,
            order_id: record.order_id.clone(),
            outcome: record.outcome.clone(),
            changes: lines.map(|line| (line.change, line.trace.clone())).collect(),
            undone: traced(&record.undone),
            state: record.state.clone(),
        }
    }
}

impl From<StoredRecord> for RequestRecord {
    fn from(stored: StoredRecord) -> Self {
        let mut outcome = stored.outcome;
        let lines = outcome.iter_mut().flat_map(|applied| &mut applied.lines);
        for (line, (change, trace)) in lines.zip(stored.changes) {
            (line.change, line.trace) = (change, trace);
        }
        Self {
            fingerprint: stored.fingerprint,
            kind: stored.kind,
            order_id: stored.order_id,
            outcome,
            undone: untraced(stored.undone),
            state: stored.state,
        }
    }
}

/// An open reservation. The order of the fields is that of the stored bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredHold {
    lines: Vec<(Line, OptionalTrace)>,
}

impl StoredHold {
    /// The lines of a reservation, as they are stored.
    pub fn of(hold: &Hold) -> Self {
        Self { lines: traced(&hold.lines) }
    }

    /// The reservation with what is stored beside its lines.
    pub fn into_hold(
        self,
        order_id: Option<OrderId>,
        deadline_ms: u64,
        actor: Option<Actor>,
    ) -> Hold {
        Hold { order_id, lines: untraced(self.lines), deadline_ms, actor }
    }
}

fn traced(lines: &[Line]) -> Vec<(Line, OptionalTrace)> {
    lines.iter().map(|line| (line.clone(), line.trace.clone())).collect()
}

fn untraced(lines: Vec<(Line, OptionalTrace)>) -> Vec<Line> {
    lines.into_iter().map(|(line, trace)| Line { trace, ..line }).collect()
}

impl DecidedRequest {
    /// The record of an order; `None` of a grant or recall. What earlier programs have decided has
    /// no traces and no order id.
    pub(super) fn into_record(self) -> Option<RequestRecord> {
        if self.record.is_some() {
            return self.record;
        }
        let (kind, sign) = match self.operation.as_str() {
            "deduct" => (RequestKind::Deduct, -1),
            "receipt" => (RequestKind::Restock, 1),
            _ => return None,
        };
        Some(RequestRecord {
            fingerprint: self.fingerprint,
            kind,
            order_id: None,
            outcome: self.outcome.map(|applied| applied.into_applied(sign)),
            undone: Vec::new(),
            state: None,
        })
    }
}

impl AppliedRequest {
    fn into_applied(self, sign: i64) -> Applied {
        let line = |line: PoolLine| AppliedLine {
            sku: line.sku,
            quantity: line.quantity,
            on_hand: line.unallotted,
            reserved: 0,
            version: 0,
            change: sign * i64::try_from(line.quantity).unwrap_or(i64::MAX),
            trace: None,
        };
        let lines = self.lines.into_iter().map(line).collect();
        Applied { seq: self.seq, lines, expires_at_ms: None }
    }
}
