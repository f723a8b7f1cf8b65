//! Another client of the broker, which subscribes and publishes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, Publish, QoS};

use super::broker::Broker;
use super::patience::patience;

/// As large as a message may be.
const PACKET_BYTES_MAX: usize = 256 << 20;

pub struct Bystander {
    client: Client,
    packets: Receiver<Packet>,
    heard: VecDeque<Publish>,
}

impl Bystander {
    pub fn at(broker: &Broker) -> Self {
        Self::connect(broker, None)
    }

    /// A client of a broker with user names.
    pub fn with_password(broker: &Broker, username: &str, password: &str) -> Self {
        Self::connect(broker, Some((username, password)))
    }

    /// Connects to a broker and subscribes to a topic.
    pub fn hearing(broker: &Broker, filter: &str) -> Self {
        let mut bystander = Self::at(broker);
        bystander.hear(filter);
        bystander
    }

    pub fn hear(&mut self, filter: &str) {
        self.client.subscribe(filter, QoS::AtLeastOnce).unwrap();
        self.wait_for("a subscription", |packet| matches!(packet, Packet::SubAck(_)));
    }

    /// Publishes and waits until the broker has acknowledged it.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
        self.wait_for("a publication", |packet| matches!(packet, Packet::PubAck(_)));
    }

    /// The next message on its topics.
    pub fn next(&mut self) -> Publish {
        self.next_within(patience()).expect("a message comes")
    }

    pub fn next_within(&mut self, limit: Duration) -> Option<Publish> {
        let deadline = Instant::now() + limit;
        while self.heard.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let packet = self.packets.recv_timeout(left).ok()?;
            self.keep(packet);
        }
        self.heard.pop_front()
    }

    /// All messages that have arrived and were not read yet.
    pub fn all(&mut self) -> Vec<Publish> {
        while let Ok(packet) = self.packets.try_recv() {
            self.keep(packet);
        }
        self.heard.drain(..).collect()
    }

    fn connect(broker: &Broker, credentials: Option<(&str, &str)>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bystander-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut options = MqttOptions::new(name, "127.0.0.1", broker.port());
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if let Some((username, password)) = credentials {
            options.set_credentials(username, password);
        }
        let (client, connection) = Client::new(options, 64);
        let (sender, packets) = mpsc::channel();
        thread::spawn(move || pass_on(connection, &sender));
        let mut bystander = Self { client, packets, heard: VecDeque::new() };
        bystander.wait_for("the broker", |packet| matches!(packet, Packet::ConnAck(_)));
        bystander
    }

    fn wait_for(&mut self, what: &str, is_it: impl Fn(&Packet) -> bool) {
        let deadline = Instant::now() + patience();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let packet = self.packets.recv_timeout(left);
            match packet.unwrap_or_else(|error| panic!("{what} was not answered: {error}")) {
                packet if is_it(&packet) => return,
                packet => self.keep(packet),
            }
        }
    }

    fn keep(&mut self, packet: Packet) {
        if let Packet::Publish(publish) = packet {
            self.heard.push_back(publish);
        }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}

/// Ends with the connection, or when the receiver is dropped.
fn pass_on(mut connection: Connection, packets: &mpsc::Sender<Packet>) {
    for event in connection.iter() {
        let sent = match event {
            Ok(Event::Incoming(packet)) => packets.send(packet).is_ok(),
            Ok(Event::Outgoing(_)) => true,
            Err(_) => false,
        };
        if !sent {
            return;
        }
    }
}
