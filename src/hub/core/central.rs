//! Central requests: what clients ask of the hub itself. Receipts, deductions from the pool, grants
//! and recalls.
//!
//! Each is decided once under its request id, as at a gateway: the same request gets the same
//! outcome again, a refusal too. Another request under the same id is a conflict.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::books::Books;
use super::policy;
use super::records::{AppliedRequest, Book, DecidedRequest, Pool, PoolLine};
use super::transfer::issue;
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Line, OrderId, Refusal, RequestId, Sku};

/// A central request. The order of the variants is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CentralRequest {
    /// Goods arrive in the pool.
    Receive {
        /// The purchase order.
        order_id: Option<OrderId>,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Goods leave the pool for a customer.
    Deduct {
        /// The customer's order.
        order_id: Option<OrderId>,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Units go from the pool to a gateway.
    Grant {
        /// The gateway that gets them.
        gateway: GatewayId,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Units come back from a gateway, as far as they are available there.
    Recall {
        /// The gateway that gives them.
        gateway: GatewayId,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
}

impl CentralRequest {
    /// The name of the operation, for error messages and stored requests.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Receive { .. } => "receipt",
            Self::Deduct { .. } => "deduct",
            Self::Grant { .. } => "grant",
            Self::Recall { .. } => "recall",
        }
    }

    /// The gateway that the request is about.
    pub fn gateway(&self) -> Option<&GatewayId> {
        match self {
            Self::Receive { .. } | Self::Deduct { .. } => None,
            Self::Grant { gateway, .. } | Self::Recall { gateway, .. } => Some(gateway),
        }
    }

    /// The SKUs and quantities.
    pub fn lines(&self) -> &[Line] {
        match self {
            Self::Receive { lines, .. }
            | Self::Deduct { lines, .. }
            | Self::Grant { lines, .. }
            | Self::Recall { lines, .. } => lines,
        }
    }

    fn fingerprint(&self) -> u64 {
        let bytes = postcard::to_stdvec(self).expect("plain data always serializes");
        xxh3_64(&bytes)
    }
}

/// How a central request was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentralDecision {
    /// Applied or refused; stored under the request id.
    pub outcome: Result<AppliedRequest, Refusal>,
    /// Whether the request had been decided before.
    pub replayed: bool,
    /// The gateways with new transfers.
    pub gateways: Vec<GatewayId>,
}

/// Why a central request was not decided. Nothing is stored, so it may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The request id belongs to an earlier request of this operation.
    Conflict(String),
    /// The pool of this SKU would exceed [`STOCK_MAX`].
    TooLarge(Sku),
    /// The gateway has never greeted.
    UnknownGateway(GatewayId),
    /// The database in force is fenced, for this reason.
    Fenced(GatewayId, String),
}

/// Decides a central request, or returns its outcome again.
///
/// # Errors
/// If the books database fails.
pub fn decide<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    request: &CentralRequest,
) -> Result<Result<CentralDecision, Rejection>, B::Error> {
    let fingerprint = request.fingerprint();
    if let Some(decided) = books.decided_request(request_id)? {
        return Ok(replay(decided, fingerprint));
    }
    let skus: Vec<Sku> = request.lines().iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut pools = Pools { books, changed: Vec::new() };
    let (outcome, gateways) = match pools.apply(request_id, request) {
        Ok(gateways) => (Ok(pools.applied(request)?), gateways),
        Err(NotApplied::Refused(refusal)) => (Err(refusal), Vec::new()),
        Err(NotApplied::Rejected(rejection)) => return Ok(Err(rejection)),
        Err(NotApplied::Failed(error)) => return Err(error),
    };
    let operation = request.operation().into();
    let decided = DecidedRequest { fingerprint, operation, outcome: outcome.clone() };
    books.save_request(request_id, &decided)?;
    Ok(Ok(CentralDecision { outcome, replayed: false, gateways }))
}

fn replay(decided: DecidedRequest, fingerprint: u64) -> Result<CentralDecision, Rejection> {
    if decided.fingerprint != fingerprint {
        return Err(Rejection::Conflict(decided.operation));
    }
    Ok(CentralDecision { outcome: decided.outcome, replayed: true, gateways: Vec::new() })
}

/// Why a request changed nothing.
enum NotApplied<E> {
    Refused(Refusal),
    Rejected(Rejection),
    /// The database failed.
    Failed(E),
}

impl<E> From<E> for NotApplied<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// Applies a request to the pools. A request changes all its lines or none, so nothing is stored
/// before every line has been checked.
struct Pools<'a, B: Books> {
    books: &'a mut B,
    changed: Vec<(Sku, Pool)>,
}

impl<B: Books> Pools<'_, B> {
    /// Returns the gateways with new transfers.
    fn apply(
        &mut self,
        request_id: &RequestId,
        request: &CentralRequest,
    ) -> Result<Vec<GatewayId>, NotApplied<B::Error>> {
        match request {
            CentralRequest::Receive { lines, .. } => self.receive(lines),
            CentralRequest::Deduct { lines, .. } => {
                self.take_out(lines, true)?;
                Ok(Vec::new())
            }
            CentralRequest::Grant { gateway, lines } => {
                let mut book = self.open_book(gateway)?;
                self.take_out(lines, false)?;
                issue(self.books, &mut book, request_id, Direction::Grant, lines)?;
                Ok(vec![gateway.clone()])
            }
            CentralRequest::Recall { gateway, lines } => {
                let mut book = self.open_book(gateway)?;
                self.check_known(lines)?;
                issue(self.books, &mut book, request_id, Direction::Recall, lines)?;
                Ok(vec![gateway.clone()])
            }
        }
    }

    fn receive(&mut self, lines: &[Line]) -> Result<Vec<GatewayId>, NotApplied<B::Error>> {
        for Line { sku, quantity, .. } in lines {
            let mut pool = self.books.pool(sku)?;
            let units = quantity.units();
            if pool.received.max(pool.unallotted) > STOCK_MAX - units {
                return Err(NotApplied::Rejected(Rejection::TooLarge(sku.clone())));
            }
            pool.received += units;
            pool.unallotted += units;
            self.changed.push((sku.clone(), pool));
        }
        self.books.save_pools(&self.changed)?;
        let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
        Ok(policy::serve_all(self.books, &skus)?)
    }

    fn take_out(&mut self, lines: &[Line], sold: bool) -> Result<(), NotApplied<B::Error>> {
        for Line { sku, quantity, .. } in lines {
            let record = self.books.sku_record(sku)?;
            if !record.is_known() {
                return Err(unknown_sku(sku));
            }
            let mut pool = record.pool.unwrap_or_default();
            let units = quantity.units();
            if pool.unallotted < units {
                return Err(insufficient(sku, units, pool.unallotted));
            }
            if sold {
                pool.unallotted -= units;
                pool.deducted += units;
            } else {
                pool.give(units);
            }
            self.changed.push((sku.clone(), pool));
        }
        Ok(self.books.save_pools(&self.changed)?)
    }

    fn check_known(&mut self, lines: &[Line]) -> Result<(), NotApplied<B::Error>> {
        for Line { sku, .. } in lines {
            if !self.books.sku_record(sku)?.is_known() {
                return Err(unknown_sku(sku));
            }
        }
        Ok(())
    }

    /// The book in force of a gateway, if it is open.
    fn open_book(&mut self, gateway: &GatewayId) -> Result<Book, NotApplied<B::Error>> {
        let Some(book) = self.books.books(gateway)?.pop() else {
            return Err(NotApplied::Rejected(Rejection::UnknownGateway(gateway.clone())));
        };
        match book.why_closed() {
            Some(reason) => {
                let rejection = Rejection::Fenced(gateway.clone(), reason.into());
                Err(NotApplied::Rejected(rejection))
            }
            None => Ok(book),
        }
    }

    fn applied(&mut self, request: &CentralRequest) -> Result<AppliedRequest, B::Error> {
        let mut lines = Vec::with_capacity(request.lines().len());
        for Line { sku, quantity, .. } in request.lines() {
            let Pool { unallotted, in_transit, .. } = self.books.pool(sku)?;
            let quantity = quantity.units().unsigned_abs();
            lines.push(PoolLine { sku: sku.clone(), quantity, unallotted, in_transit });
        }
        Ok(AppliedRequest { seq: self.books.request_count()? + 1, lines })
    }
}

fn unknown_sku<E>(sku: &Sku) -> NotApplied<E> {
    NotApplied::Refused(Refusal::UnknownSku { sku: sku.clone() })
}

fn insufficient<E>(sku: &Sku, units: i64, available: i64) -> NotApplied<E> {
    let (sku, requested) = (sku.clone(), units.unsigned_abs());
    NotApplied::Refused(Refusal::InsufficientStock { sku, requested, available })
}
