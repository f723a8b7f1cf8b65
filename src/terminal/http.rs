//! The routes of the terminal port.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode};
use tokio::sync::mpsc;

use super::access::{Role, require};
use super::answer::{Found, outcome};
use super::message::{Chosen, Fields, Mutation};
use super::query::Status;
use super::resolve::resolve;
use super::{Terminals, page, query};
use crate::engine::intake::ReplyTo;
use crate::metrics::{Figures, render};
use crate::net::http::{self, HttpResponse, Line, number, page_size, parameter};
use crate::problem::{Code, Problem};
use crate::stock::{Command, Decided, Sku};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What a route leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Page,
    PageFile,
    Healthz,
    Readyz,
    Metrics,
    WebSocket,
    Item,
    List,
    Ledger,
    Status,
    Barcode,
    Mutate(Mutation),
}

/// Every route; docs/gateway.openapi.json describes them.
pub(super) static ROUTES: [Line<Target>; 19] = [
    (Method::GET, "/", Target::Page),
    (Method::GET, "/page/{name}", Target::PageFile),
    (Method::GET, "/healthz", Target::Healthz),
    (Method::GET, "/readyz", Target::Readyz),
    (Method::GET, "/metrics", Target::Metrics),
    (Method::GET, "/ws", Target::WebSocket),
    (Method::GET, "/api/status", Target::Status),
    (Method::GET, "/api/ledger", Target::Ledger),
    (Method::GET, "/api/stock", Target::List),
    (Method::GET, "/api/stock/{sku}", Target::Item),
    (Method::GET, "/api/barcodes/{code}", Target::Barcode),
    (Method::POST, "/api/stock/deduct", Target::Mutate(Mutation::Deduct)),
    (Method::PUT, "/api/stock/restock", Target::Mutate(Mutation::Restock)),
    (Method::POST, "/api/stock/restock", Target::Mutate(Mutation::Restock)),
    (Method::POST, "/api/stock/count", Target::Mutate(Mutation::Count)),
    (Method::POST, "/api/stock/rollback", Target::Mutate(Mutation::Rollback)),
    (Method::POST, "/api/reservations", Target::Mutate(Mutation::Reserve)),
    (Method::DELETE, "/api/reservations/{id}", Target::Mutate(Mutation::Release)),
    (Method::POST, "/api/reservations/{id}/commit", Target::Mutate(Mutation::Commit)),
];

impl Terminals {
    pub(super) async fn route(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<HttpResponse, Problem> {
        let peer = peer.ip();
        let path = request.uri().path();
        let segments = http::segments(path)
            .ok_or_else(|| Problem::bad_request("the path is not percent-encoded UTF-8"))?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (target, open) = match http::find(&ROUTES, request.method(), &segments) {
            http::Found::There(target, open) => {
                (target, open.first().map(|part| (*part).to_owned()))
            }
            http::Found::OtherMethod => return Ok(http::other_method(&ROUTES, &segments)),
            http::Found::Nothing => return Err(nothing_at(path)),
        };
        match target {
            Target::Page => Ok(page::INDEX.reply(request.headers())),
            Target::PageFile => {
                let file = open.as_deref().and_then(page::file).ok_or_else(|| nothing_at(path))?;
                Ok(file.reply(request.headers()))
            }
            Target::Healthz => Ok(http::text("ok\n")),
            Target::Readyz => self.readiness(),
            Target::Metrics => {
                if !peer.to_canonical().is_loopback() {
                    self.admit(request.headers(), peer, Role::Viewer)?;
                }
                Ok(http::text(self.metrics().await))
            }
            Target::WebSocket => self.upgrade(request, peer),
            Target::Mutate(mutation) => {
                self.admit(request.headers(), peer, Role::Operator)?;
                self.mutate(request, mutation, open).await
            }
            Target::Item | Target::List | Target::Ledger | Target::Status | Target::Barcode => {
                self.admit(request.headers(), peer, Role::Viewer)?;
                let found = self.query(target, open, request.uri().query()).await?;
                Ok(http::json(found.json(&self.state.origin)))
            }
        }
    }

    /// The page of metrics. Looking at every SKU takes a while: not on the event loop.
    async fn metrics(&self) -> String {
        let (state, metrics) = (Arc::clone(&self.state), Arc::clone(&self.metrics));
        let (intake, ledger) = (self.intake.clone(), self.ledger.clone());
        let look = move || {
            let figures = Figures { depth: intake.depth(), sizes: ledger.sizes() };
            render(&state, &metrics, &figures)
        };
        tokio::task::spawn_blocking(look).await.expect("looking does not panic")
    }

    /// Lets a request pass if it comes from the right place with the right token, and not too
    /// often.
    fn admit(&self, headers: &HeaderMap, peer: IpAddr, needed: Role) -> Result<(), Problem> {
        self.access().check_origin(headers)?;
        let pass = self.pass_of(headers, peer)?;
        require(pass.as_ref().map(|pass| pass.role()), needed)?;
        pass.map_or(Ok(()), |pass| pass.meter(self.now_us()))
    }

    fn readiness(&self) -> Result<HttpResponse, Problem> {
        match self.state.problem() {
            None => Ok(http::text("ready\n")),
            Some(why) => Err(Problem::new(Code::StorageUnavailable, why)),
        }
    }

    async fn query(
        &self,
        query: Target,
        open: Option<String>,
        asked: Option<&str>,
    ) -> Result<Found, Problem> {
        let after = parameter(asked, "after");
        let limit = || number(asked, "limit").map(page_size);
        match (query, open) {
            (Target::Item, Some(sku)) => {
                let sku = Sku::parse(&sku)
                    .map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
                query::item(&self.state, sku)
            }
            (Target::List, _) => {
                let prefix = parameter(asked, "prefix").unwrap_or_default();
                Ok(query::list(&self.state, &prefix, after.as_deref(), limit()?))
            }
            (Target::Ledger, _) => {
                let after = number(asked, "after")?.unwrap_or(0);
                query::ledger(&self.state, &self.ledger, after, limit()?).await
            }
            (Target::Barcode, Some(code)) => {
                resolve(&self.state, &self.ledger, code).await.map(Found::Resolved)
            }
            _ => Ok(Found::Status(Status::of(&self.state))),
        }
    }

    async fn mutate(
        &self,
        request: Request<Incoming>,
        mutation: Mutation,
        reservation: Option<String>,
    ) -> Result<HttpResponse, Problem> {
        let key = idempotency_key(request.headers())?;
        let body = http::body(request.into_body()).await?;
        let mut fields = read_body(mutation, &body)?;
        if let Some(key) = key {
            fields.set_request_id(key)?;
        }
        if let Some(reservation) = reservation {
            fields.reservation = Some(Chosen::parse("reservation", &reservation)?);
        }
        let decided = self.decide(fields.command(mutation)?).await?;
        let mut reply = http::json(crate::net::json::json(&outcome(&decided)?));
        if mutation == Mutation::Reserve && !decided.replayed {
            *reply.status_mut() = StatusCode::CREATED;
        }
        Ok(reply)
    }

    async fn decide(&self, command: Command) -> Result<Decided, Problem> {
        let (answers, mut replies) = mpsc::channel(1);
        let submitted = self.intake.submit(command, ReplyTo { tag: 0, answers }, 0);
        submitted.inspect_err(|_| self.metrics.overloaded.inc())?;
        let reply =
            replies.recv().await.and_then(|mut replies| replies.pop()).ok_or_else(|| {
                Problem::new(
                    Code::StorageUnavailable,
                    "the gateway is stopping; send it again later",
                )
            })?;
        Ok(reply.answer??)
    }
}

fn nothing_at(path: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is nothing at {path}"))
}

/// The fields of a body, but for those that only a path or a WebSocket message has. A commit or
/// release needs none at all.
fn read_body(mutation: Mutation, body: &[u8]) -> Result<Fields, Problem> {
    if body.is_empty() && matches!(mutation, Mutation::Commit | Mutation::Release) {
        return Ok(Fields::default());
    }
    let fields = Fields::read(body)?;
    if fields.reservation.is_some() {
        return Err(Problem::bad_request("reservation: over HTTP it stands in the path"));
    }
    Ok(fields)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Chosen>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Problem::bad_request("Idempotency-Key: must be UTF-8"))?;
    Chosen::parse("Idempotency-Key", text).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described = include_str!("../../docs/gateway.openapi.json");
        let routes = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}"));
        assert_eq!(http::described(described), routes.collect());
    }
}
