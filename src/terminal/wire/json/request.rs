//! Reads requests in JSON.
//!
//! One set of fields holds the object of any request, because the fields of an operation may
//! stand before `op`. An operation then takes its own fields; a mutation refuses what is left.

use serde::Deserialize;
use serde::de::Deserializer;
use smol_str::SmolStr;

use crate::net::http::page_size;
use crate::net::request::{
    ClientRequestId, DayJson, DecimalsOf, LineJson, TraceFields, json_fields, lines, missing,
    null_lines, request_id,
};
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
        lines: Vec<LineJson>,
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
        ttl_s: u64,
        keep_rest: bool,
        skus: Vec<Sku>,
        prefix: String,
        q: String,
        all: bool,
        since: Seq,
        after: PageCursor,
        limit: u64,
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
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PageCursor {
    Seq(Seq),
    Sku(String),
}

/// Reads a message of a session.
pub(crate) fn read_message(text: &str, decimals_of: DecimalsOf<'_>) -> RequestMessage {
    match RequestFields::read(text.as_bytes()) {
        Ok(mut fields) => {
            RequestMessage::Decoded { id: fields.id.take(), request: fields.request(decimals_of) }
        }
        Err(problem) => RequestMessage::Malformed { id: id_of(text), problem },
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
    if fields.reservation.is_some() {
        return Err(Problem::bad_request("reservation: over HTTP it is in the path"));
    }
    fields.request_id = request_id(fields.request_id.take(), key)?;
    fields.reservation =
        reservation.map(|id| ClientRequestId::parse("reservation", id)).transpose()?;
    fields.command(mutation, decimals_of)
}

/// The `id` of a malformed message, if it can be found.
fn id_of(json: &str) -> Option<MessageId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: MessageId,
    }
    serde_json::from_str(json).ok().map(|OnlyId { id }| id)
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
                ttl_s: checked_ttl(self.ttl_s.take())?,
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
                ttl_s: checked_ttl(self.ttl_s.take())?.ok_or_else(|| missing("ttl_s"))?,
            },
            Mutation::Merge => Action::Merge {
                from: self.from.take().ok_or_else(|| missing("from"))?,
                into: self.into.take().ok_or_else(|| missing("into"))?,
            },
            Mutation::Hide => Action::Hide { sku: self.sku.take().ok_or_else(|| missing("sku"))? },
        })
    }

    fn take_lines(&mut self, decimals_of: DecimalsOf<'_>) -> Result<Vec<Line>, Problem> {
        self.take_optional_lines(decimals_of)?.ok_or_else(|| missing("lines"))
    }

    fn take_optional_lines(
        &mut self,
        decimals_of: DecimalsOf<'_>,
    ) -> Result<Option<Vec<Line>>, Problem> {
        let trace = self.take_trace();
        match lines(self.lines.take(), self.sku.take(), self.quantity.take(), trace, decimals_of)? {
            None if self.lines_are_null => Err(null_lines()),
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

    fn item(self) -> Result<Query, Problem> {
        self.sku.map(Query::Item).ok_or_else(|| missing("sku"))
    }

    fn code(self) -> Result<Query, Problem> {
        self.code.map(|code| Query::Resolve { code }).ok_or_else(|| missing("code"))
    }

    fn auth(self) -> Result<SessionRequest, Problem> {
        self.token.map(|token| SessionRequest::Auth { token }).ok_or_else(|| missing("token"))
    }

    fn list(self) -> Result<Query, Problem> {
        let after = match self.after {
            None => None,
            Some(PageCursor::Sku(sku)) => Some(sku),
            Some(PageCursor::Seq(_)) => return Err(Problem::bad_request("after: is a SKU here")),
        };
        let (prefix, limit) = (self.prefix.unwrap_or_default(), page_size(self.limit));
        Ok(Query::List { prefix, q: self.q, after, limit })
    }

    fn reservations(self) -> Result<Query, Problem> {
        let after = match self.after {
            None => None,
            Some(PageCursor::Sku(id)) => Some(id),
            Some(PageCursor::Seq(_)) => {
                return Err(Problem::bad_request("after: is the id of a reservation here"));
            }
        };
        Ok(Query::Reservations(ReservationsQuery {
            order_id: self.order_id.map(|id| id.as_str().to_owned()),
            sku: self.sku.map(|sku| sku.as_str().to_owned()),
            ..ReservationsQuery::page(after.as_deref(), self.limit)?
        }))
    }

    fn ledger(self) -> Result<Query, Problem> {
        let after = match self.after {
            None => 0,
            Some(PageCursor::Seq(seq)) => seq,
            Some(PageCursor::Sku(_)) => {
                return Err(Problem::bad_request("after: is a ledger position here"));
            }
        };
        Ok(Query::Ledger { after, limit: page_size(self.limit) })
    }

    fn subscription(self) -> Result<SessionRequest, Problem> {
        let filter = match (self.skus, self.prefix, self.all) {
            (Some(skus), None, None) => SkuFilter::of_skus(skus)?,
            (None, Some(prefix), None) => SkuFilter::Prefix(prefix),
            (None, None, Some(true)) => SkuFilter::All,
            (None, None, None | Some(false)) => return Err(missing("skus, prefix or all")),
            (Some(_), _, _) | (_, Some(_), _) => {
                return Err(Problem::bad_request("subscribe: give one of skus, prefix and all"));
            }
        };
        Ok(SessionRequest::Subscribe(SubscribeRequest { filter, since: self.since }))
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
