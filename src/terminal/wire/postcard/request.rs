//! Reads requests in postcard.
//!
//! A message with a wrong id or quantity is malformed. A request that is over a bound of its
//! operation is invalid. JSON makes the same distinction.

use super::messages::{PROTOCOL, WireFilter, WireLine, WireOperation, WireRequest};
use crate::limits::QUANTITY_MAX;
use crate::net::http::page_size;
use crate::net::request::checked_lines;
use crate::problem::Problem;
use crate::stock::{Action, IdError, Line, OrderId, Quantity, RequestId, Sku};
use crate::terminal::request::{
    InvalidRequest, Mutation, Operation, Query, Request, SessionRequest, SkuFilter,
    SubscribeRequest, checked_count, checked_ttl, named_command,
};
use crate::terminal::wire::message::{MessageId, RequestMessage};

/// Why a message is not a request.
enum ReadError {
    Malformed(Problem),
    Invalid(InvalidRequest),
}

/// Reads a message of a session.
pub(crate) fn read_message(bytes: &[u8]) -> RequestMessage {
    let id = postcard::take_from_bytes::<u64>(bytes).ok();
    let id = id.map(|(id, _)| MessageId::Number(id.into()));
    match decode(bytes).and_then(|request| read(request.op)) {
        Ok(request) => RequestMessage::Decoded { id, request: Ok(request) },
        Err(ReadError::Invalid(invalid)) => RequestMessage::Decoded { id, request: Err(invalid) },
        Err(ReadError::Malformed(problem)) => RequestMessage::Malformed { id, problem },
    }
}

fn decode(bytes: &[u8]) -> Result<WireRequest<'_>, ReadError> {
    match postcard::take_from_bytes(bytes) {
        Ok((request, [])) => Ok(request),
        Ok((_, rest)) => Err(malformed(&format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(malformed(&error)),
    }
}

fn malformed(why: &dyn std::fmt::Display) -> ReadError {
    let message = format!("the message is not a request of {PROTOCOL}: {why}");
    ReadError::Malformed(Problem::bad_request(message))
}

fn read(operation: WireOperation<'_>) -> Result<Request, ReadError> {
    let request = match operation {
        WireOperation::Auth { token } => SessionRequest::Auth { token: token.into() },
        WireOperation::Get { sku } => {
            SessionRequest::Query(Query::Item(parsed("sku", sku, Sku::parse)?))
        }
        WireOperation::List { prefix, after, limit } => SessionRequest::Query(Query::List {
            prefix: prefix.into(),
            after: after.map(Into::into),
            limit: page_size(limit),
        }),
        WireOperation::Ledger { after, limit } => {
            SessionRequest::Query(Query::Ledger { after, limit: page_size(limit) })
        }
        WireOperation::Status => SessionRequest::Query(Query::Status),
        WireOperation::Resolve { code } => {
            SessionRequest::Query(Query::Resolve { code: code.into() })
        }
        WireOperation::Subscribe { to, since } => {
            SessionRequest::Subscribe(SubscribeRequest { filter: filter(to)?, since })
        }
        WireOperation::Unsubscribe => SessionRequest::Unsubscribe,
        WireOperation::Deduct { request_id, order_id, lines } => {
            return deduct(request_id, order_id, &lines);
        }
        WireOperation::Restock { request_id, order_id, lines } => {
            return restock(request_id, order_id, &lines);
        }
        WireOperation::Count { request_id, sku, counted } => {
            return count(request_id, sku, counted);
        }
        WireOperation::Rollback { request_id, of, lines } => {
            return rollback(request_id, of, lines.as_deref());
        }
        WireOperation::Reserve { request_id, order_id, lines, ttl_s } => {
            return reserve(request_id, order_id, &lines, ttl_s);
        }
        WireOperation::Commit { request_id, reservation, lines } => {
            return commit(request_id, reservation, lines.as_deref());
        }
        WireOperation::Release { request_id, reservation } => {
            return release(request_id, reservation);
        }
    };
    Ok(Request::Session(request))
}

fn deduct(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines)?;
    mutation(Mutation::Deduct, Some(request_id), || {
        Ok(Action::Deduct { order_id, lines: checked_lines(lines)? })
    })
}

fn restock(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines)?;
    mutation(Mutation::Restock, Some(request_id), || {
        Ok(Action::Restock { order_id, lines: checked_lines(lines)? })
    })
}

fn count(request_id: &str, sku: &str, counted: u64) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let sku = parsed("sku", sku, Sku::parse)?;
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    mutation(Mutation::Count, Some(request_id), || {
        Ok(Action::Count { sku, counted: checked_count(counted)? })
    })
}

fn rollback(
    request_id: &str,
    of: &str,
    lines: Option<&[WireLine<'_>]>,
) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let lines = lines.map(parsed_lines).transpose()?;
    let of = parsed("of", of, RequestId::of_deduction)?;
    mutation(Mutation::Rollback, Some(request_id), || {
        Ok(Action::Rollback { of, lines: lines.map(checked_lines).transpose()? })
    })
}

fn reserve(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
    ttl_s: Option<u64>,
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines)?;
    mutation(Mutation::Reserve, Some(request_id), || {
        let lines = checked_lines(lines)?;
        Ok(Action::Reserve { order_id, lines, ttl_s: checked_ttl(ttl_s)? })
    })
}

fn commit(
    request_id: Option<&str>,
    reservation: &str,
    lines: Option<&[WireLine<'_>]>,
) -> Result<Request, ReadError> {
    let request_id = request_id.map(parsed_request_id).transpose()?;
    let lines = lines.map(parsed_lines).transpose()?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Commit, request_id, || {
        Ok(Action::Commit { reservation, lines: lines.map(checked_lines).transpose()? })
    })
}

fn release(request_id: Option<&str>, reservation: &str) -> Result<Request, ReadError> {
    let request_id = request_id.map(parsed_request_id).transpose()?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Release, request_id, || Ok(Action::Release { reservation }))
}

fn mutation(
    mutation: Mutation,
    request_id: Option<RequestId>,
    action: impl FnOnce() -> Result<Action, Problem>,
) -> Result<Request, ReadError> {
    let command = action().and_then(|action| named_command(request_id, action));
    command.map(Request::Mutate).map_err(|problem| invalid(Operation::Mutate(mutation), problem))
}

fn filter(to: WireFilter<'_>) -> Result<SkuFilter, ReadError> {
    match to {
        WireFilter::All => Ok(SkuFilter::All),
        WireFilter::Prefix(prefix) => Ok(SkuFilter::Prefix(prefix.into())),
        WireFilter::Skus(skus) => {
            let skus = skus.iter().map(|sku| parsed("skus", sku, Sku::parse));
            SkuFilter::of_skus(skus.collect::<Result<_, _>>()?)
                .map_err(|problem| invalid(Operation::Subscribe, problem))
        }
    }
}

fn invalid(operation: Operation, problem: Problem) -> ReadError {
    ReadError::Invalid(InvalidRequest { operation: Some(operation), problem })
}

fn parsed_request_id(id: &str) -> Result<RequestId, ReadError> {
    parsed("request_id", id, RequestId::chosen)
}

fn parsed_order_id(id: Option<&str>) -> Result<Option<OrderId>, ReadError> {
    id.map(|id| parsed("order_id", id, OrderId::parse)).transpose()
}

fn parsed_lines(lines: &[WireLine<'_>]) -> Result<Vec<Line>, ReadError> {
    lines.iter().map(parsed_line).collect()
}

fn parsed_line(line: &WireLine<'_>) -> Result<Line, ReadError> {
    let sku = parsed("lines: sku", line.sku, Sku::parse)?;
    let quantity = Quantity::of_line(line.quantity).ok_or_else(|| {
        let wanted = format!("quantity: must be a whole number from 1 to {QUANTITY_MAX}");
        let problem = Problem::bad_request(format!("{wanted}, is {}", line.quantity));
        ReadError::Malformed(problem)
    })?;
    Ok(Line { sku, quantity })
}

fn parsed<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<T, ReadError> {
    parse(text)
        .map_err(|error| ReadError::Malformed(Problem::bad_request(format!("{field}: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Command;
    use crate::terminal::wire::json;

    fn read_bytes(op: WireOperation<'_>) -> RequestMessage {
        read_message(&postcard::to_stdvec(&WireRequest { id: 7, op }).unwrap())
    }

    fn deduct_of(lines: Vec<WireLine<'_>>) -> WireOperation<'_> {
        WireOperation::Deduct { request_id: "r", order_id: None, lines }
    }

    fn command(message: RequestMessage) -> Command {
        let RequestMessage::Decoded { request: Ok(Request::Mutate(command)), .. } = message else {
            panic!("{message:?}");
        };
        command
    }

    #[test]
    fn a_mutation_becomes_the_same_command_as_in_json() {
        let lines = vec![WireLine { sku: "A", quantity: 2 }, WireLine { sku: "A", quantity: 1 }];
        let json = r#"{"id":7,"op":"deduct","request_id":"r","sku":"A","quantity":3}"#;
        assert_eq!(command(read_bytes(deduct_of(lines))), command(json::read_message(json)));
    }

    #[test]
    fn a_wrong_id_or_quantity_makes_a_message_malformed() {
        for line in [WireLine { sku: "", quantity: 1 }, WireLine { sku: "A", quantity: 0 }] {
            let message = read_bytes(deduct_of(vec![line]));
            let RequestMessage::Malformed { id, .. } = message else { panic!("{message:?}") };
            assert_eq!(id, Some(MessageId::Number(7.into())));
        }
    }

    #[test]
    fn a_bound_of_the_operation_makes_a_request_invalid() {
        let message = read_bytes(deduct_of(Vec::new()));
        let RequestMessage::Decoded { request: Err(invalid), .. } = message else {
            panic!("{message:?}");
        };
        assert!(invalid.is_mutation());
    }
}
