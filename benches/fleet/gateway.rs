//! A gateway that is played: it speaks version 2 of the protocol on a connection of its own, as
//! docs/PROTOCOL.md defines it, and keeps no database.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use stockgate::limits::{FRAME_BYTES_MAX, HUB_ANSWER_MS, WINDOW_FRAMES};
use stockgate::protocol::Frame;
use stockgate::protocol::frame::{Bound, Catalogue, Hello, Position, Resume, TakenUpTo, Transfers};
use stockgate::protocol::topic::{Channel, GatewayId};
use stockgate::protocol::wire::Wire;
use stockgate::stock::{BooksId, Direction, Kind, Taken};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use uuid::Uuid;

use crate::ledger::{Ledger, Sealed};
use crate::standing::Board;

const ANSWER: Duration = Duration::from_millis(HUB_ANSWER_MS);
/// Longer than anything takes here.
const LATER: Duration = Duration::from_secs(3_600);

/// What a gateway is told to do.
pub(crate) enum Order {
    /// Adds frames that were made before.
    Send(Vec<Sealed>, Ledger),
    /// Sells orders of so many lines, one each time, until told otherwise.
    Sell { every: Option<Duration>, lines: usize },
    /// Enters a receipt of this SKU.
    Receive(stockgate::stock::Sku, i64),
    /// Greets the hub.
    Greet,
}

pub(crate) struct Gateway {
    number: usize,
    id: GatewayId,
    broker: u16,
    board: Arc<Board>,
    ledger: Ledger,
    /// Frames that are not acknowledged, the oldest first.
    frames: VecDeque<Sealed>,
    /// How many of them were sent.
    sent: usize,
    books: Option<BooksId>,
    taken: Taken,
    reported: Taken,
    nonce: u64,
    is_streaming: bool,
    /// When it greets, unless it is answered before.
    greet_at: Instant,
    is_due: bool,
    sells: Option<(Duration, usize)>,
    sells_at: Instant,
}

impl Gateway {
    pub(crate) fn new(number: usize, broker: u16, ledger: Ledger, board: &Arc<Board>) -> Self {
        Self {
            number,
            id: id_of(number),
            broker,
            board: Arc::clone(board),
            ledger,
            frames: VecDeque::new(),
            sent: 0,
            books: None,
            taken: Taken::default(),
            reported: Taken::default(),
            nonce: 0,
            is_streaming: false,
            greet_at: Instant::now(),
            is_due: false,
            sells: None,
            sells_at: Instant::now(),
        }
    }

    /// Keeps a connection until there are no more orders to come.
    pub(crate) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let (client, events) = AsyncClient::new(self.options(), 64);
            let (sender, mut received) = mpsc::unbounded_channel();
            let connection = tokio::spawn(pass_on(events, sender));
            loop {
                let wake = tokio::time::Instant::from_std(self.wakes_at());
                tokio::select! {
                    packet = received.recv() => match packet {
                        Some(packet) => self.handle(packet, &client),
                        None => break,
                    },
                    order = orders.recv() => match order {
                        Some(order) => self.obey(order),
                        None => return connection.abort(),
                    },
                    () = sleep_until(wake) => self.wake(),
                }
                self.send(&client);
            }
            self.is_streaming = false;
            self.note();
            sleep(Duration::from_millis(fastrand::u64(500..2_000))).await;
        }
    }

    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(self.id.to_string(), "127.0.0.1", self.broker);
        let gone = r#"{"online":false}"#;
        let topic = self.id.topic(Channel::State);
        options.set_last_will(LastWill::new(topic, gone, QoS::AtLeastOnce, true));
        options.set_max_packet_size(2 * FRAME_BYTES_MAX, 2 * FRAME_BYTES_MAX);
        options.set_keep_alive(Duration::from_secs(60));
        options
    }

    fn handle(&mut self, packet: Packet, client: &AsyncClient) {
        match packet {
            Packet::ConnAck(_) => {
                let epoch = Uuid::from(self.ledger.epoch);
                let state = format!(r#"{{"online":true,"version":"bench","epoch":"{epoch}"}}"#);
                let down = self.id.topic(Channel::Down);
                client.try_subscribe(down, QoS::AtLeastOnce).unwrap();
                let up = self.id.topic(Channel::State);
                client.try_publish(up, QoS::AtLeastOnce, true, state).unwrap();
                self.greet();
            }
            Packet::Publish(message) => self.receive(&message.payload),
            _ => {}
        }
    }

    fn receive(&mut self, payload: &[u8]) {
        let Ok((frame, Wire::V2(books))) = Frame::decode_with_wire(payload) else { return };
        if frame.epoch() != Uuid::from(self.ledger.epoch) {
            return;
        }
        match frame {
            Frame::Resume(Resume { nonce: 0, .. }) => self.greet(),
            Frame::Resume(Resume { position, nonce }) if nonce == self.nonce => {
                if self.books.replace(books).is_none() {
                    return self.greet();
                }
                self.board.greeted(self.number);
                self.acknowledge(position.acked_seq);
                (self.sent, self.is_streaming) = (0, true);
                self.greet_at = Instant::now() + LATER;
            }
            Frame::Ack(Position { acked_seq, .. }) if self.is_streaming => {
                self.acknowledge(acked_seq);
            }
            Frame::Transfers(transfers) => self.take(transfers),
            Frame::Catalogue(Catalogue { after, up_to, .. }) if after <= self.taken.catalogue => {
                self.taken.catalogue = self.taken.catalogue.max(up_to);
            }
            Frame::Refused(refused) => self.board.report(self.number, &refused.reason),
            Frame::Held(held) => self.board.report(self.number, &held.reason),
            _ => {}
        }
        self.note();
    }

    fn acknowledge(&mut self, acked_seq: u64) {
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.last_seq <= acked_seq) {
            self.sent = self.sent.saturating_sub(1);
            self.board.acknowledged(frame.since.elapsed());
        }
        let wait = if self.sent == 0 { LATER } else { ANSWER };
        self.greet_at = Instant::now() + wait;
        self.board.set_acked(self.number, acked_seq);
    }

    fn take(&mut self, Transfers { transfers, .. }: Transfers) {
        for transfer in transfers {
            if transfer.number != self.taken.transfer + 1 {
                continue;
            }
            assert_eq!(transfer.direction, Direction::Grant, "nothing is recalled here");
            for line in &transfer.lines {
                let units = line.quantity.units();
                self.ledger.enter(Kind::Grant, &line.sku, units, None, &transfer.request_id);
            }
            (self.taken.transfer, self.taken.at_seq) = (transfer.number, self.ledger.seq);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Send(frames, ledger) => {
                self.ledger = ledger;
                self.frames.extend(frames);
            }
            Order::Sell { every, lines } => {
                self.sells = every.map(|every| (every, lines));
                let first = every.unwrap_or_default().mul_f64(fastrand::f64());
                self.sells_at = Instant::now() + first;
            }
            Order::Receive(sku, units) => {
                let request = stockgate::stock::RequestId::parse("received").unwrap();
                self.ledger.enter(Kind::Restock, &sku, units, None, &request);
            }
            Order::Greet => self.greet(),
        }
        self.note();
    }

    fn wakes_at(&self) -> Instant {
        let sells_at = self.sells.map_or(self.greet_at, |_| self.sells_at);
        self.greet_at.min(sells_at)
    }

    fn wake(&mut self) {
        let now = Instant::now();
        if let Some((every, lines)) = self.sells.filter(|_| self.sells_at <= now) {
            self.ledger.order(lines);
            self.sells_at += every;
            self.note();
        }
        if self.greet_at <= now {
            self.greet();
        }
    }

    /// Greets with the next frame that is sent; nothing else is sent until the answer.
    fn greet(&mut self) {
        self.nonce = fastrand::u64(1..);
        (self.is_streaming, self.is_due) = (false, true);
        self.greet_at = Instant::now() + ANSWER;
        self.note();
    }

    fn send(&mut self, client: &AsyncClient) {
        if std::mem::take(&mut self.is_due) {
            self.publish(client, self.hello().encode(Wire::UP));
        }
        if !self.is_streaming {
            return;
        }
        // New entries wait for the acknowledgement of those on the way, unless they fill a frame.
        if self.ledger.is_full() || (self.frames.is_empty() && self.ledger.has_open()) {
            self.frames.push_back(self.ledger.seal(self.taken));
            self.reported = self.taken;
        }
        while self.sent < self.frames.len().min(WINDOW_FRAMES) {
            if !self.publish(client, self.frames[self.sent].bytes.clone()) {
                return;
            }
            self.sent += 1;
            self.greet_at = Instant::now() + ANSWER;
        }
        if self.reported.catalogue != self.taken.catalogue {
            let taken = TakenUpTo { epoch: self.ledger.epoch, taken: self.taken };
            self.publish(client, Frame::Taken(taken).encode(Wire::UP));
            self.reported = self.taken;
        }
    }

    fn publish(&self, client: &AsyncClient, frame: Vec<u8>) -> bool {
        let topic = self.id.topic(Channel::Up);
        client.try_publish(topic, QoS::AtLeastOnce, false, frame).is_ok()
    }

    fn hello(&self) -> Frame {
        let Self { books, nonce, taken, .. } = *self;
        Frame::Hello(Hello {
            epoch: self.ledger.epoch,
            ledger_seq: self.ledger.seq,
            checks: self.ledger.checks,
            nonce,
            software: "bench".into(),
            taken,
            bound: Bound { books, ..Bound::default() },
        })
    }

    fn note(&self) {
        self.board.note(self.number, self.is_streaming, self.ledger.seq, self.taken);
    }
}

/// The name of the gateway with this number.
pub(crate) fn id_of(number: usize) -> GatewayId {
    GatewayId { site: format!("wh-{:02}", number % 100), gateway: format!("gw-{number:05}") }
}

async fn pass_on(mut events: EventLoop, packets: mpsc::UnboundedSender<Packet>) {
    while let Ok(event) = events.poll().await {
        let Event::Incoming(packet) = event else { continue };
        if packets.send(packet).is_err() {
            return;
        }
    }
}
