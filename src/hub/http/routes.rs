//! The routes of the hub.

use hyper::Method;

use crate::hub::request::CentralOperation;
use crate::net::access::{Role, Sites};
use crate::net::http::Route;
use crate::problem::Problem;

/// What a request is for, with the open segments of its path.
#[derive(Clone, Debug)]
pub(super) enum HubTarget {
    Page,
    /// A file of the page, by name.
    PageFile(String),
    Healthz,
    Readyz,
    Metrics,
    Status,
    Gateways,
    Enrol,
    /// Gateways that are not enrolled.
    Strangers,
    /// The databases of a gateway: site and gateway.
    Databases(String, String),
    StockList,
    /// One SKU.
    Stock(String),
    Ledger,
    /// The feed, as pages or as a stream.
    Events,
    /// The sinks of the feed.
    Sinks,
    /// The name of a sink.
    RetrySink(String),
    /// The entries of a period.
    Export,
    Reconcile,
    /// The request id of a recall.
    Recall(String),
    Central(CentralOperation),
    /// With the id of a reservation in the pool.
    OfReservation(CentralOperation, String),
    Reservations,
    /// The id of a reservation in the pool.
    Reservation(String),
    Demand,
    Policies,
    /// The SKU of a policy.
    PutPolicy(String),
    /// The SKU of a policy.
    EndPolicy(String),
    /// A new catalogue.
    Publish,
    Catalogue,
    /// Site and gateway.
    Retire(String, String),
    /// Site and gateway.
    BringBack(String, String),
    /// Site and gateway.
    Repair(String, String),
    /// Site and gateway.
    Reopen(String, String),
    /// Site and gateway.
    AcceptKey(String, String),
    /// Takes on the gateways that are held.
    Recover,
    /// Removes the unused databases of a gateway: site and gateway.
    ForgetGateway(String, String),
    /// Removes a SKU without units.
    ForgetSku(String),
    /// Removes SKUs without units that a gateway has brought.
    ForgetSkus,
}

/// What a request needs to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs<'a> {
    pub(super) role: Role,
    pub(super) reach: Reach<'a>,
}

/// The sites that a request is about, for tokens that are bound to some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    /// The one in its path.
    Site(&'a str),
    /// All of them, or what belongs to none: a bound token is refused. The text says what it is.
    All(&'static str),
    /// Those of its token: the handler leaves out others, or checks the site in query or body.
    Own,
}

impl HubTarget {
    /// What a request for this target needs; `None` for probes and metrics, which have rules of
    /// their own.
    pub(super) fn needs(&self) -> Option<Needs<'_>> {
        let (role, reach) = match self {
            Self::Page | Self::PageFile(_) | Self::Healthz | Self::Readyz | Self::Metrics => {
                return None;
            }
            Self::Gateways
            | Self::StockList
            | Self::Stock(_)
            | Self::Ledger
            | Self::Events
            | Self::Export
            | Self::Recall(_)
            | Self::Catalogue
            | Self::Policies
            | Self::Demand => (Role::Viewer, Reach::Own),
            Self::Databases(site, _) => (Role::Viewer, Reach::Site(site)),
            Self::Reconcile => (Role::Viewer, Reach::All("the balance of the books")),
            Self::Central(CentralOperation::Grant | CentralOperation::Recall) => {
                (Role::Operator, Reach::Own)
            }
            Self::Central(_) | Self::OfReservation(..) => (Role::Operator, Reach::All("the pool")),
            Self::Reservations | Self::Reservation(_) => (Role::Viewer, Reach::All("the pool")),
            Self::Sinks => (Role::Viewer, Reach::All("the sinks")),
            Self::RetrySink(_) => (Role::Operator, Reach::All("the sinks")),
            Self::PutPolicy(_) | Self::EndPolicy(_) => (Role::Admin, Reach::Own),
            Self::Publish => (Role::Admin, Reach::All("the catalogue")),
            Self::BringBack(site, _) | Self::Reopen(site, _) => (Role::Operator, Reach::Site(site)),
            Self::Retire(site, _)
            | Self::Repair(site, _)
            | Self::AcceptKey(site, _)
            | Self::ForgetGateway(site, _) => (Role::Admin, Reach::Site(site)),
            Self::Recover | Self::ForgetSku(_) | Self::ForgetSkus => {
                (Role::Admin, Reach::All("the books"))
            }
            Self::Enrol => (Role::Admin, Reach::Own),
            Self::Strangers => (Role::Viewer, Reach::All("gateways of unknown sites")),
            Self::Status => (Role::Viewer, Reach::Own),
        };
        Some(Needs { role, reach })
    }
}

impl Reach<'_> {
    /// Checks it against the sites of a token.
    ///
    /// # Errors
    /// `forbidden` beyond them.
    pub(super) fn check(self, sites: &Sites) -> Result<(), Problem> {
        match self {
            Self::Site(site) => sites.check(site),
            Self::All(what) => sites.check_all(what),
            Self::Own => Ok(()),
        }
    }
}

/// Every route; docs/hub.openapi.json describes them.
pub(super) static ROUTES: [Route<HubTarget>; 45] = [
    Route::fixed(Method::GET, "/", HubTarget::Page),
    Route::one(Method::GET, "/page/{name}", HubTarget::PageFile),
    Route::fixed(Method::GET, "/healthz", HubTarget::Healthz),
    Route::fixed(Method::GET, "/readyz", HubTarget::Readyz),
    Route::fixed(Method::GET, "/metrics", HubTarget::Metrics),
    Route::fixed(Method::GET, "/api/status", HubTarget::Status),
    Route::fixed(Method::GET, "/api/gateways", HubTarget::Gateways),
    Route::fixed(Method::POST, "/api/gateways", HubTarget::Enrol),
    Route::fixed(Method::GET, "/api/strangers", HubTarget::Strangers),
    Route::two(Method::GET, "/api/gateways/{site}/{gateway}", HubTarget::Databases),
    Route::two(Method::DELETE, "/api/gateways/{site}/{gateway}", HubTarget::ForgetGateway),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/retire", HubTarget::Retire),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/bring-back", HubTarget::BringBack),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/repair", HubTarget::Repair),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/reopen", HubTarget::Reopen),
    Route::two(Method::POST, "/api/gateways/{site}/{gateway}/accept-key", HubTarget::AcceptKey),
    Route::fixed(Method::POST, "/api/books/recover", HubTarget::Recover),
    Route::fixed(Method::GET, "/api/stock", HubTarget::StockList),
    Route::one(Method::GET, "/api/stock/{sku}", HubTarget::Stock),
    Route::fixed(Method::DELETE, "/api/stock", HubTarget::ForgetSkus),
    Route::one(Method::DELETE, "/api/stock/{sku}", HubTarget::ForgetSku),
    Route::fixed(Method::GET, "/api/ledger", HubTarget::Ledger),
    Route::fixed(Method::GET, "/api/events", HubTarget::Events),
    Route::fixed(Method::GET, "/api/export", HubTarget::Export),
    Route::fixed(Method::GET, "/api/sinks", HubTarget::Sinks),
    Route::one(Method::POST, "/api/sinks/{name}/retry", HubTarget::RetrySink),
    Route::fixed(Method::GET, "/api/reconcile", HubTarget::Reconcile),
    Route::fixed(Method::POST, "/api/receipts", HubTarget::Central(CentralOperation::Receipt)),
    Route::fixed(Method::POST, "/api/deduct", HubTarget::Central(CentralOperation::Deduct)),
    Route::fixed(Method::POST, "/api/rollback", HubTarget::Central(CentralOperation::Rollback)),
    Route::fixed(Method::POST, "/api/reservations", HubTarget::Central(CentralOperation::Reserve)),
    Route::fixed(Method::GET, "/api/reservations", HubTarget::Reservations),
    Route::one(Method::GET, "/api/reservations/{id}", HubTarget::Reservation),
    Route::one(Method::DELETE, "/api/reservations/{id}", |id| {
        HubTarget::OfReservation(CentralOperation::Release, id)
    }),
    Route::one(Method::POST, "/api/reservations/{id}/commit", |id| {
        HubTarget::OfReservation(CentralOperation::Commit, id)
    }),
    Route::one(Method::POST, "/api/reservations/{id}/extend", |id| {
        HubTarget::OfReservation(CentralOperation::Extend, id)
    }),
    Route::fixed(Method::POST, "/api/grants", HubTarget::Central(CentralOperation::Grant)),
    Route::fixed(Method::POST, "/api/recalls", HubTarget::Central(CentralOperation::Recall)),
    Route::one(Method::GET, "/api/recalls/{request_id}", HubTarget::Recall),
    Route::fixed(Method::GET, "/api/demand", HubTarget::Demand),
    Route::fixed(Method::GET, "/api/policies", HubTarget::Policies),
    Route::one(Method::PUT, "/api/policies/{sku}", HubTarget::PutPolicy),
    Route::one(Method::DELETE, "/api/policies/{sku}", HubTarget::EndPolicy),
    Route::fixed(Method::PUT, "/api/catalogue", HubTarget::Publish),
    Route::fixed(Method::GET, "/api/catalogue", HubTarget::Catalogue),
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

    #[test]
    fn the_openapi_description_says_how_every_operation_may_be_refused() {
        let description = include_str!("../../../docs/hub.openapi.json");
        let description: serde_json::Value = serde_json::from_str(description).unwrap();
        let paths = description["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        let open = serde_json::json!([]);
        for operation in operations.filter(|operation| operation.get("security") != Some(&open)) {
            let says = |code: &&str| operation["responses"].get(code).is_some();
            let missing: Vec<_> =
                ["401", "403", "429", "503"].into_iter().filter(|code| !says(code)).collect();
            let is_metrics = operation["operationId"] == "metrics";
            assert!(missing.is_empty() || is_metrics, "{}: {missing:?}", operation["operationId"]);
        }
    }
}
