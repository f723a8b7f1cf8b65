//! What is asked of the hub itself: receipts, central sales, grants and recalls.
//!
//! Each is decided once under its name, as at a gateway: the same request gets the same outcome,
//! a refusal too, and another body under the same name is a conflict.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::books::{Book, Books, DecidedRequest, Pool};
use super::policy;
use super::transfer::issue;
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Line, OrderId, Refusal, RequestId, Sku};

/// What is asked. The variants' order is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CentralRequest {
    /// Goods into the pool.
    Receive {
        /// The order that brought them.
        order_id: Option<OrderId>,
        /// How much of what.
        lines: Vec<Line>,
    },
    /// A sale out of the pool.
    Deduct {
        /// The customer's order.
        order_id: Option<OrderId>,
        /// How much of what.
        lines: Vec<Line>,
    },
    /// From the pool to a gateway.
    Grant {
        /// Which.
        gateway: GatewayId,
        /// How much of what.
        lines: Vec<Line>,
    },
    /// Back from a gateway, as far as it gives.
    Recall {
        /// Which.
        gateway: GatewayId,
        /// How much of what.
        lines: Vec<Line>,
    },
}

/// A central request that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedRequest {
    /// Counts the hub's own requests.
    pub seq: u64,
    /// The pool after it, a line per SKU.
    pub lines: Vec<PoolLine>,
}

/// One line of a central request, with what was there after it, in units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLine {
    /// Of what.
    pub sku: Sku,
    /// How much.
    pub quantity: u64,
    /// Left in the pool.
    pub unallotted: i64,
    /// On the way to gateways.
    pub in_transit: i64,
}

/// Why a request was not decided; it leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its name belongs to another request, of this kind.
    Conflict(String),
    /// The stock would no longer be a number that JSON holds exactly.
    TooLarge(Sku),
    /// No such gateway has ever been heard of.
    UnknownGateway(GatewayId),
    /// Nothing is taken from its database, for this reason.
    Closed(GatewayId, String),
}

/// What came of a request: the outcome, whether it is repeated, and who is to be told.
pub type Decided = (Result<AppliedRequest, Refusal>, bool, Vec<GatewayId>);

/// Decides a request.
///
/// # Errors
/// If the books database fails.
pub fn central<B: Books>(
    books: &mut B,
    request_id: &RequestId,
    act: &CentralRequest,
) -> Result<Result<Decided, Rejection>, B::Error> {
    let fingerprint = act.fingerprint();
    if let Some(known) = books.decided_request(request_id)? {
        let same = known.fingerprint == fingerprint;
        let repeated = (known.outcome, true, Vec::new());
        return Ok(if same { Ok(repeated) } else { Err(Rejection::Conflict(known.act)) });
    }
    let mut desk = Desk { pools: Vec::new(), books };
    let (outcome, told) = match desk.carry_out(request_id, act)? {
        Ok(told) => (Ok(()), told),
        Err(Stop::Refused(refusal)) => (Err(refusal), Vec::new()),
        Err(Stop::No(no)) => return Ok(Err(no)),
    };
    let outcome = match outcome {
        Ok(()) => Ok(desk.done(act)?),
        Err(refusal) => Err(refusal),
    };
    let act = act.as_str().into();
    let decided = DecidedRequest { fingerprint, act, outcome: outcome.clone() };
    books.save_request(request_id, &decided)?;
    Ok(Ok((outcome, false, told)))
}

/// What became of a recall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// Whether the gateway has taken it.
    pub done: bool,
    /// SKU, asked, returned.
    pub lines: Vec<(Sku, i64, i64)>,
}

/// Looks a recall up; `None` if there is none under this name.
///
/// # Errors
/// If the books database fails.
pub fn recalled<B: Books>(
    books: &mut B,
    request_id: &RequestId,
) -> Result<Option<Recalled>, B::Error> {
    let mut parts = books.transfers_of(request_id)?;
    parts.retain(|part| part.transfer.direction == Direction::Recall);
    if parts.is_empty() {
        return Ok(None);
    }
    let done = parts.iter().all(|part| part.closed);
    let lines = parts.into_iter().flat_map(|part| {
        let returned = part.returned.into_iter();
        let line = |(line, back): (Line, i64)| (line.sku, line.quantity.units(), back);
        part.transfer.lines.into_iter().zip(returned).map(line)
    });
    Ok(Some(Recalled { done, lines: lines.collect() }))
}

impl CentralRequest {
    /// For people, and for stored requests.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Receive { .. } => "receipt",
            Self::Deduct { .. } => "deduct",
            Self::Grant { .. } => "grant",
            Self::Recall { .. } => "recall",
        }
    }

    fn lines(&self) -> &[Line] {
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

enum Stop {
    Refused(Refusal),
    No(Rejection),
}

struct Desk<'a, B: Books> {
    books: &'a mut B,
    pools: Vec<(Sku, Pool)>,
}

type Carried = Result<Vec<GatewayId>, Stop>;

impl<B: Books> Desk<'_, B> {
    fn carry_out(
        &mut self,
        request_id: &RequestId,
        act: &CentralRequest,
    ) -> Result<Carried, B::Error> {
        match act {
            CentralRequest::Receive { lines, .. } => self.receive(lines),
            CentralRequest::Deduct { lines, .. } => {
                Ok(self.take_out(lines, true)?.map(|()| Vec::new()))
            }
            CentralRequest::Grant { gateway, lines } => self.grant(request_id, gateway, lines),
            CentralRequest::Recall { gateway, lines } => self.recall(request_id, gateway, lines),
        }
    }

    fn receive(&mut self, lines: &[Line]) -> Result<Carried, B::Error> {
        for Line { sku, quantity } in lines {
            let mut pool = self.books.sku_record(sku)?.pool.unwrap_or_default();
            let units = quantity.units();
            if pool.received.max(pool.unallotted) > STOCK_MAX - units {
                return Ok(Err(Stop::No(Rejection::TooLarge(sku.clone()))));
            }
            pool.received += units;
            pool.unallotted += units;
            self.pools.push((sku.clone(), pool));
        }
        self.books.save_pools(&self.pools)?;
        let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
        Ok(Ok(policy::serve_all(self.books, &skus)?))
    }

    /// Takes every line out of the pool, or none.
    fn take_out(&mut self, lines: &[Line], sold: bool) -> Result<Result<(), Stop>, B::Error> {
        for Line { sku, quantity } in lines {
            let sku_record = self.books.sku_record(sku)?;
            if sku_record.pool.is_none() && !sku_record.listed {
                let refusal = Refusal::UnknownSku { sku: sku.clone() };
                return Ok(Err(Stop::Refused(refusal)));
            }
            let mut pool = sku_record.pool.unwrap_or_default();
            let units = quantity.units();
            if pool.unallotted < units {
                let (sku, requested) = (sku.clone(), units.unsigned_abs());
                let available = pool.unallotted;
                let refusal = Refusal::InsufficientStock { sku, requested, available };
                return Ok(Err(Stop::Refused(refusal)));
            }
            pool.unallotted -= units;
            pool.deducted += if sold { units } else { 0 };
            self.pools.push((sku.clone(), pool));
        }
        self.books.save_pools(&self.pools)?;
        Ok(Ok(()))
    }

    fn grant(
        &mut self,
        request_id: &RequestId,
        gateway: &GatewayId,
        lines: &[Line],
    ) -> Result<Carried, B::Error> {
        let mut book = match self.open_book(gateway)? {
            Ok(book) => book,
            Err(no) => return Ok(Err(Stop::No(no))),
        };
        if let Err(stop) = self.take_out(lines, false)? {
            return Ok(Err(stop));
        }
        issue(self.books, &mut book, request_id, Direction::Grant, lines)?;
        Ok(Ok(vec![gateway.clone()]))
    }

    fn recall(
        &mut self,
        request_id: &RequestId,
        gateway: &GatewayId,
        lines: &[Line],
    ) -> Result<Carried, B::Error> {
        let mut book = match self.open_book(gateway)? {
            Ok(book) => book,
            Err(no) => return Ok(Err(Stop::No(no))),
        };
        for Line { sku, .. } in lines {
            let sku_record = self.books.sku_record(sku)?;
            if sku_record.pool.is_none() && !sku_record.listed {
                let refusal = Refusal::UnknownSku { sku: sku.clone() };
                return Ok(Err(Stop::Refused(refusal)));
            }
        }
        issue(self.books, &mut book, request_id, Direction::Recall, lines)?;
        Ok(Ok(vec![gateway.clone()]))
    }

    fn open_book(&mut self, gateway: &GatewayId) -> Result<Result<Book, Rejection>, B::Error> {
        let Some(book) = self.books.books(gateway)?.pop() else {
            return Ok(Err(Rejection::UnknownGateway(gateway.clone())));
        };
        Ok(match &book.cursor.fenced {
            Some(reason) => Err(Rejection::Closed(gateway.clone(), reason.clone())),
            None => Ok(book),
        })
    }

    fn done(&mut self, act: &CentralRequest) -> Result<AppliedRequest, B::Error> {
        let mut lines = Vec::with_capacity(act.lines().len());
        for Line { sku, quantity } in act.lines() {
            let Pool { unallotted, in_transit, .. } =
                self.books.sku_record(sku)?.pool.unwrap_or_default();
            let quantity = quantity.units().unsigned_abs();
            lines.push(PoolLine { sku: sku.clone(), quantity, unallotted, in_transit });
        }
        Ok(AppliedRequest { seq: self.books.request_count()? + 1, lines })
    }
}
