//! Makes the `sync` event once for all terminals: at once when the state of the link changes,
//! and at most once a second while a backlog grows or drains.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::frames::{Frame, Written};
use super::wire::Wire;
use crate::engine::state::CommittedState;
use crate::engine::sync_status::SyncStatus;
use crate::process::stop::Stop;

const EVERY: Duration = Duration::from_secs(1);

pub(super) fn start(
    state: Arc<CommittedState>,
    mut stop: Stop,
) -> (watch::Receiver<SyncEvent>, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(SyncEvent::of(&state));
    let herald = async move {
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
                let changed = known.status != newest.status;
                *known = newest;
                changed
            });
        }
    };
    (receiver, herald)
}

/// How things stand with the hub.
#[derive(Debug)]
pub(super) struct SyncEvent {
    status: SyncStatus,
    written: Written,
}

impl SyncEvent {
    fn of(state: &CommittedState) -> Self {
        Self { status: state.sync_status(), written: Written::default() }
    }

    /// The event.
    pub(super) fn frame(&self, wire: Wire) -> Frame {
        self.written.on(wire, |wire| wire.sync(&self.status))
    }
}
