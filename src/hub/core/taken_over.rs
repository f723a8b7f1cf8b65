//! The requests of transfers that were taken over from a ledger.
//!
//! Books that were put back do not know that they were decided. They are remembered, so that a
//! repetition does not make one a second time. What a device has written into its ledger is all that
//! is known of them, so they stand apart from the ids of requests: only a grant or recall of the same
//! gateway, with lines that may have led to this, is a repetition. To any other request the id is new.

use std::collections::BTreeMap;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::books::Books;
use super::central_request::CentralRequest;
use super::movement::MovementKind;
use super::records::{AppliedRequest, Book, DecidedRequest, Pool, PoolLine};
use crate::protocol::topic::GatewayId;
use crate::stock::{RequestId, Sku, totals};

/// A line of a grant or recall that was booked as the ledger has it.
pub(super) struct TakenOver {
    pub(super) request_id: RequestId,
    pub(super) kind: MovementKind,
    pub(super) sku: Sku,
    pub(super) quantity: u64,
}

/// Remembers the requests of transfers that were taken over, as far as the ledger shows them.
pub(super) fn remember<B: Books>(
    books: &mut B,
    book: &Book,
    lines: &[TakenOver],
) -> Result<(), B::Error> {
    for TakenOver { request_id, kind, sku, quantity } in lines {
        // The hub names none of its own requests a second time.
        if is_of_hub(request_id, book.cursor.epoch) {
            continue;
        }
        let Pool { unallotted, in_transit, .. } = books.pool(sku)?;
        let (sku, quantity) = (sku.clone(), *quantity);
        let line = PoolLine { sku, quantity, unallotted, in_transit };
        let operation = kind.as_str();
        let place = place(request_id, operation, &book.gateway);
        match books.decided_request(&place)? {
            None => {
                let seq = books.next_request_number()?;
                let applied = AppliedRequest { seq, lines: vec![line] };
                books.save_request(&place, &DecidedRequest::taken_over(operation, applied))?;
            }
            Some(mut known) => {
                if let Ok(applied) = &mut known.outcome {
                    applied.lines.push(line);
                    books.update_request(&place, &known)?;
                }
            }
        }
    }
    Ok(())
}

/// What is remembered of a request as taken over, if this one may repeat it.
pub(super) fn find<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    request: &CentralRequest,
) -> Result<Option<DecidedRequest>, B::Error> {
    let (CentralRequest::Grant { gateway, .. } | CentralRequest::Recall { gateway, .. }) = request
    else {
        return Ok(None);
    };
    let found = books.decided_request(&place(request_id, request.operation(), gateway))?;
    Ok(found.filter(|found| found.may_be_of(request)))
}

/// The name under which a request is remembered. A gateway that makes up request ids finds none but
/// its own.
fn place(request_id: &RequestId, operation: &str, gateway: &GatewayId) -> RequestId {
    let of = format!("{operation}/{}/{}/{request_id}", gateway.site, gateway.gateway);
    let name = format!("taken-over:{:032x}", xxh3_128(of.as_bytes()));
    RequestId::parse(&name).expect("short and plain")
}

impl DecidedRequest {
    /// The hash of a request of which only what it has led to is known.
    const UNKNOWN: u64 = u64::MAX;

    /// A request that the books have lost, and that was taken over from a ledger.
    fn taken_over(operation: &str, applied: AppliedRequest) -> Self {
        let (operation, outcome) = (operation.into(), Ok(applied));
        Self {
            fingerprint: Self::UNKNOWN,
            operation,
            outcome,
            record: None,
            elsewhere: None,
            maker: None,
        }
    }

    /// Whether it was taken over, and a request of this operation may have led to it: a grant gives
    /// what it says, a recall that or less.
    pub(super) fn may_be_of(&self, request: &CentralRequest) -> bool {
        let (Self::UNKNOWN, Ok(applied)) = (self.fingerprint, &self.outcome) else { return false };
        let mut moved: BTreeMap<&Sku, u64> = BTreeMap::new();
        for PoolLine { sku, quantity, .. } in &applied.lines {
            let units = moved.entry(sku).or_default();
            *units = units.saturating_add(*quantity);
        }
        let asked = totals(request.lines());
        let asked: BTreeMap<&Sku, u64> =
            asked.iter().map(|line| (&line.sku, line.quantity.units().unsigned_abs())).collect();
        match request {
            CentralRequest::Recall { .. } => {
                moved.iter().all(|(sku, units)| asked.get(sku).is_some_and(|asked| units <= asked))
            }
            CentralRequest::Receive { .. }
            | CentralRequest::Deduct { .. }
            | CentralRequest::Grant { .. }
            | CentralRequest::Order { .. } => moved == asked,
        }
    }
}

/// Whether the hub has made a request by itself, for this database.
fn is_of_hub(request_id: &RequestId, epoch: Uuid) -> bool {
    request_id.as_str().contains(&format!(":{}:", epoch.simple()))
}
