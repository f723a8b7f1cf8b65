//! Permission for one open connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::buffer_budget::{NoRoom, Unfinished};
use super::open_connections::{Entry, OpenConnections};
use super::walk_credit::WalkCredit;

/// Permission for one open connection. The handler of a request gets it; a WebSocket session, which
/// outlives its request, keeps it until it ends.
#[derive(Clone, Debug)]
pub struct ConnectionPermit(Arc<Permit>);

#[derive(Debug)]
struct Permit {
    open: Arc<OpenConnections>,
    entry: Entry,
    peer: SocketAddr,
    is_known: AtomicBool,
    unfinished: Unfinished,
    /// Whether a handler reads what arrives, and counts it where it keeps it.
    is_handled: AtomicBool,
    walk_credit: WalkCredit,
}

impl ConnectionPermit {
    pub(super) fn new(open: Arc<OpenConnections>, entry: Entry, peer: SocketAddr) -> Self {
        let [is_known, is_handled] = [false; 2].map(AtomicBool::new);
        let unfinished = Unfinished::new(open.buffer_budget());
        let walk_credit = WalkCredit::new();
        Self(Arc::new(Permit { open, entry, peer, is_known, unfinished, is_handled, walk_credit }))
    }

    /// The address of the client.
    pub fn peer(&self) -> IpAddr {
        self.0.peer.ip()
    }

    /// Notes that the client has sent a whole head.
    pub(super) fn set_heard(&self) {
        if !self.0.is_known.load(Ordering::Relaxed) {
            self.0.open.set_heard(&self.0.entry);
        }
    }

    /// Notes that the client has been let in: its token is known, or none is needed. From then on
    /// the connection does not have to give way to others.
    pub fn let_in(&self) {
        if !self.0.is_known.swap(true, Ordering::Relaxed) {
            self.0.open.set_known(&self.0.entry);
        }
    }

    /// Counts bytes of something that is not complete yet.
    pub(super) fn received(&self, bytes: usize) -> Result<(), NoRoom> {
        match self.0.is_handled.load(Ordering::Relaxed) {
            true => Ok(()),
            false => self.keep(bytes),
        }
    }

    /// Counts bytes that a handler keeps until it has responded.
    pub(super) fn keep(&self, bytes: usize) -> Result<(), NoRoom> {
        self.0.unfinished.add(bytes, self.0.is_known.load(Ordering::Relaxed))
    }

    /// Notes that a handler has a request now, or has responded to it. Either way nothing of
    /// what arrived before is unfinished.
    pub(super) fn set_handled(&self, is_handled: bool) {
        self.0.is_handled.store(is_handled, Ordering::Relaxed);
        self.0.unfinished.clear();
    }

    /// A whole message has arrived.
    pub fn message_complete(&self) {
        self.0.unfinished.clear();
    }

    /// Uncounts bytes that are no longer held, or that belong to a complete control frame.
    pub fn give_back(&self, bytes: usize) {
        self.0.unfinished.subtract(bytes);
    }

    /// The address and port of the client, for logs.
    pub(super) fn peer_address(&self) -> SocketAddr {
        self.0.peer
    }

    /// Counts SKUs, entries or reservations that the client made us look at.
    pub fn spend_walk(&self, visited: usize) {
        self.0.walk_credit.spend(visited);
    }

    /// Waits until the client may make us look at more.
    pub async fn walk_ready(&self) {
        self.0.walk_credit.ready().await;
    }

    /// Waits until the connection has to give way to another one. It must be dropped then.
    pub async fn gives_way(&self) {
        self.0.entry.gives_way.notified().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.open.leave(&self.entry);
    }
}
