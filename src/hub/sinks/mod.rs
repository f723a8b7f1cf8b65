//! Delivers the events of the feed to sinks: webhooks, NATS JetStream and Kafka.
//!
//! ```text
//! feed reader -> task of a sink -> delivery -> the sink
//!                     '-> position, by the hub's writer -> books database
//! ```
//!
//! Each sink has a task of its own and a position in the books. The task reads a page of the feed,
//! delivers it, and moves the position once the sink has taken it: so each event is delivered at least
//! once and in order, with its event id for consumers that take it once. A sink that is down waits
//! with growing pauses. It holds nothing up: the books do not wait for sinks, and no sink for another.
//!
//! Several workers may be configured with the same sinks. One of them has a sink, by a lease in the
//! books that it renews each second. Each tells people of sinks in the books that it does not know.

mod aside;
mod backoff;
mod books;
mod calls;
mod delivery;
mod failure;
mod held;
mod kafka;
mod nats;
mod others;
mod partition;
mod status;
mod subject;
mod task;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use uuid::Uuid;

pub(super) use self::books::SinkBooks;
use self::calls::Calls;
use self::delivery::Delivery;
pub(super) use self::status::{sinks_json, watch};
use self::task::SinkTask;
use super::feed::FeedEnd;
use crate::clock::Clock;
use crate::config::SinkConfig;
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;

/// The sinks of a hub. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sinks {
    configured: Arc<BTreeMap<String, Configured>>,
}

#[derive(Debug)]
struct Configured {
    config: SinkConfig,
    /// Requests to try it at once, though it waits after a failure.
    calls: Calls,
}

impl Sinks {
    pub(super) fn new(sinks: &[SinkConfig]) -> Self {
        let configured = sinks.iter().map(|config| {
            let calls = Calls::default();
            (config.name.clone(), Configured { config: config.clone(), calls })
        });
        Self { configured: Arc::new(configured.collect()) }
    }

    /// The configuration of a sink.
    pub(super) fn config(&self, name: &str) -> Option<&SinkConfig> {
        self.configured.get(name).map(|sink| &sink.config)
    }

    /// The names, in their order.
    pub(super) fn names(&self) -> Vec<String> {
        self.configured.keys().cloned().collect()
    }

    /// Has a sink tried at once, if it waits; `number` is that of the request in the books.
    pub(super) fn call(&self, name: &str, number: i64) {
        if let Some(sink) = self.configured.get(name) {
            sink.calls.hear(number);
        }
    }

    /// Starts a task for each sink.
    pub(super) fn spawn(
        &self,
        tasks: &mut JoinSet<()>,
        worker: &str,
        books: &SinkBooks,
        feed: &FeedEnd,
        stop: &Stop,
    ) {
        // Another process with the same name of a worker is another owner.
        let owner = format!("{worker}/{}", Uuid::new_v4());
        for sink in self.configured.values() {
            if sink.config.target.has_short_key() {
                let name = &sink.config.name;
                tracing::warn!(
                    sink = name,
                    "the key in secret_file has fewer than 24 bytes, so its signatures can be forged by guessing it; use one of 24 to 64 bytes"
                );
            }
            let task = SinkTask {
                config: sink.config.clone(),
                owner: owner.clone(),
                books: books.clone(),
                feed: feed.clone(),
                calls: sink.calls.clone(),
                stop: stop.clone(),
                delivery: Delivery::new(&sink.config.target),
                failures: LogThrottle::default(),
                clock: Clock::starting_at(0),
            };
            tasks.spawn(task.run());
        }
    }
}
