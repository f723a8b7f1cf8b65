//! The requests that change the hub's own stock: receipts, sales, reservations, grants and recalls.

use hyper::HeaderMap;
use serde::Deserialize;
use serde::de::Deserializer;

use std::time::Duration;

use super::core::{AnywhereSale, CentralRequest, Purpose};
use crate::limits::{ORDER_WAIT_MS, ORDER_WAIT_MS_MAX, PREFERRED_MAX, RESERVATION_TTL_S_MAX};
use crate::net::given_quantity::GivenQuantity;
use crate::net::json_fields::json_fields;
use crate::net::request::{
    ClientRequestId, DayJson, DecimalsOf, LinesJson, TraceFields, UnscaledLines, check_ends,
    idempotency_key, missing, null_lines, request_id, scaled_lines, unscaled_lines,
};
use crate::net::whole_number::WholeNumber;
use crate::problem::Problem;
use crate::protocol::topic::GatewayId;
use crate::stock::{Action, IdText, Line, Lot, OrderId, Reason, RequestId, Serial, Sku, is_name};

/// The kinds of these requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CentralOperation {
    /// Goods arrive in the pool.
    Receipt,
    /// Goods leave the pool for an order.
    Deduct,
    /// Units go from the pool to a gateway.
    Grant,
    /// Units come back from a gateway.
    Recall,
    /// A sale, commit or receipt is undone.
    Rollback,
    /// Units of the pool are promised to an order.
    Reserve,
    /// A reservation becomes a sale.
    Commit,
    /// A reservation ends at another time.
    Extend,
    /// A reservation is given up.
    Release,
}

impl CentralOperation {
    /// Whether the request may leave out its lines, and is about all there are then.
    fn has_optional_lines(self) -> bool {
        matches!(self, Self::Rollback | Self::Commit)
    }

    fn has_lines(self) -> bool {
        !matches!(self, Self::Extend | Self::Release)
    }
}

json_fields! {
    /// The fields of all these requests.
    pub(crate) struct CentralFields {
        request_id: ClientRequestId,
        order_id: OrderId,
        lines: LinesJson,
        sku: Sku,
        quantity: GivenQuantity,
        lot: Lot,
        serial: Serial,
        expires: DayJson,
        reason: Reason,
        site: String,
        gateway: String,
        of: DeductionId,
        ttl_s: WholeNumber,
        keep_rest: bool,
        from: String,
        prefer: Vec<String>,
        wait_ms: WholeNumber,
    }
}

/// The id of a sale, commit or receipt, which a rollback names.
#[derive(Debug)]
pub(crate) struct DeductionId(pub(crate) RequestId);

impl<'de> Deserialize<'de> for DeductionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdText(RequestId::of_deduction)).map(Self)
    }
}

/// What a sale or reservation from anywhere says beside its order and lines.
#[derive(Clone, Debug)]
struct Anywhere {
    prefer: Vec<String>,
    wait_ms: u32,
    time_ms: u32,
}

/// A request and its id. Its lines wait for the decimals of their SKUs, which are in the books.
#[derive(Clone, Debug)]
pub(crate) struct IdentifiedRequest {
    pub(crate) request_id: RequestId,
    /// Without lines.
    pub(crate) request: CentralRequest,
    /// `None` if it is about all lines that there are, or has none.
    pub(crate) lines: Option<UnscaledLines>,
    pub(crate) reason: Option<Reason>,
    /// If its units need not be in the pool.
    anywhere: Option<Anywhere>,
}

impl IdentifiedRequest {
    /// Reads a request; all fields of its operation must be there, and no others. `reservation` is
    /// the id in the path of one that is about a reservation, which needs no body.
    ///
    /// # Errors
    /// Names the field that is missing, wrong or not of this operation.
    pub(crate) fn read(
        operation: CentralOperation,
        reservation: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let fields = match reservation {
            Some(_) if body.is_empty() => CentralFields::default(),
            Some(_) | None => CentralFields::read(body)?,
        };
        let reservation = reservation.map(|id| ClientRequestId::parse("reservation", id));
        Self::of(operation, reservation.transpose()?, headers, fields)
    }

    /// A request with these fields, as [`IdentifiedRequest::read`] reads them from JSON.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn of(
        operation: CentralOperation,
        reservation: Option<ClientRequestId>,
        headers: &HeaderMap,
        mut fields: CentralFields,
    ) -> Result<Self, Problem> {
        let reservation = reservation.map(|ClientRequestId(id)| id);
        let chosen = request_id(fields.request_id.take(), idempotency_key(headers)?)?;
        let chosen = chosen.map(|ClientRequestId(id)| id);
        let lines = if operation.has_lines() { fields.take_lines(operation)? } else { None };
        let reason = fields.reason.take();
        let anywhere = match operation {
            CentralOperation::Deduct | CentralOperation::Reserve => fields.take_anywhere()?,
            CentralOperation::Receipt
            | CentralOperation::Grant
            | CentralOperation::Recall
            | CentralOperation::Rollback
            | CentralOperation::Commit
            | CentralOperation::Extend
            | CentralOperation::Release => None,
        };
        let part = lines.as_ref().map(|_| Vec::new());
        let request = fields.take_request(operation, reservation, part, chosen.is_some())?;
        let request_id = named(chosen, &request)?;
        Ok(Self { request_id, request, lines, reason, anywhere })
    }

    /// The request with its lines in the smallest units.
    ///
    /// # Errors
    /// If a quantity is out of range, or has more decimals than its SKU.
    pub(crate) fn scaled(&self, decimals_of: DecimalsOf<'_>) -> Result<CentralRequest, Problem> {
        let request = self.request.clone();
        let Some(lines) = self.lines.clone() else { return Ok(request) };
        Ok(request.with_lines(scaled_lines(lines, decimals_of)?))
    }
}

impl IdentifiedRequest {
    /// The SKUs of its lines.
    pub(crate) fn skus(&self) -> Vec<Sku> {
        self.lines.iter().flatten().map(|line| line.sku().clone()).collect()
    }

    /// Whether its units need not be in the pool.
    pub(crate) fn is_from_anywhere(&self) -> bool {
        self.anywhere.is_some()
    }

    /// The request of a client that does not wait longer than this.
    #[must_use]
    pub(crate) fn within(mut self, time: Duration) -> Self {
        if let Some(anywhere) = &mut self.anywhere {
            let time_ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
            anywhere.time_ms = anywhere.wait_ms.min(time_ms);
        }
        self
    }

    /// The sale or reservation from anywhere, with its lines in the smallest units.
    ///
    /// # Errors
    /// If a quantity is out of range, or has more decimals than its SKU.
    pub(crate) fn sale(&self, decimals_of: DecimalsOf<'_>) -> Result<AnywhereSale, Problem> {
        let (purpose, order_id, lines) = match self.scaled(decimals_of)? {
            CentralRequest::Deduct { order_id, lines } => (Purpose::Sale, order_id, lines),
            CentralRequest::Order {
                action: Action::Reserve { order_id, lines, ttl_s }, ..
            } => (Purpose::Reservation { ttl_s }, order_id, lines),
            CentralRequest::Receive { .. }
            | CentralRequest::Grant { .. }
            | CentralRequest::Recall { .. }
            | CentralRequest::Order { .. } => return Err(not_from_anywhere()),
        };
        let anywhere = self.anywhere.clone().ok_or_else(not_from_anywhere)?;
        let Anywhere { prefer, wait_ms, time_ms } = anywhere;
        Ok(AnywhereSale { purpose, order_id, lines, prefer, wait_ms, time_ms })
    }
}

fn not_from_anywhere() -> Problem {
    Problem::bad_request("from: only a sale or a reservation is from anywhere")
}

/// The request id: the one that the client chose, or one derived from the reservation.
fn named(chosen: Option<RequestId>, request: &CentralRequest) -> Result<RequestId, Problem> {
    if let Some(chosen) = chosen {
        check_ends("request_id", chosen.as_str())?;
        return Ok(chosen);
    }
    match request {
        CentralRequest::Order { action: Action::Commit { reservation, .. }, .. } => {
            Ok(RequestId::commit_of(reservation))
        }
        CentralRequest::Order { action: Action::Release { reservation }, .. } => {
            Ok(RequestId::release_of(reservation))
        }
        CentralRequest::Receive { .. }
        | CentralRequest::Deduct { .. }
        | CentralRequest::Grant { .. }
        | CentralRequest::Recall { .. }
        | CentralRequest::Order { .. } => Err(missing("request_id")),
    }
}

impl CentralFields {
    fn take_lines(
        &mut self,
        operation: CentralOperation,
    ) -> Result<Option<UnscaledLines>, Problem> {
        let (lot, serial, expires) = (self.lot.take(), self.serial.take(), self.expires.take());
        let trace = TraceFields { lot, serial, expires };
        let (sku, quantity) = (self.sku.take(), self.quantity.take());
        let are_null = self.lines.is_null();
        match unscaled_lines(self.lines.take(), sku, quantity, trace)? {
            None if are_null => Err(null_lines()),
            None if !operation.has_optional_lines() => Err(missing("lines")),
            lines => Ok(lines),
        }
    }

    /// The request; `part` are its lines, which are to be filled in, if they are optional.
    fn take_request(
        mut self,
        operation: CentralOperation,
        reservation: Option<RequestId>,
        part: Option<Vec<Line>>,
        chosen: bool,
    ) -> Result<CentralRequest, Problem> {
        let lines = Vec::new();
        let reservation = || reservation.ok_or_else(|| missing("reservation"));
        let action = match operation {
            CentralOperation::Receipt => {
                return Ok(CentralRequest::Receive { order_id: self.take_order_id()?, lines });
            }
            CentralOperation::Deduct => {
                return Ok(CentralRequest::Deduct { order_id: self.take_order_id()?, lines });
            }
            CentralOperation::Grant => {
                return Ok(CentralRequest::Grant { gateway: self.take_gateway()?, lines });
            }
            CentralOperation::Recall => {
                return Ok(CentralRequest::Recall { gateway: self.take_gateway()?, lines });
            }
            CentralOperation::Rollback => {
                let of = self.of.take().map(|DeductionId(id)| id);
                Action::Rollback { of: of.ok_or_else(|| missing("of"))?, lines: part }
            }
            CentralOperation::Reserve => {
                let (ttl_s, order_id) = (self.take_ttl()?, self.take_order_id()?);
                Action::Reserve { order_id, lines, ttl_s }
            }
            CentralOperation::Commit => match self.keep_rest.take() {
                Some(true) => Action::CommitPart { reservation: reservation()?, lines: part },
                Some(false) | None => Action::Commit { reservation: reservation()?, lines: part },
            },
            CentralOperation::Extend => {
                let ttl_s = self.take_ttl()?.ok_or_else(|| missing("ttl_s"))?;
                Action::Extend { reservation: reservation()?, ttl_s }
            }
            CentralOperation::Release => Action::Release { reservation: reservation()? },
        };
        self.expect_empty()?;
        Ok(CentralRequest::Order { action, chosen })
    }

    /// `None` for units from the pool.
    fn take_anywhere(&mut self) -> Result<Option<Anywhere>, Problem> {
        let is_anywhere = match self.from.take().as_deref() {
            Some("anywhere") => true,
            None | Some("pool") => false,
            Some(_) => return Err(Problem::bad_request("from: must be pool or anywhere")),
        };
        let anywhere = self.take_choice()?;
        Ok(Some(anywhere).filter(|_| is_anywhere))
    }

    /// What an order from anywhere is made by. The pool needs neither: a client may send both always.
    fn take_choice(&mut self) -> Result<Anywhere, Problem> {
        let prefer = self.prefer.take().unwrap_or_default();
        let is_preference = |text: &String| {
            let (site, gateway) = text.split_once('/').unwrap_or((text, "any"));
            is_name(site) && is_name(gateway)
        };
        if prefer.len() > PREFERRED_MAX || !prefer.iter().all(is_preference) {
            return Err(Problem::bad_request(format!(
                "prefer: must be at most {PREFERRED_MAX} sites, or gateways as site/gateway"
            )));
        }
        let wait_ms = self.wait_ms.take().map(|WholeNumber(wait_ms)| wait_ms);
        let wait_ms = wait_ms.unwrap_or_else(|| ORDER_WAIT_MS.into());
        let wait_ms = u32::try_from(wait_ms).ok().filter(|wait_ms| *wait_ms <= ORDER_WAIT_MS_MAX);
        let too_long =
            || Problem::bad_request(format!("wait_ms: must be at most {ORDER_WAIT_MS_MAX}"));
        let wait_ms = wait_ms.ok_or_else(too_long)?;
        Ok(Anywhere { prefer, wait_ms, time_ms: wait_ms })
    }

    fn take_ttl(&mut self) -> Result<Option<u64>, Problem> {
        let ttl_s = self.ttl_s.take().map(|WholeNumber(ttl_s)| ttl_s);
        match ttl_s.is_none_or(|ttl_s| (1..=RESERVATION_TTL_S_MAX).contains(&ttl_s)) {
            true => Ok(ttl_s),
            false => {
                let message = format!("ttl_s: must be from 1 to {RESERVATION_TTL_S_MAX}");
                Err(Problem::bad_request(message))
            }
        }
    }

    fn take_order_id(&mut self) -> Result<Option<OrderId>, Problem> {
        let order_id = self.order_id.take();
        order_id.iter().try_for_each(|id| check_ends("order_id", id.as_str()))?;
        self.expect_empty()?;
        Ok(order_id)
    }

    fn take_gateway(&mut self) -> Result<GatewayId, Problem> {
        let site = self.site.take().ok_or_else(|| missing("site"))?;
        let gateway = self.gateway.take().ok_or_else(|| missing("gateway"))?;
        self.expect_empty()?;
        gateway_id(&site, &gateway)
    }
}

/// The identity of a gateway, by its site and its name there.
///
/// # Errors
/// Names the part that can be no name.
pub(super) fn gateway_id(site: &str, gateway: &str) -> Result<GatewayId, Problem> {
    Ok(GatewayId { site: name("site", site)?, gateway: name("gateway", gateway)? })
}

fn name(field: &str, text: &str) -> Result<String, Problem> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let message = format!("{field}: must be 1 to 64 of A-Z a-z 0-9 . _ -, is {text:?}");
    Err(Problem::bad_request(message))
}
