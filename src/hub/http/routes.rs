//! The routes of the hub.

use hyper::Method;

use crate::hub::request::CentralOperation;
use crate::net::http::Route;

/// What a request is for, with the open segments of its path.
#[derive(Clone, Debug)]
pub(super) enum HubTarget {
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
pub(super) static ROUTES: [Route<HubTarget>; 18] = [
    Route::fixed(Method::GET, "/healthz", HubTarget::Healthz),
    Route::fixed(Method::GET, "/readyz", HubTarget::Readyz),
    Route::fixed(Method::GET, "/metrics", HubTarget::Metrics),
    Route::fixed(Method::GET, "/api/gateways", HubTarget::Gateways),
    Route::two(Method::GET, "/api/gateways/{site}/{gateway}", HubTarget::Databases),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/retire", HubTarget::Retire),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/repair", HubTarget::Repair),
    Route::fixed(Method::GET, "/api/stock", HubTarget::StockList),
    Route::one(Method::GET, "/api/stock/{sku}", HubTarget::Stock),
    Route::fixed(Method::GET, "/api/ledger", HubTarget::Ledger),
    Route::fixed(Method::GET, "/api/reconcile", HubTarget::Reconcile),
    Route::fixed(Method::POST, "/api/receipts", HubTarget::Central(CentralOperation::Receipt)),
    Route::fixed(Method::POST, "/api/deduct", HubTarget::Central(CentralOperation::Deduct)),
    Route::fixed(Method::POST, "/api/grants", HubTarget::Central(CentralOperation::Grant)),
    Route::fixed(Method::POST, "/api/recalls", HubTarget::Central(CentralOperation::Recall)),
    Route::one(Method::GET, "/api/recalls/{request_id}", HubTarget::Recall),
    Route::one(Method::PUT, "/api/policies/{sku}", HubTarget::SetPolicy),
    Route::fixed(Method::PUT, "/api/catalogue", HubTarget::Publish),
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
