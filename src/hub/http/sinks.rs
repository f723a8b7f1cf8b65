//! The routes of the sinks.

use hyper::Request;
use hyper::body::Incoming;
use serde::Serialize;

use super::json::ItemsJson;
use super::no_fields;
use crate::hub::api::HubApi;
use crate::hub::db::{BooksError, BooksTransaction, Locks, SinkRow};
use crate::hub::sinks::sinks_json;
use crate::limits::SINK_ASIDE_MAX;
use crate::net::json::json;
use crate::problem::{Code, Problem};

#[derive(Serialize)]
struct RetryJson<'a> {
    name: &'a str,
    /// The events that were set aside and are tried again.
    retrying: usize,
}

impl HubApi {
    pub(super) async fn sinks(&self) -> Result<String, Problem> {
        let sinks = self.sinks.clone();
        let items = self.read(move |db| sinks_json(db, &sinks)).await?;
        Ok(json(&ItemsJson { items }))
    }

    /// Has a sink tried at once, and the events again that were set aside.
    pub(super) async fn retry_sink(
        &self,
        name: &str,
        body: Request<Incoming>,
    ) -> Result<String, Problem> {
        no_fields(body).await?;
        if self.sinks.config(name).is_none() {
            return Err(Problem::new(Code::NotFound, format!("there is no sink {name:?}")));
        }
        let of = name.to_owned();
        let change = self.change(Locks::default(), move |books, _| {
            let number = request(books, &of)?;
            Ok((number, books.retry_aside(&of, SINK_ASIDE_MAX)?))
        });
        let (number, retrying) = change.await?;
        self.sinks.call(name, number);
        Ok(json(&RetryJson { name, retrying }))
    }
}

/// Notes a request to try a sink at once; returns its number.
fn request(books: &mut BooksTransaction<'_>, name: &str) -> Result<i64, BooksError> {
    let Some((now_ms, sink)) = books.sink(name)? else { return Ok(0) };
    let retries = sink.retries.saturating_add(1);
    books.set_sink(now_ms, SinkRow { retries, ..sink });
    Ok(retries)
}
