//! Takes in what gateways publish and hands it to the writer.

use std::sync::{Arc, PoisonError};

use rumqttc::{AsyncClient, ClientError, QoS};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::rejected::RejectedFrames;
use super::writer::HubJob;
use super::{HubMetrics, Outlet};
use crate::clock::Clock;
use crate::config::MqttConfig;
use crate::net::mqtt::{Backoff, Broker, Connection, Event};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;
use crate::protocol::Frame;
use crate::protocol::topic::{Channel, parse_topic, topic_filter};

#[derive(Debug)]
pub(super) struct BrokerLink {
    broker: Broker,
    /// Whether other workers get some of the frames.
    shared: bool,
    jobs: mpsc::Sender<HubJob>,
    outlet: Outlet,
    clock: Clock,
    backoff: Backoff,
    lost: LogThrottle,
    rejected: RejectedFrames,
    metrics: Arc<HubMetrics>,
}

impl BrokerLink {
    pub(super) fn new(
        config: &MqttConfig,
        (worker, shared): (&str, bool),
        jobs: mpsc::Sender<HubJob>,
        outlet: Outlet,
        metrics: Arc<HubMetrics>,
    ) -> Self {
        let broker = Broker::new(config, worker, None);
        Self {
            broker,
            shared,
            jobs,
            outlet,
            clock: Clock::starting_at(0),
            backoff: Backoff::default(),
            lost: LogThrottle::default(),
            rejected: RejectedFrames::new(Arc::clone(&metrics)),
            metrics,
        }
    }

    /// Keeps the connection up until a stop is requested.
    pub(super) async fn run(mut self, mut stop: Stop) {
        loop {
            let mut connection = self.broker.connect();
            let reason = tokio::select! {
                reason = self.converse(&mut connection) => reason,
                () = stop.requested() => return self.set_outlet(None),
            };
            self.set_outlet(None);
            drop(connection);
            self.metrics.link_losses.inc();
            let _ = self.jobs.send(HubJob::Lost).await;
            if self.lost.is_due(self.clock.since_start_ms()) {
                tracing::warn!(
                    reason,
                    "the broker is out of reach; the gateways keep what they have"
                );
            }
            let wait = self.backoff.next_wait(self.clock.since_start_ms());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Takes in events until the connection is lost; returns why.
    async fn converse(&mut self, connection: &mut Connection) -> String {
        while let Some(event) = connection.events.recv().await {
            match event {
                Event::Connected => {
                    if let Err(error) = self.connected(&connection.client).await {
                        return error.to_string();
                    }
                }
                Event::Received { topic, payload, retained } => {
                    if let Some(job) = self.job(&topic, &payload, retained) {
                        // Waiting here slows the broker down, which is what is wanted.
                        let _ = self.jobs.send(job).await;
                    }
                }
                Event::Lost(reason) => return reason,
            }
        }
        "the client ended".into()
    }

    async fn connected(&mut self, client: &AsyncClient) -> Result<(), ClientError> {
        let frames = match self.shared {
            true => format!("$share/stockgate-hub/{}", topic_filter(Channel::Up)),
            false => topic_filter(Channel::Up),
        };
        client.try_subscribe(frames, QoS::AtLeastOnce)?;
        client.try_subscribe(topic_filter(Channel::State), QoS::AtLeastOnce)?;
        self.set_outlet(Some(client.clone()));
        self.backoff.answered(self.clock.since_start_ms());
        if let Some(losses) = self.lost.end() {
            tracing::info!(broker = self.broker.name, losses, "connected to the broker");
        }
        let _ = self.jobs.send(HubJob::Announce).await;
        Ok(())
    }

    fn job(&mut self, topic: &str, payload: &[u8], retained: bool) -> Option<HubJob> {
        let (topic, channel) = parse_topic(topic)?;
        match channel {
            Channel::Up => match Frame::decode(payload) {
                Ok(frame) => Some(HubJob::Frame(topic, frame)),
                Err(error) => {
                    self.rejected.record(&topic, &error.to_string());
                    None
                }
            },
            Channel::State => {
                let State { online, epoch } = serde_json::from_slice(payload).ok()?;
                Some(HubJob::Online { topic, online, epoch, fresh: !retained })
            }
            Channel::Down => None,
        }
    }

    fn set_outlet(&self, client: Option<AsyncClient>) {
        *self.outlet.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

/// What the hub reads of a gateway's retained state.
#[derive(serde::Deserialize)]
struct State {
    online: bool,
    epoch: Option<Uuid>,
}
