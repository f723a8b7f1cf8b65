//! Serves one connection: greets the broker, then reads, writes and pings until the connection ends.

use std::time::Duration;

use bytes::BytesMut;
use flume::Receiver;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use rumqttc::{
    ConnectReturnCode, Event, Incoming, MqttState, Packet, PingReq, PubAck, Request, StateError,
    SubscribeReasonCode,
};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{Permit, Sender};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_util::codec::Framed;

use super::codec::{Codec, Received};
use super::failure::{Foreign, LinkFailure};
use super::{Broker, BrokerEvent, Target};
use crate::limits::{
    MQTT_KEEP_ALIVE, MQTT_NETWORK_TIMEOUT, MQTT_REQUESTS_MAX, MQTT_UNACKNOWLEDGED_MAX,
};
use crate::net::stream::Stream;

/// Packets that are handled in a row before what they lead to is written.
const BURST_MAX: usize = 16;

impl Broker {
    /// Connects, and serves the connection until it ends; returns why it has ended.
    pub(super) async fn serve(
        &self,
        requests: Receiver<Request>,
        events: &Sender<BrokerEvent>,
    ) -> LinkFailure {
        let deadline = Instant::now() + MQTT_NETWORK_TIMEOUT;
        let stream = match self.target.open(deadline).await {
            Ok(stream) => stream,
            Err(failure) => return failure,
        };
        if events.send(BrokerEvent::Connected).await.is_err() {
            return LinkFailure::Ended;
        }
        let in_flight = u16::try_from(MQTT_REQUESTS_MAX).expect("a small number");
        let session = Session {
            packets: Framed::new(stream, Codec::default()),
            state: MqttState::new(in_flight, false),
            requests,
            subscriptions: Vec::new(),
            keep_alive: Duration::from_secs(self.target.connect.keep_alive.max(1).into()),
            is_heard: true,
            silence: Duration::ZERO,
        };
        match session.run(events).await {
            Err(failure) => failure,
            Ok(never) => match never {},
        }
    }
}

impl Target {
    /// Connects and logs in.
    async fn open(&self, deadline: Instant) -> Result<Stream, LinkFailure> {
        let socket = self.dial(deadline).await?;
        // Without it the kernel gives up after many minutes.
        let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(MQTT_UNACKNOWLEDGED_MAX));
        let tls = self.tls.as_ref().map(|newest| newest.borrow().clone());
        let securing = Stream::connect(socket, tls, &self.host);
        let mut stream = timeout_at(deadline, securing)
            .await
            .map_err(|_| LinkFailure::NoGreeting)?
            .map_err(LinkFailure::in_handshake)?;
        let mut greeting = BytesMut::new();
        self.connect.write(&mut greeting).map_err(LinkFailure::Malformed)?;
        let mut answer = [0; 4];
        let greet = async {
            stream.write_all(&greeting).await?;
            stream.flush().await?;
            stream.read_exact(&mut answer).await
        };
        timeout_at(deadline, greet)
            .await
            .map_err(|_| LinkFailure::NoGreeting)?
            .map_err(LinkFailure::in_greeting)?;
        match answer {
            [0x20, 2, _, 0] => Ok(stream),
            [0x20, 2, _, code] => Err(LinkFailure::Refused(refusal(code))),
            other => Err(LinkFailure::NotMqtt(Foreign::of(other))),
        }
    }
}

/// The meaning of a refusal; `None` for a code that MQTT 3.1.1 does not have.
fn refusal(code: u8) -> Option<ConnectReturnCode> {
    match code {
        1 => Some(ConnectReturnCode::RefusedProtocolVersion),
        2 => Some(ConnectReturnCode::BadClientId),
        3 => Some(ConnectReturnCode::ServiceUnavailable),
        4 => Some(ConnectReturnCode::BadUserNamePassword),
        5 => Some(ConnectReturnCode::NotAuthorized),
        _ => None,
    }
}

/// A connection that the broker has accepted.
struct Session {
    packets: Framed<Stream, Codec>,
    state: MqttState,
    requests: Receiver<Request>,
    /// The topic filters of subscriptions without an answer, by packet id.
    subscriptions: Vec<(u16, String)>,
    keep_alive: Duration,
    /// Something was read since the last ping.
    is_heard: bool,
    /// For how long nothing was read before that.
    silence: Duration,
}

enum Never {}

impl Session {
    async fn run(mut self, events: &Sender<BrokerEvent>) -> Result<Never, LinkFailure> {
        let mut pings = interval_at(Instant::now() + self.keep_alive, self.keep_alive);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = next(&mut self.packets, events) => {
                    let (received, permit) = received?;
                    self.receive(received, permit, events).await?;
                }
                request = self.requests.recv_async(), if self.may_send() => {
                    self.send(request.map_err(|_| LinkFailure::Ended)?).await?;
                }
                _ = pings.tick() => self.ping(events.capacity() == 0).await?,
            }
            within(MQTT_NETWORK_TIMEOUT, self.packets.flush()).await?;
        }
    }

    fn may_send(&self) -> bool {
        usize::from(self.state.inflight()) < MQTT_REQUESTS_MAX
    }

    /// Handles a packet, and those that have arrived with it.
    async fn receive<'a>(
        &mut self,
        mut received: Received,
        mut permit: Permit<'a, BrokerEvent>,
        events: &'a Sender<BrokerEvent>,
    ) -> Result<(), LinkFailure> {
        let mut handled = 0;
        loop {
            if let Some(event) = self.handle(received).await? {
                permit.send(event);
                let Ok(another) = events.try_reserve() else { return Ok(()) };
                permit = another;
            }
            handled += 1;
            if handled == BURST_MAX {
                return Ok(());
            }
            match self.packets.next().now_or_never() {
                Some(Some(next)) => received = next.map_err(LinkFailure::of_packet)?,
                Some(None) => return Err(LinkFailure::Closed),
                None => return Ok(()),
            }
        }
    }

    async fn handle(&mut self, received: Received) -> Result<Option<BrokerEvent>, LinkFailure> {
        let Received { packet, dropped } = received;
        self.is_heard = true;
        let answer = match self.state.handle_incoming_packet(packet) {
            // An acknowledgement that nothing waits for is harmless.
            Err(StateError::Unsolicited(_)) => None,
            answer => answer.map_err(LinkFailure::Protocol)?,
        };
        let event = self.state.events.pop_front();
        self.state.events.clear();
        if let Some(answer) = answer {
            self.write(answer).await?;
        }
        Ok(match event {
            Some(Event::Incoming(incoming)) => self.event(incoming, dropped),
            Some(Event::Outgoing(_)) | None => None,
        })
    }

    fn event(&mut self, incoming: Incoming, dropped: usize) -> Option<BrokerEvent> {
        if let Packet::Publish(publish) = incoming {
            let (topic, payload, retained) = (publish.topic, publish.payload, publish.retain);
            return Some(BrokerEvent::Received { topic, payload, retained, dropped });
        }
        let Packet::SubAck(answer) = incoming else { return None };
        let asked = self.subscriptions.iter().position(|(id, _)| *id == answer.pkid);
        let filter = asked.map(|index| self.subscriptions.swap_remove(index).1);
        let is_granted = |code: &_| matches!(code, SubscribeReasonCode::Success(_));
        Some(match answer.return_codes.iter().all(is_granted) {
            true => BrokerEvent::Subscribed,
            false => BrokerEvent::Denied(filter.unwrap_or_default()),
        })
    }

    /// Sends a request, and those that wait after it.
    async fn send(&mut self, first: Request) -> Result<(), LinkFailure> {
        self.send_one(first).await?;
        for _ in 1..BURST_MAX {
            if !self.may_send() {
                break;
            }
            let Ok(another) = self.requests.try_recv() else { break };
            self.send_one(another).await?;
        }
        Ok(())
    }

    async fn send_one(&mut self, request: Request) -> Result<(), LinkFailure> {
        let mut packet =
            self.state.handle_outgoing_packet(request).map_err(LinkFailure::Protocol)?;
        if let Some(waiting) = &self.state.collision {
            // A broker acknowledges in order, so the message with this number was lost on the way.
            // The hub's acknowledgement is what counts.
            let lost = Packet::PubAck(PubAck::new(waiting.pkid));
            packet = self.state.handle_incoming_packet(lost).map_err(LinkFailure::Protocol)?;
        }
        self.state.events.clear();
        if let Some(Packet::Subscribe(subscribe)) = &packet {
            let filters = subscribe.filters.iter().map(|filter| filter.path.as_str());
            self.subscriptions.push((subscribe.pkid, filters.collect::<Vec<_>>().join(", ")));
        }
        match packet {
            Some(packet) => self.write(packet).await,
            None => Ok(()),
        }
    }

    /// Pings, unless nothing was heard for too long. While the reader is slow, nothing is read, so silence
    /// says nothing.
    async fn ping(&mut self, is_reader_slow: bool) -> Result<(), LinkFailure> {
        self.silence = match self.is_heard || is_reader_slow {
            true => Duration::ZERO,
            false => self.silence + self.keep_alive,
        };
        if self.silence >= MQTT_KEEP_ALIVE {
            return Err(LinkFailure::Silent);
        }
        self.is_heard = false;
        self.state.await_pingresp = false;
        self.send_one(Request::PingReq(PingReq)).await
    }

    async fn write(&mut self, packet: Packet) -> Result<(), LinkFailure> {
        within(MQTT_NETWORK_TIMEOUT, self.packets.feed(packet)).await
    }
}

async fn within<T>(
    limit: Duration,
    writing: impl Future<Output = Result<T, rumqttc::mqttbytes::Error>>,
) -> Result<T, LinkFailure> {
    let written = timeout(limit, writing).await;
    written.map_err(|_| LinkFailure::Silent)?.map_err(LinkFailure::of_packet)
}

/// The next packet, once there is room for what it leads to.
async fn next<'a>(
    packets: &mut Framed<Stream, Codec>,
    events: &'a Sender<BrokerEvent>,
) -> Result<(Received, Permit<'a, BrokerEvent>), LinkFailure> {
    let permit = events.reserve().await.map_err(|_| LinkFailure::Ended)?;
    match packets.next().await {
        Some(received) => Ok((received.map_err(LinkFailure::of_packet)?, permit)),
        None => Err(LinkFailure::Closed),
    }
}
