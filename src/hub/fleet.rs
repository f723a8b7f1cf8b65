//! Looks at all gateways now and then, for the metrics.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::metrics::HubMetrics;
use super::reader::{self, BooksReader, OldestTransfers};
use crate::clock::wall_ms;
use crate::process::stop::Stop;

/// As often as metrics are usually fetched.
const EVERY: Duration = Duration::from_secs(15);

/// Keeps the figures of the gateways up to date until the hub stops. Without an answer of the books
/// there are none.
pub(super) async fn watch(reader: BooksReader, metrics: Arc<HubMetrics>, mut stop: Stop) {
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut oldest = OldestTransfers::new();
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.requested() => return,
        }
        let mut known = oldest.clone();
        let look = reader.read(move |db| {
            let fleet = reader::fleet(db, &mut known, wall_ms())?;
            Ok((fleet, known))
        });
        // A failure is reported by those who ask for something.
        let found = tokio::select! {
            found = look => found.ok(),
            () = stop.requested() => return,
        };
        let fleet = found.map(|(fleet, known)| {
            oldest = known;
            fleet
        });
        *metrics.fleet.lock().unwrap_or_else(PoisonError::into_inner) = fleet;
    }
}
