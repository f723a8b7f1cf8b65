//! The gateway's link to the hub: does the IO for [`Uplink`], which decides what to send.
//!
//! The link connects to the broker and, when the connection is lost, waits and connects again. It
//! keeps no entries: what is lost on the way is read from the ledger again.

mod demand;
mod frame_limit;
mod own_ledger;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, ClientError, QoS};
use tokio::sync::watch;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use self::frame_limit::{KnownLimit, size_limit};
use super::loss::{End, Loss, loss_of};
use crate::clock::{rfc3339, wall_ms};
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::engine::sync_status::LinkState;
use crate::limits::ID_BYTES_MAX;
use crate::metrics::GatewayMetrics;
use crate::net::json::json;
use crate::net::mqtt::{
    Backoff, Broker, BrokerConnection, BrokerEvent, BrokerSettings, LinkFailure, Will,
};
use crate::process::RELEASE;
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;
use crate::protocol::demand_report::DemandReport;
use crate::protocol::drift::{Content, Part};
use crate::protocol::frame::{Behind, Frame, Position, ProbeAnswer, Resume, TakenUpTo};
use crate::protocol::topic::{Channel, GatewayId};
use crate::protocol::uplink::{Range, Step, Uplink, UplinkEvent};
use crate::protocol::wire::{Wire, pack_within};
use crate::stock::{Origin, Seq, Taken};
use crate::store::{LedgerReader, LinkFile};

/// The time that the last message may take when the gateway stops.
const OFFLINE_MESSAGE_WAIT: Duration = Duration::from_secs(1);

/// The link of one gateway. It runs even if no hub ever answers.
#[derive(Debug)]
pub struct HubLink {
    broker: Broker,
    gateway: GatewayId,
    state: Arc<CommittedState>,
    metrics: Arc<GatewayMetrics>,
    intake: Intake,
    ledger: LedgerReader,
    uplink: Uplink,
    demand: DemandReport,
    committed: watch::Receiver<Seq>,
    backoff: Backoff,
    lost: LogThrottle,
    rejected: LogThrottle,
    foreign: LogThrottle,
    limit: KnownLimit,
}

/// Why a frame of version 1 is rejected: it does not say which books it is from.
const HUB_TOO_OLD: &str =
    "it is of version 1 of the protocol, this gateway speaks version 2: upgrade the hub";

impl HubLink {
    /// Prepares the link.
    pub fn new(
        settings: &BrokerSettings,
        state: Arc<CommittedState>,
        metrics: Arc<GatewayMetrics>,
        intake: Intake,
        ledger: LedgerReader,
    ) -> Self {
        let origin = &state.origin;
        let gateway = GatewayId { site: origin.site.clone(), gateway: origin.gateway.clone() };
        let will =
            Will { topic: gateway.topic(Channel::State), payload: state_json(origin, false) };
        let broker = Broker::new(settings, &client_id(&gateway), Some(will));
        let committed = state.committed();
        let uplink = Uplink::new(origin.epoch, *committed.borrow()).bound_to(state.books());
        Self {
            broker,
            gateway,
            state,
            metrics,
            intake,
            ledger,
            uplink,
            demand: DemandReport::default(),
            committed,
            backoff: Backoff::default(),
            lost: LogThrottle::default(),
            rejected: LogThrottle::default(),
            foreign: LogThrottle::default(),
            limit: KnownLimit::default(),
        }
    }

    /// Remembers in this file how large the frames may be.
    #[must_use]
    pub fn remembering(mut self, file: LinkFile) -> Self {
        let now_ms = self.now_ms();
        if let Some(limit) = self.limit.keep_in(file, &self.broker.name) {
            self.uplink.window().recall(limit, now_ms);
        }
        self
    }

    /// Keeps the link up until a stop is requested.
    pub async fn run(mut self, mut stop: Stop) {
        loop {
            self.backoff.begin(self.now_ms());
            let mut connection = self.broker.connect();
            let end = self.run_connection(&mut connection, &mut stop).await;
            let is_cut = matches!(&end, End::Lost(loss) if loss.is_cut);
            self.uplink.handle_lost(is_cut, self.now_ms());
            let wait = match end {
                End::Stop => return self.announce_offline(connection).await,
                End::Lost(loss) => {
                    drop(connection);
                    let wait = self.backoff.next_wait(self.now_ms(), loss.is_unanswered);
                    self.record_loss(loss);
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.requested() => return,
            }
        }
    }

    async fn run_connection(&mut self, connection: &mut BrokerConnection, stop: &mut Stop) -> End {
        loop {
            self.report_committed();
            if let Err(reason) = self.run_steps(&connection.client).await {
                return End::Lost(loss_of(connection).unwrap_or_else(|| reason.into()));
            }
            self.publish_state();
            let deadline = self.until_deadline();
            tokio::select! {
                event = connection.events.recv() => {
                    let ended = || BrokerEvent::Lost(self.broker.error(LinkFailure::Ended));
                    let event = event.unwrap_or_else(ended);
                    if let Err(loss) = self.handle(event, &connection.client).await {
                        return End::Lost(loss_of(connection).unwrap_or(loss));
                    }
                }
                _ = self.committed.changed() => {}
                () = self.state.demand_counted() => {}
                () = tokio::time::sleep(deadline) => {}
                () = stop.requested() => return End::Stop,
            }
        }
    }

    /// Tells the uplink what is committed by now.
    fn report_committed(&mut self) {
        let (seq, taken) = {
            let stock = self.state.stock();
            (stock.seq(), stock.taken())
        };
        self.uplink.handle_committed(seq, taken);
        // Read after the stock: an entry is not known before a signature that is older than it.
        self.uplink.handle_signed(self.state.signatures().newest);
        self.uplink.handle_bound(self.state.books(), self.now_ms());
    }

    async fn handle(&mut self, event: BrokerEvent, client: &AsyncClient) -> Result<(), Loss> {
        match event {
            BrokerEvent::Connected => {
                self.connected(client).map_err(|error| Loss::from(error.to_string()))
            }
            BrokerEvent::Received { payload, dropped: 0, .. } => {
                self.receive(&payload).await;
                Ok(())
            }
            BrokerEvent::Received { dropped, .. } => {
                self.record_rejected(&format!("it has {dropped} bytes"), self.now_ms());
                Ok(())
            }
            BrokerEvent::Subscribed => Ok(()),
            // Without what the hub says, nothing is ever confirmed.
            BrokerEvent::Denied(filter) => {
                Err(self.broker.error(LinkFailure::Denied(filter)).into())
            }
            BrokerEvent::Lost(error) => Err(error.into()),
        }
    }

    fn connected(&mut self, client: &AsyncClient) -> Result<(), ClientError> {
        client.try_subscribe(self.gateway.topic(Channel::Down), QoS::AtLeastOnce)?;
        let state = state_json(&self.state.origin, true);
        client.try_publish(self.gateway.topic(Channel::State), QoS::AtLeastOnce, true, state)?;
        self.uplink.handle_connected(self.now_ms());
        if let Some(losses) = self.lost.end() {
            tracing::info!(broker = self.broker.name, losses, "connected to the broker");
        }
        Ok(())
    }

    async fn receive(&mut self, payload: &[u8]) {
        let now_ms = self.now_ms();
        match Frame::decode_with_wire(payload) {
            Ok((frame, _)) if frame.epoch() != self.state.origin.epoch => {
                self.record_rejected("it is for another database", now_ms);
            }
            Ok((Frame::Resume(Resume { nonce: 0, .. }), Wire::V1)) => {
                self.uplink.handle_call(now_ms);
            }
            Ok((_, Wire::V1)) => self.record_rejected(HUB_TOO_OLD, now_ms),
            Ok((frame, Wire::V2(books))) => {
                let event = self.uplink.handle_frame_of(books, frame, now_ms);
                self.handle_event(event, now_ms).await;
            }
            Err(error) => self.record_rejected(&error.to_string(), now_ms),
        }
    }

    async fn handle_event(&mut self, event: Option<UplinkEvent>, now_ms: u64) {
        match event {
            Some(UplinkEvent::Acked(seq)) => self.intake.acked(seq),
            Some(UplinkEvent::Transfers(transfers)) => self.intake.transfers(transfers),
            Some(UplinkEvent::Update(update)) => self.intake.update(update),
            Some(UplinkEvent::Probe(part)) => self.answer_probe(part).await,
            Some(UplinkEvent::Bind(books, acked_seq)) => self.intake.bind(books, acked_seq),
            Some(UplinkEvent::Foreign) => self.record_foreign(now_ms),
            None => {}
        }
    }

    fn record_foreign(&mut self, now_ms: u64) {
        self.metrics.frames_foreign.inc();
        if self.foreign.should_log(now_ms) {
            let what = self.uplink.foreign(now_ms).unwrap_or_default();
            tracing::warn!("{what}; its frames are dropped");
        }
    }

    /// Answers a probe with a part of the stock at one position. This reads every SKU, beside commits;
    /// the hub asks for it only when its books differ. The frame is of a size that arrives: nobody
    /// would notice that it was lost.
    async fn answer_probe(&mut self, part: Part) {
        let (state, bytes) = (Arc::clone(&self.state), self.uplink.window().safe_bytes());
        let read = move || {
            let mut seq = 0;
            let content = part.content_of(bytes, |visit| seq = state.visit_figures(visit));
            (seq, content)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (seq, content) = read.expect("reading does not panic");
        self.uplink.answer(seq, content);
    }

    fn record_rejected(&mut self, reason: &str, now_ms: u64) {
        self.metrics.frames_bad.inc();
        if self.rejected.should_log(now_ms) {
            tracing::warn!(reason, "a frame from the hub was rejected");
        }
    }

    /// Takes the steps that the uplink decides on, until there are none.
    async fn run_steps(&mut self, client: &AsyncClient) -> Result<(), String> {
        loop {
            self.find_signature().await;
            let Some(step) = self.uplink.poll(self.now_ms()) else { break };
            let sent = match step {
                Step::Greet { nonce } => {
                    let hello = self.hello(nonce).encode(Wire::UP);
                    self.send(client, hello)
                }
                Step::Try { nonce, bytes } => {
                    let hello = self.hello(nonce).encode_filled(Wire::UP, bytes);
                    self.send(client, hello)
                }
                Step::ReportShorterLedger { hub_seq } => {
                    self.send(client, self.shorter_ledger(hub_seq).encode(Wire::UP))
                }
                Step::SendEntries(range) => self.send_entries(client, range).await?,
                Step::ReportTaken(taken) => self.send(client, self.taken(taken).encode(Wire::UP)),
                Step::Answer(seq, content) => {
                    self.send(client, self.answer(seq, content).encode(Wire::UP))
                }
                Step::SendCheckpoint(signed) => {
                    self.send(client, self.checkpoint(&signed).encode(Wire::UP))
                }
            };
            sent.map_err(client_is_full)?;
        }
        self.report_demand(client).map_err(client_is_full)
    }

    async fn send_entries(
        &mut self,
        client: &AsyncClient,
        Range { after, up_to, taken }: Range,
    ) -> Result<Result<(), ClientError>, String> {
        let most = usize::try_from(up_to - after).unwrap_or(usize::MAX);
        let most = most.min(self.uplink.window().entries_wanted());
        let now_ms = self.now_ms();
        let limit = self.uplink.window().frame_bytes(now_ms);
        let read = self.ledger.read_for_link(after, most).await;
        let posted = read.map_err(|error| format!("the ledger cannot be read: {error}"))?;
        if posted.first().is_none_or(|first| first.entry.seq != after + 1) {
            let reason = format!(
                "the hub asks for entries after {after}, which this gateway has pruned: the books are older than what the hub had acknowledged"
            );
            self.uplink.refuse(&reason, self.now_ms());
            return Ok(Ok(()));
        }
        let epoch = self.state.origin.epoch;
        let skus = posted.iter().map(|posted| &posted.entry.sku);
        let decimals = self.state.stock().catalogue().decimals_among(skus);
        // Encoding takes milliseconds, many times in a row when a backlog is sent, so it must not
        // block the runtime.
        let pack = move || {
            let (bytes, packed) = pack_within(limit, epoch, &posted, (taken, decimals.as_ref()));
            (bytes, posted[packed - 1].entry.seq)
        };
        let packed = tokio::task::spawn_blocking(pack).await;
        let (bytes, last_seq) = packed.expect("packing does not panic");
        let length = bytes.len();
        let sent = self.send(client, bytes);
        self.uplink.sent(last_seq, self.now_ms());
        let more = last_seq < up_to;
        self.uplink.window().weighed(last_seq - after, (length, limit), more);
        Ok(sent)
    }

    fn send(&self, client: &AsyncClient, bytes: Vec<u8>) -> Result<(), ClientError> {
        self.metrics.frames_sent.inc();
        client.try_publish(self.gateway.topic(Channel::Up), QoS::AtLeastOnce, false, bytes)
    }

    fn taken(&self, taken: Taken) -> Frame {
        Frame::Taken(TakenUpTo { epoch: self.state.origin.epoch.into(), taken })
    }

    fn answer(&self, seq: Seq, content: Content) -> Frame {
        let epoch = self.state.origin.epoch.into();
        match content {
            Content::Sums(content) => Frame::Sums(ProbeAnswer { epoch, seq, content }),
            Content::Figures(content) => Frame::Figures(ProbeAnswer { epoch, seq, content }),
        }
    }

    fn shorter_ledger(&self, hub_seq: Seq) -> Frame {
        let position = Position { epoch: self.state.origin.epoch.into(), acked_seq: hub_seq };
        Frame::Behind(Behind { position, ledger_seq: self.state.stock().seq() })
    }

    fn now_ms(&self) -> u64 {
        self.state.clock.now().running_ms
    }

    fn until_deadline(&self) -> Duration {
        let deadline_ms =
            self.uplink.deadline_ms().into_iter().chain(self.demand_deadline_ms()).min();
        let wait_ms = deadline_ms.map_or(60_000, |at_ms| at_ms.saturating_sub(self.now_ms()));
        Duration::from_millis(wait_ms.max(1))
    }

    fn publish_state(&mut self) {
        let limit = self.uplink.window().known();
        self.limit.report(limit, &self.broker.name, &self.metrics);
        self.metrics.frames_under_way.set(self.uplink.frames_under_way() as u64);
        self.state.set_foreign(self.uplink.foreign(self.now_ms()));
        self.state.set_held(self.uplink.is_held());
        if self.uplink.is_online() {
            self.backoff.answered(self.now_ms());
            self.state.set_link(match self.uplink.window().lost_bytes() {
                Some(bytes) => LinkState::Limited(size_limit(bytes)),
                None => self.told_decimals().map_or(LinkState::Online, LinkState::Limited),
            });
        } else if self.uplink.deadline_ms().is_some() {
            self.state.set_link(LinkState::Offline(self.uplink.reason()));
        }
    }

    /// Which SKU the hub does not grant because of its decimals, if there is one.
    fn told_decimals(&self) -> Option<String> {
        let other = self.state.other_decimals();
        other.told(&self.state.stock())
    }

    fn record_loss(&mut self, Loss { reason, next, .. }: Loss) {
        self.metrics.link_losses.inc();
        if self.lost.should_log(self.now_ms()) {
            tracing::warn!(
                reason,
                next,
                "the link is down; deductions go on, entries wait in the ledger"
            );
        }
        self.state.set_link(LinkState::Offline(reason));
    }

    /// Publishes that the gateway goes offline, so that subscribers need not wait for the last will.
    async fn announce_offline(&self, mut connection: BrokerConnection) {
        let state = state_json(&self.state.origin, false);
        let topic = self.gateway.topic(Channel::State);
        let _ = connection.client.try_publish(topic, QoS::AtLeastOnce, true, state);
        let _ = connection.client.try_disconnect();
        let ended = async { while connection.events.recv().await.is_some() {} };
        let _ = tokio::time::timeout(OFFLINE_MESSAGE_WAIT, ended).await;
    }
}

fn client_is_full(error: ClientError) -> String {
    format!("the MQTT client accepts no more messages: {error}")
}

/// The retained message about the gateway's state, which any MQTT dashboard can show.
fn state_json(origin: &Origin, online: bool) -> String {
    #[derive(serde::Serialize)]
    struct State {
        online: bool,
        version: &'static str,
        epoch: Uuid,
        since: String,
    }
    let (version, epoch) = (RELEASE, origin.epoch);
    json(&State { online, version, epoch, since: rfc3339(wall_ms()) })
}

/// A client id that is unique to the gateway, readable in the broker's log, and short enough for
/// any broker.
fn client_id(gateway: &GatewayId) -> String {
    let hash = xxh3_64(gateway.to_string().as_bytes());
    let suffix = format!("-{:08x}", hash & 0xffff_ffff);
    let mut id = format!("{}.{}", gateway.site, gateway.gateway);
    id.truncate(ID_BYTES_MAX - suffix.len());
    id + &suffix
}
