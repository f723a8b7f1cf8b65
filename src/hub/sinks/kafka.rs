//! Delivers events to a topic of Kafka. All replicas that are in sync confirm a batch (`acks=all`), and
//! a partition has one batch on the way at a time, so its order is that of the feed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;

use super::failure::{Failure, in_words};
use super::partition::partition_of;
use crate::config::KafkaConfig;
use crate::hub::reader::FeedEvent;
use crate::limits::SINK_ATTEMPT_MAX;
use crate::net::json::json;

/// How long the client repeats by itself what a broker could not do: within the time for a delivery.
const REPEATED: Duration = Duration::from_secs(5);
const _: () = assert!(REPEATED.as_secs() < SINK_ATTEMPT_MAX.as_secs());
/// The largest answer of a broker that is read.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// A topic that is made here has the partitions and replicas that the cluster gives a new one (from
/// Kafka 2.4 on).
const NEW_TOPIC: (i32, i16) = (-1, -1);

/// A client of one cluster.
pub(super) struct Kafka {
    config: KafkaConfig,
    /// One for each partition of the topic, once there is a connection.
    partitions: Vec<Arc<PartitionClient>>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl Kafka {
    pub(super) fn new(config: KafkaConfig) -> Self {
        Self { config, partitions: Vec::new() }
    }

    pub(super) fn disconnect(&mut self) {
        self.partitions.clear();
    }

    pub(super) async fn deliver(&mut self, events: &[FeedEvent]) -> Result<(), Failure> {
        // After a failure the next delivery asks again which brokers have which partitions.
        let mut partitions = std::mem::take(&mut self.partitions);
        if partitions.is_empty() {
            partitions = self.connect().await?;
        }
        let mut batches = BTreeMap::<usize, Vec<Record>>::new();
        for event in events {
            let partition = partition_of(event.sku.as_str().as_bytes(), partitions.len());
            batches.entry(partition).or_default().push(record(event));
        }
        for (partition, records) in batches {
            let produced = partitions[partition].produce(records, Compression::NoCompression).await;
            produced.map_err(|error| self.failure(&error))?;
        }
        self.partitions = partitions;
        Ok(())
    }

    fn failure(&self, error: &Error) -> Failure {
        let why = format!("the topic {} has not stored it: {}", self.config.topic, in_words(error));
        let is_refused = matches!(
            error,
            Error::ServerError {
                protocol_error: ProtocolError::MessageTooLarge
                    | ProtocolError::RecordListTooLarge
                    | ProtocolError::InvalidRecord
                    | ProtocolError::PolicyViolation,
                ..
            }
        );
        if is_refused { Failure::refused(why) } else { Failure::unavailable(why) }
    }

    /// Connects, and makes the topic if the cluster has none with its name.
    async fn connect(&self) -> Result<Vec<Arc<PartitionClient>>, Failure> {
        let KafkaConfig { brokers, topic, login, tls } = &self.config;
        let unreachable = |error: Error| {
            let brokers = brokers.join(", ");
            Failure::unavailable(format!("{brokers} cannot be reached: {}", in_words(&error)))
        };
        let mut builder = ClientBuilder::new(brokers.clone())
            .client_id("stockgate-hub")
            .max_message_size(ANSWER_BYTES_MAX)
            .backoff_config(BackoffConfig { deadline: Some(REPEATED), ..BackoffConfig::default() });
        if let Some((user, password)) = login.clone() {
            builder = builder.sasl_config(SaslConfig::Plain(Credentials::new(user, password)));
        }
        if let Some(tls) = tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        let client = builder.build().await.map_err(unreachable)?;
        let found = partitions(&client, topic).await.map_err(unreachable)?;
        let found = match found {
            Some(found) => found,
            None => self.create_topic(&client).await?,
        };
        let mut clients = Vec::with_capacity(found.len());
        for partition in found {
            let handling = UnknownTopicHandling::Error;
            let partition = client.partition_client(topic.clone(), partition, handling).await;
            clients.push(Arc::new(partition.map_err(unreachable)?));
        }
        Ok(clients)
    }

    async fn create_topic(&self, client: &Client) -> Result<Vec<i32>, Failure> {
        let topic = &self.config.topic;
        let failed = |error: Error| {
            let why =
                format!("the topic {topic} is missing and cannot be made: {}", in_words(&error));
            Failure::unavailable(why)
        };
        let (count, replicas) = NEW_TOPIC;
        let controller = client.controller_client().map_err(failed)?;
        let limit_ms = i32::try_from(REPEATED.as_millis()).unwrap_or(i32::MAX);
        controller.create_topic(topic.clone(), count, replicas, limit_ms).await.map_err(failed)?;
        tracing::info!(topic, "the topic was made in Kafka");
        let found = partitions(client, topic).await.map_err(failed)?;
        found.ok_or_else(|| Failure::unavailable(format!("the topic {topic} is being made")))
    }
}

/// The partitions of a topic in their order; `None` if there is no such topic.
async fn partitions(client: &Client, topic: &str) -> Result<Option<Vec<i32>>, Error> {
    let topics = client.list_topics().await?;
    let found = topics.into_iter().find(|found| found.name == topic);
    Ok(found
        .map(|topic| topic.partitions.into_iter().collect())
        .filter(|list: &Vec<_>| !list.is_empty()))
}

fn record(event: &FeedEvent) -> Record {
    Record {
        key: Some(event.sku.as_str().into()),
        value: Some(json(event).into_bytes()),
        headers: BTreeMap::from([("event-id".into(), event.event_id.to_string().into_bytes())]),
        timestamp: DateTime::from_timestamp_millis(event.booked_ms).unwrap_or_default(),
    }
}
