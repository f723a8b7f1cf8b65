//! The JSON of requests and responses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hub::core::{AppliedRequest, HeldUnits, PoolLine, RecallLine, RecallStatus};
use crate::stock::{Line, RequestId, Sku};

/// A list that has no further pages.
#[derive(Serialize)]
pub(super) struct ItemsJson<T> {
    pub(super) items: Vec<T>,
}

/// A receipt, deduction or grant that was applied.
#[derive(Serialize)]
pub(super) struct AppliedJson<'a> {
    request_id: &'a str,
    seq: u64,
    replayed: bool,
    lines: &'a [PoolLine],
}

impl<'a> AppliedJson<'a> {
    pub(super) fn new(
        request_id: &'a RequestId,
        applied: &'a AppliedRequest,
        replayed: bool,
    ) -> Self {
        let AppliedRequest { seq, lines } = applied;
        Self { request_id: request_id.as_str(), seq: *seq, replayed, lines }
    }
}

/// A recall: the answer to the request, which says whether it is a replay, and to the query for
/// its status, which does not.
#[derive(Serialize)]
pub(super) struct RecallJson<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    state: &'static str,
    lines: Vec<RecallLineJson<'a>>,
}

#[derive(Serialize)]
struct RecallLineJson<'a> {
    sku: &'a Sku,
    asked: i64,
    returned: i64,
}

impl<'a> RecallJson<'a> {
    pub(super) fn new(
        request_id: &'a RequestId,
        status: &'a RecallStatus,
        replayed: Option<bool>,
    ) -> Self {
        let line = |RecallLine { sku, asked, returned }: &'a RecallLine| RecallLineJson {
            sku,
            asked: *asked,
            returned: *returned,
        };
        Self {
            request_id: request_id.as_str(),
            replayed,
            state: if status.done { "done" } else { "open" },
            lines: status.lines.iter().map(line).collect(),
        }
    }
}

/// The body of a request that sets a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyJson {
    pub(super) low_water: i64,
    pub(super) target: i64,
    pub(super) max_per_day: Option<i64>,
}

/// The body of a request that enrols a gateway.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnrolJson {
    pub(super) site: String,
    pub(super) gateway: String,
}

/// The body of a request that retires a database.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetireJson {
    pub(super) epoch: Uuid,
}

/// What a retired database held.
#[derive(Serialize)]
pub(super) struct RetiredJson<'a> {
    pub(super) epoch: Uuid,
    pub(super) acked_seq: u64,
    pub(super) known_seq: u64,
    pub(super) on_hand: i64,
    pub(super) in_transit: i64,
    pub(super) skus: usize,
    /// The first of them.
    pub(super) held: Vec<HeldJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct HeldJson<'a> {
    sku: &'a Sku,
    on_hand: i64,
    in_transit: i64,
}

impl<'a> From<&'a HeldUnits> for HeldJson<'a> {
    fn from(HeldUnits { sku, on_hand, in_transit }: &'a HeldUnits) -> Self {
        Self { sku, on_hand: *on_hand, in_transit: *in_transit }
    }
}

/// The body of a request that brings back what a retired database held.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BringBackJson {
    pub(super) from: Uuid,
    pub(super) to: Uuid,
}

/// What was brought back.
#[derive(Serialize)]
pub(super) struct BroughtBackJson {
    pub(super) from: Uuid,
    pub(super) to: Uuid,
    pub(super) units: i64,
    pub(super) skus: usize,
    /// The first of them.
    pub(super) lines: Vec<BroughtBackLineJson>,
    pub(super) replayed: bool,
}

#[derive(Serialize)]
pub(super) struct BroughtBackLineJson {
    sku: Sku,
    quantity: i64,
}

impl From<Line> for BroughtBackLineJson {
    fn from(line: Line) -> Self {
        Self { quantity: line.quantity.units(), sku: line.sku }
    }
}

/// The state of this process and its books.
#[derive(Serialize)]
pub(super) struct StatusJson<'a> {
    pub(super) books: String,
    pub(super) worker: &'a str,
    pub(super) version: &'static str,
    pub(super) store: &'static str,
    pub(super) gateways: u64,
    pub(super) online: u64,
    pub(super) held: u64,
    pub(super) pending_out: u64,
}

/// A fenced database that is to be opened again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReopenJson {
    pub(super) epoch: Uuid,
}
