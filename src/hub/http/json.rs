//! The JSON of requests and responses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hub::core::{AppliedRequest, PoolLine, RecallLine, RecallStatus};
use crate::stock::{RequestId, Sku};

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
}

/// The body of a request that retires a database.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetireJson {
    pub(super) epoch: Option<Uuid>,
}
