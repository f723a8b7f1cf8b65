//! The limits of sinks and of retention.

use std::time::Duration;

/// Sinks of one hub: each is a task, and holds a batch of events in memory, 400 KiB at most.
pub const SINKS_MAX: usize = 1_000;
/// Brokers that the configuration of a sink may name.
pub const SINK_BROKERS_MAX: usize = 16;
/// The longest time for which a sink tries an event that is refused, in seconds: a year.
pub const GIVE_UP_MAX_S: u64 = 31_536_000;
/// Events that are delivered to a sink at once. An event is at most about 2 KiB as JSON.
pub const SINK_BATCH_EVENTS_MAX: usize = 200;
/// The time for one delivery, with the connection if there is none.
pub const SINK_ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// How long a worker has a sink for itself, and how often it renews that: with a worker that dies, a
/// sink waits this long at most.
pub const SINK_LEASE: Duration = Duration::from_secs(4);
pub const SINK_RENEWED: Duration = Duration::from_secs(1);
/// How long entries are kept for a sink that no worker delivers to and this one is not configured with:
/// another one may be down for a weekend. For good it would keep all entries for ever.
pub const SINK_FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 3600);
/// The pauses between failed deliveries: the first one at most, which doubles, and the longest.
pub const SINK_PAUSE_MIN: Duration = Duration::from_millis(250);
pub const SINK_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Dead letters of one sink; with more, it stops at the next one that is refused.
pub const SINK_ASIDE_MAX: usize = 10_000;
/// What is read of the answer of a webhook's server after its head, in bytes and in time.
pub const WEBHOOK_ANSWER_MAX: usize = 1_024;
pub const WEBHOOK_ANSWER_WAIT: Duration = Duration::from_secs(1);
/// Ranges of the feed that are looked at to count the events that a sink has before it.
pub const SINK_LAG_RANGES_MAX: u64 = 100_000;
/// Entries that are removed from the books in one transaction, because they are old.
pub const HUB_PRUNED_AT_ONCE: u64 = 1_000;
