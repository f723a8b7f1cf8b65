//! Delivers events to an HTTP server, as webhooks by the rules of Standard Webhooks: a batch is a JSON
//! array, signed with HMAC-SHA-256.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use super::failure::{Failure, in_words};
use crate::clock::wall_ms;
use crate::config::WebhookConfig;
use crate::hub::reader::FeedEvent;
use crate::limits::{SINK_PAUSE_MAX, WEBHOOK_ANSWER_MAX, WEBHOOK_ANSWER_WAIT};
use crate::net::json::json;
use crate::net::stream::Stream;
use crate::process::RELEASE;

/// A client of one server, with one connection that is used again.
#[derive(Debug)]
pub(super) struct Webhook {
    config: WebhookConfig,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Held by the lookup of the server's name: one that hangs keeps its thread, and threads for
    /// blocking work are few.
    lookup: Arc<Mutex<()>>,
}

impl Webhook {
    pub(super) fn new(config: WebhookConfig) -> Self {
        Self { config, connection: None, lookup: Arc::default() }
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    pub(super) async fn deliver(&mut self, events: &[FeedEvent]) -> Result<(), Failure> {
        let id = message_id(events);
        let body = Bytes::from(json(&events));
        // The server may have closed a connection that was not used for a while.
        if self.connection.as_ref().is_some_and(SendRequest::is_closed) {
            self.connection = None;
        }
        let is_old = self.connection.is_some();
        match self.send(&id, &body).await {
            Err(failure) if is_old && !failure.is_refused && self.connection.is_none() => {
                self.send(&id, &body).await
            }
            sent => sent,
        }
    }

    async fn send(&mut self, id: &str, body: &Bytes) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let request = self.request(id, wall_ms() / 1_000, body)?;
        let lost = |error: hyper::Error| {
            Failure::unavailable(format!("the connection was lost: {}", in_words(&error)))
        };
        connection.ready().await.map_err(lost)?;
        let response = connection.send_request(request).await.map_err(lost)?;
        let (outcome, body) = outcome(response);
        // The connection is ready again after the body, and closed if that is long or does not end.
        let body = Limited::new(body, WEBHOOK_ANSWER_MAX).collect();
        tokio::spawn(timeout(WEBHOOK_ANSWER_WAIT, body));
        self.connection = Some(connection);
        outcome
    }

    fn request(
        &self,
        id: &str,
        seconds: i64,
        body: &Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let request = Request::post(&self.config.path)
            .header(HOST, &self.config.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, format!("stockgate-hub/{RELEASE}"))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(&self.config.key, id, seconds, body))
            .body(Full::new(body.clone()));
        request.map_err(|error| Failure::unavailable(format!("the address is wrong: {error}")))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let WebhookConfig { host, port, tls, .. } = &self.config;
        let failed = |what: &str, error: &dyn std::error::Error| {
            Failure::unavailable(format!("{host}:{port} {what}: {}", in_words(error)))
        };
        let found = self.addresses().await.map_err(|error| failed("cannot be found", &error))?;
        let stream = TcpStream::connect(&*found).await;
        let stream = stream.map_err(|error| failed("cannot be reached", &error))?;
        let peer = stream.peer_addr().map_err(|error| failed("cannot be reached", &error))?;
        if tls.is_none() && !peer.ip().is_loopback() {
            let why = format!("{host} is not this machine, and http:// is sent to no other");
            return Err(Failure::unavailable(why));
        }
        let stream = Stream::connect(stream, tls.clone(), host).await;
        let stream = stream.map_err(|error| failed("is not trusted", &error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed("cannot be used", &error))?;
        // It ends when the sender is dropped.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let turn = Arc::clone(&self.lookup).lock_owned().await;
        let server = (self.config.host.clone(), self.config.port);
        let resolve = move || (server.to_socket_addrs().map(Iterator::collect), turn).0;
        spawn_blocking(resolve).await?
    }
}

/// What the server's answer says, and the answer's body.
fn outcome(response: Response<Incoming>) -> (Result<(), Failure>, Incoming) {
    let (head, body) = response.into_parts();
    let status = head.status;
    if status.is_success() {
        return (Ok(()), body);
    }
    let why = format!("it answered {status}");
    let may_take_later =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !may_take_later {
        return (Err(Failure::refused(why)), body);
    }
    let asked = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let pause = Duration::from_secs(asked.unwrap_or(0)).min(SINK_PAUSE_MAX);
    (Err(Failure { pause, ..Failure::unavailable(why) }), body)
}

/// The id of a message: the same events have the same one, however often they are sent.
fn message_id(events: &[FeedEvent]) -> String {
    let id = match events {
        [] => Uuid::nil(),
        [event] => event.event_id,
        [first, .., last] => Uuid::new_v5(&first.event_id, last.event_id.as_bytes()),
    };
    format!("msg_{}", id.simple())
}

/// The signature of a message, as Standard Webhooks has it: version 1, in base64.
fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", BASE64.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_message_is_signed_as_the_reference_libraries_sign_it() {
        let key = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
