//! Queries: what a terminal may read.
//!
//! They are answered from the committed state in memory, except for the ledger and the catalogue,
//! so most of them continue to work when the disk fails. This folder must not change anything.

pub(super) mod barcodes;
mod reservations;
mod resolve;
mod search;

use std::sync::Arc;

use self::search::Search;
use super::context::TerminalContext;
use super::request::Query;
use super::response::{GatewayStatus, ItemPage, RequestResult};
use crate::engine::state::CommittedState;
use crate::net::http::ConnectionPermit;
use crate::problem::{Code, Problem};
use crate::stock::{Entry, SearchWords, Seq, Sku};
use crate::store::{LedgerReader, StoreError};

/// Answers a query. What it makes us look at is counted for the connection.
///
/// # Errors
/// `unknown_sku`, `unknown_code` or `unknown_reservation` for what is not known,
/// `storage_unavailable` if the disk fails.
pub(super) async fn answer(
    query: Query,
    context: &TerminalContext,
    permit: &ConnectionPermit,
) -> Result<RequestResult, Problem> {
    if let Some(visits) = visits_of(&query) {
        permit.walk_ready().await;
        permit.spend_walk(visits);
    }
    let TerminalContext { state, ledger, intake, reasons, .. } = context;
    match query {
        Query::Item(sku) => item(state, sku),
        Query::List { prefix, q, after, limit } => {
            // An empty cursor says as little as none.
            let after = after.filter(|after| !after.is_empty());
            let page = match q.as_deref().and_then(SearchWords::of) {
                Some(words) => {
                    let search = Search { words, prefix, after, limit };
                    search::page(state, search, permit).await
                }
                None => list(state, &prefix, after.as_deref(), limit),
            };
            Ok(RequestResult::Items(page))
        }
        Query::Ledger { after, limit } => ledger_page(state, ledger, after, limit).await,
        Query::Reservations(query) => {
            Ok(RequestResult::Reservations(reservations::page(state, query, permit).await))
        }
        Query::Reservation(id) => {
            let found = reservations::one(state, ledger, intake, id, permit).await;
            found.map(RequestResult::Reservation)
        }
        Query::Status => Ok(RequestResult::Status(status(state, reasons))),
        Query::Resolve { code } => {
            resolve::resolve(context, permit, code).await.map(RequestResult::Resolved)
        }
    }
}

/// How many SKUs or entries the answer has, at most; searches and queries of reservations count
/// what they look at. `None` if it is one, for which nobody has to wait.
fn visits_of(query: &Query) -> Option<usize> {
    match query {
        Query::List { limit, .. } | Query::Ledger { limit, .. } => Some(*limit),
        Query::Reservations(_) | Query::Reservation(_) => Some(0),
        Query::Item(_) | Query::Status | Query::Resolve { .. } => None,
    }
}

fn item(state: &CommittedState, sku: Sku) -> Result<RequestResult, Problem> {
    let stock = state.stock();
    match stock.item(sku.as_str()) {
        Some(item) => Ok(RequestResult::Item(stock.listed(sku, item))),
        None if stock.is_lost(sku.as_str()) => Err(Problem::stock_lost(&sku)),
        None => Err(Problem::new(Code::UnknownSku, format!("SKU {sku} is not known here"))),
    }
}

fn list(state: &CommittedState, prefix: &str, after: Option<&str>, limit: usize) -> ItemPage {
    let stock = state.stock();
    let found = stock.items_after(prefix, after);
    let mut found = found.map(|(sku, item)| stock.listed(sku.clone(), *item));
    let items: Vec<_> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let next = items.last().filter(|_| more).map(|last| last.sku.as_str().to_owned());
    ItemPage { items, next }
}

async fn ledger_page(
    state: &CommittedState,
    ledger: &LedgerReader,
    after: Seq,
    limit: usize,
) -> Result<RequestResult, Problem> {
    let last_seq = state.stock().seq();
    let posted = ledger.read(after, limit).await.map_err(|error| unreadable("ledger", &error))?;
    let entries: Vec<Entry> = posted.into_iter().map(|posted| posted.entry).collect();
    let decimals = entries.iter().map(|entry| state.decimals(&entry.sku)).collect();
    Ok(RequestResult::Ledger { entries, decimals, last_seq })
}

/// Why nothing was read of the ledger or the catalogue.
fn unreadable(what: &str, error: &StoreError) -> Problem {
    let code = match matches!(error, StoreError::TooManyRead) {
        true => Code::Overloaded,
        false => Code::StorageUnavailable,
    };
    Problem::new(code, format!("the {what} cannot be read: {error}; send it again later"))
}

fn status(state: &CommittedState, reasons: &Arc<[String]>) -> GatewayStatus {
    let (sync, problem) = (state.sync_status(), state.problem());
    let stock = state.stock();
    GatewayStatus {
        uptime_s: state.clock.since_start_ms() / 1_000,
        skus: stock.sku_count(),
        reservations: stock.hold_count(),
        ledger_seq: stock.seq(),
        catalogue: stock.taken().catalogue,
        reasons: Arc::clone(reasons),
        problem,
        sync,
    }
}
