//! Orders from the centre: sales, receipts, reservations and what ends or undoes them, decided by the
//! rules of the stock engine. The stock that they are decided on is made of the pools that they
//! concern, so hub and gateway cannot differ in what a request means.
//!
//! The pools are locked from before their figures are read. A reservation, and what a request has
//! booked, only change with the pools of their SKUs, so they are read again once these are locked.

mod record;

use std::cell::RefCell;

pub use self::record::{StoredHold, StoredRecord};
use super::booking::{self, TooMuch};
use super::books::Books;
use super::movement::Movement;
use super::policy;
use super::records::DecidedRequest;
use crate::clock::Now;
use crate::limits::HUB_RESERVATION_TTL_S;
use crate::protocol::topic::GatewayId;
use crate::stock::{
    Action, Chain, Changes, Command, Decided, Draft, Hold, Item, Items, RequestId, RequestRecord,
    RequestRecords, Reserved, Sku, Stock, Taken, Undecided,
};

/// How an order was decided.
pub(super) struct Ordered {
    pub(super) decided: Decided,
    /// What is to be remembered of the request itself; `None` if it repeats another one, or was
    /// refused without an id of its own.
    pub(super) record: Option<RequestRecord>,
    /// The gateways with new transfers.
    pub(super) gateways: Vec<GatewayId>,
}

/// Decides an order whose request id is new, and books what it changes.
pub(super) fn order<B: Books>(
    books: &mut B,
    command: &Command,
) -> Result<Result<Ordered, Undecided>, B::Error> {
    let skus = skus(books, command)?;
    books.expect_skus(&skus)?;
    let holds = holds(books, command.action.named_reservation())?;
    let stock = stock(books, &skus)?.with_holds(holds);
    let others = others(books, command)?;
    let mut draft = Draft::new(&stock, now(books), HUB_RESERVATION_TTL_S).beside(others);
    // What ends a reservation locks its pools only now: another worker may have decided the same
    // request meanwhile.
    let is_new = command.action.named_reservation().is_none();
    let own = is_new.then_some(&command.request_id);
    let answer = draft.decide(command, &Records::of(books, own))?;
    let decided = match answer {
        Ok(decided) => decided,
        Err(undecided) => return Ok(Err(undecided)),
    };
    let booked = book(books, draft.finish(), Some(&command.request_id))?;
    Ok(booked.map(|(record, gateways)| Ordered { decided, record, gateways }))
}

/// Ends reservations whose time is over. Those that are not due, or have ended, stay as they are.
/// Returns the gateways with new transfers.
///
/// # Errors
/// If the books database fails.
pub fn expire<B: Books>(books: &mut B, ids: &[RequestId]) -> Result<Vec<GatewayId>, B::Error> {
    let skus: Vec<Sku> = skus_held(&holds(books, ids)?);
    books.expect_skus(&skus)?;
    let holds = holds(books, ids)?;
    let stock = stock(books, &skus)?.with_holds(holds);
    let mut draft = Draft::new(&stock, now(books), HUB_RESERVATION_TTL_S);
    draft.expire_due(&Records::of(books, None), usize::MAX)?;
    // What ends changes only what is reserved, and lowers it.
    Ok(book(books, draft.finish(), None)?.map_or_else(|_| Vec::new(), |(_, gateways)| gateways))
}

/// The open reservations, if the order is a further one. They are counted for nothing else.
fn others<B: Books>(books: &mut B, command: &Command) -> Result<Reserved, B::Error> {
    let is_further = matches!(command.action, Action::Reserve { .. });
    if is_further { books.reserved() } else { Ok(Reserved::default()) }
}

fn now<B: Books>(books: &B) -> Now {
    let running_ms = books.steady_ms().unsigned_abs();
    Now { wall_ms: books.now_ms(), running_ms, trusted: true }
}

/// The SKUs whose pools an order may change.
fn skus<B: Books>(books: &mut B, command: &Command) -> Result<Vec<Sku>, B::Error> {
    let mut skus = skus_held(&holds(books, command.action.named_reservation())?);
    if let Action::Rollback { of, .. } = &command.action
        && let Some(DecidedRequest { outcome: Ok(applied), .. }) = books.newest_request(of)?
    {
        skus.extend(applied.lines.into_iter().map(|line| line.sku));
    }
    skus.extend(command.action.skus().cloned());
    skus.sort();
    skus.dedup();
    Ok(skus)
}

fn skus_held(holds: &[(RequestId, Hold)]) -> Vec<Sku> {
    let lines = holds.iter().flat_map(|(_, hold)| &hold.lines);
    lines.map(|line| line.sku.clone()).collect()
}

/// The open ones of these reservations.
fn holds<B: Books>(
    books: &mut B,
    ids: impl IntoIterator<Item = impl std::borrow::Borrow<RequestId>>,
) -> Result<Vec<(RequestId, Hold)>, B::Error> {
    let mut holds = Vec::new();
    for id in ids {
        let id = id.borrow();
        holds.extend(books.reservation(id)?.map(|hold| (id.clone(), hold)));
    }
    Ok(holds)
}

/// The pools of SKUs as a stock. A pool that is below what it has promised, as recovered books may
/// have it, counts as having that and no more.
fn stock<B: Books>(books: &mut B, skus: &[Sku]) -> Result<Stock, B::Error> {
    let mut known = Vec::with_capacity(skus.len());
    for sku in skus {
        let record = books.sku_record(sku)?;
        if record.is_known() {
            let pool = record.pool.unwrap_or_default();
            let (on_hand, reserved) = (pool.unallotted.max(pool.reserved), pool.reserved);
            known.push((sku, Item { on_hand, reserved, version: 0 }));
        }
    }
    let mut items = Items::default();
    items.set_all(known.iter().map(|(sku, item)| (*sku, item)));
    Ok(Stock::load(items, [], 0, Chain::default(), Taken::default()))
}

/// What was decided earlier, as the rules ask for it.
struct Records<'a, B> {
    books: RefCell<&'a mut B>,
    /// The request that is being decided, which is known to be new.
    own: Option<&'a RequestId>,
}

impl<'a, B> Records<'a, B> {
    fn of(books: &'a mut B, own: Option<&'a RequestId>) -> Self {
        Self { books: RefCell::new(books), own }
    }
}

impl<B: Books> RequestRecords for Records<'_, B> {
    type Error = B::Error;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, B::Error> {
        if self.own == Some(id) {
            return Ok(None);
        }
        let found = self.books.borrow_mut().newest_request(id)?;
        Ok(found.and_then(DecidedRequest::into_record))
    }
}

/// A request's own record, and the gateways with new transfers.
type Booked = (Option<RequestRecord>, Vec<GatewayId>);

/// Books what a draft has changed, except the record of the request `own`, which is returned with
/// the gateways that have new transfers.
fn book<B: Books>(
    books: &mut B,
    changes: Changes,
    own: Option<&RequestId>,
) -> Result<Result<Booked, Undecided>, B::Error> {
    let movements = changes.entries.iter().map(|posted| Movement::of_entry(&posted.entry));
    if let Err(TooMuch(sku)) = booking::book(books, &movements.collect::<Vec<_>>())? {
        return Ok(Err(Undecided::StockTooLarge { sku }));
    }
    for (id, hold) in &changes.holds {
        books.save_reservation(id, hold.as_ref())?;
    }
    let mut own_record = None;
    for decided in changes.ledger_records {
        let Some(record) = decided.record else { continue };
        if own == Some(&decided.request_id) {
            own_record = Some(record);
        } else if let Some(mut known) = books.newest_request(&decided.request_id)? {
            known.record = Some(record);
            books.update_request(&decided.request_id, &known)?;
        }
    }
    let entries = changes.entries.iter().map(|posted| &posted.entry);
    let given = entries.filter(|entry| entry.change > entry.reserved_change);
    let skus: Vec<Sku> = given.map(|entry| entry.sku.clone()).collect();
    Ok(Ok((own_record, policy::serve_all(books, &skus)?)))
}
