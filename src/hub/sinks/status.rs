//! What people and metrics are told of the sinks.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::Sinks;
use super::others::{OtherSink, OtherSinks};
use crate::clock::rfc3339;
use crate::config::SinkTarget;
use crate::hub::db::sql::Executor;
use crate::hub::db::{AsideRow, BooksError, SinkRow, aside_events, sink_rows};
use crate::hub::metrics::HubMetrics;
use crate::hub::reader::{
    BooksReader, FeedCursor, FeedEvent, SinkFigures, events_at, sink_figures,
};
use crate::process::stop::Stop;
use crate::stock::Sku;

/// Events that were set aside and are shown.
const SHOWN_ASIDE: usize = 20;
/// How often the figures for the metrics are taken.
const EVERY: Duration = Duration::from_secs(5);

/// A sink as JSON.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct SinkJson {
    name: String,
    /// The kind and the place of a sink that this worker is configured with.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    state: &'static str,
    /// Until when entries are kept for a sink that no worker has.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_until: Option<String>,
    /// The process that delivers to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    position: String,
    lag_events: u64,
    lag_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    set_aside: u64,
    aside: Vec<AsideJson>,
}

/// An event that was set aside.
#[derive(Debug, Serialize)]
struct AsideJson {
    cursor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<Sku>,
    error: String,
    at: String,
    retrying: bool,
}

/// The sinks as JSON: those that are configured here, and others that the books know.
pub(in crate::hub) fn sinks_json(
    db: &mut dyn Executor,
    sinks: &Sinks,
) -> Result<Vec<SinkJson>, BooksError> {
    let known = sink_rows(db)?;
    let others = known.iter().filter(|(_, sink)| sinks.config(&sink.name).is_none());
    let others: BTreeMap<String, OtherSink> =
        others.map(|(now_ms, sink)| (sink.name.clone(), OtherSink::of(sink, *now_ms))).collect();
    let mut names = sinks.names();
    names.extend(others.keys().cloned());
    names.sort();
    let figures = sink_figures(db, &names)?.into_iter();
    let one = |figures: SinkFigures| {
        let other = others.get(&figures.sink.name);
        sink_json(db, sinks, figures, other)
    };
    figures.map(one).collect()
}

fn sink_json(
    db: &mut dyn Executor,
    sinks: &Sinks,
    figures: SinkFigures,
    other: Option<&OtherSink>,
) -> Result<SinkJson, BooksError> {
    let SinkFigures { sink, lag_events, lag_s, set_aside } = figures;
    let aside = aside_events(db, &sink.name, SHOWN_ASIDE)?;
    let places: Vec<FeedCursor> = aside.iter().map(AsideRow::place).collect();
    let events = events_at(db, &places)?;
    let target = sinks.config(&sink.name).map(|config| &config.target);
    let time = |ms: i64| (ms > 0).then(|| rfc3339(ms));
    Ok(SinkJson {
        kind: target.map(SinkTarget::kind),
        to: target.map(SinkTarget::place),
        state: state(&sink, other),
        kept_until: other.and_then(kept_until),
        worker: sink.owner.split_once('/').map(|(worker, _)| worker.to_owned()),
        position: sink.place().to_string(),
        lag_events,
        lag_s,
        delivered_at: time(sink.delivered_ms),
        failing_since: time(sink.failing_since_ms),
        set_aside,
        aside: aside_json(aside, &events),
        error: sink.error,
        name: sink.name,
    })
}

fn kept_until(other: &OtherSink) -> Option<String> {
    match other {
        OtherSink::Kept { until_ms } => Some(rfc3339(*until_ms)),
        OtherSink::Elsewhere { .. } | OtherSink::Forgotten => None,
    }
}

fn state(sink: &SinkRow, other: Option<&OtherSink>) -> &'static str {
    match other {
        Some(OtherSink::Kept { .. }) => return "kept",
        Some(OtherSink::Forgotten) => return "forgotten",
        Some(OtherSink::Elsewhere { .. }) | None => {}
    }
    match (sink.failing_since_ms > 0, sink.refused_since_ms > 0) {
        (_, true) => "refused",
        (true, false) => "failing",
        (false, false) => "delivering",
    }
}

fn aside_json(aside: Vec<AsideRow>, events: &[FeedEvent]) -> Vec<AsideJson> {
    let one = |aside: AsideRow| {
        let event = events.iter().find(|event| event.cursor == aside.place());
        AsideJson {
            cursor: aside.place().to_string(),
            event_id: event.map(|event| event.event_id),
            sku: event.map(|event| event.sku.clone()),
            error: aside.error,
            at: rfc3339(aside.at_ms),
            retrying: aside.retry,
        }
    };
    aside.into_iter().map(one).collect()
}

/// Keeps the figures of the metrics up to date until the hub stops, and tells people of sinks that the
/// configuration lacks. Without an answer of the books there are none.
pub(in crate::hub) async fn watch(
    reader: BooksReader,
    sinks: Sinks,
    metrics: Arc<HubMetrics>,
    mut stop: Stop,
) {
    let (mut looks, mut told) = (interval(EVERY), OtherSinks::default());
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.requested() => return,
        }
        let sinks = sinks.clone();
        let found = tokio::select! {
            found = reader.read(move |db| look(db, &sinks)) => found.ok(),
            () = stop.requested() => return,
        };
        if let Some((_, others)) = &found {
            told.tell(others);
        }
        let figures = found.map(|(figures, _)| figures).unwrap_or_default();
        *metrics.sinks.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

/// Sinks that the configuration lacks, each with the time of the database.
type Others = Vec<(i64, SinkRow)>;

/// The figures of the sinks that are configured here, and the others.
fn look(db: &mut dyn Executor, sinks: &Sinks) -> Result<(Vec<SinkFigures>, Others), BooksError> {
    let mut others = sink_rows(db)?;
    others.retain(|(_, sink)| sinks.config(&sink.name).is_none());
    Ok((sink_figures(db, &sinks.names())?, others))
}
