//! The routes of the terminal port.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use tokio::sync::mpsc;

use super::access::{Role, require};
use super::answer::{Found, outcome};
use super::message::{Chosen, Fields, Mutation};
use super::query::Status;
use super::resolve::resolve;
use super::{Terminals, page, query};
use crate::http::{self, Reply, number, page_size, parameter};
use crate::metrics::{Figures, render};
use crate::problem::{Code, Problem};
use crate::stock::{Command, Decided, Sku};
use crate::writer::ReplyTo;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What a path and method ask for.
enum Route {
    Page(page::File),
    Healthz,
    Readyz,
    Metrics,
    WebSocket,
    Query(Query),
    Mutate(Mutation, Option<String>),
    /// The path is known, for this method.
    OtherMethod(&'static str),
    Unknown,
}

/// What may be asked.
enum Query {
    Item(String),
    List,
    Ledger,
    Status,
    Resolve(String),
}

impl Terminals {
    pub(super) async fn route(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Reply, Problem> {
        let peer = peer.ip();
        let path = request.uri().path();
        let segments = http::segments(path)
            .ok_or_else(|| Problem::bad_request("the path is not percent-encoded UTF-8"))?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match route(request.method(), &segments) {
            Route::Page(file) => Ok(file.reply(request.headers())),
            Route::Healthz => Ok(http::text("ok\n")),
            Route::Readyz => self.readiness(),
            Route::Metrics => {
                if !peer.to_canonical().is_loopback() {
                    self.admit(request.headers(), peer, Role::Viewer)?;
                }
                Ok(http::text(self.metrics().await))
            }
            Route::WebSocket => self.upgrade(request, peer),
            Route::Mutate(mutation, reservation) => {
                self.admit(request.headers(), peer, Role::Operator)?;
                self.mutate(request, mutation, reservation).await
            }
            Route::OtherMethod(allowed) => Ok(other_method(allowed)),
            Route::Unknown => {
                Err(Problem::new(Code::NotFound, format!("there is nothing at {path}")))
            }
            Route::Query(asked) => {
                self.admit(request.headers(), peer, Role::Viewer)?;
                let found = self.query(asked, request.uri().query()).await?;
                Ok(http::json(found.json(&self.view.origin)))
            }
        }
    }

    /// The page of metrics. Looking at every SKU takes a while: not on the event loop.
    async fn metrics(&self) -> String {
        let (view, intake, ledger) =
            (Arc::clone(&self.view), self.intake.clone(), self.ledger.clone());
        let look = move || {
            let figures = Figures { depth: intake.depth(), sizes: ledger.sizes() };
            render(&view, &figures)
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

    fn readiness(&self) -> Result<Reply, Problem> {
        match self.view.storage_problem() {
            None => Ok(http::text("ready\n")),
            Some(why) => Err(Problem::new(Code::StorageUnavailable, why)),
        }
    }

    async fn query(&self, query: Query, asked: Option<&str>) -> Result<Found, Problem> {
        let after = parameter(asked, "after");
        match query {
            Query::Item(sku) => {
                let sku = Sku::parse(&sku)
                    .map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
                query::item(&self.view, sku)
            }
            Query::List => {
                let prefix = parameter(asked, "prefix").unwrap_or_default();
                let limit = page_size(number(asked, "limit")?);
                Ok(query::list(&self.view, &prefix, after.as_deref(), limit))
            }
            Query::Ledger => {
                let after = number(asked, "after")?.unwrap_or(0);
                let limit = page_size(number(asked, "limit")?);
                query::ledger(&self.view, &self.ledger, after, limit).await
            }
            Query::Status => Ok(Found::Status(Status::of(&self.view))),
            Query::Resolve(code) => {
                resolve(&self.view, &self.ledger, code).await.map(Found::Resolved)
            }
        }
    }

    async fn mutate(
        &self,
        request: Request<Incoming>,
        mutation: Mutation,
        reservation: Option<String>,
    ) -> Result<Reply, Problem> {
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
        let mut reply = http::json(crate::json::json(&outcome(&decided)?));
        if mutation == Mutation::Reserve && !decided.replayed {
            *reply.status_mut() = StatusCode::CREATED;
        }
        Ok(reply)
    }

    async fn decide(&self, command: Command) -> Result<Decided, Problem> {
        let (answers, mut replies) = mpsc::channel(1);
        let submitted = self.intake.submit(command, ReplyTo { tag: 0, answers }, 0);
        submitted.inspect_err(|_| self.view.metrics.overloaded.inc())?;
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

fn route(method: &Method, segments: &[&str]) -> Route {
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let stock_mutation = |name: &str| match name {
        "deduct" | "restock" | "count" | "rollback" => Mutation::from_op(name),
        _ => None,
    };
    match segments {
        [""] if method == get => Route::Page(page::INDEX),
        ["page", name] => match page::file(name) {
            Some(file) if method == get => Route::Page(file),
            Some(_) => Route::OtherMethod("GET"),
            None => Route::Unknown,
        },
        ["healthz"] if method == get => Route::Healthz,
        ["readyz"] if method == get => Route::Readyz,
        ["metrics"] if method == get => Route::Metrics,
        ["ws"] if method == get => Route::WebSocket,
        ["api", "status"] if method == get => Route::Query(Query::Status),
        ["api", "ledger"] if method == get => Route::Query(Query::Ledger),
        ["api", "stock"] if method == get => Route::Query(Query::List),
        ["api", "stock", sku] if method == get => Route::Query(Query::Item((*sku).to_owned())),
        ["api", "barcodes", code] if method == get => {
            Route::Query(Query::Resolve((*code).to_owned()))
        }
        ["api", "stock", "restock"] if method == put => Route::Mutate(Mutation::Restock, None),
        ["api", "stock", name] => match stock_mutation(name) {
            Some(mutation) if method == post => Route::Mutate(mutation, None),
            Some(Mutation::Restock) => Route::OtherMethod("GET, POST, PUT"),
            Some(_) => Route::OtherMethod("GET, POST"),
            None => Route::OtherMethod("GET"),
        },
        ["api", "reservations"] if method == post => Route::Mutate(Mutation::Reserve, None),
        ["api", "reservations", id] if method == Method::DELETE => {
            Route::Mutate(Mutation::Release, Some((*id).to_owned()))
        }
        ["api", "reservations", id, "commit"] if method == post => {
            Route::Mutate(Mutation::Commit, Some((*id).to_owned()))
        }
        ["api", "reservations"] | ["api", "reservations", _, "commit"] => {
            Route::OtherMethod("POST")
        }
        ["api", "reservations", _] => Route::OtherMethod("DELETE"),
        ["" | "healthz" | "readyz" | "metrics" | "ws"]
        | ["api", "status" | "ledger" | "stock"]
        | ["api", "barcodes", _] => Route::OtherMethod("GET"),
        _ => Route::Unknown,
    }
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

/// Reads what is asked of the hub itself.
///
/// # Errors
/// Names what is wrong with it.
#[cfg(feature = "hub")]
pub fn central_request(
    headers: &HeaderMap,
    body: &[u8],
    has_gateway: bool,
) -> Result<super::message::Central, Problem> {
    let mut fields = Fields::read(body)?;
    if let Some(key) = idempotency_key(headers)? {
        fields.set_request_id(key)?;
    }
    fields.central(has_gateway)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Chosen>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Problem::bad_request("Idempotency-Key: must be UTF-8"))?;
    Chosen::parse("Idempotency-Key", text).map(Some)
}

fn other_method(allowed: &'static str) -> Reply {
    let message = format!("this path answers to {allowed}");
    let mut reply = Problem::new(Code::MethodNotAllowed, message).reply();
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}
