//! Sync events: they tell the state of the hub link.
//!
//! The event is made once for all terminals: immediately when the state of the link changes, and
//! at most once a second while the backlog grows or drains. That what waits gets older is no news.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::state::CommittedState;
use crate::engine::sync_status::SyncStatus;
use crate::process::stop::Stop;
use crate::terminal::wire::{EncodedFrame, SharedFrame, WireFormat};

const EVERY: Duration = Duration::from_secs(1);

/// The newest event, and the task that renews it until a stop is requested.
pub(in crate::terminal) fn channel(
    state: Arc<CommittedState>,
    stop: Stop,
) -> (watch::Receiver<SyncEvent>, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(SyncEvent::of(&state));
    (receiver, run(state, stop, sender))
}

async fn run(state: Arc<CommittedState>, mut stop: Stop, sender: watch::Sender<SyncEvent>) {
    let mut link = state.link();
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.requested() => return,
            changed = link.changed() => if changed.is_err() { return },
            _ = tick.tick() => {}
        }
        let newest = SyncEvent::of(&state);
        sender.send_if_modified(|known| {
            let changed = known.status.differs(&newest.status);
            *known = newest;
            changed
        });
    }
}

/// The state of the hub link, and the event that tells it.
#[derive(Debug)]
pub(in crate::terminal) struct SyncEvent {
    status: SyncStatus,
    event: SharedFrame,
}

impl SyncEvent {
    fn of(state: &CommittedState) -> Self {
        Self { status: state.sync_status(), event: SharedFrame::default() }
    }

    /// The event, encoded once for all terminals of a wire format.
    pub(in crate::terminal) fn frame(&self, format: WireFormat) -> EncodedFrame {
        self.event.get_or_encode(format, |format| format.sync_event(&self.status))
    }
}
