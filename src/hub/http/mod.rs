//! The hub's HTTP interface: the books as JSON, and the requests that change them.
//!
//! Queries read the books database on a connection of their own. Changes are jobs for the hub's
//! writer, and are answered after its commit. docs/hub.openapi.json describes every route.

mod api;
mod changes;
mod json;
mod problems;
mod queries;
mod routes;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use tokio::net::TcpListener;

pub(super) use self::api::HubApi;
use self::routes::{HubTarget, ROUTES};
use crate::net::http::{self, ConnectionPermit, HttpResponse};
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;

/// Serves requests until a stop is requested.
pub(super) async fn serve(listener: TcpListener, api: HubApi, stop: Stop) {
    let handler = move |request: Request<Incoming>, permit: ConnectionPermit| {
        let api = api.clone();
        async move {
            let response = respond(&api, request, &permit).await;
            response.unwrap_or_else(|error| http::problem(&error))
        }
    };
    http::serve(listener, None, stop, handler).await;
}

async fn respond(
    api: &HubApi,
    request: Request<Incoming>,
    permit: &ConnectionPermit,
) -> Result<HttpResponse, Problem> {
    check_origin(request.headers())?;
    permit.let_in();
    let target = match http::route(&ROUTES, request.method(), request.uri().path()) {
        Ok(target) => target,
        Err(error) => return Ok(error.response()),
    };
    let query = request.uri().query().map(str::to_owned);
    let query = query.as_deref();
    let json = match target {
        HubTarget::Healthz => return api.liveness().map(http::text),
        HubTarget::Readyz => return api.readiness().map(http::text),
        HubTarget::Metrics => return Ok(http::text(api.metrics_page())),
        HubTarget::Gateways => api.gateways(query).await,
        HubTarget::Databases(site, gateway) => api.databases(&site, &gateway).await,
        HubTarget::StockList => api.stock_list(query).await,
        HubTarget::Stock(sku) => api.stock(sku).await,
        HubTarget::Ledger => api.ledger(query).await,
        HubTarget::Reconcile => api.reconcile(query).await,
        HubTarget::Recall(request_id) => api.recall(&request_id).await,
        HubTarget::Central(operation) => api.decide(operation, request).await,
        HubTarget::SetPolicy(sku) => api.set_policy(&sku, request).await,
        HubTarget::Publish => api.publish(request).await,
        HubTarget::Retire(site, gateway) => api.retire(&site, &gateway, request).await,
        HubTarget::Repair(site, gateway) => api.repair(&site, &gateway).await,
    };
    json.map(http::json)
}

/// Refuses requests that a page of another origin makes through a user's browser.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(ORIGIN) else {
        return Ok(());
    };
    let host = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    if host.is_some() && host == text(HOST) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, format!("requests from {origin} are not allowed")))
}
