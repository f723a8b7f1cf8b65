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
use crate::hub::core::{CatalogueChange, compare, is_waiting};
use crate::hub::db::{self, Locks};
use crate::limits::{
    CATALOGUE_BYTES_MAX, CATALOGUE_DROPPED_PER_MAX, CATALOGUE_WARNINGS_MAX, CATALOGUES_READ_MAX,
};
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
        let is_dry_run = flag("dry_run", parameter(query, "dry_run"))?;
        let (read, listings) = received(request).await?;
        let count = listings.len();
        let change = self.change(Locks::default(), move |books, gateways| {
            let change = compare(books, listings.clone())?;
            let is_refused = !change.is_sound() || (drops_too_many(&change) && !replaces_all);
            let mut is_awaited = false;
            if !is_refused && !is_dry_run {
                change.save(books)?;
                for book in books.open_books()? {
                    is_awaited |= book.problem.as_deref().is_some_and(is_waiting);
                    gateways.push(book.gateway);
                }
            }
            Ok((change, is_awaited))
        });
        let (change, is_awaited) = change.await?;
        if drops_too_many(&change) && !replaces_all {
            return Err(would_drop(&change));
        }
        check_decimals(&change, &read.listings)?;
        let (changed, dropped) = (change.changed.len(), change.dropped.len());
        let mut warnings = read.warnings;
        warnings.extend(other_units(&change, &read.listings));
        if is_awaited && changed > 0 {
            // One whose entries have waited for a listing goes on at once.
            self.call_gateways();
        }
        Ok(json(&PublishedJson { listings: count, changed, dropped, warnings }))
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
    let first = dropped.first().map(|listing| listing.sku.to_string()).unwrap_or_default();
    Problem::would_drop(
        count,
        format!(
            "{count} of {listed_before} listings are not in this catalogue, {first} among them; nothing was changed; publish it with ?replace=all if it is the whole one"
        ),
    )
}

/// Warns of lines that change what a quantity counts: pieces do not become kilograms.
fn other_units<'a>(
    change: &'a CatalogueChange,
    lines: &'a [(u64, Listing)],
) -> impl Iterator<Item = Warning> + 'a {
    let warning = move |(line, Listing { sku, unit, .. }): &(u64, Listing)| {
        let known = change.with_other_unit.get(sku)?;
        let named = |unit: &Option<String>| unit.clone().unwrap_or_else(|| "pieces".into());
        let message = format!(
            "SKU {sku} has entries in {}, which count as {} from now on",
            named(known),
            named(unit)
        );
        Some(Warning::new(*line, "unit_changed", message))
    };
    lines.iter().filter_map(warning).take(CATALOGUE_WARNINGS_MAX)
}

/// Refuses lines that change the decimals of a SKU that has ever had units: its quantities would
/// mean something else. And those that its policies cannot be said in.
fn check_decimals(change: &CatalogueChange, lines: &[(u64, Listing)]) -> Result<(), Problem> {
    let refused = lines.iter().filter_map(|(line, listing)| {
        let what = why_not_rescaled(change, listing)?;
        Some(LineError::at(*line, what))
    });
    let errors: Vec<LineError> = refused.collect();
    if errors.is_empty() { Ok(()) } else { Err(refusal(errors)) }
}

fn why_not_rescaled(
    change: &CatalogueChange,
    Listing { sku, decimals, .. }: &Listing,
) -> Option<String> {
    let decimals = u8::from(*decimals);
    if let Some(known) = change.with_fixed_decimals.get(sku) {
        let known = u8::from(*known);
        return Some(format!(
            "SKU {sku} has entries with {known} decimals, which can not become {decimals}; keep {known}, or list the goods under another SKU"
        ));
    }
    let known = u8::from(*change.with_unfit_policies.get(sku)?);
    Some(format!(
        "SKU {sku} has a policy in {known} decimals, which cannot be said in {decimals}; change or end the policy first"
    ))
}
