//! What the link, the HTTP interface and the timer ask of the hub's writer.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::db::{BooksError, BooksTransaction, Locks};
use crate::protocol::Frame;
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;

/// A job for the hub's writer. Jobs wait in a bounded channel, in the order of their arrival.
pub(super) enum HubJob {
    /// A gateway has sent a frame, written in this version.
    Frame(GatewayId, Arc<Frame>, Version),
    /// A gateway has connected to the broker or left it.
    Online {
        gateway: GatewayId,
        online: bool,
        /// The epoch of its database, if the message names it.
        epoch: Option<Uuid>,
        /// Published just now, rather than retained by the broker from an earlier time.
        fresh: bool,
    },
    /// A request changes the books.
    Change(BooksChange),
    /// The hub has lost its own connection to the broker. Until the gateways report again, none
    /// of them counts as online.
    Lost,
    /// The hub has connected to the broker. Every gateway is told the hub's position, so that none
    /// waits for the end of its own timer.
    Announce,
    /// A tick of the timer: send again what was not confirmed in time.
    Tick,
}

impl HubJob {
    /// How many SKUs it is known to name.
    pub(super) fn skus(&self) -> usize {
        if let Self::Change(change) = self { change.locks.skus.len() } else { 0 }
    }
}

/// Sends requests to the writer. They wait apart from frames, so none waits for those of a drain.
#[derive(Clone, Debug)]
pub(super) struct RequestSender {
    requests: mpsc::Sender<HubJob>,
    others: mpsc::Sender<HubJob>,
}

impl RequestSender {
    /// A sender, and the receiver for the writer. `others` is the writer's other queue.
    pub(super) fn new(room: usize, others: mpsc::Sender<HubJob>) -> (Self, mpsc::Receiver<HubJob>) {
        let (requests, waiting) = mpsc::channel(room);
        (Self { requests, others }, waiting)
    }

    /// Queues a request; returns false if too many wait.
    pub(super) fn try_send(&self, job: HubJob) -> bool {
        let is_queued = self.requests.try_send(job).is_ok();
        // Wakes the writer, which waits for the other queue only. If that is full, it is awake.
        let _ = self.others.try_send(HubJob::Tick);
        is_queued
    }
}

/// A request that changes the books.
pub(super) struct BooksChange {
    /// The gateways and SKUs that it changes, as far as they are known before.
    pub(super) locks: Locks,
    pub(super) apply: ApplyChange,
}

/// Changes the books within the batch's transaction and adds the gateways that may have to be sent
/// something. What it returns is called after the commit. It is called again if the transaction has
/// to be repeated.
pub(super) type ApplyChange = Box<
    dyn FnMut(&mut BooksTransaction<'_>, &mut Vec<GatewayId>) -> Result<Completion, BooksError>
        + Send,
>;

/// Answers the request; called after the commit.
pub(super) type Completion = Box<dyn FnOnce() + Send>;
