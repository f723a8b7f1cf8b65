//! Answers HTTP requests.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Request};

use super::routes::{ROUTES, TerminalTarget};
use crate::net::access::Role;
use crate::net::http::{
    self, ConnectionPermit, HttpResponse, filled, number, page_size, parameter,
};
use crate::net::request::ClientRequestId;
use crate::problem::{Code, Problem};
use crate::stock::Sku;
use crate::terminal::context::TerminalContext;
use crate::terminal::metrics::render_metrics;
use crate::terminal::request::{Mutation, Query, ReservationsQuery};
use crate::terminal::wire::json::{barcodes_json, result_json};
use crate::terminal::{page, query};

impl TerminalContext {
    /// Answers a request. An error is counted by its code.
    pub(in crate::terminal) async fn handle(
        &self,
        request: Request<Incoming>,
        permit: &ConnectionPermit,
    ) -> HttpResponse {
        let handle = |target, request| self.respond(target, request, permit);
        let refused = |code| self.metrics.refusals.count(code);
        http::answer(&ROUTES, &self.access, request, handle, refused).await
    }

    async fn respond(
        &self,
        target: TerminalTarget,
        request: Request<Incoming>,
        permit: &ConnectionPermit,
    ) -> Result<HttpResponse, Problem> {
        match target {
            TerminalTarget::Page => Ok(page::index(request.headers())),
            TerminalTarget::ScannerSheet => Ok(page::scanner_sheet(request.headers())),
            TerminalTarget::PageFile(name) => page_file(&name, &request),
            TerminalTarget::Healthz => Ok(http::text("ok\n")),
            TerminalTarget::Readyz => self.readiness(),
            TerminalTarget::Metrics => self.metrics_page(request.headers(), permit).await,
            TerminalTarget::WebSocket => self.upgrade(request, permit),
            TerminalTarget::Status => self.query(&request, permit, |_| Ok(Query::Status)).await,
            TerminalTarget::Ledger => self.query(&request, permit, ledger_query).await,
            TerminalTarget::List => self.query(&request, permit, list_query).await,
            TerminalTarget::Item(sku) => self.query(&request, permit, |_| item_query(&sku)).await,
            TerminalTarget::Barcodes => self.barcodes(&request, permit).await,
            TerminalTarget::Barcode(code) => {
                self.query(&request, permit, |_| Ok(Query::Resolve { code })).await
            }
            TerminalTarget::Deduct => self.mutate(request, permit, Mutation::Deduct, None).await,
            TerminalTarget::Restock => self.mutate(request, permit, Mutation::Restock, None).await,
            TerminalTarget::Count => self.mutate(request, permit, Mutation::Count, None).await,
            TerminalTarget::Rollback => {
                self.mutate(request, permit, Mutation::Rollback, None).await
            }
            TerminalTarget::Reserve => self.mutate(request, permit, Mutation::Reserve, None).await,
            TerminalTarget::Merge => self.mutate(request, permit, Mutation::Merge, None).await,
            TerminalTarget::Hide => self.mutate(request, permit, Mutation::Hide, None).await,
            TerminalTarget::Release(id) => {
                self.mutate(request, permit, Mutation::Release, Some(&id)).await
            }
            TerminalTarget::Commit(id) => {
                self.mutate(request, permit, Mutation::Commit, Some(&id)).await
            }
            TerminalTarget::Extend(id) => {
                self.mutate(request, permit, Mutation::Extend, Some(&id)).await
            }
            TerminalTarget::Reservations => self.query(&request, permit, reservations_query).await,
            TerminalTarget::Reservation(id) => {
                self.query(&request, permit, |_| reservation_query(&id)).await
            }
        }
    }

    fn readiness(&self) -> Result<HttpResponse, Problem> {
        match self.state.problem() {
            None => Ok(http::text("ready\n")),
            Some(why) => Err(Problem::new(Code::StorageUnavailable, why)),
        }
    }

    /// The metrics, without a token for a scraper on the same machine. Rendering them looks at every
    /// SKU, so it runs outside the event loop.
    async fn metrics_page(
        &self,
        headers: &HeaderMap,
        permit: &ConnectionPermit,
    ) -> Result<HttpResponse, Problem> {
        self.access.admit_scraper(headers, permit)?;
        let (state, metrics) = (Arc::clone(&self.state), Arc::clone(&self.metrics));
        let (scarce, depth) = (Arc::clone(&self.scarce), self.intake.depth());
        let sizes = self.ledger.sizes().await;
        let render = move || render_metrics(&state, &metrics, &scarce, depth, sizes.as_ref());
        let text = tokio::task::spawn_blocking(render).await.expect("rendering does not panic");
        Ok(http::text(text))
    }

    async fn barcodes(
        &self,
        request: &Request<Incoming>,
        permit: &ConnectionPermit,
    ) -> Result<HttpResponse, Problem> {
        self.access.admit(request.headers(), permit, Role::Viewer)?;
        let parameters = request.uri().query();
        let after = parameter(parameters, "after").unwrap_or_default();
        let limit = page_size(number(parameters, "limit")?)?;
        permit.walk_ready().await;
        permit.spend_walk(limit);
        let page = query::barcodes::page(&self.state, &self.ledger, after, limit).await?;
        Ok(http::json(barcodes_json(&page)))
    }

    async fn query(
        &self,
        request: &Request<Incoming>,
        permit: &ConnectionPermit,
        query: impl FnOnce(Option<&str>) -> Result<Query, Problem>,
    ) -> Result<HttpResponse, Problem> {
        self.access.admit(request.headers(), permit, Role::Viewer)?;
        let query = query(request.uri().query())?;
        let result = query::answer(query, self, permit).await?;
        Ok(http::json(result_json(&result, &self.state.origin)))
    }
}

fn page_file(name: &str, request: &Request<Incoming>) -> Result<HttpResponse, Problem> {
    page::file(name, request.headers()).ok_or_else(|| {
        let path = request.uri().path();
        Problem::new(Code::NotFound, format!("there is nothing at {path}"))
    })
}

fn item_query(sku: &str) -> Result<Query, Problem> {
    let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
    Ok(Query::Item(sku))
}

fn list_query(parameters: Option<&str>) -> Result<Query, Problem> {
    Ok(Query::List {
        prefix: parameter(parameters, "prefix").unwrap_or_default(),
        q: parameter(parameters, "q"),
        after: parameter(parameters, "after"),
        limit: page_size(number(parameters, "limit")?)?,
    })
}

fn reservations_query(parameters: Option<&str>) -> Result<Query, Problem> {
    let after = parameter(parameters, "after");
    Ok(Query::Reservations(ReservationsQuery {
        order_id: filled(parameters, "order_id"),
        sku: filled(parameters, "sku"),
        ..ReservationsQuery::page(after.as_deref(), number(parameters, "limit")?)?
    }))
}

fn reservation_query(id: &str) -> Result<Query, Problem> {
    ClientRequestId::parse("reservation", id).map(|ClientRequestId(id)| Query::Reservation(id))
}

fn ledger_query(parameters: Option<&str>) -> Result<Query, Problem> {
    Ok(Query::Ledger {
        after: number(parameters, "after")?.unwrap_or(0),
        limit: page_size(number(parameters, "limit")?)?,
    })
}
