//! Ends reservations in the pool whose time is over: a bounded number in one change of the books.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::core::expire;
use super::db::Locks;
use super::jobs::{BooksChange, HubJob, RequestSender};
use super::reader::{BooksReader, due_reservations};
use crate::clock::wall_ms;
use crate::limits::HUB_EXPIRED_AT_ONCE;
use crate::process::stop::Stop;

/// How often due reservations are looked for. Until they have ended, their units count as reserved.
const EVERY: Duration = Duration::from_millis(500);

/// Ends reservations until the hub stops.
pub(super) async fn run(reader: BooksReader, requests: RequestSender, mut stop: Stop) {
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => expire_due(&reader, &requests).await,
            () = stop.requested() => return,
        }
    }
}

async fn expire_due(reader: &BooksReader, requests: &RequestSender) {
    let now_ms = wall_ms();
    // A failure is reported by those who ask for something; the next round comes anyway.
    let Ok(due) = reader.read(move |db| due_reservations(db, now_ms, HUB_EXPIRED_AT_ONCE)).await
    else {
        return;
    };
    if due.is_empty() {
        return;
    }
    requests.try_send(HubJob::Change(BooksChange {
        locks: Locks::default(),
        apply: Box::new(move |books, gateways| {
            gateways.extend(expire(books, &due)?);
            Ok(Box::new(|| ()))
        }),
    }));
}
