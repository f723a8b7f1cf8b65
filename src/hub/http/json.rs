//! The JSON of requests and responses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hub::core::{HeldUnits, RecallLine, RecallStatus, SkuDecimals};
use crate::stock::{Amount, Decimal, Line, Reason, RequestId, Sku};

/// A list that has no further pages.
#[derive(Serialize)]
pub(super) struct ItemsJson<T> {
    pub(super) items: Vec<T>,
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
    asked: Amount,
    returned: Amount,
}

impl<'a> RecallJson<'a> {
    pub(super) fn new(
        request_id: &'a RequestId,
        status: &'a RecallStatus,
        replayed: Option<bool>,
        decimals: &SkuDecimals,
    ) -> Self {
        let line = |RecallLine { sku, asked, returned }: &'a RecallLine| RecallLineJson {
            sku,
            asked: Amount::new(*asked, decimals.of(sku)),
            returned: Amount::new(*returned, decimals.of(sku)),
        };
        Self {
            request_id: request_id.as_str(),
            replayed,
            state: if status.done { "done" } else { "open" },
            lines: status.lines.iter().map(line).collect(),
        }
    }
}

/// The body of a request that needs none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFields {}

/// The body of a request that sets a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyJson {
    pub(super) low_water: Decimal,
    pub(super) target: Decimal,
    pub(super) max_per_day: Option<Decimal>,
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
    /// Summed over all SKUs, as is `in_transit`.
    pub(super) on_hand: Amount<i128>,
    pub(super) in_transit: Amount<i128>,
    pub(super) skus: usize,
    /// The first of them.
    pub(super) held: Vec<HeldJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct HeldJson<'a> {
    sku: &'a Sku,
    on_hand: Amount,
    in_transit: Amount,
}

impl<'a> HeldJson<'a> {
    pub(super) fn new(held: &'a HeldUnits, decimals: &SkuDecimals) -> Self {
        let amount = |units: i64| Amount::new(units, decimals.of(&held.sku));
        Self { sku: &held.sku, on_hand: amount(held.on_hand), in_transit: amount(held.in_transit) }
    }
}

/// The body of a request that brings back what a retired database held.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BringBackJson {
    pub(super) from: Uuid,
    pub(super) to: Uuid,
    pub(super) reason: Option<Reason>,
}

/// What was brought back.
#[derive(Serialize)]
pub(super) struct BroughtBackJson {
    pub(super) from: Uuid,
    pub(super) to: Uuid,
    /// Summed over all SKUs.
    pub(super) units: Amount<i128>,
    pub(super) skus: usize,
    /// The first of them.
    pub(super) lines: Vec<BroughtBackLineJson>,
    pub(super) replayed: bool,
}

#[derive(Serialize)]
pub(super) struct BroughtBackLineJson {
    sku: Sku,
    quantity: Amount,
}

impl BroughtBackLineJson {
    pub(super) fn new(line: Line, decimals: &SkuDecimals) -> Self {
        let quantity = Amount::new(line.quantity.units(), decimals.of(&line.sku));
        Self { quantity, sku: line.sku }
    }
}

/// What a recovery of the books has come to.
#[derive(Serialize)]
pub(super) struct RecoveredJson {
    pub(super) books: Uuid,
    pub(super) generation: u64,
    /// How many were held.
    pub(super) gateways: usize,
    pub(super) transfers: u64,
    /// Summed over all SKUs.
    pub(super) units: Amount<i128>,
    pub(super) waiting: u64,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ledger_problem: Option<&'a str>,
    /// The gateways that sales from anywhere ask for nothing for a while, as `site/gateway`.
    pub(super) left_out: Vec<String>,
}

/// A fenced database that is to be opened again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReopenJson {
    pub(super) epoch: Uuid,
}

/// The key of a device that an operator accepts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptKeyJson {
    pub(super) epoch: Uuid,
    pub(super) public_key: String,
}
