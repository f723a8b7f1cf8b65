//! Reads requests in JSON.
//!
//! One set of fields holds the object of any request, because the fields of an operation may
//! stand before `op`. An operation then takes its own fields; a mutation refuses what is left.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::net::http::page_size;
use crate::net::json_fields::json_fields;
use crate::net::request::{
    ClientRequestId, DayJson, DecimalsOf, LinesJson, TraceFields, lines, missing, null_lines,
    read_json, request_id,
};
use crate::net::whole_number::WholeNumber;
use crate::problem::Problem;
use crate::stock::{
    Action, Cause, Command, Decimal, IdText, Line, Lot, OrderId, Reason, RequestId, Seq, Serial,
    Sku,
};
use crate::terminal::request::{
    InvalidRequest, Mutation, Operation, Query, Request, ReservationsQuery, SessionRequest,
    SkuFilter, SubscribeRequest, checked_ttl, counted_units, named_command,
};
use crate::terminal::wire::message::{MessageId, RequestMessage};

json_fields! {
    struct RequestFields {
        id: MessageId,
        op: SmolStr,
        request_id: ClientRequestId,
        order_id: OrderId,
        lines: LinesJson,
        sku: Sku,
        quantity: Decimal,
        lot: Lot,
        serial: Serial,
        expires: DayJson,
        reason: Reason,
        counted: Decimal,
        of: DeductionId,
        from: Sku,
        into: Sku,
        reservation: ClientRequestId,
        ttl_s: WholeNumber,
        keep_rest: bool,
        skus: Vec<Sku>,
        prefix: String,
        q: String,
        all: bool,
        since: WholeNumber,
        after: PageCursor,
        limit: WholeNumber,
        code: String,
        token: String,
    }
}

/// The id of a deduction or commit, which a rollback names.
#[derive(Debug)]
struct DeductionId(RequestId);

impl<'de> Deserialize<'de> for DeductionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdText(RequestId::of_deduction)).map(Self)
    }
}

/// What a page begins after: a position of the ledger, or a SKU in a list.
#[derive(Debug)]
enum PageCursor {
    Seq(Seq),
    Sku(String),
}

impl<'de> Deserialize<'de> for PageCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let read = match json.starts_with('"') {
            true => serde_json::from_str(json).map(Self::Sku),
            false => serde_json::from_str(json).map(|WholeNumber(seq)| Self::Seq(seq)),
        };
        read.map_err(D::Error::custom)
    }
}

/// Reads a message of a session.
pub(crate) fn read_message(text: &str, decimals_of: DecimalsOf<'_>) -> RequestMessage {
    match RequestFields::read(text.as_bytes()) {
        Ok(mut fields) => {
            RequestMessage::Decoded { id: fields.id.take(), request: fields.request(decimals_of) }
        }
        Err(problem) => undecoded(text, problem),
    }
}

/// Reads the body of an HTTP request for a mutation. `key` is the `Idempotency-Key`, and
/// `reservation` the id in the path of a commit or release, which needs no body.
///
/// # Errors
/// Names the field that is missing, wrong or not of this operation.
pub(crate) fn read_mutation(
    mutation: Mutation,
    body: &[u8],
    key: Option<ClientRequestId>,
    reservation: Option<&str>,
    decimals_of: DecimalsOf<'_>,
) -> Result<Command, Problem> {
    let mut fields = match reservation {
        Some(_) if body.is_empty() => RequestFields::default(),
        Some(_) | None => RequestFields::read(body)?,
    };
    if fields.reservation.is_given() {
        return Err(Problem::bad_request("reservation: over HTTP it is in the path"));
    }
    fields.request_id = request_id(fields.request_id.take(), key)?.into();
    let reservation = reservation.map(|id| ClientRequestId::parse("reservation", id));
    fields.reservation = reservation.transpose()?.into();
    fields.command(mutation, decimals_of)
}

/// A malformed message, with as much of its head as can be found. Where it says its operation, the
/// role is checked before the problem is told.
fn undecoded(text: &str, problem: Problem) -> RequestMessage {
    #[derive(Deserialize)]
    struct Head<'a> {
        id: MessageId,
        #[serde(borrow)]
        op: Option<&'a RawValue>,
    }
    let Ok(Head { id, op }) = read_json(text.as_bytes()) else {
        return RequestMessage::Malformed { id: None, problem };
    };
    let id = Some(id);
    match op.and_then(|op| serde_json::from_str::<SmolStr>(op.get()).ok()) {
        Some(name) => {
            let operation = Operation::from_name(&name);
            RequestMessage::Decoded { id, request: Err(InvalidRequest { operation, problem }) }
        }
        None => RequestMessage::Malformed { id, problem },
    }
}

impl RequestFields {
    fn request(mut self, decimals_of: DecimalsOf<'_>) -> Result<Request, InvalidRequest> {
        let name = self.op.take().unwrap_or_default();
        let operation = Operation::from_name(&name);
        let request = match operation {
            Some(Operation::Mutate(mutation)) => {
                self.command(mutation, decimals_of).map(Request::Mutate)
            }
            Some(Operation::Get) => self.item().map(query),
            Some(Operation::List) => self.list().map(query),
            Some(Operation::Ledger) => self.ledger().map(query),
            Some(Operation::Status) => Ok(query(Query::Status)),
            Some(Operation::Reservations) => self.reservations().map(query),
            Some(Operation::Reservation) => {
                self.take_reservation().map(Query::Reservation).map(query)
            }
            Some(Operation::Resolve) => self.code().map(query),
            Some(Operation::Subscribe) => self.subscription().map(Request::Session),
            Some(Operation::Unsubscribe) => Ok(Request::Session(SessionRequest::Unsubscribe)),
            Some(Operation::Auth) => self.auth().map(Request::Session),
            None => Err(unknown_operation(&name)),
        };
        request.map_err(|problem| InvalidRequest { operation, problem })
    }

    fn command(
        mut self,
        mutation: Mutation,
        decimals_of: DecimalsOf<'_>,
    ) -> Result<Command, Problem> {
        let action = self.take_action(mutation, decimals_of)?;
        let cause = Cause { actor: None, reason: self.reason.take() };
        let chosen = self.request_id.take().map(|ClientRequestId(id)| id);
        self.expect_empty()?;
        named_command(chosen, action, cause)
    }

    fn take_action(
        &mut self,
        mutation: Mutation,
        decimals_of: DecimalsOf<'_>,
    ) -> Result<Action, Problem> {
        Ok(match mutation {
            Mutation::Deduct => Action::Deduct {
                order_id: self.order_id.take(),
                lines: self.take_lines(decimals_of)?,
            },
            Mutation::Restock => Action::Restock {
                order_id: self.order_id.take(),
                lines: self.take_lines(decimals_of)?,
            },
            Mutation::Count => {
                let sku = self.sku.take().ok_or_else(|| missing("sku"))?;
                let counted = self.counted.take().ok_or_else(|| missing("counted"))?;
                let counted = counted_units(counted, decimals_of(&sku))?;
                Action::Count { sku, counted, trace: self.take_trace().trace() }
            }
            Mutation::Rollback => Action::Rollback {
                of: self.of.take().map(|DeductionId(id)| id).ok_or_else(|| missing("of"))?,
                lines: self.take_optional_lines(decimals_of)?,
            },
            Mutation::Reserve => Action::Reserve {
                order_id: self.order_id.take(),
                lines: self.take_lines(decimals_of)?,
                ttl_s: self.take_ttl()?,
            },
            Mutation::Commit => {
                let (reservation, lines) =
                    (self.take_reservation()?, self.take_optional_lines(decimals_of)?);
                match self.keep_rest.take() {
                    Some(true) => Action::CommitPart { reservation, lines },
                    Some(false) | None => Action::Commit { reservation, lines },
                }
            }
            Mutation::Release => Action::Release { reservation: self.take_reservation()? },
            Mutation::Extend => Action::Extend {
                reservation: self.take_reservation()?,
                ttl_s: self.take_ttl()?.ok_or_else(|| missing("ttl_s"))?,
            },
            Mutation::Merge => Action::Merge {
                from: self.from.take().ok_or_else(|| missing("from"))?,
                into: self.into.take().ok_or_else(|| missing("into"))?,
            },
            Mutation::Hide => Action::Hide { sku: self.sku.take().ok_or_else(|| missing("sku"))? },
        })
    }

    fn take_ttl(&mut self) -> Result<Option<u64>, Problem> {
        checked_ttl(self.ttl_s.take().map(|WholeNumber(ttl_s)| ttl_s))
    }

    fn take_limit(&mut self) -> Option<u64> {
        self.limit.take().map(|WholeNumber(limit)| limit)
    }

    fn take_lines(&mut self, decimals_of: DecimalsOf<'_>) -> Result<Vec<Line>, Problem> {
        self.take_optional_lines(decimals_of)?.ok_or_else(|| missing("lines"))
    }

    fn take_optional_lines(
        &mut self,
        decimals_of: DecimalsOf<'_>,
    ) -> Result<Option<Vec<Line>>, Problem> {
        let (trace, are_null) = (self.take_trace(), self.lines.is_null());
        match lines(self.lines.take(), self.sku.take(), self.quantity.take(), trace, decimals_of)? {
            None if are_null => Err(null_lines()),
            lines => Ok(lines),
        }
    }

    fn take_trace(&mut self) -> TraceFields {
        let (lot, serial, expires) = (self.lot.take(), self.serial.take(), self.expires.take());
        TraceFields { lot, serial, expires }
    }

    fn take_reservation(&mut self) -> Result<RequestId, Problem> {
        let reservation = self.reservation.take().map(|ClientRequestId(id)| id);
        reservation.ok_or_else(|| missing("reservation"))
    }

    fn item(mut self) -> Result<Query, Problem> {
        self.sku.take().map(Query::Item).ok_or_else(|| missing("sku"))
    }

    fn code(mut self) -> Result<Query, Problem> {
        self.code.take().map(|code| Query::Resolve { code }).ok_or_else(|| missing("code"))
    }

    fn auth(mut self) -> Result<SessionRequest, Problem> {
        let token = self.token.take().ok_or_else(|| missing("token"))?;
        Ok(SessionRequest::Auth { token })
    }

    fn list(mut self) -> Result<Query, Problem> {
        let after = match self.after.take() {
            None => None,
            Some(PageCursor::Sku(sku)) => Some(sku),
            Some(PageCursor::Seq(_)) => return Err(Problem::bad_request("after: is a SKU here")),
        };
        let (prefix, limit) = (self.prefix.take().unwrap_or_default(), self.take_limit());
        Ok(Query::List { prefix, q: self.q.take(), after, limit: page_size(limit)? })
    }

    fn reservations(mut self) -> Result<Query, Problem> {
        let after = match self.after.take() {
            None => None,
            Some(PageCursor::Sku(id)) => Some(id),
            Some(PageCursor::Seq(_)) => {
                return Err(Problem::bad_request("after: is the id of a reservation here"));
            }
        };
        Ok(Query::Reservations(ReservationsQuery {
            order_id: self.order_id.take().map(|id| id.as_str().to_owned()),
            sku: self.sku.take().map(|sku| sku.as_str().to_owned()),
            ..ReservationsQuery::page(after.as_deref(), self.take_limit())?
        }))
    }

    fn ledger(mut self) -> Result<Query, Problem> {
        let after = match self.after.take() {
            None => 0,
            Some(PageCursor::Seq(seq)) => seq,
            Some(PageCursor::Sku(empty)) if empty.is_empty() => 0,
            Some(PageCursor::Sku(_)) => {
                return Err(Problem::bad_request("after: is a ledger position here"));
            }
        };
        Ok(Query::Ledger { after, limit: page_size(self.take_limit())? })
    }

    fn subscription(mut self) -> Result<SessionRequest, Problem> {
        let all = self.all.take().unwrap_or(false);
        let filter = match (self.skus.take(), self.prefix.take(), all) {
            (Some(skus), None, false) => SkuFilter::of_skus(skus),
            (None, Some(prefix), false) => SkuFilter::Prefix(prefix),
            (None, None, true) => SkuFilter::All,
            (None, None, false) => return Err(missing("skus, prefix or all")),
            (Some(_), _, _) | (_, Some(_), _) => {
                return Err(Problem::bad_request("subscribe: give one of skus, prefix and all"));
            }
        };
        let since = self.since.take().map(|WholeNumber(since)| since);
        Ok(SessionRequest::Subscribe(SubscribeRequest { filter, since }))
    }
}

fn query(query: Query) -> Request {
    Request::Session(SessionRequest::Query(query))
}

fn unknown_operation(name: &str) -> Problem {
    match name {
        "" => missing("op"),
        _ => Problem::bad_request(format!("op: there is no operation {name:?}")),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
