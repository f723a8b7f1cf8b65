//! Decides sales from anywhere whose time is over, whichever worker has taken them.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::core::settle;
use super::db::Locks;
use super::jobs::{BooksChange, HubJob, RequestSender};
use super::reader::{BooksReader, overdue_orders};
use crate::clock::wall_ms;
use crate::limits::HUB_EXPIRED_AT_ONCE;
use crate::process::stop::Stop;

/// How often such sales are looked for. Those that a client waits for are decided by themselves.
const EVERY: Duration = Duration::from_millis(500);

/// Decides sales until the hub stops.
pub(super) async fn run(reader: BooksReader, requests: RequestSender, mut stop: Stop) {
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => settle_overdue(&reader, &requests).await,
            () = stop.requested() => return,
        }
    }
}

async fn settle_overdue(reader: &BooksReader, requests: &RequestSender) {
    let now_ms = wall_ms();
    // A failure is reported by those who ask for something; the next round comes anyway.
    let Ok(overdue) = reader.read(move |db| overdue_orders(db, now_ms, HUB_EXPIRED_AT_ONCE)).await
    else {
        return;
    };
    if overdue.is_empty() {
        return;
    }
    requests.try_send(HubJob::Change(BooksChange {
        locks: Locks::default(),
        apply: Box::new(move |books, gateways| {
            gateways.extend(settle(books, &overdue)?);
            Ok(Box::new(|| ()))
        }),
    }));
}
