//! The catalogue: publishing it, and giving it back.

use hyper::Request;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::queries::flag;
use crate::hub::api::HubApi;
use crate::hub::catalogue::{
    LineError, ReadCatalogue, Warning, read_catalogue, refusal, write_catalogue,
};
use crate::hub::core::{CatalogueChange, compare};
use crate::hub::db::{self, Locks};
use crate::limits::{CATALOGUE_BYTES_MAX, CATALOGUE_DROPPED_PER_MAX, CATALOGUES_READ_MAX};
use crate::net::http::{self, parameter, unknown_parameter};
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::Listing;

#[derive(Serialize)]
struct PublishedJson {
    listings: usize,
    changed: usize,
    dropped: usize,
    warnings: Vec<Warning>,
}

impl HubApi {
    pub(super) async fn publish(
        &self,
        query: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        // A misspelt dry run would publish.
        if let Some(name) = unknown_parameter(query, &["replace", "dry_run"]) {
            let message =
                format!("{name}: there is no such parameter; there are replace and dry_run");
            return Err(Problem::bad_request(message));
        }
        let replaces_all = match parameter(query, "replace").as_deref() {
            None => false,
            Some("all") => true,
            Some(other) => {
                return Err(Problem::bad_request(format!("replace: must be all, is {other:?}")));
            }
        };
        let is_dry_run = flag(query, "dry_run")?;
        let (read, listings) = received(request).await?;
        let count = listings.len();
        let change = self.change(Locks::default(), move |books, gateways| {
            let change = compare(books, listings.clone())?;
            let is_refused = !change.with_fixed_decimals.is_empty()
                || (drops_too_many(&change) && !replaces_all);
            if !is_refused && !is_dry_run {
                change.save(books)?;
                gateways.extend(books.open_books()?.into_iter().map(|book| book.gateway));
            }
            Ok(change)
        });
        let change = change.await?;
        check_decimals(&change, &read.listings)?;
        if drops_too_many(&change) && !replaces_all {
            return Err(would_drop(&change));
        }
        let (changed, dropped) = (change.changed.len(), change.dropped.len());
        Ok(json(&PublishedJson { listings: count, changed, dropped, warnings: read.warnings }))
    }

    /// The catalogue as CSV.
    pub(super) async fn catalogue(&self) -> Result<String, Problem> {
        self.read(|db| Ok(write_catalogue(&db::read_catalogue(db)?))).await
    }
}

/// Receives a catalogue and reads it. So many bytes take seconds, and many times their memory: it
/// runs outside the event loop, for few catalogues at once.
async fn received(request: Request<Incoming>) -> Result<(ReadCatalogue, Vec<Listing>), Problem> {
    static READING: Semaphore = Semaphore::const_new(CATALOGUES_READ_MAX);
    let permit = READING.acquire().await;
    let body = http::body_within(request, CATALOGUE_BYTES_MAX).await?;
    let read = spawn_blocking(move || {
        let _permit = permit;
        let read = read_catalogue(&body)?;
        let listings = read.listings.iter().map(|(_, listing)| listing.clone()).collect();
        Ok((read, listings))
    });
    read.await.expect("reading does not panic")
}

fn drops_too_many(CatalogueChange { listed_before, dropped, .. }: &CatalogueChange) -> bool {
    dropped.len() * CATALOGUE_DROPPED_PER_MAX > *listed_before
}

fn would_drop(CatalogueChange { listed_before, dropped, .. }: &CatalogueChange) -> Problem {
    let count = dropped.len();
    let first = dropped.first().map(ToString::to_string).unwrap_or_default();
    Problem::would_drop(
        count,
        format!(
            "{count} of {listed_before} listings are not in this catalogue, {first} among them; nothing was changed; publish it with ?replace=all if it is the whole one"
        ),
    )
}

/// Refuses lines that change the decimals of a SKU that has ever had units: its quantities would
/// mean something else.
fn check_decimals(change: &CatalogueChange, lines: &[(u64, Listing)]) -> Result<(), Problem> {
    let fixed = &change.with_fixed_decimals;
    if fixed.is_empty() {
        return Ok(());
    }
    let mut errors = Vec::new();
    for (line, Listing { sku, decimals, .. }) in lines {
        if let Some(known) = fixed.get(sku) {
            let (known, decimals) = (u8::from(*known), u8::from(*decimals));
            let what = format!(
                "SKU {sku} has entries with {known} decimals, which can not become {decimals}"
            );
            errors.push(LineError::at(*line, what));
        }
    }
    let dropped = change.dropped.iter().filter(|sku| fixed.contains_key(*sku));
    errors.extend(dropped.map(|sku| {
        let known = fixed.get(sku).map_or(0, |known| u8::from(*known));
        LineError::of_all(format!(
            "SKU {sku} has entries with {known} decimals, which would be lost without its line"
        ))
    }));
    if errors.is_empty() { Ok(()) } else { Err(refusal(errors)) }
}
