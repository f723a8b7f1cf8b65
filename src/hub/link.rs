//! The hub's link: its connection to the broker, over which the gateways' frames arrive.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, ClientError, QoS};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::db::{BooksDatabase, BooksError, BooksTransaction};
use super::health::HubHealth;
use super::jobs::HubJob;
use super::metrics::HubMetrics;
use super::publisher::Publisher;
use super::rejected::RejectedFrames;
use crate::clock::Clock;
use crate::config::HubConfig;
use crate::limits::{FRAME_BYTES_MAX, HUB_SILENT_MS};
use crate::net::mqtt::{
    Backoff, Broker, BrokerConnection, BrokerEvent, BrokerSettings, LinkError, LinkFailure,
    RenewableTls,
};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;
use crate::protocol::Frame;
use crate::protocol::topic::{Channel, parse_topic, shared_filter, topic_filter};

/// A worker that hangs is given up by the broker within this time and a half.
const SHARED_KEEP_ALIVE: Duration = Duration::from_secs(3);

/// The longest name of a worker that is in its client id as it is.
const NAMED_MAX: usize = 55;

/// To the frames of the gateways, and to their states.
const SUBSCRIPTIONS: usize = 2;

/// How often a worker that shares the frames looks whether it can book them.
const ABILITY_LOOK: Duration = Duration::from_millis(500);
/// How often is looked whether to take all frames.
const STAND_IN_LOOK: Duration = Duration::from_millis(100);

/// Connects to the broker, again and again, and hands the writer what gateways publish.
#[derive(Debug)]
pub(super) struct BrokerLink {
    broker: Broker,
    /// The books whose workers share the frames, if others get some of them. A hub with other books on
    /// the same broker must not take any away.
    group: Option<Uuid>,
    jobs: mpsc::Sender<HubJob>,
    publisher: Publisher,
    clock: Clock,
    backoff: Backoff,
    lost: LogThrottle,
    rejected: RejectedFrames,
    metrics: Arc<HubMetrics>,
    health: Arc<HubHealth>,
    /// Whether to take all frames, beside the share of this worker.
    stands_in: watch::Receiver<bool>,
    /// Whether the client was told to.
    is_standing_in: bool,
}

impl BrokerLink {
    pub(super) fn new(
        broker: Broker,
        group: Option<Uuid>,
        jobs: mpsc::Sender<HubJob>,
        publisher: Publisher,
        metrics: &Arc<HubMetrics>,
    ) -> Self {
        Self {
            broker,
            group,
            jobs,
            publisher,
            clock: Clock::starting_at(0),
            backoff: Backoff::default(),
            lost: LogThrottle::default(),
            rejected: RejectedFrames::new(Arc::clone(metrics)),
            metrics: Arc::clone(metrics),
            health: Arc::default(),
            stands_in: watch::channel(false).1,
            is_standing_in: false,
        }
    }

    /// Records here which frames it rejects.
    pub(super) fn rejecting(self, rejected: RejectedFrames) -> Self {
        Self { rejected, ..self }
    }

    pub(super) fn reporting(self, health: Arc<HubHealth>) -> Self {
        Self { health, ..self }
    }

    /// Takes all frames as long as this says so, see [`workers`](super::workers).
    pub(super) fn standing_in(self, stands_in: watch::Receiver<bool>) -> Self {
        Self { stands_in, ..self }
    }

    /// Keeps the connection up until a stop is requested.
    pub(super) async fn run(mut self, mut stop: Stop) {
        loop {
            tokio::select! {
                () = self.until_able() => {}
                () = stop.requested() => return,
            }
            self.backoff.begin(self.clock.since_start_ms());
            let mut renewal = self.broker.renewal();
            let mut connection = self.broker.connect();
            let unable = until_unable(Arc::clone(&self.health), self.group.is_some());
            let error = tokio::select! {
                error = self.run_connection(&mut connection) => error,
                () = unable => {
                    self.leave();
                    continue;
                }
                () = stop.requested() => return self.publisher.disconnect(),
            };
            if matches!(error.failure, LinkFailure::Closed) {
                self.publisher.handle_closed();
            }
            self.publisher.disconnect();
            self.health.set_subscribed(false);
            drop(connection);
            self.report_loss(&error).await;
            let is_unanswered = error.failure.is_unanswered();
            let wait = self.backoff.next_wait(self.clock.since_start_ms(), is_unanswered);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = renewal.comes() => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Waits until this worker can book frames, if others get them meanwhile.
    async fn until_able(&self) {
        while self.group.is_some() && self.health.should_leave_frames() {
            tokio::time::sleep(ABILITY_LOOK).await;
        }
    }

    /// Leaves the frames to the other workers.
    fn leave(&self) {
        self.publisher.disconnect();
        self.health.set_subscribed(false);
        tracing::warn!(
            "this worker cannot write the books, and leaves the frames of the gateways to the others until it can"
        );
    }

    /// Handles events until the connection is lost; returns why it is.
    async fn run_connection(&mut self, connection: &mut BrokerConnection) -> LinkError {
        let mut granted = 0;
        self.is_standing_in = false;
        loop {
            let is_ready = granted >= SUBSCRIPTIONS;
            if is_ready {
                self.stand_in(&connection.client);
            }
            let event = tokio::select! {
                event = connection.events.recv() => event,
                () = tokio::time::sleep(STAND_IN_LOOK), if is_ready && self.group.is_some() => continue,
            };
            let Some(event) = event else { break };
            match event {
                BrokerEvent::Subscribed => {
                    granted += 1;
                    self.health.set_subscribed(granted >= SUBSCRIPTIONS);
                    if granted > SUBSCRIPTIONS {
                        // What was on the way to the worker that hangs is sent again.
                        let _ = self.jobs.send(HubJob::Announce).await;
                    }
                }
                BrokerEvent::Denied(filter) if self.is_of_stand_in(&filter) => {
                    let error = self.broker.error(LinkFailure::Denied(filter));
                    tracing::error!(
                        next = error.next_step(),
                        "the frames of a worker that hangs are lost until the broker gives it up: {error}"
                    );
                }
                BrokerEvent::Denied(filter) => {
                    let error = self.broker.error(LinkFailure::Denied(filter));
                    // Without frames the hub does nothing, without states it only knows less.
                    if error.concerns(&topic_filter(Channel::Up)) {
                        return error;
                    }
                    self.health.set_broker_problem(Some(error.to_string()));
                    tracing::error!(next = error.next_step(), "{error}");
                }
                BrokerEvent::Connected => {
                    // A client that takes nothing has lost its connection, which is the next event.
                    let _ = self.connected(&connection.client).await;
                }
                BrokerEvent::Received { topic, payload, retained, dropped } => {
                    if let Some(job) = self.job(&topic, &payload, (retained, dropped)) {
                        // Waiting for the writer slows the broker down, as it should.
                        let _ = self.jobs.send(job).await;
                    }
                }
                BrokerEvent::Lost(error) => return error,
            }
        }
        self.broker.error(LinkFailure::Ended)
    }

    /// Begins or ends to take all frames, if that has changed. A client whose queue is full is told at
    /// the next look.
    fn stand_in(&mut self, client: &AsyncClient) {
        let stands_in = *self.stands_in.borrow();
        if stands_in == self.is_standing_in {
            return;
        }
        let frames = topic_filter(Channel::Up);
        let told = match stands_in {
            true => client.try_subscribe(frames, QoS::AtLeastOnce),
            false => client.try_unsubscribe(frames),
        };
        if told.is_ok() {
            self.is_standing_in = stands_in;
        }
    }

    /// Whether a subscription to this filter is beside the one that this worker needs.
    fn is_of_stand_in(&self, filter: &str) -> bool {
        self.group.is_some() && filter == topic_filter(Channel::Up)
    }

    async fn connected(&mut self, client: &AsyncClient) -> Result<(), ClientError> {
        let frames = topic_filter(Channel::Up);
        let frames = match &self.group {
            Some(books) => shared_filter(&format!("stockgate-hub-{books}"), &frames),
            None => frames,
        };
        client.try_subscribe(frames, QoS::AtLeastOnce)?;
        client.try_subscribe(topic_filter(Channel::State), QoS::AtLeastOnce)?;
        self.publisher.connect(client.clone(), self.jobs.clone());
        self.backoff.answered(self.clock.since_start_ms());
        if let Some(losses) = self.lost.end() {
            tracing::info!(broker = self.broker.name, losses, "connected to the broker");
        }
        let _ = self.jobs.send(HubJob::Announce).await;
        Ok(())
    }

    /// The job that a message stands for; `None` if there is nothing to do.
    fn job(
        &mut self,
        topic: &str,
        payload: &[u8],
        (retained, dropped): (bool, usize),
    ) -> Option<HubJob> {
        let (gateway, channel) = parse_topic(topic)?;
        if dropped > 0 {
            let reason = format!("it has {dropped} bytes, a frame has at most {FRAME_BYTES_MAX}");
            self.rejected.record(&gateway, &reason);
            return None;
        }
        match channel {
            Channel::Up => match Frame::decode_with_wire(payload) {
                Ok((frame, wire)) => Some(HubJob::Frame(gateway, Arc::new(frame), wire.version())),
                Err(error) => {
                    self.rejected.record(&gateway, &error.to_string());
                    None
                }
            },
            Channel::State => {
                let GatewayState { online, epoch } = serde_json::from_slice(payload).ok()?;
                Some(HubJob::Online { gateway, online, epoch, fresh: !retained })
            }
            Channel::Down => None,
        }
    }

    async fn report_loss(&mut self, error: &LinkError) {
        self.metrics.link_losses.inc();
        self.health.set_broker_problem(Some(error.to_string()));
        let _ = self.jobs.send(HubJob::Lost).await;
        if self.lost.should_log(self.clock.since_start_ms()) {
            tracing::warn!(
                reason = %error, next = error.next_step(),
                "the link is down; the gateways keep their entries"
            );
        }
    }
}

/// The broker of this worker, if one is configured.
pub(super) fn broker(config: &HubConfig, tls: &RenewableTls, books: Uuid) -> Option<Broker> {
    let Some(mqtt) = &config.mqtt else {
        tracing::warn!("no [mqtt] section: the books are served, no frames are received");
        return None;
    };
    let mut settings = BrokerSettings { tls: tls.subscribe(), ..mqtt.broker_settings() };
    if config.shared {
        settings.keep_alive = SHARED_KEEP_ALIVE;
    }
    Some(Broker::new(&settings, &client_id(&config.worker, books), None))
}

/// A client that connects with the id of another one disconnects it, and two hubs may have workers of one
/// name. Some brokers refuse an id of more than 65 bytes, so of a long name the beginning is in it, and
/// a hash.
pub(super) fn client_id(worker: &str, books: Uuid) -> String {
    let books = books.as_fields().0;
    if worker.len() <= NAMED_MAX {
        return format!("{worker}-{books:08x}");
    }
    let beginning: String = worker.chars().take(NAMED_MAX - 9).collect();
    let hash = xxh3_64(worker.as_bytes()) & 0xffff_ffff;
    format!("{beginning}-{hash:08x}-{books:08x}")
}

/// Waits until frames are better left to other workers, if there may be some. One commit may fail.
async fn until_unable(health: Arc<HubHealth>, has_others: bool) {
    let mut looks = 0;
    while !has_others || looks < 2 {
        tokio::time::sleep(ABILITY_LOOK).await;
        looks = if health.should_leave_frames() { looks + 1 } else { 0 };
    }
}

/// Without a connection to the broker, no gateway counts as online; unless other workers may have the
/// same books and a connection: then only those that none of them has heard of lately.
pub(super) fn set_offline(
    books: &mut BooksTransaction<'_>,
    now_ms: i64,
    has_others: bool,
) -> Result<(), BooksError> {
    let before_ms = if has_others { now_ms - HUB_SILENT_MS } else { i64::MAX };
    books.set_offline(before_ms)
}

/// A size limit is that of a broker: those that were found with another one are dropped. If the books
/// refuse, such a limit counts until it is tried.
pub(super) fn forget_limits(database: &mut BooksDatabase, broker: &str) {
    let forgotten = database.change(|books| books.keep_limits_of(broker));
    if let Err(error) = forgotten {
        tracing::warn!(%error, "size limits that were found with another broker stay in the books");
    }
}

/// What the hub reads of the retained state that a gateway publishes.
#[derive(serde::Deserialize)]
struct GatewayState {
    online: bool,
    epoch: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_at_most_64_bytes_and_differ_by_name_and_books() {
        let (books, others) = (Uuid::from_u128(7 << 96), Uuid::from_u128(8 << 96));
        assert_eq!(client_id("hub-1", books), "hub-1-00000007");
        let long = |last| format!("{}{last}", "x".repeat(63));
        let ids = [(long('a'), books), (long('b'), books), (long('a'), others)]
            .map(|(worker, books)| client_id(&worker, books));
        assert!(ids.iter().all(|id| id.len() == 64), "{ids:?}");
        assert!(ids[0] != ids[1] && ids[0] != ids[2], "{ids:?}");
        assert_eq!(client_id(&"x".repeat(55), books).len(), 64);
    }
}
