//! The questions a terminal may ask. Answered from memory, but for the ledger, so they go on
//! when the disk fails.

use serde::Serialize;

use super::answer::ItemJson;
use crate::json::{json, ledger_json};
use crate::problem::{Code, Problem};
use crate::stock::{Entry, Seq, Sku};
use crate::store::LedgerReader;
use crate::view::{SyncStatus, View};

/// One SKU.
pub(super) fn item(view: &View, sku: &Sku) -> Result<String, Problem> {
    let item = view
        .stock()
        .item(sku.as_str())
        .ok_or_else(|| Problem::new(Code::UnknownSku, format!("SKU {sku} is not known here")))?;
    Ok(json(&ItemJson::new(sku.as_str(), &item)))
}

/// A page of SKUs in order.
pub(super) fn list(view: &View, prefix: &str, after: Option<&str>, limit: usize) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        items: Vec<ItemJson<'a>>,
        next: Option<&'a str>,
    }
    let stock = view.stock();
    let mut found = stock.items_after(prefix, after).peekable();
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let more = found.peek().is_some();
    let next = page.last().filter(|_| more).map(|(sku, _)| sku.as_str());
    let items = page.iter().map(|(sku, item)| ItemJson::new(sku.as_str(), item)).collect();
    json(&Page { items, next })
}

/// A page of the ledger.
pub(super) async fn ledger(
    view: &View,
    reader: &LedgerReader,
    after: Seq,
    limit: usize,
) -> Result<String, Problem> {
    let last_seq = view.stock().seq();
    let posted = reader.read(after, limit).await.map_err(|error| {
        Problem::new(Code::StorageUnavailable, format!("the ledger cannot be read: {error}"))
    })?;
    let entries: Vec<Entry> = posted.into_iter().map(|posted| posted.entry).collect();
    Ok(ledger_json(&view.origin, &entries, last_seq))
}

/// How the gateway is.
pub(super) fn status(view: &View) -> String {
    #[derive(Serialize)]
    struct Status<'a> {
        gateway: &'a str,
        site: &'a str,
        epoch: String,
        version: &'a str,
        uptime_s: u64,
        skus: usize,
        reservations: usize,
        ledger_seq: Seq,
        ready: bool,
        problem: Option<String>,
        sync: SyncStatus,
    }
    let sync = view.sync_status();
    let problem = view.storage_problem();
    let stock = view.stock();
    json(&Status {
        gateway: &view.origin.gateway,
        site: &view.origin.site,
        epoch: view.origin.epoch.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: view.clock.since_start_ms() / 1_000,
        skus: stock.sku_count(),
        reservations: stock.hold_count(),
        ledger_seq: stock.seq(),
        ready: problem.is_none(),
        problem,
        sync,
    })
}
