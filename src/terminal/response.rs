//! What a request came to, before it is encoded. The wire formats turn these types into messages.

use crate::barcode::Reading;
use crate::engine::sync_status::SyncStatus;
use crate::net::access::Role;
use crate::problem::Problem;
use crate::stock::{Applied, Decided, Entry, Item, RequestId, Seq, Sku};

/// The result of a request other than a mutation.
#[derive(Debug)]
pub(super) enum RequestResult {
    Item(Sku, Item),
    /// A page of SKUs, and the SKU after which the next page begins.
    Items {
        items: Vec<(Sku, Item)>,
        next: Option<Sku>,
    },
    /// A page of a ledger that ends at `last_seq`.
    Ledger {
        entries: Vec<Entry>,
        last_seq: Seq,
    },
    Status(GatewayStatus),
    Resolved(ResolvedCode),
    /// The role of the token that was shown.
    Role(Role),
    /// The number of known SKUs that a subscription matches.
    Matched(usize),
    Unsubscribed,
}

/// The state of the gateway at one moment.
#[derive(Debug)]
pub(super) struct GatewayStatus {
    pub(super) uptime_s: u64,
    pub(super) skus: usize,
    pub(super) reservations: usize,
    pub(super) ledger_seq: Seq,
    /// Why mutations are not decided; `None` if they are.
    pub(super) problem: Option<String>,
    pub(super) sync: SyncStatus,
}

/// A scanned code, what it says, and the SKU it stands for.
#[derive(Debug)]
pub(super) struct ResolvedCode {
    pub(super) code: String,
    pub(super) reading: Reading,
    /// The units in one thing with that code.
    pub(super) content: u64,
    /// The units that the code stands for in all.
    pub(super) quantity: u64,
    pub(super) sku: Sku,
    pub(super) item: Item,
}

/// A mutation that was applied, now or earlier under the same request id.
#[derive(Debug)]
pub(super) struct AppliedMutation<'a> {
    pub(super) request_id: &'a RequestId,
    pub(super) replayed: bool,
    pub(super) applied: &'a Applied,
}

impl<'a> AppliedMutation<'a> {
    /// The mutation, if it was applied.
    ///
    /// # Errors
    /// The refusal, if the stock rules refused it.
    pub(super) fn of(decided: &'a Decided) -> Result<Self, Problem> {
        let Decided { request_id, replayed, outcome, .. } = decided;
        match outcome {
            Ok(applied) => Ok(Self { request_id, replayed: *replayed, applied }),
            Err(refusal) => Err(Problem::refused(refusal, *replayed)),
        }
    }
}
