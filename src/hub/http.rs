//! The hub's HTTP interface: its books as JSON, and what changes them from the centre.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, Request};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::core::{
    Policy, PoolLine, Recalled, Rejection, central, publish, repair, retire, set_policy,
};
use super::csv::read_catalogue;
use super::db::BooksTransaction;
use super::jobs::HubJob;
use super::metrics::HubMetrics;
use super::reader::{self, BooksReader, LedgerPage};
use super::request::{CentralOperation, IdentifiedRequest, gateway_id};
use crate::limits::{CATALOGUE_BYTES_MAX, STOCK_MAX};
use crate::net::http::{self, Found, HttpResponse, Line, number, page_size, parameter};
use crate::net::json::json;
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;
use crate::protocol::topic::GatewayId;
use crate::stock::{Refusal, RequestId, Sku};
use crate::store::StoreError;

/// What a route leads to.
#[derive(Clone, Copy, Debug)]
enum Target {
    Healthz,
    Readyz,
    Metrics,
    Gateways,
    Epochs,
    List,
    Item,
    Ledger,
    Reconcile,
    Recall,
    Central(CentralOperation),
    SetPolicy,
    Publish,
    Retire,
    Repair,
}

/// Every route; docs/hub.openapi.json describes them.
static ROUTES: [Line<Target>; 18] = [
    (Method::GET, "/healthz", Target::Healthz),
    (Method::GET, "/readyz", Target::Readyz),
    (Method::GET, "/metrics", Target::Metrics),
    (Method::GET, "/api/gateways", Target::Gateways),
    (Method::GET, "/api/gateways/{site}/{gateway}", Target::Epochs),
    (Method::POST, "/api/gateways/{site}/{gateway}/retire", Target::Retire),
    (Method::POST, "/api/gateways/{site}/{gateway}/repair", Target::Repair),
    (Method::GET, "/api/stock", Target::List),
    (Method::GET, "/api/stock/{sku}", Target::Item),
    (Method::GET, "/api/ledger", Target::Ledger),
    (Method::GET, "/api/reconcile", Target::Reconcile),
    (Method::POST, "/api/receipts", Target::Central(CentralOperation::Receipt)),
    (Method::POST, "/api/deduct", Target::Central(CentralOperation::Deduct)),
    (Method::POST, "/api/grants", Target::Central(CentralOperation::Grant)),
    (Method::POST, "/api/recalls", Target::Central(CentralOperation::Recall)),
    (Method::GET, "/api/recalls/{request_id}", Target::Recall),
    (Method::PUT, "/api/policies/{sku}", Target::SetPolicy),
    (Method::PUT, "/api/catalogue", Target::Publish),
];

/// What every request needs.
#[derive(Clone, Debug)]
pub(super) struct HubApi {
    reader: BooksReader,
    jobs: mpsc::Sender<HubJob>,
    metrics: Arc<HubMetrics>,
}

pub(super) async fn serve(listener: TcpListener, api: HubApi, stop: Stop) {
    let handler = move |request: Request<Incoming>, _peer| {
        let api = api.clone();
        async move {
            match api.answer(request).await {
                Ok(reply) => reply,
                Err(problem) => http::problem(&problem),
            }
        }
    };
    http::serve(listener, None, stop, handler).await;
}

impl HubApi {
    pub(super) fn new(
        reader: BooksReader,
        jobs: mpsc::Sender<HubJob>,
        metrics: Arc<HubMetrics>,
    ) -> Self {
        Self { reader, jobs, metrics }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<HttpResponse, Problem> {
        check_origin(request.headers())?;
        let path = request.uri().path().to_owned();
        let segments = http::segments(&path)
            .ok_or_else(|| Problem::bad_request("the path is not percent-encoded UTF-8"))?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (target, open) = match http::find(&ROUTES, request.method(), &segments) {
            Found::There(target, open) => (target, open),
            Found::OtherMethod => return Ok(http::other_method(&ROUTES, &segments)),
            Found::Nothing => {
                let message = format!("there is nothing at {path}");
                return Err(Problem::new(Code::NotFound, message));
            }
        };
        let query = request.uri().query().map(str::to_owned);
        let query = query.as_deref();
        let body = match (target, open.as_slice()) {
            (Target::Healthz, _) => return Ok(http::text("ok\n")),
            (Target::Readyz, _) => {
                self.reader.read(reader::gateways).await.map_err(unreadable)?;
                return Ok(http::text("ready\n"));
            }
            (Target::Metrics, _) => return Ok(http::text(self.metrics.page())),
            (Target::Gateways, _) => self.gateways().await?,
            (Target::Epochs, [site, gateway]) => self.epochs(site, gateway).await?,
            (Target::List, _) => self.stock(query).await?,
            (Target::Item, [sku]) => self.stock_of((*sku).to_owned()).await?,
            (Target::Ledger, _) => self.ledger(query).await?,
            (Target::Reconcile, _) => self.reconcile(query).await?,
            (Target::Recall, [id]) => self.recall(id).await?,
            (Target::Central(operation), _) => self.central(request, operation).await?,
            (Target::SetPolicy, [sku]) => self.set_policy(request, sku).await?,
            (Target::Publish, _) => self.publish(request).await?,
            (Target::Retire, [site, gateway]) => {
                self.retire(request, gateway_id(site, gateway)?).await?
            }
            (Target::Repair, [site, gateway]) => self.repair(gateway_id(site, gateway)?).await?,
            (target, open) => unreachable!("{target:?} with {open:?} stands in no line"),
        };
        Ok(http::json(body))
    }

    async fn gateways(&self) -> Result<String, Problem> {
        let items = self.reader.read(reader::gateways).await.map_err(unreadable)?;
        Ok(json(&Items { items }))
    }

    async fn epochs(&self, site: &str, gateway: &str) -> Result<String, Problem> {
        let GatewayId { site, gateway } = gateway_id(site, gateway)?;
        let unknown = unknown_gateway(&site, &gateway);
        let read = self.reader.read(move |db| reader::epochs(db, &site, &gateway)).await;
        let items = read.map_err(unreadable)?;
        if items.is_empty() { Err(unknown) } else { Ok(json(&Items { items })) }
    }

    async fn stock(&self, query: Option<&str>) -> Result<String, Problem> {
        let after = parameter(query, "after").unwrap_or_default();
        let page = self.reader.stock(after, limit(query)?).await.map_err(unreadable)?;
        Ok(json(&page))
    }

    async fn stock_of(&self, sku: String) -> Result<String, Problem> {
        let wanted = sku.clone();
        let found = self.reader.read(move |db| reader::stock_of(db, &wanted)).await;
        let unknown = || Problem::new(Code::UnknownSku, format!("SKU {sku} is not in the books"));
        Ok(json(&found.map_err(unreadable)?.ok_or_else(unknown)?))
    }

    async fn ledger(&self, query: Option<&str>) -> Result<String, Problem> {
        let named = |name: &str| {
            parameter(query, name)
                .ok_or_else(|| Problem::bad_request(format!("{name}: is missing")))
        };
        let (site, gateway) = (named("site")?, named("gateway")?);
        let unknown = unknown_gateway(&site, &gateway);
        let epoch = parameter(query, "epoch").map(|epoch| epoch.parse::<Uuid>()).transpose();
        let wanted = LedgerPage {
            site,
            gateway,
            epoch: epoch.map_err(|error| Problem::bad_request(format!("epoch: {error}")))?,
            aside: is_true(query, "aside"),
            after: number(query, "after")?.unwrap_or(0),
            limit: limit(query)?,
        };
        let page = self.reader.read(move |db| reader::ledger(db, &wanted)).await;
        page.map_err(unreadable)?.ok_or(unknown)
    }

    async fn reconcile(&self, query: Option<&str>) -> Result<String, Problem> {
        let all = is_true(query, "all");
        let after = parameter(query, "after").unwrap_or_default();
        let limit = limit(query)?;
        let result = self.reader.read(move |db| reader::reconcile(db, all, &after, limit)).await;
        Ok(json(&result.map_err(unreadable)?))
    }

    async fn recall(&self, id: &str) -> Result<String, Problem> {
        let request_id = RequestId::parse(id)
            .map_err(|error| Problem::bad_request(format!("request_id: {error}")))?;
        let wanted = request_id.clone();
        let found = self.reader.read(move |db| reader::recall(db, &wanted)).await;
        let unknown =
            || Problem::new(Code::UnknownRequest, format!("there is no recall {request_id}"));
        let found = found.map_err(unreadable)?.ok_or_else(unknown)?;
        Ok(json(&RecallJson::new(&request_id, &found, None)))
    }

    /// Lets the writer change the books; what it comes to is known when they are changed.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut BooksTransaction<'_>, &mut Vec<GatewayId>) -> Result<T, StoreError>
        + Send
        + 'static,
    ) -> Result<T, Problem> {
        let (sender, done) = oneshot::channel();
        let job = HubJob::Change(Box::new(move |books, told| {
            let result = work(books, told)?;
            Ok(Box::new(move || drop(sender.send(result))))
        }));
        let full = |_| {
            Problem::new(Code::Overloaded, "too many requests wait; retry, nothing was applied")
        };
        self.jobs.try_send(job).map_err(full)?;
        done.await.map_err(|_| {
            let message = "the books cannot be written; nothing was applied, send it again later";
            Problem::new(Code::StorageUnavailable, message)
        })
    }

    async fn central(
        &self,
        request: Request<Incoming>,
        operation: CentralOperation,
    ) -> Result<String, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request.into_body()).await?;
        let IdentifiedRequest { request_id, request } =
            IdentifiedRequest::read(operation, &headers, &body)?;
        let (id, is_recall) = (request_id.clone(), operation == CentralOperation::Recall);
        let decided = self.change(move |books, told| {
            let decided = central(books, &id, &request)?;
            if let Ok((_, _, gateways)) = &decided {
                told.extend_from_slice(gateways);
            }
            let recalled = if is_recall { super::core::recalled(books, &id)? } else { None };
            Ok((decided, recalled))
        });
        let (decided, recalled) = decided.await?;
        let (outcome, replayed, _) = decided.map_err(|no| refused(&request_id, no))?;
        let done = outcome.map_err(|refusal| at_hub(&refusal, replayed))?;
        Ok(match recalled {
            Some(recalled) => json(&RecallJson::new(&request_id, &recalled, Some(replayed))),
            None => json(&DoneJson {
                request_id: request_id.as_str(),
                seq: done.seq,
                replayed,
                lines: &done.lines,
            }),
        })
    }

    async fn set_policy(&self, request: Request<Incoming>, sku: &str) -> Result<String, Problem> {
        let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
        let body = http::body(request.into_body()).await?;
        let PolicyJson { low_water, target } = read_json(&body)?;
        if !(0..=STOCK_MAX).contains(&low_water) || !(low_water..=STOCK_MAX).contains(&target) {
            return Err(Problem::bad_request(format!(
                "low_water and target: must be whole numbers, 0 <= low_water <= target <= {STOCK_MAX}"
            )));
        }
        let answer = json(&serde_json::json!({
            "sku": sku, "low_water": low_water, "target": target,
        }));
        self.change(move |books, told| {
            told.extend(set_policy(books, &sku, Policy { low_water, target })?);
            Ok(())
        })
        .await?;
        Ok(answer)
    }

    async fn publish(&self, request: Request<Incoming>) -> Result<String, Problem> {
        let body = http::body_within(request.into_body(), CATALOGUE_BYTES_MAX).await?;
        let listings = read_catalogue(&body)?;
        let count = listings.len();
        let changed = self.change(move |books, told| {
            let changed = publish(books, listings)?;
            told.extend(books.open_books()?.into_iter().map(|book| book.gateway));
            Ok(changed)
        });
        Ok(json(&serde_json::json!({ "listings": count, "changed": changed.await? })))
    }

    async fn retire(
        &self,
        request: Request<Incoming>,
        gateway: GatewayId,
    ) -> Result<String, Problem> {
        let body = http::body(request.into_body()).await?;
        let RetireJson { epoch } =
            if body.is_empty() { RetireJson::default() } else { read_json(&body)? };
        let told_to = gateway.clone();
        let retired = self.change(move |books, told| {
            told.push(told_to.clone());
            retire(books, &told_to, epoch)
        });
        let retired = retired.await?.map_err(|none| match none.known.as_slice() {
            [] => unknown_gateway(&gateway.site, &gateway.gateway),
            known => Problem::new(
                Code::NotFound,
                format!("{gateway} has no such database; it has {known:?}"),
            ),
        })?;
        Ok(json(&serde_json::json!({
            "epoch": retired.epoch,
            "acked_seq": retired.acked_seq,
            "known_seq": retired.known_seq,
            "moved_to": retired.moved_to,
        })))
    }

    async fn repair(&self, gateway: GatewayId) -> Result<String, Problem> {
        let unknown = unknown_gateway(&gateway.site, &gateway.gateway);
        let repaired = self.change(move |books, told| {
            told.push(gateway.clone());
            repair(books, &gateway)
        });
        let skus = repaired.await?.ok_or(unknown)?;
        Ok(json(&serde_json::json!({ "repaired": skus })))
    }
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Serialize)]
struct DoneJson<'a> {
    request_id: &'a str,
    seq: u64,
    replayed: bool,
    lines: &'a [PoolLine],
}

#[derive(Serialize)]
struct RecallJson<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    state: &'static str,
    lines: Vec<RecallLineJson<'a>>,
}

#[derive(Serialize)]
struct RecallLineJson<'a> {
    sku: &'a Sku,
    asked: i64,
    returned: i64,
}

impl<'a> RecallJson<'a> {
    fn new(request_id: &'a RequestId, recalled: &'a Recalled, replayed: Option<bool>) -> Self {
        let line = |(sku, asked, returned): &'a (Sku, i64, i64)| RecallLineJson {
            sku,
            asked: *asked,
            returned: *returned,
        };
        Self {
            request_id: request_id.as_str(),
            replayed,
            state: if recalled.done { "done" } else { "open" },
            lines: recalled.lines.iter().map(line).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyJson {
    low_water: i64,
    target: i64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetireJson {
    epoch: Option<Uuid>,
}

fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the JSON cannot be used: {error}")))
}

/// No page of another origin may change the books through somebody's browser.
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

fn unknown_gateway(site: &str, gateway: &str) -> Problem {
    Problem::new(Code::NotFound, format!("no gateway {site}/{gateway} has ever sent"))
}

fn refused(request_id: &RequestId, no: Rejection) -> Problem {
    match no {
        Rejection::Conflict(act) => Problem::new(
            Code::IdempotencyConflict,
            format!(
                "request id {request_id} belongs to an earlier {act} with another body; take a new request id"
            ),
        ),
        Rejection::TooLarge(sku) => {
            Problem::bad_request(format!("SKU {sku}: the stock would exceed {STOCK_MAX} units"))
        }
        Rejection::UnknownGateway(GatewayId { site, gateway }) => unknown_gateway(&site, &gateway),
        Rejection::Closed(gateway, why) => Problem::new(
            Code::GatewayClosed,
            format!("nothing goes to {gateway}: {why}; retire its database and give it a new one"),
        ),
    }
}

fn at_hub(refusal: &Refusal, replayed: bool) -> Problem {
    let problem = Problem::refused(refusal, replayed);
    let Refusal::UnknownSku { sku } = refusal else {
        return problem;
    };
    let message = format!("SKU {sku} is not in the books; receive it first");
    Problem { message, ..problem }
}

fn is_true(query: Option<&str>, name: &str) -> bool {
    parameter(query, name).is_some_and(|all| all == "true" || all == "1")
}

fn limit(query: Option<&str>) -> Result<usize, Problem> {
    Ok(page_size(number(query, "limit")?))
}

fn unreadable(error: StoreError) -> Problem {
    Problem::new(Code::StorageUnavailable, format!("the books cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described = include_str!("../../docs/hub.openapi.json");
        let routes = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}"));
        assert_eq!(http::described(described), routes.collect());
    }
}
