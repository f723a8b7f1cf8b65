//! Serves gateways again that wait for units under a policy. Receipts and entries serve them at
//! once; but nothing else says that the day has passed within which one has had what it may have.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::core::serve_all;
use super::db::Locks;
use super::jobs::{BooksChange, HubJob, RequestSender};
use super::reader::{BooksReader, waiting_skus};
use crate::process::stop::Stop;

/// The bound of a policy is kept by the hour.
const EVERY: Duration = Duration::from_secs(3_600);
/// SKUs in one change of the books.
const SKUS: usize = 64;
/// Between two changes, so that requests go on.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves all gateways that wait, every hour until the hub stops.
pub(super) async fn serve(reader: BooksReader, requests: RequestSender, mut stop: Stop) {
    let mut hours = interval(EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = hours.tick() => {}
            () = stop.requested() => return,
        }
        tokio::select! {
            () = serve_once(&reader, &requests) => {}
            () = stop.requested() => return,
        }
    }
}

async fn serve_once(reader: &BooksReader, requests: &RequestSender) {
    let mut after = String::new();
    loop {
        let from = after.clone();
        // A failure is reported by those who ask for something; the next hour comes anyway.
        let Ok(skus) = reader.read(move |db| waiting_skus(db, &from, SKUS)).await else { return };
        let Some(last) = skus.last() else { return };
        after = last.to_string();
        let locks = Locks { skus: skus.iter().cloned().collect(), ..Locks::default() };
        requests.try_send(HubJob::Change(BooksChange {
            locks,
            apply: Box::new(move |books, gateways| {
                gateways.extend(serve_all(books, &skus)?);
                Ok(Box::new(|| ()))
            }),
        }));
        sleep(PAUSE).await;
    }
}
