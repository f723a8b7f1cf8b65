//! Central requests: what clients ask of the hub itself. Receipts, deductions from the pool, grants
//! and recalls.
//!
//! Each is decided once under its request id, as at a gateway: the same request gets the same
//! outcome again, a refusal too. Another request under the same id is a conflict.

use super::booking::{self, TooMuch};
use super::books::Books;
use super::central_request::{CentralRequest, fingerprints};
use super::movement::{MovementKind, Occasion};
use super::orders::{self, Ordered};
use super::records::{AppliedRequest, Book, DecidedRequest, Elsewhere, Pool, PoolLine};
use super::taken_over;
use super::transfer::{issue, without_room};
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{
    Action, Actor, AppliedLine, Cause, Command, Direction, Line, Refusal, RequestId, RequestRecord,
    Sku, Undecided, totals,
};

/// How a central request was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentralDecision {
    /// The request whose outcome this is: another one if this one repeats it.
    pub request_id: RequestId,
    /// Applied or refused; stored under the request id.
    pub outcome: Result<AppliedRequest, Refusal>,
    /// Whether the request had been decided before.
    pub replayed: bool,
    /// The gateways with new transfers.
    pub gateways: Vec<GatewayId>,
    /// What the stock engine remembers of an order.
    pub record: Option<RequestRecord>,
    /// The reservation that the request has made or extended.
    pub reservation: Option<RequestId>,
    /// For a refused sale from anywhere, what gateways have of the SKU.
    pub elsewhere: Option<Elsewhere>,
}

/// Why a central request was not decided. Nothing is stored, so it may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The request id belongs to an earlier request of this operation.
    Conflict(String),
    /// The pool of this SKU would exceed [`STOCK_MAX`].
    TooLarge(Sku),
    /// The gateway would have more of this SKU than [`STOCK_MAX`].
    NoRoom(GatewayId, Sku),
    /// The gateway has never greeted.
    UnknownGateway(GatewayId),
    /// The database in force is fenced, for this reason.
    Fenced(GatewayId, String),
    /// The stock engine does not decide it.
    Undecided(Undecided),
    /// Too many sales wait for units from elsewhere.
    TooManyOpen,
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
    let fingerprints = fingerprints(request_id, request, cause);
    if let Some(decided) = books.decided_request(request_id)? {
        return Ok(replay(request_id, request, decided, fingerprints));
    }
    if let Some(decided) = taken_over::find(books, request_id, request)? {
        return Ok(Ok(decision(request_id, request, decided, true)));
    }
    if books.is_open_order(request_id)?
        && let Some(open) = books.open_order(request_id)?
    {
        return Ok(Err(Rejection::Conflict(open.request().operation().into())));
    }
    if let Some(command) = request.command(request_id, cause) {
        return decide_order(books, &command, request, fingerprints);
    }
    let skus: Vec<Sku> = request.lines().iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut pools = Pools { books };
    let (outcome, gateways) = match pools.apply(request_id, request, cause) {
        Ok(gateways) => (Ok(pools.applied(request.lines())?), gateways),
        Err(NotApplied::Refused(refusal)) => (Err(refusal), Vec::new()),
        Err(NotApplied::Rejected(rejection)) => return Ok(Err(rejection)),
        Err(NotApplied::Failed(error)) => return Err(error),
    };
    let decided = remembered(request, fingerprints, outcome, None);
    books.save_request(request_id, &decided)?;
    Ok(Ok(CentralDecision { gateways, ..decision(request_id, request, decided, false) }))
}

/// Whether exactly this request was refused before its SKU had any units: until then, the catalogue
/// may give it other decimals.
///
/// # Errors
/// If the books database fails.
pub fn was_refused<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    request: &CentralRequest,
    cause: &Cause,
) -> Result<bool, B::Error> {
    let fingerprints = fingerprints(request_id, request, cause);
    let decided = books.decided_request(request_id)?.filter(DecidedRequest::had_no_stock);
    Ok(decided.is_some_and(|decided| replay(request_id, request, decided, fingerprints).is_ok()))
}

impl DecidedRequest {
    /// Whether it was refused because its SKU was not known, or had nothing.
    pub(super) fn had_no_stock(&self) -> bool {
        matches!(
            self.outcome,
            Err(Refusal::UnknownSku { .. } | Refusal::InsufficientStock { available: 0, .. })
        )
    }
}

/// Decides an order whose request id is new.
fn decide_order<B: Books>(
    books: &mut B,
    command: &Command,
    request: &CentralRequest,
    fingerprints: [u64; 2],
) -> Result<Result<CentralDecision, Rejection>, B::Error> {
    if let CentralRequest::Receive { lines, .. } = request
        && let Some(sku) = received_too_much(books, lines)?
    {
        return Ok(Err(Rejection::TooLarge(sku)));
    }
    let Ordered { decided, record, gateways } = match orders::order(books, command)? {
        Ok(ordered) => ordered,
        Err(Undecided::StockTooLarge { sku }) => return Ok(Err(Rejection::TooLarge(sku))),
        Err(undecided) => return Ok(Err(Rejection::Undecided(undecided))),
    };
    if decided.replayed {
        let earlier = books.newest_request(&decided.request_id)?;
        let earlier = earlier.map(|earlier| decision(&decided.request_id, request, earlier, true));
        return Ok(earlier.ok_or_else(|| Rejection::Conflict(request.operation().into())));
    }
    let outcome = match decided.outcome {
        Ok(applied) => Ok(applied_order(books, &applied.lines)?),
        Err(refusal) => Err(refusal),
    };
    let is_remembered = record.is_some();
    let maker = maker(command);
    let known = DecidedRequest { maker, ..remembered(request, fingerprints, outcome, record) };
    if is_remembered {
        books.save_request(&command.request_id, &known)?;
    }
    Ok(Ok(CentralDecision { gateways, ..decision(&command.request_id, request, known, false) }))
}

/// The first SKU of which more would have been received in all than a number can hold exactly.
fn received_too_much<B: Books>(books: &mut B, lines: &[Line]) -> Result<Option<Sku>, B::Error> {
    let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    for Line { sku, quantity, .. } in &*totals(lines) {
        if books.pool(sku)?.received > STOCK_MAX - quantity.units() {
            return Ok(Some(sku.clone()));
        }
    }
    Ok(None)
}

/// Who makes a reservation with this command.
pub(super) fn maker(command: &Command) -> Option<Actor> {
    let makes = matches!(command.action, Action::Reserve { .. });
    command.cause.actor.clone().filter(|_| makes)
}

fn remembered(
    request: &CentralRequest,
    [fingerprint, _]: [u64; 2],
    outcome: Result<AppliedRequest, Refusal>,
    record: Option<RequestRecord>,
) -> DecidedRequest {
    let operation = request.operation().into();
    DecidedRequest { fingerprint, operation, outcome, record, elsewhere: None, maker: None }
}

pub(super) fn decision(
    request_id: &RequestId,
    request: &CentralRequest,
    decided: DecidedRequest,
    replayed: bool,
) -> CentralDecision {
    let DecidedRequest { outcome, record, elsewhere, .. } = decided;
    let reservation = request.reservation(request_id);
    let (request_id, gateways) = (request_id.clone(), Vec::new());
    CentralDecision { request_id, outcome, replayed, gateways, record, reservation, elsewhere }
}

fn replay(
    request_id: &RequestId,
    request: &CentralRequest,
    decided: DecidedRequest,
    fingerprints: [u64; 2],
) -> Result<CentralDecision, Rejection> {
    let is_same = decided.operation == request.operation()
        && (decided.may_be_of(request) || fingerprints.contains(&decided.fingerprint));
    match is_same {
        true => Ok(decision(request_id, request, decided, true)),
        false => Err(Rejection::Conflict(decided.operation)),
    }
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
        let occasion = |kind, gateway| Occasion {
            kind,
            gateway: Some(gateway),
            order_id: None,
            request_id,
            cause,
        };
        match request {
            CentralRequest::Grant { gateway, lines } => {
                let mut book = self.open_book(gateway, Direction::Grant, lines)?;
                if let Some(sku) = without_room(self.books, &book, lines)? {
                    let rejection = Rejection::NoRoom(gateway.clone(), sku);
                    return Err(NotApplied::Rejected(rejection));
                }
                self.take_out(&occasion(MovementKind::Grant, gateway), lines)?;
                issue(self.books, &mut book, request_id, Direction::Grant, lines, cause)?;
                Ok(vec![gateway.clone()])
            }
            CentralRequest::Recall { gateway, lines } => {
                let mut book = self.open_book(gateway, Direction::Recall, lines)?;
                self.check_known(lines)?;
                issue(self.books, &mut book, request_id, Direction::Recall, lines, cause)?;
                Ok(vec![gateway.clone()])
            }
            CentralRequest::Receive { .. }
            | CentralRequest::Deduct { .. }
            | CentralRequest::Order { .. } => unreachable!("orders are decided by their rules"),
        }
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
            let available = record.pool.unwrap_or_default().available();
            if available < quantity.units() {
                return Err(insufficient(sku, quantity.units(), available.max(0)));
            }
        }
        let movement =
            |line: &Line| occasion.movement(&line.sku, line.quantity.units(), &line.trace);
        let movements: Vec<_> = lines.iter().map(movement).collect();
        booking::book(self.books, &movements)?
            .map_err(|TooMuch(sku)| NotApplied::Rejected(Rejection::TooLarge(sku)))
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
    fn open_book(
        &mut self,
        gateway: &GatewayId,
        direction: Direction,
        lines: &[Line],
    ) -> Result<Book, NotApplied<B::Error>> {
        let Some(book) = self.books.books(gateway)?.pop() else {
            return Err(NotApplied::Rejected(Rejection::UnknownGateway(gateway.clone())));
        };
        let withheld = |line| book.whole_units.why_withheld(direction, line);
        if let Some(reason) = lines.iter().find_map(withheld) {
            return Err(NotApplied::Rejected(Rejection::Fenced(gateway.clone(), reason)));
        }
        let Some(reason) = book.why_closed() else { return Ok(book) };
        let reason = match book.cursor.fenced {
            Some(_) => format!("{reason}; retire its database and give it a new one"),
            None => reason.to_owned(),
        };
        Err(NotApplied::Rejected(Rejection::Fenced(gateway.clone(), reason)))
    }

    fn applied(&mut self, lines: &[Line]) -> Result<AppliedRequest, B::Error> {
        let quantities = lines.iter().map(|line| (&line.sku, line.quantity.units().unsigned_abs()));
        self.applied_to(quantities)
    }

    fn applied_to<'l>(
        &mut self,
        quantities: impl Iterator<Item = (&'l Sku, u64)>,
    ) -> Result<AppliedRequest, B::Error> {
        let mut lines = Vec::new();
        for (sku, quantity) in quantities {
            let Pool { unallotted, in_transit, .. } = self.books.pool(sku)?;
            lines.push(PoolLine { sku: sku.clone(), quantity, unallotted, in_transit });
        }
        Ok(AppliedRequest { seq: self.books.next_request_number()?, lines })
    }
}

/// The pools after an order was applied.
pub(super) fn applied_order<B: Books>(
    books: &mut B,
    lines: &[AppliedLine],
) -> Result<AppliedRequest, B::Error> {
    Pools { books }.applied_to(lines.iter().map(|line| (&line.sku, line.quantity)))
}

fn unknown_sku<E>(sku: &Sku) -> NotApplied<E> {
    NotApplied::Refused(Refusal::UnknownSku { sku: sku.clone() })
}

fn insufficient<E>(sku: &Sku, units: i64, available: i64) -> NotApplied<E> {
    let (sku, requested) = (sku.clone(), units.unsigned_abs());
    NotApplied::Refused(Refusal::InsufficientStock { sku, requested, available })
}
