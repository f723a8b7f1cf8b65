//! The routes of the terminal port; docs/gateway.openapi.json describes them.

use hyper::Method;

use crate::net::http::Route;

/// The target of a route, with the open segments of its path.
#[derive(Clone, Debug)]
pub(super) enum TerminalTarget {
    Page,
    /// The sheet with which a scanner is set up.
    ScannerSheet,
    /// A file of the page, by name.
    PageFile(String),
    Healthz,
    Readyz,
    Metrics,
    WebSocket,
    Status,
    Ledger,
    List,
    /// One SKU.
    Item(String),
    /// The barcodes of the catalogue.
    Barcodes,
    /// The SKU for a scanned code.
    Barcode(String),
    Deduct,
    Restock,
    Count,
    Rollback,
    Reserve,
    Merge,
    Hide,
    /// A reservation, by id.
    Release(String),
    /// A reservation, by id.
    Commit(String),
    /// A reservation, by id.
    Extend(String),
    Reservations,
    /// A reservation, by id.
    Reservation(String),
}

pub(super) static ROUTES: [Route<TerminalTarget>; 26] = [
    Route::fixed(Method::GET, "/", TerminalTarget::Page),
    Route::fixed(Method::GET, "/scanner", TerminalTarget::ScannerSheet),
    Route::one(Method::GET, "/page/{name}", TerminalTarget::PageFile),
    Route::fixed(Method::GET, "/healthz", TerminalTarget::Healthz),
    Route::fixed(Method::GET, "/readyz", TerminalTarget::Readyz),
    Route::fixed(Method::GET, "/metrics", TerminalTarget::Metrics),
    Route::fixed(Method::GET, "/ws", TerminalTarget::WebSocket),
    Route::fixed(Method::GET, "/api/status", TerminalTarget::Status),
    Route::fixed(Method::GET, "/api/ledger", TerminalTarget::Ledger),
    Route::fixed(Method::GET, "/api/stock", TerminalTarget::List),
    Route::one(Method::GET, "/api/stock/{sku}", TerminalTarget::Item),
    Route::fixed(Method::GET, "/api/barcodes", TerminalTarget::Barcodes),
    Route::one(Method::GET, "/api/barcodes/{code}", TerminalTarget::Barcode),
    Route::fixed(Method::POST, "/api/stock/deduct", TerminalTarget::Deduct),
    Route::fixed(Method::PUT, "/api/stock/restock", TerminalTarget::Restock),
    Route::fixed(Method::POST, "/api/stock/restock", TerminalTarget::Restock),
    Route::fixed(Method::POST, "/api/stock/count", TerminalTarget::Count),
    Route::fixed(Method::POST, "/api/stock/rollback", TerminalTarget::Rollback),
    Route::fixed(Method::POST, "/api/skus/merge", TerminalTarget::Merge),
    Route::fixed(Method::POST, "/api/skus/hide", TerminalTarget::Hide),
    Route::fixed(Method::POST, "/api/reservations", TerminalTarget::Reserve),
    Route::fixed(Method::GET, "/api/reservations", TerminalTarget::Reservations),
    Route::one(Method::GET, "/api/reservations/{id}", TerminalTarget::Reservation),
    Route::one(Method::DELETE, "/api/reservations/{id}", TerminalTarget::Release),
    Route::one(Method::POST, "/api/reservations/{id}/commit", TerminalTarget::Commit),
    Route::one(Method::POST, "/api/reservations/{id}/extend", TerminalTarget::Extend),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::{described, operations};

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described = described(include_str!("../../../docs/gateway.openapi.json"));
        assert_eq!(described, operations(&ROUTES));
    }
}
