//! The routes of the terminal port; docs/gateway.openapi.json describes them.

use hyper::Method;

use crate::net::http::Route;

/// The target of a route, with the open segments of its path.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Page,
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
    /// The SKU for a scanned code.
    Barcode(String),
    Deduct,
    Restock,
    Count,
    Rollback,
    Reserve,
    /// A reservation, by id.
    Release(String),
    /// A reservation, by id.
    Commit(String),
}

pub(super) static ROUTES: [Route<Target>; 19] = [
    Route::fixed(Method::GET, "/", Target::Page),
    Route::one(Method::GET, "/page/{name}", Target::PageFile),
    Route::fixed(Method::GET, "/healthz", Target::Healthz),
    Route::fixed(Method::GET, "/readyz", Target::Readyz),
    Route::fixed(Method::GET, "/metrics", Target::Metrics),
    Route::fixed(Method::GET, "/ws", Target::WebSocket),
    Route::fixed(Method::GET, "/api/status", Target::Status),
    Route::fixed(Method::GET, "/api/ledger", Target::Ledger),
    Route::fixed(Method::GET, "/api/stock", Target::List),
    Route::one(Method::GET, "/api/stock/{sku}", Target::Item),
    Route::one(Method::GET, "/api/barcodes/{code}", Target::Barcode),
    Route::fixed(Method::POST, "/api/stock/deduct", Target::Deduct),
    Route::fixed(Method::PUT, "/api/stock/restock", Target::Restock),
    Route::fixed(Method::POST, "/api/stock/restock", Target::Restock),
    Route::fixed(Method::POST, "/api/stock/count", Target::Count),
    Route::fixed(Method::POST, "/api/stock/rollback", Target::Rollback),
    Route::fixed(Method::POST, "/api/reservations", Target::Reserve),
    Route::one(Method::DELETE, "/api/reservations/{id}", Target::Release),
    Route::one(Method::POST, "/api/reservations/{id}/commit", Target::Commit),
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
