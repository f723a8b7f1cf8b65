//! The hub's HTTP interface: its books as JSON.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request};
use serde::Serialize;
use tokio::net::TcpListener;

use super::HubMetrics;
use super::reader::{self, Reader};
use crate::http::{self, Reply, number, page_size, parameter};
use crate::json::json;
use crate::metrics::metric;
use crate::problem::{Code, Problem};
use crate::stop::Stop;
use crate::store::StoreError;

pub(super) async fn serve(
    listener: TcpListener,
    reader: Reader,
    metrics: Arc<HubMetrics>,
    stop: Stop,
) {
    let handler = move |request: Request<Incoming>, _peer| {
        let (reader, metrics) = (reader.clone(), Arc::clone(&metrics));
        async move {
            match answer(&request, &reader, &metrics).await {
                Ok(reply) => reply,
                Err(problem) => Problem::reply(&problem),
            }
        }
    };
    http::serve(listener, stop, handler).await;
}

async fn answer(
    request: &Request<Incoming>,
    reader: &Reader,
    metrics: &HubMetrics,
) -> Result<Reply, Problem> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let segments = http::segments(path)
        .ok_or_else(|| Problem::bad_request("the path is not percent-encoded UTF-8"))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if request.method() != Method::GET {
        return Err(Problem::new(Code::MethodNotAllowed, "the hub's books answer to GET"));
    }
    let body = match segments.as_slice() {
        ["healthz"] => return Ok(http::text("ok\n")),
        ["readyz"] => {
            reader.read(reader::gateways).await.map_err(unreadable)?;
            return Ok(http::text("ready\n"));
        }
        ["metrics"] => return Ok(http::text(render(metrics))),
        ["api", "gateways"] => gateways(reader).await?,
        ["api", "stock"] => stock(reader, query).await?,
        ["api", "stock", sku] => stock_of(reader, (*sku).to_owned()).await?,
        ["api", "ledger"] => ledger(reader, query).await?,
        ["api", "reconcile"] => reconcile(reader, query).await?,
        _ => {
            return Err(Problem::new(Code::NotFound, format!("there is nothing at {path}")));
        }
    };
    Ok(http::json(body))
}

async fn gateways(reader: &Reader) -> Result<String, Problem> {
    #[derive(Serialize)]
    struct Gateways {
        items: Vec<reader::GatewayJson>,
    }
    let items = reader.read(reader::gateways).await.map_err(unreadable)?;
    Ok(json(&Gateways { items }))
}

async fn stock(reader: &Reader, query: Option<&str>) -> Result<String, Problem> {
    let after = parameter(query, "after").unwrap_or_default();
    let page = reader.stock(after, limit(query)?).await.map_err(unreadable)?;
    Ok(json(&page))
}

async fn stock_of(reader: &Reader, sku: String) -> Result<String, Problem> {
    let wanted = sku.clone();
    let found = reader.read(move |db| reader::stock_of(db, &wanted)).await.map_err(unreadable)?;
    let unknown = || Problem::new(Code::UnknownSku, format!("SKU {sku} is in no gateway's books"));
    Ok(json(&found.ok_or_else(unknown)?))
}

async fn ledger(reader: &Reader, query: Option<&str>) -> Result<String, Problem> {
    let named = |name: &str| {
        parameter(query, name).ok_or_else(|| Problem::bad_request(format!("{name}: is missing")))
    };
    let (site, gateway) = (named("site")?, named("gateway")?);
    let (after, limit) = (number(query, "after")?.unwrap_or(0), limit(query)?);
    let unknown =
        Problem::new(Code::NotFound, format!("no gateway {site}/{gateway} has ever sent"));
    let page = reader.read(move |db| reader::ledger(db, &site, &gateway, after, limit)).await;
    page.map_err(unreadable)?.ok_or(unknown)
}

async fn reconcile(reader: &Reader, query: Option<&str>) -> Result<String, Problem> {
    let all = parameter(query, "all").is_some_and(|all| all == "true" || all == "1");
    let after = parameter(query, "after").unwrap_or_default();
    let limit = limit(query)?;
    let result = reader.read(move |db| reader::reconcile(db, all, &after, limit)).await;
    Ok(json(&result.map_err(unreadable)?))
}

fn limit(query: Option<&str>) -> Result<usize, Problem> {
    Ok(page_size(number(query, "limit")?))
}

fn unreadable(error: StoreError) -> Problem {
    Problem::new(Code::StorageUnavailable, format!("the books cannot be read: {error}"))
}

fn render(metrics: &HubMetrics) -> String {
    let counters = [
        ("frames_applied", "Frames whose entries were taken.", &metrics.frames_applied),
        ("frames_known", "Frames of which every entry was known.", &metrics.frames_known),
        (
            "frames_bad",
            "Frames left aside: unreadable, or of another database.",
            &metrics.frames_bad,
        ),
        ("frames_refused", "Frames from fenced databases.", &metrics.frames_refused),
        ("entries", "Ledger entries taken into the books.", &metrics.entries),
    ];
    let mut page = String::new();
    for (name, help, counter) in counters {
        metric(&mut page, "counter", &format!("hub_{name}_total"), help, counter.get());
    }
    page
}
