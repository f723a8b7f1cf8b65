//! Reads requests in postcard.
//!
//! A message with a wrong id or quantity is malformed. A request that is over a bound of its
//! operation is invalid. JSON makes the same distinction.

use super::messages::{
    PROTOCOL, WireFilter, WireLine, WireNote, WireOperation, WireRequest, WireTrace,
};
use crate::limits::QUANTITY_MAX;
use crate::net::http::page_size;
use crate::net::request::checked_lines;
use crate::problem::Problem;
use crate::stock::{
    Action, Cause, Day, IdError, Line, Lot, OptionalTrace, OrderId, Quantity, Reason, RequestId,
    Serial, Sku, Trace,
};
use crate::terminal::request::{
    InvalidRequest, Mutation, Operation, Query, Request, ReservationsQuery, SessionRequest,
    SkuFilter, SubscribeRequest, checked_count, checked_ttl, named_command,
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
    let id = id.map(|(id, _)| MessageId::Number(id));
    match decode(bytes).and_then(|(request, note)| read(request.op, note)) {
        Ok(request) => RequestMessage::Decoded { id, request: Ok(request) },
        Err(ReadError::Invalid(invalid)) => RequestMessage::Decoded { id, request: Err(invalid) },
        Err(ReadError::Malformed(problem)) => RequestMessage::Malformed { id, problem },
    }
}

/// A request, and the note that follows it.
fn decode(bytes: &[u8]) -> Result<(WireRequest<'_>, Option<WireNote<'_>>), ReadError> {
    let (request, rest) = postcard::take_from_bytes(bytes).map_err(|error| malformed(&error))?;
    if rest.is_empty() {
        return Ok((request, None));
    }
    match postcard::take_from_bytes(rest) {
        Ok((note, [])) => Ok((request, Some(note))),
        Ok((_, rest)) => Err(malformed(&format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(malformed(&format!("what follows it is no note: {error}"))),
    }
}

/// What a note says, with a trace for each line.
#[derive(Default)]
struct Note {
    reason: Option<Reason>,
    traces: Vec<OptionalTrace>,
}

impl Note {
    fn read(note: Option<WireNote<'_>>) -> Result<Self, ReadError> {
        let WireNote { reason, traces } = note.unwrap_or_default();
        Ok(Self {
            reason: reason.map(|text| parsed("reason", text, Reason::parse)).transpose()?,
            traces: traces.iter().map(parsed_trace).collect::<Result<_, _>>()?,
        })
    }

    /// The traces of this many lines.
    fn traces(&mut self, lines: usize) -> Result<Vec<OptionalTrace>, ReadError> {
        let traces = std::mem::take(&mut self.traces);
        match traces.len() {
            0 => Ok(vec![None; lines]),
            given if given == lines => Ok(traces),
            given => Err(malformed(&format!("{given} traces for {lines} lines"))),
        }
    }
}

fn parsed_trace(trace: &WireTrace<'_>) -> Result<OptionalTrace, ReadError> {
    let WireTrace { lot, serial, expires } = *trace;
    let lot = lot.map(|text| parsed("lot", text, Lot::parse)).transpose()?;
    let serial = serial.map(|text| parsed("serial", text, Serial::parse)).transpose()?;
    let expires = expires.map(|day| Day::try_from(day).map_err(|error| malformed(&error)));
    Ok(Trace::of(lot, serial, expires.transpose()?))
}

fn malformed(why: &dyn std::fmt::Display) -> ReadError {
    let message = format!("the message is not a request of {PROTOCOL}: {why}");
    ReadError::Malformed(Problem::bad_request(message))
}

fn read(operation: WireOperation<'_>, note: Option<WireNote<'_>>) -> Result<Request, ReadError> {
    let has_note = note.is_some();
    let mut note = Note::read(note)?;
    let request = match operation {
        WireOperation::Auth { token } => SessionRequest::Auth { token: token.into() },
        WireOperation::Get { sku } => {
            SessionRequest::Query(Query::Item(parsed("sku", sku, Sku::parse)?))
        }
        WireOperation::List { prefix, after, limit } => list(prefix, None, after, limit)?,
        WireOperation::Search { prefix, q, after, limit } => list(prefix, Some(q), after, limit)?,
        WireOperation::Ledger { after, limit } => {
            let limit = page_size(limit).map_err(ReadError::Malformed)?;
            SessionRequest::Query(Query::Ledger { after, limit })
        }
        WireOperation::Status => SessionRequest::Query(Query::Status),
        WireOperation::Resolve { code } => {
            SessionRequest::Query(Query::Resolve { code: code.into() })
        }
        WireOperation::Reservations { order_id, sku, after, limit } => {
            SessionRequest::Query(Query::Reservations(ReservationsQuery {
                order_id: order_id.map(Into::into),
                sku: sku.map(Into::into),
                ..ReservationsQuery::page(after, limit).map_err(ReadError::Malformed)?
            }))
        }
        WireOperation::Reservation { reservation } => SessionRequest::Query(Query::Reservation(
            parsed("reservation", reservation, RequestId::chosen)?,
        )),
        WireOperation::Subscribe { to, since } => {
            SessionRequest::Subscribe(SubscribeRequest { filter: filter(to)?, since })
        }
        WireOperation::Unsubscribe => SessionRequest::Unsubscribe,
        WireOperation::Deduct { request_id, order_id, lines } => {
            return deduct(request_id, order_id, &lines, &mut note);
        }
        WireOperation::Restock { request_id, order_id, lines } => {
            return restock(request_id, order_id, &lines, &mut note);
        }
        WireOperation::Count { request_id, sku, counted } => {
            return count(request_id, sku, counted, &mut note);
        }
        WireOperation::Rollback { request_id, of, lines } => {
            return rollback(request_id, of, lines.as_deref(), &mut note);
        }
        WireOperation::Reserve { request_id, order_id, lines, ttl_s } => {
            return reserve(request_id, order_id, &lines, ttl_s, &mut note);
        }
        WireOperation::Commit { request_id, reservation, lines } => {
            return commit(request_id, reservation, lines.as_deref(), &mut note);
        }
        WireOperation::Release { request_id, reservation } => {
            return release(request_id, reservation, &mut note);
        }
        WireOperation::CommitPart { request_id, reservation, lines } => {
            return commit_part(request_id, reservation, lines.as_deref(), &mut note);
        }
        WireOperation::Extend { request_id, reservation, ttl_s } => {
            return extend(request_id, reservation, ttl_s, &mut note);
        }
    };
    match has_note {
        true => Err(malformed(&"a note follows what is no mutation")),
        false => Ok(Request::Session(request)),
    }
}

fn list(
    prefix: &str,
    q: Option<&str>,
    after: Option<&str>,
    limit: Option<u64>,
) -> Result<SessionRequest, ReadError> {
    Ok(SessionRequest::Query(Query::List {
        prefix: prefix.into(),
        q: q.map(Into::into),
        after: after.map(Into::into),
        limit: page_size(limit).map_err(ReadError::Malformed)?,
    }))
}

fn deduct(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
    note: &mut Note,
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines, note)?;
    mutation(Mutation::Deduct, Some(request_id), note, || {
        Ok(Action::Deduct { order_id, lines: checked_lines(lines)? })
    })
}

fn restock(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
    note: &mut Note,
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines, note)?;
    mutation(Mutation::Restock, Some(request_id), note, || {
        Ok(Action::Restock { order_id, lines: checked_lines(lines)? })
    })
}

fn count(request_id: &str, sku: &str, counted: u64, note: &mut Note) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let sku = parsed("sku", sku, Sku::parse)?;
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    let trace = note.traces(1)?.pop().flatten();
    mutation(Mutation::Count, Some(request_id), note, || {
        Ok(Action::Count { sku, counted: checked_count(counted)?, trace })
    })
}

fn rollback(
    request_id: &str,
    of: &str,
    lines: Option<&[WireLine<'_>]>,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let lines = lines.map(|lines| parsed_lines(lines, note)).transpose()?;
    let of = parsed("of", of, RequestId::of_deduction)?;
    mutation(Mutation::Rollback, Some(request_id), note, || {
        Ok(Action::Rollback { of, lines: lines.map(checked_lines).transpose()? })
    })
}

fn reserve(
    request_id: &str,
    order_id: Option<&str>,
    lines: &[WireLine<'_>],
    ttl_s: Option<u64>,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let (request_id, order_id) = (parsed_request_id(request_id)?, parsed_order_id(order_id)?);
    let lines = parsed_lines(lines, note)?;
    mutation(Mutation::Reserve, Some(request_id), note, || {
        let lines = checked_lines(lines)?;
        Ok(Action::Reserve { order_id, lines, ttl_s: checked_ttl(ttl_s)? })
    })
}

fn commit(
    request_id: Option<&str>,
    reservation: &str,
    lines: Option<&[WireLine<'_>]>,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let request_id = request_id.map(parsed_request_id).transpose()?;
    let lines = lines.map(|lines| parsed_lines(lines, note)).transpose()?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Commit, request_id, note, || {
        Ok(Action::Commit { reservation, lines: lines.map(checked_lines).transpose()? })
    })
}

fn release(
    request_id: Option<&str>,
    reservation: &str,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let request_id = request_id.map(parsed_request_id).transpose()?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Release, request_id, note, || Ok(Action::Release { reservation }))
}

fn commit_part(
    request_id: &str,
    reservation: &str,
    lines: Option<&[WireLine<'_>]>,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let lines = lines.map(|lines| parsed_lines(lines, note)).transpose()?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Commit, Some(request_id), note, || {
        Ok(Action::CommitPart { reservation, lines: lines.map(checked_lines).transpose()? })
    })
}

fn extend(
    request_id: &str,
    reservation: &str,
    ttl_s: u64,
    note: &mut Note,
) -> Result<Request, ReadError> {
    let request_id = parsed_request_id(request_id)?;
    let reservation = parsed("reservation", reservation, RequestId::chosen)?;
    mutation(Mutation::Extend, Some(request_id), note, || {
        let ttl_s = checked_ttl(Some(ttl_s))?.unwrap_or(ttl_s);
        Ok(Action::Extend { reservation, ttl_s })
    })
}

fn mutation(
    mutation: Mutation,
    request_id: Option<RequestId>,
    note: &mut Note,
    action: impl FnOnce() -> Result<Action, Problem>,
) -> Result<Request, ReadError> {
    // Of a mutation without lines.
    note.traces(0)?;
    let cause = Cause { actor: None, reason: note.reason.take() };
    let command = action().and_then(|action| named_command(request_id, action, cause));
    command.map(Request::Mutate).map_err(|problem| invalid(Operation::Mutate(mutation), problem))
}

fn filter(to: WireFilter<'_>) -> Result<SkuFilter, ReadError> {
    match to {
        WireFilter::All => Ok(SkuFilter::All),
        WireFilter::Prefix(prefix) => Ok(SkuFilter::Prefix(prefix.into())),
        WireFilter::Skus(skus) => {
            let skus = skus.iter().map(|sku| parsed("skus", sku, Sku::parse));
            Ok(SkuFilter::of_skus(skus.collect::<Result<_, _>>()?))
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

fn parsed_lines(lines: &[WireLine<'_>], note: &mut Note) -> Result<Vec<Line>, ReadError> {
    let traces = note.traces(lines.len())?;
    let line = |(line, trace)| Ok(Line { trace, ..parsed_line(line)? });
    lines.iter().zip(traces).map(line).collect()
}

fn parsed_line(line: &WireLine<'_>) -> Result<Line, ReadError> {
    let sku = parsed("lines: sku", line.sku, Sku::parse)?;
    let quantity = Quantity::of_line(line.quantity).ok_or_else(|| {
        let wanted = format!("quantity: must be a whole number from 1 to {QUANTITY_MAX}");
        let problem = Problem::bad_request(format!("{wanted}, is {}", line.quantity));
        ReadError::Malformed(problem)
    })?;
    Ok(Line::new(sku, quantity))
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
    use crate::net::request::no_decimals;
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
        assert_eq!(
            command(read_bytes(deduct_of(lines))),
            command(json::read_message(json, &no_decimals))
        );
    }

    #[test]
    fn a_note_after_a_mutation_says_why_and_which_goods() {
        let read_with = |op, note: &WireNote<'_>| {
            let mut bytes = postcard::to_stdvec(&WireRequest { id: 7, op }).unwrap();
            bytes.extend(postcard::to_stdvec(note).unwrap());
            read_message(&bytes)
        };
        let lines = || vec![WireLine { sku: "A", quantity: 2 }, WireLine { sku: "A", quantity: 1 }];
        let lot = WireTrace { lot: Some("L"), serial: None, expires: Some(1) };
        let note = WireNote { reason: Some("broken"), traces: vec![lot, WireTrace::default()] };
        let json = r#"{"id":7,"op":"deduct","request_id":"r","reason":"broken","lines":[
            {"sku":"A","quantity":2,"lot":"L","expires":"1970-01-02"},{"sku":"A","quantity":1}]}"#;
        let same = command(json::read_message(json, &no_decimals));
        assert_eq!(command(read_with(deduct_of(lines()), &note)), same);
        let few = WireNote { reason: None, traces: vec![lot] };
        let reservation = "r";
        let release = WireOperation::Release { request_id: None, reservation };
        for (op, note) in [
            (deduct_of(lines()), &few),
            (WireOperation::Status, &WireNote::default()),
            (release, &few),
        ] {
            assert!(matches!(read_with(op, note), RequestMessage::Malformed { .. }));
        }
    }

    #[test]
    fn a_wrong_id_or_quantity_makes_a_message_malformed() {
        for line in [WireLine { sku: "", quantity: 1 }, WireLine { sku: "A", quantity: 0 }] {
            let message = read_bytes(deduct_of(vec![line]));
            let RequestMessage::Malformed { id, .. } = message else { panic!("{message:?}") };
            assert_eq!(id, Some(MessageId::Number(7)));
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
