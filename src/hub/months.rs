//! Keeps the tables by month of books in PostgreSQL: makes those of the next months, and removes those
//! of which everything was removed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::db::BooksDatabase;
use super::failures::BooksFailures;
use crate::process::stop::Stop;

/// How often is looked after them.
const EVERY: Duration = Duration::from_secs(3_600);

/// Keeps the tables until the hub stops.
pub(super) async fn run(mut database: BooksDatabase, failures: Arc<BooksFailures>, mut stop: Stop) {
    if !database.is_shared() {
        return;
    }
    loop {
        let keep = move |failures: &BooksFailures| {
            if let Err(error) = database.make_months() {
                failures.record("a table for the ledgers of a month cannot be made", &error);
            }
            if let Err(error) = database.remove_months() {
                failures.record("a table of ledgers that were removed stays", &error);
            }
            database
        };
        let failures = Arc::clone(&failures);
        let kept = tokio::task::spawn_blocking(move || keep(&failures));
        database = kept.await.expect("keeping tables does not panic");
        tokio::select! {
            () = sleep(EVERY) => {}
            () = stop.requested() => return,
        }
    }
}
