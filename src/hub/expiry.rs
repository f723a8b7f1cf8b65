//! Ends reservations in the pool whose time is over.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::books_clock::BooksClock;
use super::core::expire;
use super::db::server_time;
use super::db::sql::Executor;
use super::due::Due;
use super::jobs::RequestSender;
use super::reader::{BooksReader, due_reservations};
use crate::limits::HUB_EXPIRED_AT_ONCE;
use crate::process::stop::Stop;

/// How often due reservations are looked for. Until they have ended, their units count as reserved.
const EVERY: Duration = Duration::from_millis(500);

/// Ends reservations until the hub stops.
pub(super) async fn run(
    reader: BooksReader,
    requests: RequestSender,
    clock: BooksClock,
    mut stop: Stop,
) {
    let mut due = Due::new(requests, |books, ids| expire(books, ids));
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => expire_due(&reader, &mut due, clock.clone()).await,
            () = stop.requested() => return,
        }
    }
}

async fn expire_due(reader: &BooksReader, due: &mut Due, clock: BooksClock) {
    let look = move |db: &mut dyn Executor| {
        server_time(db)?.into_iter().for_each(|now_ms| clock.follow(now_ms));
        due_reservations(db, clock.now_ms(), HUB_EXPIRED_AT_ONCE)
    };
    let found = reader.read(look).await;
    // A failure is reported by those who ask for something; the next round comes anyway.
    due.end(found.unwrap_or_default());
}
