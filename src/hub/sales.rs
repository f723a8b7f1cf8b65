//! Decides sales from anywhere whose time is over, whichever worker has taken them, and tells clients
//! of this worker what others have decided.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::books_clock::BooksClock;
use super::core::settle;
use super::due::Due;
use super::jobs::RequestSender;
use super::open_sales::OpenSales;
use super::reader::{BooksReader, open_orders, overdue_orders};
use crate::limits::HUB_EXPIRED_AT_ONCE;
use crate::process::stop::Stop;

/// How often such sales are looked for. Those that a client waits for are decided by themselves.
const EVERY: Duration = Duration::from_millis(500);
/// How soon a client hears of what another worker has decided.
const HEARD_WITHIN: Duration = Duration::from_millis(50);

/// Decides sales until the hub stops.
pub(super) async fn run(
    reader: BooksReader,
    requests: RequestSender,
    clock: BooksClock,
    mut stop: Stop,
) {
    let mut due = Due::new(requests, |books, ids| settle(books, ids));
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => settle_overdue(&reader, &mut due, clock.now_ms()).await,
            () = stop.requested() => return,
        }
    }
}

async fn settle_overdue(reader: &BooksReader, due: &mut Due, now_ms: i64) {
    let found = reader.read(move |db| overdue_orders(db, now_ms, HUB_EXPIRED_AT_ONCE)).await;
    // A failure is reported by those who ask for something; the next round comes anyway.
    due.end(found.unwrap_or_default());
}

/// Tells clients of sales that are not open any more, until the hub stops.
pub(super) async fn hear_others(reader: BooksReader, sales: OpenSales, mut stop: Stop) {
    let mut rounds = interval(HEARD_WITHIN);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stop.requested() => return,
        }
        let waiting = sales.ids();
        if waiting.is_empty() {
            continue;
        }
        if let Ok(open) = reader.read(open_orders).await {
            let open: BTreeSet<_> = open.into_iter().collect();
            let decided: Vec<_> = waiting.into_iter().filter(|id| !open.contains(id)).collect();
            sales.decided(&decided);
        }
    }
}
