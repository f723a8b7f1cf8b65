//! Central requests: what clients ask of the hub itself. Receipts, deductions from the pool, grants
//! and recalls.
//!
//! Each is decided once under its request id, as at a gateway: the same request gets the same
//! outcome again, a refusal too. Another request under the same id is a conflict.

use std::borrow::Cow;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::booking;
use super::books::Books;
use super::movement::{MovementKind, Occasion};
use super::policy;
use super::records::{AppliedRequest, Book, DecidedRequest, Pool, PoolLine};
use super::transfer::issue;
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, Direction, Line, OrderId, Refusal, RequestId, Sku, totals};

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

    fn lines_mut(&mut self) -> &mut Vec<Line> {
        match self {
            Self::Receive { lines, .. }
            | Self::Deduct { lines, .. }
            | Self::Grant { lines, .. }
            | Self::Recall { lines, .. } => lines,
        }
    }

    /// The request with these lines instead of its own.
    #[must_use]
    pub fn with_lines(mut self, lines: Vec<Line>) -> Self {
        *self.lines_mut() = lines;
        self
    }

    fn kind(&self) -> MovementKind {
        match self {
            Self::Receive { .. } => MovementKind::Receipt,
            Self::Deduct { .. } => MovementKind::Deduct,
            Self::Grant { .. } => MovementKind::Grant,
            Self::Recall { .. } => MovementKind::Recall,
        }
    }

    fn order_id(&self) -> Option<&OrderId> {
        match self {
            Self::Receive { order_id, .. } | Self::Deduct { order_id, .. } => order_id.as_ref(),
            Self::Grant { .. } | Self::Recall { .. } => None,
        }
    }

    /// The request with its lines in ascending order.
    fn sorted(&self) -> Cow<'_, Self> {
        let place = |line: &Line| (line.sku.clone(), line.trace.clone());
        if self.lines().is_sorted_by_key(place) {
            return Cow::Borrowed(self);
        }
        let mut sorted = self.clone();
        sorted.lines_mut().sort_by_key(place);
        Cow::Owned(sorted)
    }
}

/// The fingerprints of a request: that which is stored, and that which earlier versions stored,
/// with the lines as they were sent.
fn fingerprints(request: &CentralRequest, cause: &Cause) -> [u64; 2] {
    let of = |request: &CentralRequest| {
        let bytes = postcard::to_stdvec(request).expect("plain data always serializes");
        let traces: Vec<_> = request.lines().iter().map(|line| &line.trace).collect();
        // What has neither keeps the hash that earlier versions gave it.
        if cause.reason.is_none() && traces.iter().all(|trace| trace.is_none()) {
            return xxh3_64(&bytes);
        }
        let said = postcard::to_extend(&(&cause.reason, traces), bytes);
        xxh3_64(&said.expect("plain data always serializes"))
    };
    [of(&request.sorted()), of(request)]
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
    cause: &Cause,
) -> Result<Result<CentralDecision, Rejection>, B::Error> {
    let fingerprints = fingerprints(request, cause);
    if let Some(decided) = books.decided_request(request_id)? {
        return Ok(replay(decided, fingerprints));
    }
    let skus: Vec<Sku> = request.lines().iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut pools = Pools { books };
    let (outcome, gateways) = match pools.apply(request_id, request, cause) {
        Ok(gateways) => (Ok(pools.applied(request)?), gateways),
        Err(NotApplied::Refused(refusal)) => (Err(refusal), Vec::new()),
        Err(NotApplied::Rejected(rejection)) => return Ok(Err(rejection)),
        Err(NotApplied::Failed(error)) => return Err(error),
    };
    let operation = request.operation().into();
    let [fingerprint, _] = fingerprints;
    let decided = DecidedRequest { fingerprint, operation, outcome: outcome.clone() };
    books.save_request(request_id, &decided)?;
    Ok(Ok(CentralDecision { outcome, replayed: false, gateways }))
}

fn replay(decided: DecidedRequest, fingerprints: [u64; 2]) -> Result<CentralDecision, Rejection> {
    if !fingerprints.contains(&decided.fingerprint) {
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
}

impl<B: Books> Pools<'_, B> {
    /// Returns the gateways with new transfers.
    fn apply(
        &mut self,
        request_id: &RequestId,
        request: &CentralRequest,
        cause: &Cause,
    ) -> Result<Vec<GatewayId>, NotApplied<B::Error>> {
        let occasion = Occasion {
            kind: request.kind(),
            gateway: request.gateway(),
            order_id: request.order_id(),
            request_id,
            cause,
        };
        match request {
            CentralRequest::Receive { lines, .. } => self.receive(&occasion, lines),
            CentralRequest::Deduct { lines, .. } => {
                self.take_out(&occasion, lines)?;
                Ok(Vec::new())
            }
            CentralRequest::Grant { gateway, lines } => {
                let mut book = self.open_book(gateway)?;
                self.take_out(&occasion, lines)?;
                issue(self.books, &mut book, request_id, Direction::Grant, lines, cause)?;
                Ok(vec![gateway.clone()])
            }
            CentralRequest::Recall { gateway, lines } => {
                let mut book = self.open_book(gateway)?;
                self.check_known(lines)?;
                issue(self.books, &mut book, request_id, Direction::Recall, lines, cause)?;
                Ok(vec![gateway.clone()])
            }
        }
    }

    fn receive(
        &mut self,
        occasion: &Occasion<'_>,
        lines: &[Line],
    ) -> Result<Vec<GatewayId>, NotApplied<B::Error>> {
        let mut skus = Vec::with_capacity(lines.len());
        for Line { sku, quantity, .. } in &*totals(lines) {
            let pool = self.books.pool(sku)?;
            if pool.received.max(pool.unallotted) > STOCK_MAX - quantity.units() {
                return Err(NotApplied::Rejected(Rejection::TooLarge(sku.clone())));
            }
            skus.push(sku.clone());
        }
        self.book(occasion, lines)?;
        Ok(policy::serve_all(self.books, &skus)?)
    }

    fn take_out(
        &mut self,
        occasion: &Occasion<'_>,
        lines: &[Line],
    ) -> Result<(), NotApplied<B::Error>> {
        for Line { sku, quantity, .. } in &*totals(lines) {
            let record = self.books.sku_record(sku)?;
            if !record.is_known() {
                return Err(unknown_sku(sku));
            }
            let unallotted = record.pool.unwrap_or_default().unallotted;
            if unallotted < quantity.units() {
                return Err(insufficient(sku, quantity.units(), unallotted));
            }
        }
        Ok(self.book(occasion, lines)?)
    }

    fn book(&mut self, occasion: &Occasion<'_>, lines: &[Line]) -> Result<(), B::Error> {
        let movement =
            |line: &Line| occasion.movement(&line.sku, line.quantity.units(), &line.trace);
        booking::book(self.books, &lines.iter().map(movement).collect::<Vec<_>>())
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
        let Some(reason) = book.why_closed() else { return Ok(book) };
        let reason = match book.cursor.fenced {
            Some(_) => format!("{reason}; retire its database and give it a new one"),
            None => reason.to_owned(),
        };
        Err(NotApplied::Rejected(Rejection::Fenced(gateway.clone(), reason)))
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
