//! Workers that share the frames watch each other.
//!
//! The broker deals frames to a worker that hangs until it notices the silence, which takes Mosquitto
//! up to ten seconds; and what it has dealt out is lost. So each worker shows in the books that it
//! lives. Once one is silent, one of the others takes all frames, beside its share, until the broker
//! must have noticed, and asks the gateways to send again. A frame that arrives twice is booked once.
//!
//! This needs no more of the broker than a subscription that the hub may make anyway. The one that
//! hangs is left alone: it goes on when it can.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::db::{WorkerBeat, WorkerTable};
use super::health::HubHealth;
use super::link::client_id;
use crate::clock::Clock;
use crate::config::HubConfig;
use crate::process::stop::Stop;

/// How often a worker shows that it lives, and looks at the others.
const EVERY: Duration = Duration::from_millis(500);
/// A worker that has shown no sign of life for so long is taken to hang.
const SILENT_MS: u64 = 2_000;
/// Who has not looked at the others for so long knows nothing of their silence: it hung itself, or the
/// database did.
const UNSEEN_MS: u64 = 1_500;
/// Longer than it takes a broker to give up a client with the keep-alive time of a worker.
const STANDS_IN_MS: u64 = 15_000;
/// For the last statement at a stop.
const LEAVES: Duration = Duration::from_secs(1);

/// Watches the workers that share the frames, if this one does; says when to take all of them.
pub(super) fn watch(
    tasks: &mut JoinSet<()>,
    config: &HubConfig,
    books: Uuid,
    health: &Arc<HubHealth>,
    stop: &Stop,
) -> watch::Receiver<bool> {
    let (sender, stands_in) = watch::channel(false);
    if let Some(table) = WorkerTable::of(&config.store).filter(|_| config.shared) {
        let own = client_id(&config.worker, books);
        tasks.spawn(Workers::new(table, own, sender, Arc::clone(health)).run(stop.clone()));
    }
    stands_in
}

/// What a worker does about the others.
struct Workers {
    table: WorkerTable,
    /// The client id of this worker.
    own: String,
    /// Tells the link whether to take all frames.
    stands_in: watch::Sender<bool>,
    until_ms: u64,
    others: Others,
    health: Arc<HubHealth>,
    clock: Clock,
}

impl Workers {
    fn new(
        table: WorkerTable,
        own: String,
        stands_in: watch::Sender<bool>,
        health: Arc<HubHealth>,
    ) -> Self {
        let (others, clock) = (Others::default(), Clock::starting_at(0));
        Self { table, own, stands_in, until_ms: 0, others, health, clock }
    }

    /// Watches the others until the hub stops.
    async fn run(mut self, mut stop: Stop) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = stop.requested() => break,
            }
            tokio::select! {
                () = self.look() => {}
                () = stop.requested() => break,
            }
        }
        // Otherwise the others find out by themselves.
        let _ = timeout(LEAVES, self.table.leave(&self.own)).await;
    }

    async fn look(&mut self) {
        let began_ms = self.clock.since_start_ms();
        // Those who need the books report what is wrong with them.
        if let Ok(found) = self.table.beat(&self.own).await {
            let silent = self.others.look(found, began_ms, self.clock.since_start_ms());
            for (worker, has_lived) in silent {
                self.replace(&worker, has_lived).await;
            }
        }
        let is_over = self.clock.since_start_ms() >= self.until_ms;
        self.stands_in.send_if_modified(|stands_in| is_over && std::mem::take(stands_in));
    }

    /// Takes the frames of a worker that is silent, unless another one does. One that had ended before
    /// this one started has none.
    async fn replace(&mut self, worker: &WorkerBeat, has_lived: bool) {
        // Without a connection to the broker, this is better left to another one.
        if !self.health.is_subscribed() || !matches!(self.table.remove(worker).await, Ok(true)) {
            return;
        }
        if has_lived {
            tracing::warn!(
                worker = worker.0,
                "a worker of the hub has shown no sign of life for two seconds; this one takes the frames of all gateways for a while"
            );
            self.until_ms = self.clock.since_start_ms() + STANDS_IN_MS;
            self.stands_in.send_replace(true);
        }
    }
}

/// What is known of the other workers.
#[derive(Debug, Default)]
struct Others {
    known: BTreeMap<String, Known>,
    looked_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    beat: i64,
    /// Since when this is its number, in running time.
    since_ms: u64,
    /// Whether it has raised its number since it is known.
    has_lived: bool,
}

impl Others {
    /// Takes in what a look has found that lasted from `began_ms` to `ended_ms`. Returns the workers
    /// that are silent, and whether they have lived before.
    fn look(
        &mut self,
        found: Vec<WorkerBeat>,
        began_ms: u64,
        ended_ms: u64,
    ) -> Vec<(WorkerBeat, bool)> {
        let has_missed = ended_ms > self.looked_ms + UNSEEN_MS;
        self.looked_ms = ended_ms;
        let mut before = std::mem::take(&mut self.known);
        for (id, beat) in found {
            let new = Known { beat, since_ms: ended_ms, has_lived: false };
            let known = match before.remove(&id) {
                Some(known) if known.beat != beat => Known { has_lived: true, ..new },
                Some(known) if has_missed => Known { has_lived: known.has_lived, ..new },
                Some(known) => known,
                None => new,
            };
            self.known.insert(id, known);
        }
        let is_silent = |known: &Known| began_ms >= known.since_ms + SILENT_MS;
        let silent = self.known.iter().filter(|(_, known)| is_silent(known));
        silent.map(|(id, known)| ((id.clone(), known.beat), known.has_lived)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every half second; `beat` is the number of the other worker at each of them.
    fn silent_at(times_ms: &[u64], beat: impl Fn(u64) -> i64) -> Vec<(u64, bool)> {
        let mut others = Others::default();
        let look = |now_ms: &u64| {
            let found = vec![("hub-2".to_owned(), beat(*now_ms))];
            let silent = others.look(found, *now_ms, now_ms + 10).pop()?;
            Some((*now_ms, silent.1))
        };
        times_ms.iter().filter_map(look).collect()
    }

    fn halves(from: u64, to: u64) -> Vec<u64> {
        (from * 2..to * 2).map(|half| half * 500).collect()
    }

    fn seconds(ms: u64) -> i64 {
        i64::try_from(ms / 500).unwrap()
    }

    #[test]
    fn a_worker_that_shows_no_sign_of_life_for_two_seconds_is_silent_and_one_that_does_is_not() {
        assert_eq!(silent_at(&halves(0, 60), seconds), []);
        let stopped = |now_ms: u64| seconds(now_ms.min(5_000));
        let silent = silent_at(&halves(0, 20), stopped);
        assert_eq!(silent.first(), Some(&(7_500, true)), "seen at 5,010 for the last time");
        assert_eq!(silent.len(), 25, "until it is removed");
    }

    #[test]
    fn a_worker_that_has_ended_before_is_silent_and_has_not_lived() {
        assert_eq!(silent_at(&halves(0, 4), |_| 7).first(), Some(&(2_500, false)));
    }

    #[test]
    fn who_has_not_looked_itself_knows_nothing_of_the_silence_of_others() {
        let stopped = |now_ms: u64| seconds(now_ms.min(2_000));
        let times = [halves(0, 3), halves(30, 40)].concat();
        let silent = silent_at(&times, stopped);
        assert_eq!(silent.first(), Some(&(32_500, true)), "two seconds after it looks again");
        let slow: Vec<u64> = (0..20).map(|n| n * 3_000).collect();
        assert_eq!(silent_at(&slow, |_| 7), [], "looks that are far between");
    }
}
