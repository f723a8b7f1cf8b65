//! Reservations, for people: the open ones, and what became of one.

use super::unreadable;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::limits::{RESERVATION_PAGE_LINES_MAX, STOCK_SCAN_MAX};
use crate::net::http::ConnectionPermit;
use crate::problem::{Code, Problem};
use crate::stock::{
    Actor, Decimals, Hold, Line, Named, OrderId, RequestId, RequestKind, RequestRecord, Seq, Stock,
};
use crate::store::LedgerReader;
use crate::terminal::request::ReservationsQuery;
use crate::terminal::response::{Reservation, ReservationEnd, ReservationPage};

/// What it costs to read the record of a request from the ledger, counted in SKUs looked at: a row or
/// two are decoded, with their checks.
const RECORD_VISITS: usize = 50;

/// A page of the open reservations. It ends early if they have many lines.
pub(super) async fn page(
    state: &CommittedState,
    query: ReservationsQuery,
    client: &ConnectionPermit,
) -> ReservationPage {
    let mut walk = PageWalk { query, page: ReservationPage::default(), lines: 0, visited: 0 };
    // In steps, because the writer waits for readers of the stock.
    while walk.step(&state.stock(), &Clocks::of(state)) {
        client.spend_walk(walk.visited);
        client.walk_ready().await;
    }
    client.spend_walk(walk.visited);
    walk.page
}

/// The time by both clocks.
struct Clocks {
    running_ms: u64,
    wall_ms: i64,
}

impl Clocks {
    fn of(state: &CommittedState) -> Self {
        let now = state.clock.now();
        Self { running_ms: now.running_ms, wall_ms: now.wall_ms }
    }
}

struct PageWalk {
    query: ReservationsQuery,
    page: ReservationPage,
    /// Lines in the page.
    lines: usize,
    /// Reservations and lines that the last step looked at.
    visited: usize,
}

impl PageWalk {
    /// Looks at some more reservations. Returns whether there may be more for the page.
    fn step(&mut self, stock: &Stock, now: &Clocks) -> bool {
        self.visited = 0;
        let query = self.query.clone();
        for (id, hold) in query.candidates(stock) {
            if self.visited >= STOCK_SCAN_MAX {
                return true;
            }
            self.visited += 1 + hold.lines.len();
            if hold.deadline_ms <= now.running_ms || !query.matches(hold) {
                self.query.after = Some(id.clone());
                continue;
            }
            let is_full = self.page.items.len() == self.query.limit
                || self.lines >= RESERVATION_PAGE_LINES_MAX;
            if is_full {
                self.page.next = self.page.items.last().map(|last| last.id.clone());
                return false;
            }
            self.lines += hold.lines.len();
            self.page.items.push(open(id, hold, stock, now));
            self.query.after = Some(id.clone());
        }
        false
    }
}

type Holds<'a> = Box<dyn Iterator<Item = (&'a RequestId, &'a Hold)> + 'a>;

impl ReservationsQuery {
    /// The reservations of the order, of the SKU, or all, after the cursor.
    fn candidates<'a>(&'a self, stock: &'a Stock) -> Holds<'a> {
        let after = self.after.as_ref();
        let named = match (&self.order_id, &self.sku) {
            (Some(order_id), _) => Named::Order(order_id),
            (None, Some(sku)) => Named::Sku(sku),
            (None, None) => return Box::new(stock.holds_after(after.map(RequestId::as_str))),
        };
        Box::new(stock.holds_naming(named, after))
    }

    fn matches(&self, hold: &Hold) -> bool {
        let of_order = |order_id: &String| {
            hold.order_id.as_ref().map(OrderId::as_str) == Some(order_id.as_str())
        };
        let of_sku = |sku: &String| hold.lines.iter().any(|line| line.sku.as_str() == *sku);
        self.order_id.as_ref().is_none_or(of_order) && self.sku.as_ref().is_none_or(of_sku)
    }
}

/// One reservation, open or not.
///
/// # Errors
/// `unknown_reservation` if nothing is remembered of it, `storage_unavailable` if that cannot be
/// read.
pub(super) async fn one(
    state: &CommittedState,
    ledger: &LedgerReader,
    intake: &Intake,
    id: RequestId,
    client: &ConnectionPermit,
) -> Result<Reservation, Problem> {
    let now = Clocks::of(state);
    let open = held(&state.stock(), &id, &now);
    if let Some((reservation, hold_deadline_ms)) = open {
        client.spend_walk(1 + reservation.lines.len());
        return Ok(match hold_deadline_ms > now.running_ms {
            true => reservation,
            false => Reservation {
                expires_in_s: None,
                end: Some(ReservationEnd::Expired),
                ..reservation
            },
        });
    }
    client.spend_walk(RECORD_VISITS);
    let mut record = ledger.find_request(intake.find_request(id.clone()).await?).await;
    if record.is_err() {
        // Its record may have been pruned since it was looked up.
        record = ledger.find_request(intake.find_request(id.clone()).await?).await;
    }
    let record = record.map_err(|error| unreadable("ledger", &error))?;
    let made = record.as_ref().and_then(|record| Some(record.outcome.as_ref().ok()?.seq));
    let found = record.and_then(|record| ended(&id, record, &state.stock()));
    let found = found.ok_or_else(|| {
        Problem::new(Code::UnknownReservation, format!("there is no reservation {id}"))
    })?;
    // Its row of the ledger, and the one in which it was made, have an entry for each line.
    client.spend_walk(2 * found.lines.len());
    Ok(Reservation { actor: actor_of(ledger, made, &id).await, ..found })
}

/// Who made a reservation, as long as the ledger has it.
async fn actor_of(ledger: &LedgerReader, made: Option<Seq>, id: &RequestId) -> Option<Actor> {
    let found = ledger.read(made?.checked_sub(1)?, 1).await.ok()?.pop()?;
    Some(found.entry).filter(|entry| entry.request_id == *id)?.cause.actor
}

/// An open reservation, and its deadline in running time.
fn held(stock: &Stock, id: &RequestId, now: &Clocks) -> Option<(Reservation, u64)> {
    stock.hold(id).map(|hold| (open(id, hold, stock, now), hold.deadline_ms))
}

fn in_decimals(lines: Vec<Line>, stock: &Stock) -> Vec<(Line, Decimals)> {
    let decimals = |line: &Line| stock.catalogue().decimals(line.sku.as_str());
    lines.into_iter().map(|line| (decimals(&line), line)).map(|(d, line)| (line, d)).collect()
}

fn open(id: &RequestId, hold: &Hold, stock: &Stock, now: &Clocks) -> Reservation {
    let left_ms = hold.deadline_ms.saturating_sub(now.running_ms);
    Reservation {
        id: id.clone(),
        order_id: hold.order_id.clone(),
        lines: in_decimals(hold.lines.clone(), stock),
        expires_at_ms: Some(now.wall_ms.saturating_add_unsigned(left_ms)),
        expires_in_s: Some(left_ms.div_ceil(1_000)),
        actor: hold.actor.clone(),
        end: None,
    }
}

/// A reservation that is not open any more, with what was reserved at first.
fn ended(id: &RequestId, record: RequestRecord, stock: &Stock) -> Option<Reservation> {
    record.outcome.as_ref().ok().filter(|_| record.kind == RequestKind::Reserve)?;
    let state = record.state.as_ref().filter(|state| !state.is_open())?;
    let end = state.ending().map_or(ReservationEnd::Expired, ReservationEnd::Closed);
    Some(Reservation {
        id: id.clone(),
        lines: in_decimals(record.reserved(), stock),
        order_id: record.order_id,
        expires_at_ms: None,
        expires_in_s: None,
        actor: None,
        end: Some(end),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock;
    use crate::engine::intake::{ReplyTo, WriterRules};
    use crate::engine::sync_status::LinkState;
    use crate::engine::writer::Writer;
    use crate::stock::{Action, Command, Quantity, Sku};
    use crate::store::Store;

    #[test]
    fn what_is_read_of_a_reservation_is_counted_for_the_client() {
        const LINES: usize = 40;
        let directory = tempfile::tempdir().unwrap();
        let (store, opened) = Store::open(directory.path(), "site", "gateway").unwrap();
        let saved = opened.progress;
        let state = Arc::new(CommittedState::new(opened, None, LinkState::Disabled));
        let rules = WriterRules { reservation_ttl_s: 900, retention_ms: u64::MAX };
        let (writer, intake) = Writer::new(store, Arc::clone(&state), Arc::default(), rules, saved);
        let running = std::thread::spawn(|| writer.run());
        let ledger = LedgerReader::open(directory.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let decide = |id: RequestId, action| {
            let (answers, mut replies) = mpsc::channel(1);
            let command = Command::chosen(id, action);
            intake.submit(command, ReplyTo { tag: 0, answers }, 0).unwrap();
            let reply = replies.blocking_recv().unwrap().remove(0);
            assert!(reply.answer.unwrap().unwrap().outcome.is_ok());
        };
        let visited = || {
            let client = ConnectionPermit::of_nobody();
            let found = one(&state, &ledger, &intake, id(2), &client);
            assert_eq!(runtime.block_on(found).unwrap().lines.len(), LINES);
            client.visited()
        };
        let lines: Vec<_> = (0..LINES as u64).flat_map(|n| hold(n).lines).collect();
        decide(id(1), Action::Restock { order_id: None, lines: lines.clone() });
        decide(id(2), Action::Reserve { order_id: None, lines, ttl_s: None });
        assert_eq!(visited(), 1 + LINES);
        decide(id(3), Action::Release { reservation: id(2) });
        assert_eq!(visited(), RECORD_VISITS + 2 * LINES);
        assert!(intake.stop(clock::instant()));
        running.join().unwrap();
    }

    #[test]
    fn a_page_of_one_sku_or_order_looks_at_no_other_reservation() {
        let stock = Stock::default().with_holds((0..5_000).map(|n| (id(n), hold(n))));
        let of_sku = ReservationsQuery { sku: Some("s7".into()), ..query(None) };
        let of_order = ReservationsQuery { order_id: Some("o7".into()), ..query(None) };
        for query in [of_sku, of_order] {
            let mut walk =
                PageWalk { query, page: ReservationPage::default(), lines: 0, visited: 0 };
            assert!(!walk.step(&stock, &Clocks { running_ms: 0, wall_ms: 0 }));
            assert_eq!((walk.page.items.len(), walk.visited), (5, 10), "{:?}", walk.query);
        }
    }

    #[test]
    fn a_walk_through_all_is_made_in_steps() {
        let stock = Stock::default().with_holds((0..5_000).map(|n| (id(n), hold(n))));
        // After the first: those that have expired are passed over.
        let now = Clocks { running_ms: 1, wall_ms: 0 };
        let query = query(Some(&id(0)));
        let mut walk = PageWalk { query, page: ReservationPage::default(), lines: 0, visited: 0 };
        let mut steps = 1;
        while walk.step(&stock, &now) {
            assert!(walk.visited <= STOCK_SCAN_MAX + 1);
            steps += 1;
        }
        assert!(steps >= 4_999 * 2 / (STOCK_SCAN_MAX + 1) && walk.page.items.is_empty());
    }

    fn query(after: Option<&RequestId>) -> ReservationsQuery {
        ReservationsQuery::page(after.map(RequestId::as_str), None).unwrap()
    }

    fn id(n: u64) -> RequestId {
        RequestId::parse(&format!("r{n:04}")).unwrap()
    }

    fn hold(n: u64) -> Hold {
        let name = |kind: char| format!("{kind}{}", n % 1_000);
        let line = Line::new(Sku::parse(&name('s')).unwrap(), Quantity::try_from(1).unwrap());
        let order_id = Some(OrderId::parse(&name('o')).unwrap());
        Hold { order_id, lines: vec![line], deadline_ms: 1, actor: None }
    }
}
