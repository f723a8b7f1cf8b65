//! Removes entries that are older than `ledger_retention_days` and that every sink has taken: a bounded
//! number in one change of the books, with pauses. A clock that runs ahead is not believed.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::db::{Locks, Prunable, known_since};
use super::jobs::{BooksChange, HubJob, RequestSender};
use super::steady_clock::SteadyClock;
use crate::clock::{self, Clock};
use crate::limits::{BOOKS_ANSWER_MAX, HUB_PRUNED_AT_ONCE};
use crate::process::stop::Stop;

/// How often is looked for old entries.
const EVERY: Duration = Duration::from_secs(60);
/// The pause while there may be more of them, in which the writer has time for frames.
const PAUSE: Duration = Duration::from_millis(100);
const DAY_MS: i64 = 86_400_000;

/// Removes old entries until the hub stops.
pub(super) async fn run(days: u32, sinks: Vec<String>, requests: RequestSender, mut stop: Stop) {
    let (running, mut steady) = (Clock::starting_at(0), SteadyClock::default());
    loop {
        let running_ms = running.since_start_ms();
        let is_steady = steady.is_steady(clock::wall_ms(), running_ms);
        let is_believed = is_steady && clock::is_trusted();
        let removed = if is_believed { prune(days, &sinks, &requests).await } else { 0 };
        // One change looks at a bounded number of ranges, so few removed entries are not the end.
        let pause = if removed == 0 { EVERY } else { PAUSE };
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.requested() => return,
        }
    }
}

/// Removes some entries; returns how many. A failure is reported by the writer, and the next round comes anyway.
async fn prune(days: u32, sinks: &[String], requests: &RequestSender) -> u64 {
    let (kept_ms, wall_ms) = (i64::from(days) * DAY_MS, clock::wall_ms());
    let sinks = sinks.to_vec();
    let (sender, pruned) = oneshot::channel();
    let mut sender = Some(sender);
    let change = BooksChange {
        locks: Locks::default(),
        apply: Box::new(move |books, _| {
            let now_ms = books.believed_time(wall_ms)?;
            let removed = books.prune(&Prunable {
                before_ms: now_ms.saturating_sub(kept_ms),
                limit: HUB_PRUNED_AT_ONCE,
                sinks: sinks.clone(),
                known_since_ms: known_since(now_ms),
            })?;
            let sender = sender.take();
            Ok(Box::new(move || {
                let _ = sender.map(|sender| sender.send(removed));
            }))
        }),
    };
    if !requests.try_send(HubJob::Change(change)) {
        return 0;
    }
    let pruned = timeout(BOOKS_ANSWER_MAX, pruned).await;
    pruned.ok().and_then(Result::ok).unwrap_or_default()
}
