//! The hub's HTTP interface: the books as JSON, and the requests that change them.
//!
//! Queries read the books database on a connection of their own. Changes are jobs for the hub's
//! writer, and are answered after its commit. docs/hub.openapi.json describes every route.

mod catalogue;
mod changes;
mod events;
mod export;
mod gateways;
mod json;
mod keys;
mod moment;
mod page;
mod policies;
mod queries;
mod recovery;
mod removal;
mod reservations;
mod routes;
mod sinks;

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use self::routes::{HubTarget, ROUTES};
use super::api::{HubApi, LastingToken};
use crate::net::http::{self, ConnectionPermit, HttpResponse, PortAccess};
use crate::net::request::read_json;
use crate::net::stream::Certificates;
use crate::problem::Problem;
use crate::process::stop::Stop;

/// Serves requests until a stop is requested.
pub(super) async fn serve(
    listener: TcpListener,
    api: HubApi,
    access: PortAccess,
    certificates: Option<Certificates>,
    stop: Stop,
) {
    let handler = move |request: Request<Incoming>, permit: ConnectionPermit| {
        let (api, access) = (api.clone(), access.clone());
        async move {
            let handle = |target, request| respond(&api, &access, target, request, &permit);
            http::answer(&ROUTES, &access, request, handle, |code| api.count_refusal(code)).await
        }
    };
    http::serve(listener, certificates, stop, handler).await;
}

async fn respond(
    api: &HubApi,
    access: &PortAccess,
    target: HubTarget,
    request: Request<Incoming>,
    permit: &ConnectionPermit,
) -> Result<HttpResponse, Problem> {
    let Some(needs) = target.needs() else {
        return probe(api, access, &target, &request, permit);
    };
    let principal = access.admit(request.headers(), permit, needs.role)?;
    let sites = principal.sites();
    needs.reach.check(sites)?;
    let query = request.uri().query().map(str::to_owned);
    let query = query.as_deref();
    let json = match target {
        HubTarget::Status => api.status(sites).await,
        HubTarget::Gateways => api.gateways(query, sites).await,
        HubTarget::Enrol => api.enrol(request, sites).await,
        HubTarget::Strangers => Ok(api.strangers()),
        HubTarget::Databases(site, gateway) => api.databases(&site, &gateway).await,
        HubTarget::StockList => api.stock_list(query, sites).await,
        HubTarget::Stock(sku) => api.stock(sku, sites).await,
        HubTarget::Ledger => api.ledger(query, sites).await,
        HubTarget::Reconcile => api.reconcile(query).await,
        HubTarget::Recall(request_id) => api.recall(&request_id, sites).await,
        HubTarget::Central(operation) => {
            return api.decide_request(operation, None, request, &principal).await;
        }
        HubTarget::OfReservation(operation, id) => {
            return api.decide_request(operation, Some(id), request, &principal).await;
        }
        HubTarget::Reservations => api.reservations(query).await,
        HubTarget::Reservation(id) => api.reservation(&id).await,
        HubTarget::Demand => api.demand(query, sites).await,
        HubTarget::Policies => api.policies(query, sites).await,
        HubTarget::PutPolicy(sku) => api.put_policy(&sku, query, request, sites).await,
        HubTarget::EndPolicy(sku) => api.end_policy(&sku, query, sites).await,
        HubTarget::ForgetGateway(site, gateway) => api.forget_gateway(&site, &gateway).await,
        HubTarget::ForgetSku(sku) => api.forget_sku(&sku).await,
        HubTarget::ForgetSkus => api.forget_skus(query).await,
        HubTarget::Publish => api.publish(query, request).await,
        HubTarget::Events => {
            let token = LastingToken::new(access, Arc::clone(&principal));
            return api.events(query, request.headers(), token).await;
        }
        HubTarget::Export => return api.export(query, sites).await,
        HubTarget::Sinks => api.sinks().await,
        HubTarget::RetrySink(name) => api.retry_sink(&name, request).await,
        HubTarget::Catalogue => return api.catalogue().await.map(http::csv),
        HubTarget::Retire(site, gateway) => api.retire(&site, &gateway, request).await,
        HubTarget::BringBack(site, gateway) => {
            api.bring_back(&site, &gateway, request, &principal).await
        }
        HubTarget::Repair(site, gateway) => api.repair(&site, &gateway, request).await,
        HubTarget::Reopen(site, gateway) => api.reopen(&site, &gateway, request).await,
        HubTarget::AcceptKey(site, gateway) => api.accept_key(&site, &gateway, request).await,
        HubTarget::Recover => api.recover(request).await,
        HubTarget::Page
        | HubTarget::PageFile(_)
        | HubTarget::Healthz
        | HubTarget::Readyz
        | HubTarget::Metrics => unreachable!("see above"),
    };
    json.map(http::json)
}

/// Reads the body of a request that has no fields: none, or an empty object.
async fn no_fields(request: Request<Incoming>) -> Result<(), Problem> {
    let body = http::body(request).await?;
    if body.is_empty() { Ok(()) } else { read_json(&body).map(|json::NoFields {}| ()) }
}

/// Answers what needs no token, the metrics from this machine at least.
fn probe(
    api: &HubApi,
    access: &PortAccess,
    target: &HubTarget,
    request: &Request<Incoming>,
    permit: &ConnectionPermit,
) -> Result<HttpResponse, Problem> {
    if matches!(target, HubTarget::Page) {
        return Ok(page::index(request.headers()));
    }
    if let HubTarget::PageFile(name) = target {
        return page::file(name, request.headers());
    }
    if matches!(target, HubTarget::Healthz) {
        return api.liveness().map(http::text);
    }
    if matches!(target, HubTarget::Readyz) {
        return api.readiness().map(http::text);
    }
    access.admit_scraper(request.headers(), permit)?;
    Ok(http::text(api.metrics_page()))
}
