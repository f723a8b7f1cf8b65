//! Requests as messages, read into the fields that HTTP's JSON becomes. A text that is empty is
//! absent.

use super::proto::{
    CommitRequest, DeductRequest, ExtendRequest, Line, ReceiveRequest, ReleaseRequest,
    ReserveRequest, RollbackRequest, Trace, line,
};
use crate::hub::request::{CentralFields, DeductionId};
use crate::net::given_quantity::GivenQuantity;
use crate::net::request::{ClientRequestId, DayJson, LineJson, LinesJson, TraceFields};
use crate::net::whole_number::WholeNumber;
use crate::problem::Problem;
use crate::stock::{Decimal, Lot, OrderId, Reason, RequestId, Serial, Sku};

/// The fields of a request, and the reservation that it is about.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) reservation: Option<ClientRequestId>,
    pub(super) fields: CentralFields,
}

impl From<CentralFields> for Asked {
    fn from(fields: CentralFields) -> Self {
        Self { reservation: None, fields }
    }
}

/// The value of a field, if it is given.
fn read<T, E: ToString>(
    field: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let parsed = (!text.is_empty()).then(|| parse(text)).transpose();
    parsed.map_err(|error| Problem::bad_request(format!("{field}: {}", error.to_string())))
}

/// The fields that every request has.
fn common(request_id: &str, lines: Vec<Line>, reason: &str) -> Result<CentralFields, Problem> {
    let mut fields = CentralFields::default();
    let request_id = read("request_id", request_id, RequestId::chosen)?;
    fields.request_id = request_id.map(ClientRequestId).into();
    fields.reason = read("reason", reason, Reason::parse)?.into();
    let lines = lines.into_iter().enumerate().map(numbered).collect::<Result<Vec<_>, _>>()?;
    fields.lines = Some(LinesJson(lines)).filter(|LinesJson(lines)| !lines.is_empty()).into();
    Ok(fields)
}

pub(super) fn deduct(request: DeductRequest) -> Result<Asked, Problem> {
    // The client of three fields chooses an order id and no request id.
    let request_id =
        if request.request_id.is_empty() { &request.order_id } else { &request.request_id };
    let mut fields = common(request_id, request.lines, &request.reason)?;
    fields.order_id = read("order_id", &request.order_id, OrderId::parse)?.into();
    let sku = read("sku_id", &request.sku_id, Sku::parse)?;
    let quantity = match (request.quantity, request.quantity_decimal.as_str()) {
        (0, "") if sku.is_none() => None,
        (quantity, "") => Some(units("quantity", quantity.into())?),
        (0, text) => read("quantity_decimal", text, Decimal::parse)?.map(GivenQuantity::Number),
        (_, _) => {
            let message = "quantity: give either quantity or quantity_decimal";
            return Err(Problem::bad_request(message));
        }
    };
    (fields.sku, fields.quantity) = (sku.into(), quantity.into());
    let TraceFields { lot, serial, expires } = trace_of(request.trace)?;
    (fields.lot, fields.serial, fields.expires) = (lot.into(), serial.into(), expires.into());
    fields.from = Some(request.from).filter(|from| !from.is_empty()).into();
    fields.prefer = Some(request.prefer).filter(|prefer| !prefer.is_empty()).into();
    fields.wait_ms = request.wait_ms.map(|wait_ms| WholeNumber(wait_ms.into())).into();
    Ok(fields.into())
}

pub(super) fn receive(request: ReceiveRequest) -> Result<Asked, Problem> {
    let mut fields = common(&request.request_id, request.lines, &request.reason)?;
    fields.order_id = read("order_id", &request.order_id, OrderId::parse)?.into();
    Ok(fields.into())
}

pub(super) fn reserve(request: ReserveRequest) -> Result<Asked, Problem> {
    let mut fields = common(&request.request_id, request.lines, &request.reason)?;
    fields.order_id = read("order_id", &request.order_id, OrderId::parse)?.into();
    fields.ttl_s = request.ttl_s.map(WholeNumber).into();
    fields.from = Some(request.from).filter(|from| !from.is_empty()).into();
    fields.prefer = Some(request.prefer).filter(|prefer| !prefer.is_empty()).into();
    fields.wait_ms = request.wait_ms.map(|wait_ms| WholeNumber(wait_ms.into())).into();
    Ok(fields.into())
}

pub(super) fn commit(request: CommitRequest) -> Result<Asked, Problem> {
    let mut fields = common(&request.request_id, request.lines, &request.reason)?;
    fields.keep_rest = request.keep_rest.then_some(true).into();
    Ok(Asked { reservation: reservation(&request.reservation)?, fields })
}

pub(super) fn extend(request: ExtendRequest) -> Result<Asked, Problem> {
    let mut fields = common(&request.request_id, Vec::new(), &request.reason)?;
    fields.ttl_s = Some(WholeNumber(request.ttl_s)).into();
    Ok(Asked { reservation: reservation(&request.reservation)?, fields })
}

pub(super) fn release(request: ReleaseRequest) -> Result<Asked, Problem> {
    let fields = common(&request.request_id, Vec::new(), &request.reason)?;
    Ok(Asked { reservation: reservation(&request.reservation)?, fields })
}

pub(super) fn rollback(request: RollbackRequest) -> Result<Asked, Problem> {
    let mut fields = common(&request.request_id, request.lines, &request.reason)?;
    fields.of = read("of", &request.of, RequestId::of_deduction)?.map(DeductionId).into();
    Ok(fields.into())
}

fn reservation(id: &str) -> Result<Option<ClientRequestId>, Problem> {
    read("reservation", id, RequestId::chosen).map(|id| id.map(ClientRequestId))
}

fn numbered((n, line): (usize, Line)) -> Result<LineJson, Problem> {
    line_of(line).map_err(|problem| Problem {
        message: format!("lines[{n}].{}", problem.message),
        ..problem
    })
}

fn line_of(line: Line) -> Result<LineJson, Problem> {
    let sku =
        Sku::parse(&line.sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
    let quantity = match line.amount {
        Some(line::Amount::Units(count)) => units("units", count)?,
        Some(line::Amount::Decimal(text)) => {
            let number = Decimal::parse(&text).map_err(|error| {
                Problem::bad_request(format!("decimal: SKU {sku}: {error}, is {text:?}"))
            })?;
            GivenQuantity::Number(number)
        }
        None => {
            let message = format!("amount: SKU {sku} has neither units nor a decimal number");
            return Err(Problem::bad_request(message));
        }
    };
    Ok(LineJson::new(sku, quantity, trace_of(line.trace)?))
}

fn units(field: &str, count: i64) -> Result<GivenQuantity, Problem> {
    let at_least_one = || Problem::bad_request(format!("{field}: must be at least 1, is {count}"));
    u64::try_from(count)
        .ok()
        .filter(|count| *count > 0)
        .map(GivenQuantity::Units)
        .ok_or_else(at_least_one)
}

fn trace_of(trace: Option<Trace>) -> Result<TraceFields, Problem> {
    let Trace { lot, serial, expires } = trace.unwrap_or_default();
    Ok(TraceFields {
        lot: read("lot", &lot, Lot::parse)?,
        serial: read("serial", &serial, Serial::parse)?,
        expires: read("expires", &expires, DayJson::parse)?,
    })
}
