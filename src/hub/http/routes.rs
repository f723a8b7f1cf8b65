//! The routes of the hub.

use hyper::Method;

use crate::hub::request::CentralOperation;
use crate::net::http::Route;

/// What a request is for, with the open segments of its path.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Healthz,
    Readyz,
    Metrics,
    Gateways,
    /// The databases of a gateway: site and gateway.
    Databases(String, String),
    StockList,
    /// One SKU.
    Stock(String),
    Ledger,
    Reconcile,
    /// The request id of a recall.
    Recall(String),
    Central(CentralOperation),
    /// The SKU of a policy.
    SetPolicy(String),
    /// A new catalogue.
    Publish,
    /// Site and gateway.
    Retire(String, String),
    /// Site and gateway.
    Repair(String, String),
}

/// Every route; docs/hub.openapi.json describes them.
pub(super) static ROUTES: [Route<Target>; 18] = [
    Route::fixed(Method::GET, "/healthz", Target::Healthz),
    Route::fixed(Method::GET, "/readyz", Target::Readyz),
    Route::fixed(Method::GET, "/metrics", Target::Metrics),
    Route::fixed(Method::GET, "/api/gateways", Target::Gateways),
    Route::two(Method::GET, "/api/gateways/{site}/{gateway}", Target::Databases),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/retire", Target::Retire),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/repair", Target::Repair),
    Route::fixed(Method::GET, "/api/stock", Target::StockList),
    Route::one(Method::GET, "/api/stock/{sku}", Target::Stock),
    Route::fixed(Method::GET, "/api/ledger", Target::Ledger),
    Route::fixed(Method::GET, "/api/reconcile", Target::Reconcile),
    Route::fixed(Method::POST, "/api/receipts", Target::Central(CentralOperation::Receipt)),
    Route::fixed(Method::POST, "/api/deduct", Target::Central(CentralOperation::Deduct)),
    Route::fixed(Method::POST, "/api/grants", Target::Central(CentralOperation::Grant)),
    Route::fixed(Method::POST, "/api/recalls", Target::Central(CentralOperation::Recall)),
    Route::one(Method::GET, "/api/recalls/{request_id}", Target::Recall),
    Route::one(Method::PUT, "/api/policies/{sku}", Target::SetPolicy),
    Route::fixed(Method::PUT, "/api/catalogue", Target::Publish),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http;

    #[test]
    fn the_openapi_description_has_exactly_the_routes() {
        let description = include_str!("../../../docs/hub.openapi.json");
        assert_eq!(http::described(description), http::operations(&ROUTES));
    }
}
