//! A connection to the broker, for gateway and hub alike.
//!
//! Packets and their state are rumqttc's; the connection is made and served here, so that every
//! address of the broker is tried, a message of any size costs no more than itself, and each error
//! keeps its type. Every connection has its own client, with a clean session: what was pending on
//! an earlier connection is dropped on purpose, because the ledger is the only queue. What is read
//! goes through a bounded channel, so that a slow reader slows the broker down instead of filling
//! the memory.

mod backoff;
mod codec;
mod dial;
mod failure;
mod renewable_tls;
mod resolve;
mod session;
mod tls_failure;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Connect, LastWill, Login, QoS};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use self::backoff::Backoff;
pub use self::failure::{LinkError, LinkFailure, RAISE_THE_LIMIT};
pub use self::renewable_tls::{RenewableTls, Renewal};
use crate::limits::MQTT_REQUESTS_MAX;

/// Something that happened on a connection.
#[derive(Debug)]
pub enum BrokerEvent {
    /// The broker has accepted the connection.
    Connected,
    /// The broker has granted a subscription.
    Subscribed,
    /// The broker has denied the subscription to this topic filter.
    Denied(String),
    /// A message arrived on a subscribed topic.
    Received {
        topic: String,
        payload: bytes::Bytes,
        /// Whether the broker had kept the message from before the subscription.
        retained: bool,
        /// Bytes of the payload that were read and dropped, because it is too long for anything
        /// that is expected; `payload` is empty then.
        dropped: usize,
    },
    /// The connection has ended, for this reason.
    Lost(LinkError),
}

/// A retained message that the broker publishes when the connection breaks.
#[derive(Clone, Debug)]
pub struct Will {
    pub topic: String,
    pub payload: String,
}

/// The TLS configuration of connections to the broker; a newer one is used by the next connection.
pub type ClientTls = watch::Receiver<Arc<rustls::ClientConfig>>;

/// Where a broker is, and how to log in to it.
#[derive(Clone)]
pub struct BrokerSettings {
    /// Name or address of the host.
    pub host: String,
    pub port: u16,
    /// The username, if the broker wants one.
    pub username: Option<String>,
    /// The password; without a username it is not used.
    pub password: Option<String>,
    /// Certificates and key for TLS; `None` for a plain connection.
    pub tls: Option<ClientTls>,
    /// How often something is sent at least, in whole seconds. A broker gives up a client that is silent for
    /// half as long again.
    pub keep_alive: Duration,
}

/// Makes connections to one broker.
#[derive(Clone)]
pub struct Broker {
    /// Host and port, for logs and reasons.
    pub name: String,
    target: Arc<Target>,
}

/// What every connection to a broker needs.
struct Target {
    host: String,
    port: u16,
    connect: Connect,
    tls: Option<ClientTls>,
    /// The addresses of the host when it was resolved last, for times without name service.
    known: Mutex<Vec<SocketAddr>>,
    /// Locked while the host is looked up, however long that takes.
    lookup: Arc<tokio::sync::Mutex<()>>,
}

/// A connection to a broker. Dropping it closes it.
#[derive(Debug)]
pub struct BrokerConnection {
    /// Publishes and subscribes. Use the `try_` methods only, which do not wait.
    pub client: AsyncClient,
    /// The events; the last one is [`BrokerEvent::Lost`].
    pub events: mpsc::Receiver<BrokerEvent>,
    task: JoinHandle<()>,
}

impl Broker {
    /// Prepares connections with this client id.
    pub fn new(settings: &BrokerSettings, client_id: &str, will: Option<Will>) -> Self {
        let BrokerSettings { host, port, username, password, tls, keep_alive } = settings;
        let mut connect = Connect::new(client_id);
        connect.keep_alive = u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX);
        connect.login = username
            .as_ref()
            .map(|username| Login::new(username, password.clone().unwrap_or_default()));
        connect.last_will = will
            .map(|Will { topic, payload }| LastWill::new(topic, payload, QoS::AtLeastOnce, true));
        let target = Target {
            host: host.clone(),
            port: *port,
            connect,
            tls: tls.clone(),
            known: Mutex::default(),
            lookup: Arc::default(),
        };
        Self { name: format!("{host}:{port}"), target: Arc::new(target) }
    }

    /// Of the certificates that the next connection uses.
    pub fn renewal(&self) -> Renewal {
        Renewal::after_now(self.target.tls.as_ref())
    }

    pub fn connect(&self) -> BrokerConnection {
        let (requests, waiting) = flume::bounded(MQTT_REQUESTS_MAX);
        let (sender, events) = mpsc::channel(MQTT_REQUESTS_MAX);
        let broker = self.clone();
        let task = tokio::spawn(async move {
            // The client takes requests until the loss is known, which says more than its refusal.
            let failure = broker.serve(waiting.clone(), &sender).await;
            let _ = sender.send(BrokerEvent::Lost(broker.error(failure))).await;
            drop(waiting);
        });
        BrokerConnection { client: AsyncClient::from_senders(requests), events, task }
    }

    /// The error of a connection that has ended because of this.
    pub fn error(&self, failure: LinkFailure) -> LinkError {
        let client_id = self.target.connect.client_id.clone();
        LinkError { broker: self.name.clone(), client_id, failure }
    }
}

impl std::fmt::Debug for Broker {
    /// Leaves out the password, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({})", self.name)
    }
}

impl Drop for BrokerConnection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
