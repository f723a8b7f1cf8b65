//! The requests that change the hub's own stock: receipts, deductions, grants and recalls.

use hyper::HeaderMap;

use super::core::CentralRequest;
use crate::net::request::{
    ClientRequestId, DayJson, DecimalsOf, LineJson, TraceFields, check_ends, idempotency_key,
    json_fields, missing, null_lines, request_id, scaled_lines, unscaled_lines,
};
use crate::problem::Problem;
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimal, Lot, OrderId, Reason, RequestId, Serial, Sku, is_name};

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
}

json_fields! {
    struct CentralFields {
        request_id: ClientRequestId,
        order_id: OrderId,
        lines: Vec<LineJson>,
        sku: Sku,
        quantity: Decimal,
        lot: Lot,
        serial: Serial,
        expires: DayJson,
        reason: Reason,
        site: String,
        gateway: String,
    }
}

/// A request and its id. Its lines wait for the decimals of their SKUs, which are in the books.
#[derive(Debug)]
pub(crate) struct IdentifiedRequest {
    pub(crate) request_id: RequestId,
    /// Without lines.
    pub(crate) request: CentralRequest,
    pub(crate) lines: Vec<LineJson>,
    pub(crate) reason: Option<Reason>,
}

impl IdentifiedRequest {
    /// Reads a request; all fields of its operation must be there, and no others.
    ///
    /// # Errors
    /// Names the field that is missing, wrong or not of this operation.
    pub(crate) fn read(
        operation: CentralOperation,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let mut fields = CentralFields::read(body)?;
        fields.request_id = request_id(fields.request_id.take(), idempotency_key(headers)?)?;
        let lines = fields.take_lines()?;
        let ClientRequestId(request_id) =
            fields.request_id.take().ok_or_else(|| missing("request_id"))?;
        check_ends("request_id", request_id.as_str())?;
        let reason = fields.reason.take();
        let request = fields.take_request(operation)?;
        Ok(Self { request_id, request, lines, reason })
    }

    /// The request with its lines in the smallest units.
    ///
    /// # Errors
    /// If a quantity is out of range, or has more decimals than its SKU.
    pub(crate) fn scaled(&self, decimals_of: DecimalsOf<'_>) -> Result<CentralRequest, Problem> {
        let lines = scaled_lines(self.lines.clone(), decimals_of)?;
        Ok(self.request.clone().with_lines(lines))
    }
}

impl CentralFields {
    fn take_lines(&mut self) -> Result<Vec<LineJson>, Problem> {
        let (lot, serial, expires) = (self.lot.take(), self.serial.take(), self.expires.take());
        let trace = TraceFields { lot, serial, expires };
        let (sku, quantity) = (self.sku.take(), self.quantity.take());
        let lines = unscaled_lines(self.lines.take(), sku, quantity, trace)?;
        lines.ok_or_else(|| if self.lines_are_null { null_lines() } else { missing("lines") })
    }

    fn take_request(mut self, operation: CentralOperation) -> Result<CentralRequest, Problem> {
        let lines = Vec::new();
        Ok(match operation {
            CentralOperation::Receipt => {
                CentralRequest::Receive { order_id: self.take_order_id()?, lines }
            }
            CentralOperation::Deduct => {
                CentralRequest::Deduct { order_id: self.take_order_id()?, lines }
            }
            CentralOperation::Grant => {
                CentralRequest::Grant { gateway: self.take_gateway()?, lines }
            }
            CentralOperation::Recall => {
                CentralRequest::Recall { gateway: self.take_gateway()?, lines }
            }
        })
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
