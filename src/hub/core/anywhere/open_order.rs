//! A sale from anywhere that waits for units which were recalled for it.

use serde::{Deserialize, Serialize};

use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, Line, OptionalTrace, OrderId, RequestId};

/// The part of an order's time after which an unanswered recall counts as late.
const LATE_PART: i64 = 3;

/// Such an order. It is stored until it is decided, so that any worker can go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    pub order_id: Option<OrderId>,
    pub lines: Vec<Line>,
    /// Sites, or `site/gateway`, the most preferred first.
    pub prefer: Vec<String>,
    pub wait_ms: u32,
    pub cause: Cause,
    /// When its time is over, in milliseconds since 1970.
    pub deadline_ms: i64,
    pub asked: Vec<Asked>,
}

/// A recall that was issued for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub gateway: GatewayId,
    /// The request id of the recall.
    pub recall: RequestId,
    pub at_ms: i64,
    pub lines: Vec<Line>,
    /// Whether the gateway has answered.
    pub answered: bool,
}

impl OpenOrder {
    /// The place of a gateway in the order of preference.
    pub(super) fn rank(&self, gateway: &GatewayId) -> usize {
        let is_it = |preferred: &String| match preferred.split_once('/') {
            Some((site, name)) => gateway.site == site && gateway.gateway == name,
            None => gateway.site == *preferred,
        };
        self.prefer.iter().position(is_it).unwrap_or(self.prefer.len())
    }

    /// Whether a gateway should have answered by now.
    pub(super) fn is_late(&self, asked: &Asked, now_ms: i64) -> bool {
        now_ms >= asked.at_ms.saturating_add(self.late_ms())
    }

    fn late_ms(&self) -> i64 {
        (i64::from(self.wait_ms) / LATE_PART).max(1)
    }

    /// When something is to be done about it, should nothing come before.
    pub(super) fn next_ms(&self, now_ms: i64) -> i64 {
        let open = self.asked.iter().filter(|asked| asked.is_open());
        let late = open.map(|asked| asked.at_ms.saturating_add(self.late_ms()));
        let next = late.filter(|at_ms| *at_ms > now_ms).min();
        next.unwrap_or(i64::MAX).min(self.deadline_ms)
    }
}

impl Asked {
    pub(super) fn is_open(&self) -> bool {
        !self.answered
    }
}

/// An open order as it is stored, with the traces of its lines. The order of the fields is that of
/// the stored bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredOrder {
    order_id: Option<OrderId>,
    lines: Vec<(Line, OptionalTrace)>,
    prefer: Vec<String>,
    wait_ms: u32,
    cause: Cause,
    asked: Vec<Asked>,
}

impl StoredOrder {
    /// The order, without its deadline.
    pub fn of(order: &OpenOrder) -> Self {
        let OpenOrder { order_id, prefer, wait_ms, cause, asked, .. } = order.clone();
        let lines = order.lines.iter().map(|line| (line.clone(), line.trace.clone())).collect();
        Self { order_id, lines, prefer, wait_ms, cause, asked }
    }

    /// The order with this deadline.
    pub fn into_order(self, deadline_ms: i64) -> OpenOrder {
        let Self { order_id, lines, prefer, wait_ms, cause, asked } = self;
        let lines = lines.into_iter().map(|(line, trace)| Line { trace, ..line }).collect();
        OpenOrder { order_id, lines, prefer, wait_ms, cause, deadline_ms, asked }
    }
}
