//! Reservations in the pool: the open ones, and what became of one.

use serde::Serialize;

use super::decimals::decimals;
use super::page::BooksPage;
use crate::clock::{Now, rfc3339};
use crate::hub::core::{DecidedRequest, SkuDecimals};
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::hub::db::{BooksError, RESERVATION_COLUMNS, read_decided, read_reservation};
use crate::limits::RESERVATION_PAGE_LINES_MAX;
use crate::net::json::TraceJson;
use crate::stock::{
    Actor, Amount, EndedBy, Hold, Line, OptionalTrace, OrderId, RequestId, RequestKind,
    RequestRecord,
};

/// Reservations that are read at once.
const SCANNED: usize = 1_000;

/// Which open reservations to read.
#[derive(Clone, Debug)]
pub(in crate::hub) struct ReservationQuery {
    pub(in crate::hub) order_id: Option<String>,
    pub(in crate::hub) sku: Option<String>,
    pub(in crate::hub) after: String,
    pub(in crate::hub) limit: usize,
    /// The running time is that of the books: what is due then has ended.
    pub(in crate::hub) now: Now,
}

/// A reservation, shaped as at a gateway.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct ReservationJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    pub(in crate::hub) reservation: String,
    pub(in crate::hub) order_id: Option<String>,
    pub(in crate::hub) lines: Vec<ReservedLineJson>,
    pub(in crate::hub) expires_at: Option<String>,
    pub(in crate::hub) expires_in_s: Option<u64>,
    pub(in crate::hub) actor: Option<String>,
    #[serde(flatten)]
    end: Option<EndJson>,
}

#[derive(Debug, Serialize)]
pub(in crate::hub) struct ReservedLineJson {
    pub(in crate::hub) sku: String,
    pub(in crate::hub) quantity: Amount,
    #[serde(flatten)]
    pub(in crate::hub) trace: Option<TraceFields>,
}

/// Which goods of a SKU a line is about.
#[derive(Debug)]
pub(in crate::hub) struct TraceFields(pub(in crate::hub) OptionalTrace);

impl Serialize for TraceFields {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        TraceJson::new(self.0.as_deref()).serialize(to)
    }
}

#[derive(Debug, Serialize)]
struct EndJson {
    closed_by: String,
    closed_at: Option<String>,
    closed_actor: Option<String>,
}

/// A page of the open reservations, in the order of their ids. It ends early if they have many
/// lines.
pub(in crate::hub) fn reservations(
    db: &mut dyn Executor,
    query: &ReservationQuery,
) -> Result<BooksPage<ReservationJson>, BooksError> {
    let (mut found, mut lines) = (Vec::<(RequestId, Hold)>::new(), 0);
    let (mut after, mut next) = (query.after.clone(), None);
    'pages: loop {
        let page = read_page(db, query, &after)?;
        let is_last = page.len() < SCANNED;
        for (id, hold) in page {
            id.as_str().clone_into(&mut after);
            if !query.matches(&hold) {
                continue;
            }
            if found.len() == query.limit || lines >= RESERVATION_PAGE_LINES_MAX {
                next = found.last().map(|(id, _)| id.to_string());
                break 'pages;
            }
            lines += hold.lines.len();
            found.push((id, hold));
        }
        if is_last {
            break;
        }
    }
    let skus = found.iter().flat_map(|(_, hold)| hold.lines.iter().map(|line| &line.sku));
    let decimals = decimals(db, skus)?;
    let open = |(id, hold): &_| ReservationJson::open(id, hold, query.now, &decimals);
    Ok(BooksPage { items: found.iter().map(open).collect(), next })
}

fn read_page(
    db: &mut dyn Executor,
    query: &ReservationQuery,
    after: &str,
) -> Result<Vec<(RequestId, Hold)>, BooksError> {
    let mut values = vec![SqlValue::text(after), SqlValue::number(query.now.running_ms)];
    let of_order = match &query.order_id {
        None => "",
        Some(order_id) => {
            values.push(SqlValue::text(order_id));
            "AND order_id = $3"
        }
    };
    let sql = format!(
        "SELECT {RESERVATION_COLUMNS} FROM reservation
         WHERE id > $1 AND deadline_ms > $2 {of_order} ORDER BY id LIMIT {SCANNED}"
    );
    db.query(&sql, &values)?.into_iter().map(read_reservation).collect()
}

impl ReservationQuery {
    fn matches(&self, hold: &Hold) -> bool {
        let has = |sku: &String| hold.lines.iter().any(|line| line.sku.as_str() == sku);
        self.sku.as_ref().is_none_or(has)
    }
}

/// One reservation, open or not, as long as it is remembered.
pub(in crate::hub) fn reservation(
    db: &mut dyn Executor,
    id: &RequestId,
    now: Now,
) -> Result<Option<ReservationJson>, BooksError> {
    let key = [SqlValue::text(id.as_str())];
    let sql = format!("SELECT {RESERVATION_COLUMNS} FROM reservation WHERE id = $1");
    if let Some(row) = db.query(&sql, &key)?.pop() {
        let (id, hold) = read_reservation(row)?;
        let decimals = decimals(db, hold.lines.iter().map(|line| &line.sku))?;
        let is_due = hold.deadline_ms <= now.running_ms;
        let found = ReservationJson::open(&id, &hold, now, &decimals);
        return Ok(Some(ReservationJson {
            state: Some(if is_due { "expired" } else { "open" }),
            expires_in_s: found.expires_in_s.filter(|_| !is_due),
            ..found
        }));
    }
    let Some(row) = db.query("SELECT remembered FROM request WHERE id = $1", &key)?.pop() else {
        return Ok(None);
    };
    let DecidedRequest { record, maker, .. } = read_decided(&RowReader::of(row).blob()?)?;
    match record.filter(|record| record.kind == RequestKind::Reserve && record.outcome.is_ok()) {
        Some(record) => ReservationJson::ended(db, id, &record, maker.as_ref()).map(Some),
        None => Ok(None),
    }
}

/// The reservations whose time is over, the first ones first, at most `limit`.
pub(in crate::hub) fn due_reservations(
    db: &mut dyn Executor,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<RequestId>, BooksError> {
    let sql = "SELECT id FROM reservation WHERE deadline_ms <= $1 ORDER BY deadline_ms LIMIT $2";
    let found = db.query(sql, &[SqlValue::Int(now_ms), SqlValue::number(limit as u64)])?;
    found.into_iter().map(|row| RowReader::of(row).id(RequestId::parse)).collect()
}

/// The sales from anywhere whose time is over, at most `limit`.
pub(in crate::hub) fn overdue_orders(
    db: &mut dyn Executor,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<RequestId>, BooksError> {
    let sql = "SELECT id FROM open_order WHERE deadline_ms <= $1 ORDER BY deadline_ms LIMIT $2";
    let found = db.query(sql, &[SqlValue::Int(now_ms), SqlValue::number(limit as u64)])?;
    found.into_iter().map(|row| RowReader::of(row).id(RequestId::parse)).collect()
}

/// The sales from anywhere that are not decided yet. There are few.
pub(in crate::hub) fn open_orders(db: &mut dyn Executor) -> Result<Vec<RequestId>, BooksError> {
    let found = db.query("SELECT id FROM open_order", &[])?;
    found.into_iter().map(|row| RowReader::of(row).id(RequestId::parse)).collect()
}

impl ReservationJson {
    fn open(id: &RequestId, hold: &Hold, now: Now, decimals: &SkuDecimals) -> Self {
        let left_ms = hold.deadline_ms.saturating_sub(now.running_ms);
        let deadline_ms = now.wall_ms.saturating_add_unsigned(hold.deadline_ms);
        let expires_ms = deadline_ms.saturating_sub_unsigned(now.running_ms);
        Self {
            state: None,
            reservation: id.to_string(),
            order_id: hold.order_id.as_ref().map(OrderId::to_string),
            lines: lines(&hold.lines, decimals),
            expires_at: Some(rfc3339(expires_ms)),
            expires_in_s: Some(left_ms.div_ceil(1_000)),
            actor: hold.actor.as_ref().map(Actor::to_string),
            end: None,
        }
    }

    /// One that is not open any more, with what was reserved at first.
    fn ended(
        db: &mut dyn Executor,
        id: &RequestId,
        record: &RequestRecord,
        maker: Option<&Actor>,
    ) -> Result<Self, BooksError> {
        let reserved = record.reserved();
        let decimals = decimals(db, reserved.iter().map(|line| &line.sku))?;
        let ending = record.state.as_ref().and_then(|state| state.ending());
        let state = match ending.as_ref().map(|ending| ending.by) {
            Some(EndedBy::Commit) => "committed",
            Some(EndedBy::Release) => "released",
            None => "expired",
        };
        Ok(Self {
            state: Some(state),
            reservation: id.to_string(),
            order_id: record.order_id.as_ref().map(OrderId::to_string),
            lines: lines(&reserved, &decimals),
            expires_at: None,
            expires_in_s: None,
            actor: maker.map(Actor::to_string),
            end: ending.map(|ending| EndJson {
                closed_by: ending.request_id.to_string(),
                closed_at: ending.at_ms.map(rfc3339),
                closed_actor: ending.actor.map(|actor| actor.to_string()),
            }),
        })
    }
}

fn lines(lines: &[Line], decimals: &SkuDecimals) -> Vec<ReservedLineJson> {
    let line = |line: &Line| ReservedLineJson {
        sku: line.sku.to_string(),
        quantity: Amount::new(line.quantity.units(), decimals.of(&line.sku)),
        trace: line.trace.as_ref().map(|trace| TraceFields(Some(trace.clone()))),
    };
    lines.iter().map(line).collect()
}
