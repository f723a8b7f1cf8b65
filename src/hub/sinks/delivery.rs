//! One delivery of events to a sink, of whatever kind.

use tokio::time::timeout;

use super::failure::Failure;
use super::kafka::Kafka;
use super::nats::Nats;
use super::webhook::Webhook;
use crate::config::SinkTarget;
use crate::hub::reader::FeedEvent;
use crate::limits::SINK_ATTEMPT_MAX;

/// The client of a sink.
#[derive(Debug)]
pub(super) enum Delivery {
    Webhook(Box<Webhook>),
    Nats(Box<Nats>),
    Kafka(Box<Kafka>),
}

impl Delivery {
    pub(super) fn new(target: &SinkTarget) -> Self {
        match target {
            SinkTarget::Webhook(config) => Self::Webhook(Box::new(Webhook::new(config.clone()))),
            SinkTarget::Nats(config) => Self::Nats(Box::new(Nats::new(config.clone()))),
            SinkTarget::Kafka(config) => Self::Kafka(Box::new(Kafka::new(config.clone()))),
        }
    }

    /// Delivers events in their order, within [`SINK_ATTEMPT_MAX`]; returns how many of them the sink has
    /// taken, from the first one on.
    pub(super) async fn deliver(&mut self, events: &[FeedEvent]) -> Result<usize, Failure> {
        let delivered = async {
            match self {
                Self::Webhook(webhook) => webhook.deliver(events).await.map(|()| events.len()),
                Self::Nats(nats) => nats.deliver(events).await,
                Self::Kafka(kafka) => kafka.deliver(events).await.map(|()| events.len()),
            }
        };
        let delivered = timeout(SINK_ATTEMPT_MAX, delivered).await;
        delivered.unwrap_or_else(|_| {
            // An answer that comes later would be taken for that of the next delivery.
            self.disconnect();
            let limit = SINK_ATTEMPT_MAX.as_secs();
            Err(Failure::unavailable(format!("it did not answer within {limit} s")))
        })
    }

    fn disconnect(&mut self) {
        match self {
            Self::Webhook(webhook) => webhook.disconnect(),
            Self::Nats(nats) => nats.disconnect(),
            Self::Kafka(kafka) => kafka.disconnect(),
        }
    }
}
