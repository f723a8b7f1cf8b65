//! The questions a terminal may ask. Answered from memory, but for the ledger, so they go on
//! when the disk fails.

use serde::Serialize;

use super::answer::Found;
use crate::engine::state::CommittedState;
use crate::engine::sync_status::SyncStatus;
use crate::net::json::json;
use crate::problem::{Code, Problem};
use crate::stock::{Origin, Seq, Sku};
use crate::store::LedgerReader;

/// One SKU.
pub(super) fn item(state: &CommittedState, sku: Sku) -> Result<Found, Problem> {
    match state.stock().item(sku.as_str()) {
        Some(item) => Ok(Found::Item(sku, item)),
        None => Err(Problem::new(Code::UnknownSku, format!("SKU {sku} is not known here"))),
    }
}

/// A page of SKUs in order.
pub(super) fn list(
    state: &CommittedState,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Found {
    let stock = state.stock();
    let mut found = stock.items_after(prefix, after).map(|(sku, item)| (sku.clone(), *item));
    let items: Vec<_> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let next = items.last().filter(|_| more).map(|(sku, _)| sku.clone());
    Found::Items { items, next }
}

/// A page of the ledger.
pub(super) async fn ledger(
    state: &CommittedState,
    reader: &LedgerReader,
    after: Seq,
    limit: usize,
) -> Result<Found, Problem> {
    let last_seq = state.stock().seq();
    let posted = reader.read(after, limit).await.map_err(|error| {
        Problem::new(Code::StorageUnavailable, format!("the ledger cannot be read: {error}"))
    })?;
    let entries = posted.into_iter().map(|posted| posted.entry).collect();
    Ok(Found::Ledger { entries, last_seq })
}

/// How the gateway is.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) uptime_s: u64,
    pub(super) skus: usize,
    pub(super) reservations: usize,
    pub(super) ledger_seq: Seq,
    pub(super) problem: Option<String>,
    pub(super) sync: SyncStatus,
}

impl Status {
    /// As of now.
    pub(super) fn of(state: &CommittedState) -> Self {
        let (sync, problem) = (state.sync_status(), state.problem());
        let stock = state.stock();
        Self {
            uptime_s: state.clock.since_start_ms() / 1_000,
            skus: stock.sku_count(),
            reservations: stock.hold_count(),
            ledger_seq: stock.seq(),
            problem,
            sync,
        }
    }

    /// The contract's status.
    pub(super) fn json(&self, origin: &Origin) -> String {
        #[derive(Serialize)]
        struct Shown<'a> {
            gateway: &'a str,
            site: &'a str,
            epoch: String,
            version: &'a str,
            uptime_s: u64,
            skus: usize,
            reservations: usize,
            ledger_seq: Seq,
            ready: bool,
            problem: Option<&'a str>,
            sync: &'a SyncStatus,
        }
        let Self { uptime_s, skus, reservations, ledger_seq, problem, sync } = self;
        json(&Shown {
            gateway: &origin.gateway,
            site: &origin.site,
            epoch: origin.epoch.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: *uptime_s,
            skus: *skus,
            reservations: *reservations,
            ledger_seq: *ledger_seq,
            ready: problem.is_none(),
            problem: problem.as_deref(),
            sync,
        })
    }
}
