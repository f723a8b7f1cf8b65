//! Delivers events to a stream of NATS JetStream.
//!
//! An event is published when the stream has stored the one before, so that a message that is lost on
//! the way is not overtaken. The server leaves out a message whose id it has had within the stream's
//! window for duplicates.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::context::{GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode, stream};
use tokio::time::Instant;

use super::failure::{Failure, in_words};
use super::subject::{ALL, subject};
use crate::clock;
use crate::config::NatsConfig;
use crate::hub::reader::FeedEvent;
use crate::limits::SINK_ATTEMPT_MAX;
use crate::net::json::json;

/// The time for an answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// After this time a delivery ends with what the stream has taken, so that it stays within its limit.
const BATCH_MAX: Duration = Duration::from_secs(4);
const _: () = assert!(BATCH_MAX.as_secs() + ANSWER_MAX.as_secs() < SINK_ATTEMPT_MAX.as_secs());

/// A client of one server.
pub(super) struct Nats {
    config: NatsConfig,
    stream: Option<Context>,
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl Nats {
    pub(super) fn new(config: NatsConfig) -> Self {
        Self { config, stream: None }
    }

    pub(super) fn disconnect(&mut self) {
        self.stream = None;
    }

    pub(super) async fn deliver(&mut self, events: &[FeedEvent]) -> Result<usize, Failure> {
        let until = Instant::from_std(clock::instant()) + BATCH_MAX;
        // After a failure the next delivery begins with a connection and a stream that are sound.
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let mut taken = 0;
        for event in events {
            let published = self.publish(&stream, event).await;
            published.map_err(|failure| Failure { taken, ..failure })?;
            taken += 1;
            if Instant::from_std(clock::instant()) > until {
                break;
            }
        }
        self.stream = Some(stream);
        Ok(taken)
    }

    async fn publish(&self, stream: &Context, event: &FeedEvent) -> Result<(), Failure> {
        let subject = subject(event);
        let message = PublishMessage::build()
            .payload(json(event).into())
            .message_id(event.event_id.to_string())
            .expected_stream(&self.config.stream);
        let sent = stream.send_publish(subject.clone(), message).await;
        let stored = async { sent?.await };
        stored.await.map(drop).map_err(|error| self.failure(&subject, &error))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
    fn failure(&self, subject: &str, error: &PublishError) -> Failure {
        let NatsConfig { stream, .. } = &self.config;
        match error.kind() {
            PublishErrorKind::StreamNotFound => Failure::unavailable(format!(
                "no stream takes {subject}; add {ALL} to the subjects of the stream {stream}"
            )),
            PublishErrorKind::MaxPayloadExceeded => Failure::refused(format!(
                "the server takes no message as large: {}",
                in_words(error)
            )),
            _ => Failure::unavailable(format!("{stream} has not stored it: {}", in_words(error))),
        }
    }

    /// Connects, and makes the stream if the server has none with its name.
    async fn connect(&self) -> Result<Context, Failure> {
        let NatsConfig { url, stream, login, tls } = &self.config;
        let mut options = ConnectOptions::new()
            .name("stockgate-hub")
            .connection_timeout(ANSWER_MAX)
            .request_timeout(Some(ANSWER_MAX));
        if let Some((user, password)) = login {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if let Some(tls) = tls {
            options = options.require_tls(true).tls_client_config((**tls).clone());
        }
        let client = options.connect(url).await.map_err(|error| {
            Failure::unavailable(format!("{url} cannot be reached: {}", in_words(&error)))
        })?;
        let mut context = jetstream::new(client);
        context.set_timeout(ANSWER_MAX);
        self.find_stream(&context).await.map_err(|why| {
            Failure::unavailable(format!("the stream {stream} cannot be used: {why}"))
        })?;
        Ok(context)
    }

    async fn find_stream(&self, context: &Context) -> Result<(), String> {
        let name = &self.config.stream;
        let Err(error) = context.get_stream(name).await else { return Ok(()) };
        let is_missing = matches!(error.kind(), GetStreamErrorKind::JetStream(error)
            if error.error_code() == ErrorCode::STREAM_NOT_FOUND);
        if !is_missing {
            return Err(in_words(&error));
        }
        let config =
            stream::Config { name: name.clone(), subjects: vec![ALL.into()], ..Default::default() };
        let created = context.create_stream(config).await.map_err(|error| in_words(&error))?;
        tracing::info!(stream = name, "the stream was made in JetStream");
        drop(created);
        Ok(())
    }
}
