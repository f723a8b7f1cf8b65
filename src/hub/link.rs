//! The hub's link: its connection to the broker, over which the gateways' frames arrive.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, ClientError, QoS};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::db::{BooksDatabase, BooksError, BooksTransaction};
use super::health::HubHealth;
use super::jobs::HubJob;
use super::metrics::HubMetrics;
use super::publisher::Publisher;
use super::rejected::RejectedFrames;
use crate::clock::Clock;
use crate::limits::{FRAME_BYTES_MAX, HUB_SILENT_MS};
use crate::net::mqtt::{Backoff, Broker, BrokerConnection, BrokerEvent, LinkError, LinkFailure};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;
use crate::protocol::Frame;
use crate::protocol::topic::{Channel, parse_topic, shared_filter, topic_filter};

/// To the frames of the gateways, and to their states.
const SUBSCRIPTIONS: usize = 2;

/// How often a worker that shares the frames looks whether it can book them.
const ABILITY_LOOK: Duration = Duration::from_millis(500);

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
        }
    }

    /// Records here which frames it rejects.
    pub(super) fn rejecting(self, rejected: RejectedFrames) -> Self {
        Self { rejected, ..self }
    }

    pub(super) fn reporting(self, health: Arc<HubHealth>) -> Self {
        Self { health, ..self }
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
        while let Some(event) = connection.events.recv().await {
            match event {
                BrokerEvent::Subscribed => {
                    granted += 1;
                    self.health.set_subscribed(granted >= SUBSCRIPTIONS);
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
