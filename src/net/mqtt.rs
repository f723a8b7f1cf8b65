//! A connection to the broker, for gateway and hub alike.
//!
//! Every connection has its own client and event loop, with a clean session: what was pending on an
//! earlier connection is dropped on purpose, because the ledger is the only queue. One task only
//! polls. What it reads goes through a bounded channel, so that a slow reader slows the broker down
//! instead of filling the memory.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event as ClientEvent, EventLoop, Incoming,
    LastWill, MqttOptions, NetworkOptions, QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::{rfc3339, wall_ms};
use crate::limits::{
    MQTT_PACKET_BYTES_MAX, MQTT_REQUESTS_MAX, RECONNECT_FLAPPING_MS_MAX, RECONNECT_MS_MAX,
    RECONNECT_MS_MIN, RECONNECT_STEADY_MS,
};

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The limit for connecting and for every flush; generous, for slow cellular links.
const NETWORK_TIMEOUT_S: u64 = 30;

/// Something that happened on a connection.
#[derive(Debug)]
pub enum BrokerEvent {
    /// The broker has accepted the connection.
    Connected,
    /// The broker has granted a subscription.
    Subscribed,
    /// The broker has denied a subscription.
    Denied,
    /// A message arrived on a subscribed topic.
    Received {
        topic: String,
        payload: bytes::Bytes,
        /// Whether the broker had kept the message from before the subscription.
        retained: bool,
    },
    /// The connection has ended, for this reason.
    Lost(String),
}

/// A retained message that the broker publishes when the connection breaks.
#[derive(Clone, Debug)]
pub struct Will {
    pub topic: String,
    pub payload: String,
}

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
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// Makes connections to one broker.
#[derive(Clone, Debug)]
pub struct Broker {
    options: MqttOptions,
    /// Host and port, for logs and reasons.
    pub name: String,
}

/// A connection to a broker. Dropping it closes it.
#[derive(Debug)]
pub struct BrokerConnection {
    /// Publishes and subscribes. Use the `try_` methods only, which do not wait.
    pub client: AsyncClient,
    /// The events; the last one is [`BrokerEvent::Lost`].
    pub events: mpsc::Receiver<BrokerEvent>,
    poller: JoinHandle<()>,
}

impl Broker {
    /// Prepares connections with this client id.
    pub fn new(settings: &BrokerSettings, client_id: &str, will: Option<Will>) -> Self {
        let BrokerSettings { host, port, username, password, tls } = settings;
        let mut options = MqttOptions::new(client_id, host.clone(), *port);
        options.set_clean_session(true);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MQTT_PACKET_BYTES_MAX, MQTT_PACKET_BYTES_MAX);
        options.set_inflight(u16::try_from(MQTT_REQUESTS_MAX).expect("a small number"));
        if let Some(username) = username {
            options.set_credentials(username, password.clone().unwrap_or_default());
        }
        if let Some(Will { topic, payload }) = will {
            options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true));
        }
        if let Some(tls) = tls {
            let tls = TlsConfiguration::Rustls(Arc::clone(tls));
            options.set_transport(Transport::tls_with_config(tls));
        }
        Self { options, name: format!("{host}:{port}") }
    }

    pub fn connect(&self) -> BrokerConnection {
        let (client, mut event_loop) = AsyncClient::new(self.options.clone(), MQTT_REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(NETWORK_TIMEOUT_S);
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        let (sender, events) = mpsc::channel(MQTT_REQUESTS_MAX);
        let poller = tokio::spawn(poll(event_loop, sender, self.name.clone()));
        BrokerConnection { client, events, poller }
    }
}

impl Drop for BrokerConnection {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<BrokerEvent>, broker: String) {
    loop {
        let event = match event_loop.poll().await {
            Ok(ClientEvent::Incoming(Incoming::ConnAck(_))) => BrokerEvent::Connected,
            Ok(ClientEvent::Incoming(Incoming::SubAck(answer))) => {
                let is_granted = |code: &_| matches!(code, SubscribeReasonCode::Success(_));
                match answer.return_codes.iter().all(is_granted) {
                    true => BrokerEvent::Subscribed,
                    false => BrokerEvent::Denied,
                }
            }
            Ok(ClientEvent::Incoming(Incoming::Publish(publish))) => BrokerEvent::Received {
                topic: publish.topic,
                payload: publish.payload,
                retained: publish.retain,
            },
            Ok(ClientEvent::Incoming(_) | ClientEvent::Outgoing(_)) => continue,
            Err(error) => BrokerEvent::Lost(reason(&broker, &error)),
        };
        let over = matches!(event, BrokerEvent::Lost(_));
        if events.send(event).await.is_err() || over {
            return;
        }
    }
}

/// Why a connection has ended, in words for an operator.
fn reason(broker: &str, error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => format!("the broker {broker} refuses our username, password or certificate"),
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker {broker} refuses us: {code:?}")
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("the broker {broker} does not answer in time")
        }
        ConnectionError::Tls(error) => {
            let hint = clock_hint(&error.to_string(), wall_ms());
            format!("TLS with the broker {broker} fails: {error}{hint}")
        }
        ConnectionError::Io(error) => format!("the broker {broker} cannot be reached: {error}"),
        other @ (ConnectionError::MqttState(_)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::RequestsDone) => {
            format!("the connection to the broker {broker} was lost: {other}")
        }
    }
}

/// A hint for a TLS error that a wrong clock may have caused.
fn clock_hint(error: &str, wall_ms: i64) -> String {
    let says = rfc3339(wall_ms);
    if error.contains("not valid yet") || error.contains("NotValidYet") {
        return format!(
            "; the clock here says {says}, before the certificate begins: set the clock"
        );
    }
    if error.contains("expired") || error.contains("Expired") {
        return format!(
            "; the clock here says {says}: if that is wrong, set the clock, else renew the broker's certificate"
        );
    }
    String::new()
}

/// The waits between attempts to connect: random up to a bound that doubles, so that the gateways
/// of a site do not all connect at the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    bound_ms: u64,
    /// The bound after the next loss of a connection on which the other side has answered.
    first_ms: u64,
    answered_ms: Option<u64>,
    random: fastrand::Rng,
}

impl Default for Backoff {
    fn default() -> Self {
        let (bound_ms, first_ms) = (RECONNECT_MS_MIN, RECONNECT_MS_MIN);
        Self { bound_ms, first_ms, answered_ms: None, random: fastrand::Rng::new() }
    }
}

impl Backoff {
    /// The wait after a loss at this running time.
    pub fn next_wait(&mut self, now_ms: u64) -> Duration {
        if let Some(answered_ms) = self.answered_ms.take() {
            self.start_over(now_ms.saturating_sub(answered_ms));
        }
        let wait_ms = self.random.u64(RECONNECT_MS_MIN / 4..=self.bound_ms);
        self.bound_ms = (self.bound_ms * 2).min(RECONNECT_MS_MAX);
        Duration::from_millis(wait_ms)
    }

    /// Notes that the other side answers at this running time.
    pub fn answered(&mut self, now_ms: u64) {
        self.answered_ms.get_or_insert(now_ms);
    }

    /// Starts again with a short wait. Where each connection is lost soon after an answer, as when
    /// two clients with one id displace each other, it starts with a longer wait each time.
    fn start_over(&mut self, lasted_ms: u64) {
        if lasted_ms >= RECONNECT_STEADY_MS {
            self.first_ms = RECONNECT_MS_MIN;
        }
        self.bound_ms = self.first_ms;
        if lasted_ms < RECONNECT_STEADY_MS {
            self.first_ms = (self.first_ms * 2).min(RECONNECT_FLAPPING_MS_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff { random: fastrand::Rng::with_seed(7), ..Backoff::default() }
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_an_answer() {
        let mut backoff = backoff();
        let waits: Vec<u64> =
            (0..200).map(|_| u64::try_from(backoff.next_wait(0).as_millis()).unwrap()).collect();
        assert!(waits.iter().all(|ms| (RECONNECT_MS_MIN / 4..=RECONNECT_MS_MAX).contains(ms)));
        assert!(waits[100..].iter().any(|&ms| ms > RECONNECT_MS_MAX / 2));
        backoff.answered(5);
        assert!(backoff.next_wait(6) <= Duration::from_millis(RECONNECT_MS_MIN));
    }

    #[test]
    fn losses_soon_after_an_answer_make_waits_grow_until_a_connection_has_lasted() {
        let mut backoff = backoff();
        let mut bounds = Vec::new();
        for loss in 0..9 {
            backoff.answered(loss * 1_000);
            backoff.next_wait(loss * 1_000 + 900);
            bounds.push(backoff.bound_ms / 2);
        }
        assert_eq!(bounds[..5], [1_000, 2_000, 4_000, 4_000, 4_000]);

        backoff.answered(100_000);
        backoff.answered(100_000 + RECONNECT_STEADY_MS);
        assert!(backoff.next_wait(100_001 + RECONNECT_STEADY_MS) <= Duration::from_secs(1));
        assert_eq!(backoff.first_ms, RECONNECT_MS_MIN);
    }
}
