//! What clients ask of the hub itself, and how a repetition of it is told from another request.

use std::borrow::Cow;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::protocol::topic::GatewayId;
use crate::stock::{Action, Cause, Command, Line, OrderId, RequestId};

/// A central request. The order of the variants is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CentralRequest {
    /// Goods arrive in the pool.
    Receive {
        /// The purchase order.
        order_id: Option<OrderId>,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Goods leave the pool for a customer.
    Deduct {
        /// The customer's order.
        order_id: Option<OrderId>,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Units go from the pool to a gateway.
    Grant {
        /// The gateway that gets them.
        gateway: GatewayId,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Units come back from a gateway, as far as they are available there.
    Recall {
        /// The gateway that gives them.
        gateway: GatewayId,
        /// SKUs and quantities.
        lines: Vec<Line>,
    },
    /// Units are reserved, or a sale or reservation is ended or undone. The fingerprint is that of
    /// the stock engine.
    Order {
        /// What is asked for.
        action: Action,
        /// Whether the client chose the request id.
        chosen: bool,
    },
}

impl CentralRequest {
    /// The name of the operation, for error messages and stored requests.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Receive { .. } => "receipt",
            Self::Deduct { .. } => "deduct",
            Self::Grant { .. } => "grant",
            Self::Recall { .. } => "recall",
            Self::Order { action, .. } => action.kind().as_str(),
        }
    }

    /// The gateway that the request is about.
    pub fn gateway(&self) -> Option<&GatewayId> {
        match self {
            Self::Receive { .. } | Self::Deduct { .. } | Self::Order { .. } => None,
            Self::Grant { gateway, .. } | Self::Recall { gateway, .. } => Some(gateway),
        }
    }

    /// The SKUs and quantities.
    pub fn lines(&self) -> &[Line] {
        match self {
            Self::Receive { lines, .. }
            | Self::Deduct { lines, .. }
            | Self::Grant { lines, .. }
            | Self::Recall { lines, .. } => lines,
            Self::Order { action, .. } => action.lines().map_or(&[][..], Vec::as_slice),
        }
    }

    fn lines_mut(&mut self) -> Option<&mut Vec<Line>> {
        match self {
            Self::Receive { lines, .. }
            | Self::Deduct { lines, .. }
            | Self::Grant { lines, .. }
            | Self::Recall { lines, .. } => Some(lines),
            Self::Order { action, .. } => action.lines_mut(),
        }
    }

    /// The request with these lines instead of its own, if it has any.
    #[must_use]
    pub fn with_lines(mut self, lines: Vec<Line>) -> Self {
        if let Some(own) = self.lines_mut() {
            *own = lines;
        }
        self
    }

    /// The reservation that the request makes, under its id, or extends.
    pub(super) fn reservation(&self, request_id: &RequestId) -> Option<RequestId> {
        match self {
            Self::Order { action, .. } => action.reservation(request_id),
            Self::Receive { .. }
            | Self::Deduct { .. }
            | Self::Grant { .. }
            | Self::Recall { .. } => None,
        }
    }

    /// What an order asks of the stock engine; `None` of a grant or recall.
    pub(super) fn command(&self, request_id: &RequestId, cause: &Cause) -> Option<Command> {
        let (action, chosen) = match self.clone() {
            Self::Receive { order_id, lines } => (Action::Restock { order_id, lines }, true),
            Self::Deduct { order_id, lines } => (Action::Deduct { order_id, lines }, true),
            Self::Order { action, chosen } => (action, chosen),
            Self::Grant { .. } | Self::Recall { .. } => return None,
        };
        let (request_id, cause) = (request_id.clone(), cause.clone());
        Some(Command { request_id, chosen, action, cause, read_by: None })
    }

    /// The request with its lines in ascending order.
    fn sorted(&self) -> Cow<'_, Self> {
        let place = |line: &Line| (line.sku.clone(), line.trace.clone());
        if self.lines().is_sorted_by_key(place) {
            return Cow::Borrowed(self);
        }
        let mut sorted = self.clone();
        sorted.lines_mut().into_iter().for_each(|lines| lines.sort_by_key(place));
        Cow::Owned(sorted)
    }
}

/// The fingerprints of a request: that which is stored, and that which earlier versions stored,
/// with the lines as they were sent.
pub(super) fn fingerprints(
    request_id: &RequestId,
    request: &CentralRequest,
    cause: &Cause,
) -> [u64; 2] {
    if let CentralRequest::Order { .. } = request {
        let command = request.command(request_id, cause);
        return [command.map_or(0, |command| command.fingerprint()); 2];
    }
    let of = |request: &CentralRequest| {
        let bytes = postcard::to_stdvec(request).expect("plain data always serializes");
        let traces: Vec<_> = request.lines().iter().map(|line| &line.trace).collect();
        // What has neither keeps the hash that earlier versions gave it.
        if cause.reason.is_none() && traces.iter().all(|trace| trace.is_none()) {
            return xxh3_64(&bytes);
        }
        let said = postcard::to_extend(&(&cause.reason, traces), bytes);
        xxh3_64(&said.expect("plain data always serializes"))
    };
    [of(&request.sorted()), of(request)]
}
