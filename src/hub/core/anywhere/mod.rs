//! Sales and reservations from anywhere: any unit of the company that can be had now. What the pool
//! lacks is recalled from gateways that are online, and the order is decided as soon as all of its units
//! are in the pool, or once its time is over: all lines or none.
//!
//! Nothing is set apart for an open order, except that no policy grants what it waits for. A unit is
//! sold by the same rule as any other of the pool, so none is promised twice; a gateway gives what
//! is available there, so no reservation of a site is touched. The order is stored until it is
//! decided, and each of these goes on with it: what brings units of its SKUs into the pool, the
//! worker that has taken it once a recall is late, one that is sent the request again, or any of them
//! once its time is over.

mod open_order;
mod plan;

use std::collections::BTreeMap;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

pub(super) use self::open_order::Asked;
pub use self::open_order::{OpenOrder, Purpose};
pub use self::plan::Spare;
use self::plan::{Plan, plan};
use super::books::Books;
use super::central::{CentralDecision, Rejection, applied_order, decision, maker};
use super::central_request::CentralRequest;
use super::orders::{self, Ordered};
use super::records::{Book, DecidedRequest, Elsewhere, hub_request_id};
use super::transfer::issue;
use crate::limits::OPEN_ORDERS_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{
    Cause, Command, Decided, Direction, Line, OptionalTrace, OrderId, Refusal, RequestId,
    RequestRecord, Sku, totals,
};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnywhereSale {
    pub purpose: Purpose,
    pub order_id: Option<OrderId>,
    pub lines: Vec<Line>,
    /// Sites, or `site/gateway`, the most preferred first.
    pub prefer: Vec<String>,
    /// How long it may take by the request.
    pub wait_ms: u32,
    /// How long it may take: less, if its client does not wait so long.
    pub time_ms: u32,
}

/// How far a sale is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Decided(Box<CentralDecision>),
    /// It is not decided yet.
    Waiting {
        /// When to look again, should nothing come before, in milliseconds since 1970.
        until_ms: i64,
        /// The gateways with new transfers.
        gateways: Vec<GatewayId>,
        /// Whether the request has not been seen before.
        is_new: bool,
    },
}

/// Goes on with a sale, which may be a new one, or returns its outcome again.
///
/// # Errors
/// If the books database fails.
pub fn sell<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    sale: &AnywhereSale,
    cause: &Cause,
) -> Result<Result<Progress, Rejection>, B::Error> {
    let fingerprint = fingerprint(sale, cause);
    if let Some(decided) = books.decided_request(request_id)? {
        return Ok(replay(request_id, &sale.request(), decided, fingerprint));
    }
    let known = books.open_order(request_id)?;
    let first = known.is_none();
    let order = match known {
        Some(order) if order.fingerprint() == fingerprint => order,
        Some(order) => return Ok(Err(Rejection::Conflict(order.request().operation().into()))),
        None if books.open_order_count()? >= OPEN_ORDERS_MAX => {
            return Ok(Err(Rejection::TooManyOpen));
        }
        None => OpenOrder {
            purpose: sale.purpose,
            order_id: sale.order_id.clone(),
            lines: sale.lines.clone(),
            prefer: sale.prefer.clone(),
            wait_ms: sale.wait_ms,
            time_ms: sale.time_ms,
            cause: cause.clone(),
            deadline_ms: books.steady_ms().saturating_add(i64::from(sale.time_ms)),
            asked: Vec::new(),
        },
    };
    let progress = advance(books, request_id, order, first)?;
    Ok(progress.map(|progress| match progress {
        Progress::Waiting { until_ms, gateways, .. } => {
            Progress::Waiting { until_ms, gateways, is_new: first }
        }
        decided @ Progress::Decided(_) => decided,
    }))
}

/// Whether exactly this sale was refused before its SKU had any units; see [`super::was_refused`].
///
/// # Errors
/// If the books database fails.
pub fn sale_was_refused<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    sale: &AnywhereSale,
    cause: &Cause,
) -> Result<bool, B::Error> {
    let decided = books.decided_request(request_id)?.filter(DecidedRequest::had_no_stock);
    Ok(decided.is_some_and(|decided| decided.fingerprint == fingerprint(sale, cause)))
}

/// Goes on with those of the open orders that wait for one of these SKUs. Returns the gateways with
/// new transfers.
///
/// # Errors
/// If the books database fails.
pub fn serve<B: Books>(books: &mut B, skus: &[Sku]) -> Result<Vec<GatewayId>, B::Error> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let waiting = books.open_orders_of(skus)?;
    go_on(books, waiting)
}

/// Decides those of the open orders whose time is over. Returns the gateways with new transfers.
///
/// # Errors
/// If the books database fails.
pub fn settle<B: Books>(books: &mut B, ids: &[RequestId]) -> Result<Vec<GatewayId>, B::Error> {
    let mut over = Vec::new();
    for id in ids {
        over.extend(books.open_order(id)?.map(|order| (id.clone(), order)));
    }
    go_on(books, over)
}

fn go_on<B: Books>(
    books: &mut B,
    orders: Vec<(RequestId, OpenOrder)>,
) -> Result<Vec<GatewayId>, B::Error> {
    let mut transferred = Vec::new();
    for (id, order) in orders {
        match advance(books, &id, order, false)? {
            Ok(Progress::Decided(decision)) => transferred.extend(decision.gateways),
            Ok(Progress::Waiting { gateways, .. }) => transferred.extend(gateways),
            // It is looked at again when its time is over.
            Err(_) => {}
        }
    }
    Ok(transferred)
}

/// Sells, asks for more, waits on, or refuses. Each change of an order is made with the
/// pools of its SKUs locked, so it is read again once they are.
fn advance<B: Books>(
    books: &mut B,
    id: &RequestId,
    known: OpenOrder,
    is_new: bool,
) -> Result<Result<Progress, Rejection>, B::Error> {
    let (command, request) = (known.command(id), known.request());
    let skus: Vec<Sku> = known.lines.iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    if let Some(decided) = books.newest_request(id)? {
        if !is_new {
            // Two workers that begin at the same time may each not see what the other one does.
            books.save_open_order(id, None)?;
        }
        return Ok(replay(id, &request, decided, known.fingerprint()));
    }
    let Some(mut order) = books.open_order(id)?.or_else(|| is_new.then_some(known)) else {
        return Ok(Err(Rejection::Conflict(request.operation().into())));
    };
    let Ordered { decided, record, gateways } = match orders::order(books, &command)? {
        Ok(ordered) => ordered,
        Err(undecided) => {
            if !is_new && books.steady_ms() >= order.deadline_ms {
                books.save_open_order(id, None)?;
            }
            return Ok(Err(Rejection::Undecided(undecided)));
        }
    };
    let Decided { outcome, .. } = decided;
    let heard = hear(books, &mut order)?;
    let (outcome, elsewhere) = match outcome {
        Ok(applied) => (Ok(applied_order(books, &applied.lines)?), None),
        Err(refusal @ Refusal::InsufficientStock { .. }) => {
            let mut spares = spares(books, &order)?;
            if let Some(plan) = next_step(books, &order, &mut spares)? {
                let is_changed = is_new || heard || !plan.recalls.is_empty();
                return ask(books, id, order, plan, is_changed).map(Ok);
            }
            let refusal = out_of_reach(books, &order, &spares)?.unwrap_or(refusal);
            let of = refusal.sku().and_then(|sku| spares.get(sku));
            (Err(refusal), Some(elsewhere(of)))
        }
        Err(refusal) => (Err(refusal), None),
    };
    let record = record.map(|record| match &outcome {
        Ok(_) => record,
        Err(refusal) => RequestRecord { outcome: Err(refusal.clone()), ..record },
    });
    let (operation, fingerprint) = (request.operation().into(), order.fingerprint());
    let maker = maker(&command);
    let known = DecidedRequest { fingerprint, operation, outcome, record, elsewhere, maker };
    books.save_request(id, &known)?;
    books.save_open_order(id, None)?;
    for asked in order.asked.iter().filter(|asked| asked.is_open()) {
        if order.is_missed(asked, books.steady_ms()) {
            books.note_recall(&asked.gateway, false);
        }
    }
    let decision = CentralDecision { gateways, ..decision(id, &request, known, false) };
    Ok(Ok(Progress::Decided(Box::new(decision))))
}

/// Notes which recalls have been answered; returns whether any has.
fn hear<B: Books>(books: &mut B, order: &mut OpenOrder) -> Result<bool, B::Error> {
    let mut heard = false;
    for asked in order.asked.iter_mut().filter(|asked| asked.is_open()) {
        let transfers = books.transfers_of(&asked.recall)?;
        if transfers.iter().all(|transfer| transfer.closed) {
            asked.answered = true;
            books.note_recall(&asked.gateway, true);
            heard = true;
        }
    }
    Ok(heard)
}

/// The gateways that have what an order needs.
fn spares<B: Books>(
    books: &mut B,
    order: &OpenOrder,
) -> Result<BTreeMap<Sku, Vec<Spare>>, B::Error> {
    let mut spares = BTreeMap::new();
    for line in &*totals(&order.lines) {
        spares.insert(line.sku.clone(), books.spares(&line.sku)?);
    }
    Ok(spares)
}

/// What to do for an order that the pool cannot serve; `None` if it is to be refused. Gateways that
/// cannot be asked are taken out of `spares`.
fn next_step<B: Books>(
    books: &mut B,
    order: &OpenOrder,
    spares: &mut BTreeMap<Sku, Vec<Spare>>,
) -> Result<Option<Plan>, B::Error> {
    let now_ms = books.steady_ms();
    if now_ms >= order.deadline_ms {
        return Ok(None);
    }
    let mut lacking = Vec::new();
    for Line { sku, quantity, .. } in &*totals(&order.lines) {
        let lacks = quantity.units() - books.pool(sku)?.available().max(0);
        lacking.extend((lacks > 0).then(|| (sku.clone(), lacks)));
    }
    loop {
        let plan = plan(order, &lacking, spares, &books.left_out(), now_ms);
        let unable = unable(books, &plan)?;
        if unable.is_empty() {
            return Ok(Some(plan).filter(|plan| plan.may_suffice));
        }
        for (gateway, sku) in unable {
            let of = spares.entry(sku).or_default();
            of.retain(|spare| spare.gateway != gateway);
        }
    }
}

/// Whom a plan asks in vain: a gateway that was closed meanwhile, or one that counts the SKU in whole
/// units, to which no transfer of it is sent.
fn unable<B: Books>(books: &mut B, plan: &Plan) -> Result<Vec<(GatewayId, Sku)>, B::Error> {
    let mut unable = Vec::new();
    for (gateway, lines) in &plan.recalls {
        let book = books.books(gateway)?.pop().filter(Book::is_open);
        let is_able = |sku: &Sku| book.as_ref().is_some_and(|book| !book.whole_units.contains(sku));
        let of = lines.iter().filter(|line| !is_able(&line.sku));
        unable.extend(of.map(|line| (gateway.clone(), line.sku.clone())));
    }
    Ok(unable)
}

/// Issues recalls, and stores the order if it is changed.
fn ask<B: Books>(
    books: &mut B,
    id: &RequestId,
    mut order: OpenOrder,
    plan: Plan,
    is_changed: bool,
) -> Result<Progress, B::Error> {
    let now_ms = books.steady_ms();
    let mut gateways = Vec::new();
    for (gateway, lines) in plan.recalls {
        let Some(mut book) = books.books(&gateway)?.pop().filter(|book| book.is_open()) else {
            continue;
        };
        let recall = hub_request_id("sale", &book);
        issue(books, &mut book, &recall, Direction::Recall, &lines, &order.cause)?;
        let answered = false;
        order.asked.push(Asked {
            gateway: gateway.clone(),
            recall,
            at_ms: now_ms,
            lines,
            answered,
        });
        gateways.push(gateway);
    }
    if is_changed {
        books.save_open_order(id, Some(&order))?;
    }
    Ok(Progress::Waiting { until_ms: order.next_ms(now_ms), gateways, is_new: false })
}

/// The refusal that names the first SKU of which pool and gateways that are online have too little;
/// `None` if they have enough of each.
fn out_of_reach<B: Books>(
    books: &mut B,
    order: &OpenOrder,
    spares: &BTreeMap<Sku, Vec<Spare>>,
) -> Result<Option<Refusal>, B::Error> {
    for Line { sku, quantity, .. } in &*totals(&order.lines) {
        let available = books.pool(sku)?.available().max(0);
        let reachable = elsewhere(spares.get(sku)).online.saturating_add(available);
        if reachable < quantity.units() {
            let (sku, requested) = (sku.clone(), quantity.units().unsigned_abs());
            return Ok(Some(Refusal::InsufficientStock { sku, requested, available }));
        }
    }
    Ok(None)
}

fn elsewhere(spares: Option<&Vec<Spare>>) -> Elsewhere {
    let sum = |online: bool| {
        let of = spares.into_iter().flatten().filter(|spare| spare.online == online);
        of.map(|spare| spare.units).fold(0, i64::saturating_add)
    };
    Elsewhere { online: sum(true), offline: sum(false) }
}

fn replay(
    request_id: &RequestId,
    request: &CentralRequest,
    decided: DecidedRequest,
    fingerprint: u64,
) -> Result<Progress, Rejection> {
    if decided.fingerprint != fingerprint {
        return Err(Rejection::Conflict(decided.operation));
    }
    Ok(Progress::Decided(Box::new(decision(request_id, request, decided, true))))
}

/// A hash of what the client sent.
fn fingerprint(sale: &AnywhereSale, cause: &Cause) -> u64 {
    #[derive(Serialize)]
    struct Said<'a> {
        from: &'static str,
        order_id: &'a Option<OrderId>,
        lines: Vec<(&'a Line, &'a OptionalTrace)>,
        prefer: &'a [String],
        wait_ms: u32,
        reason: Option<&'a str>,
    }
    let mut lines: Vec<_> = sale.lines.iter().map(|line| (line, &line.trace)).collect();
    lines.sort_by_key(|(line, trace)| (line.sku.clone(), (*trace).clone()));
    let AnywhereSale { purpose, order_id, prefer, wait_ms, .. } = sale;
    let reason = cause.reason.as_ref().map(|reason| reason.as_str());
    let said = Said { from: "anywhere", order_id, lines, prefer, wait_ms: *wait_ms, reason };
    let said = postcard::to_stdvec(&said);
    let said = match purpose {
        Purpose::Sale => said,
        Purpose::Reservation { .. } => said.and_then(|said| postcard::to_extend(purpose, said)),
    };
    xxh3_64(&said.expect("plain data always serializes"))
}

impl AnywhereSale {
    fn request(&self) -> CentralRequest {
        self.purpose.request(self.order_id.clone(), self.lines.clone())
    }
}

impl OpenOrder {
    fn fingerprint(&self) -> u64 {
        let Self { purpose, order_id, lines, prefer, wait_ms, time_ms, cause, .. } = self.clone();
        fingerprint(&AnywhereSale { purpose, order_id, lines, prefer, wait_ms, time_ms }, &cause)
    }

    pub(super) fn request(&self) -> CentralRequest {
        self.purpose.request(self.order_id.clone(), self.lines.clone())
    }

    fn command(&self, id: &RequestId) -> Command {
        let command = self.request().command(id, &self.cause);
        command.expect("sales and reservations are orders")
    }
}

#[cfg(test)]
mod tests;
