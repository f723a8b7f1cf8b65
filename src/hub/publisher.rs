//! Sends the hub's frames to the broker.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::{AsyncClient, QoS};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::core::{Ceiling, FrameAnswer, LimitNews, size_limit};
use super::jobs::HubJob;
use super::metrics::HubMetrics;
use super::outgoing::Outgoing;
use crate::clock::Clock;
use crate::net::mqtt::RAISE_THE_LIMIT;
use crate::protocol::Frame;
use crate::protocol::frame::BooksId;
use crate::protocol::frame_size::FrameSize;
use crate::protocol::topic::{Channel, GatewayId};
use crate::protocol::wire::{Version, Wire};

/// A broker closes the connection over a frame at once, as soon as it has read its length.
const CLOSED_WITHIN_MS: u64 = 2_000;

/// Hands frames to the client of the connection that is up at the moment. The link sets it, the
/// writer uses it.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the task that hands frames over.
    added: Notify,
    metrics: Arc<HubMetrics>,
    clock: Clock,
    /// Its host and port.
    broker: Arc<str>,
}

/// What is known of the way to the broker.
#[derive(Debug)]
struct Way {
    size: FrameSize,
    /// The times and sizes of the frames that were handed over lately.
    recent: VecDeque<(u64, usize)>,
}

impl Default for Way {
    fn default() -> Self {
        Self { size: FrameSize::trusting(), recent: VecDeque::new() }
    }
}

impl Way {
    /// A frame is handed over. Those before, over which the connection was not closed, have passed.
    fn handle_sent(&mut self, bytes: usize, now_ms: u64) {
        while let Some((_, bytes)) =
            self.recent.pop_front_if(|(at_ms, _)| *at_ms + CLOSED_WITHIN_MS < now_ms)
        {
            self.size.handle_arrived(bytes);
        }
        self.recent.push_back((now_ms, bytes));
    }

    /// The size of the frames over which the broker closes the connection, until it is time to try
    /// one again: there may be no large one for long, and the limit may be gone.
    fn lost_bytes(&self, now_ms: u64) -> Option<usize> {
        self.size.lost_bytes_until_trial(now_ms)
    }

    fn handle_closed(&mut self, now_ms: u64) {
        let recent = self.recent.drain(..);
        let recent = recent.filter(|(at_ms, _)| *at_ms + CLOSED_WITHIN_MS >= now_ms);
        let largest = recent.map(|(_, bytes)| bytes).max().unwrap_or(0);
        self.size.handle_doubtful(largest, now_ms);
    }
}

#[derive(Debug, Default)]
struct State {
    way: Way,
    /// Every frame of version 2 names them.
    books: BooksId,
    outgoing: Outgoing,
    /// Hands frames to the client; `None` without a connection.
    task: Option<JoinHandle<()>>,
    /// The writer left frames unmade because there was no room for them.
    is_awaited: bool,
}

/// What may be made of frames other than answers.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// How many.
    pub(super) frames: usize,
    /// The gateways for which some wait already.
    pub(super) busy: BTreeSet<GatewayId>,
    /// How large each may be.
    pub(super) ceiling: Ceiling,
}

impl Publisher {
    /// For connections to this broker.
    pub(super) fn to(broker: &str, metrics: Arc<HubMetrics>) -> Self {
        let (state, added) = (Mutex::default(), Notify::new());
        let (broker, clock) = (broker.into(), Clock::starting_at(0));
        Self { shared: Arc::new(Shared { state, added, metrics, clock, broker }) }
    }

    /// Publishes on this connection from now on. The writer gets a tick once there is room again
    /// for frames that it left unmade. Must be called within the runtime.
    pub(super) fn connect(&self, client: AsyncClient, jobs: mpsc::Sender<HubJob>) {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(hand_over(shared, client, jobs));
        let mut state = self.lock();
        state.end_connection();
        state.task = Some(task);
    }

    /// Says that the broker has closed the connection: over a frame that has just been handed over,
    /// if that happens twice.
    pub(super) fn handle_closed(&self) {
        let now_ms = self.shared.clock.since_start_ms();
        let (before, lost) = {
            let mut state = self.lock();
            let before = state.way.lost_bytes(now_ms);
            state.way.handle_closed(now_ms);
            (before, state.way.lost_bytes(now_ms))
        };
        if let Some(bytes) = lost.filter(|_| lost != before) {
            tracing::warn!(
                bytes,
                "the broker closes the connection over frames of this size; smaller ones are sent: raise its limit (Mosquitto: max_packet_size)"
            );
        }
    }

    /// The size of the frames over which the broker closes the connection, if there are any.
    pub(super) fn lost_bytes(&self) -> Option<usize> {
        self.lock().way.lost_bytes(self.shared.clock.since_start_ms())
    }

    /// Drops frames until there is a connection again. Then every gateway is told the hub's
    /// position, and the rest follows.
    pub(super) fn disconnect(&self) {
        self.lock().end_connection();
        self.shared.metrics.outgoing.set(0);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.lock().task.is_some()
    }

    /// Asks how many frames other than answers may be made now.
    pub(super) fn room(&self) -> Room {
        let state = self.lock();
        let busy = state.outgoing.busy().cloned().collect();
        let now_ms = self.shared.clock.since_start_ms();
        let (bytes, lost) = (state.way.size.limit(now_ms), state.way.lost_bytes(now_ms));
        let ceiling = Ceiling { broker: Arc::clone(&self.shared.broker), bytes, lost };
        Room { frames: state.outgoing.room(), busy, ceiling }
    }

    /// Publishes answers and frames of these books without waiting. `is_complete` says that no frame was left
    /// unmade for want of room.
    pub(super) fn publish(
        &self,
        books: BooksId,
        answers: impl Iterator<Item = (GatewayId, (Version, FrameAnswer))>,
        frames: impl Iterator<Item = (GatewayId, Version, Frame)>,
        is_complete: bool,
    ) {
        let mut state = self.lock();
        if state.task.is_none() {
            return;
        }
        if books != BooksId::default() {
            state.books = books;
        }
        for (gateway, (version, answer)) in answers {
            state.outgoing.put_answer(gateway, version, answer);
        }
        for (gateway, version, frame) in frames {
            state.outgoing.put_frame(gateway, version, frame);
        }
        state.is_awaited = !is_complete;
        self.shared.metrics.outgoing.set(state.outgoing.len() as u64);
        drop(state);
        self.shared.added.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next frame's gateway and bytes, and whether the writer is to be told that there is room.
    fn next(&self) -> Option<(GatewayId, Vec<u8>, bool)> {
        let mut state = self.lock();
        let (gateway, version, frame) = state.outgoing.next()?;
        let wire = Wire::of(version, state.books);
        self.metrics.outgoing.set(state.outgoing.len() as u64);
        let has_room = state.outgoing.room() >= crate::limits::OUTGOING_BULK_MAX / 2;
        let is_due = has_room && std::mem::take(&mut state.is_awaited);
        drop(state);
        let bytes = frame.encode(wire);
        self.lock().way.handle_sent(bytes.len(), self.clock.since_start_ms());
        Some((gateway, bytes, is_due))
    }
}

impl State {
    fn end_connection(&mut self) {
        self.outgoing.clear();
        self.way.recent.clear();
        self.is_awaited = false;
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Hands frames to the client, as fast as it takes them. Ends when the client has ended.
async fn hand_over(shared: Arc<Shared>, client: AsyncClient, jobs: mpsc::Sender<HubJob>) {
    loop {
        let Some((gateway, bytes, is_due)) = shared.next() else {
            shared.added.notified().await;
            continue;
        };
        let topic = gateway.topic(Channel::Down);
        if client.publish(topic, QoS::AtLeastOnce, false, bytes).await.is_err() {
            return;
        }
        if is_due {
            let _ = jobs.try_send(HubJob::Tick);
        }
    }
}

/// Logs a limit on the way to a gateway, once when it is found and once when it is gone.
pub(super) fn log_limit((gateway, lost): LimitNews) {
    match lost {
        Some(bytes) => tracing::warn!(
            %gateway,
            next = RAISE_THE_LIMIT,
            "{}; smaller frames are sent",
            size_limit(bytes as u64)
        ),
        None => tracing::info!(%gateway, "large frames arrive again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FRAME_TRIAL_MS;

    #[test]
    fn a_connection_that_is_closed_once_makes_no_frame_smaller() {
        let mut way = Way::default();
        let full = way.size.limit(0);
        way.handle_sent(30_000, 0);
        way.handle_closed(100);
        assert!(way.size.limit(200) < full, "for a while");
        assert_eq!((way.size.limit(7_000), way.size.lost_bytes()), (full, None));
    }

    #[test]
    fn a_limit_that_is_lowered_while_the_hub_runs_is_found() {
        let mut way = Way::default();
        way.handle_sent(30_000, 0);
        way.handle_sent(200, 10_000);
        let full = way.size.limit(10_000);
        for now_ms in [20_000, 27_000] {
            assert_eq!(way.size.limit(now_ms), full, "once may be an accident");
            way.handle_sent(30_000, now_ms);
            way.handle_closed(now_ms + 100);
        }
        assert!(way.size.limit(28_000) < 30_000);
        assert_eq!(way.lost_bytes(28_000), Some(30_000));
    }

    #[test]
    fn a_limit_is_reported_no_longer_than_until_a_large_frame_may_be_tried() {
        let mut way = Way::default();
        for now_ms in [0, 7_000] {
            way.handle_sent(30_000, now_ms);
            way.handle_closed(now_ms + 100);
        }
        let again_ms = 7_100 + FRAME_TRIAL_MS;
        assert_eq!(way.lost_bytes(again_ms - 1), Some(30_000));
        assert_eq!(way.lost_bytes(again_ms), None, "nothing large may be sent for days");
        way.handle_sent(30_000, again_ms);
        way.handle_closed(again_ms + 100);
        assert_eq!(way.lost_bytes(again_ms + 100), Some(30_000), "it holds still");
        assert_eq!(way.lost_bytes(again_ms + 100 + FRAME_TRIAL_MS), Some(30_000), "twice as long");
    }
}
