//! Permission for one open connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::buffer_budget::{NoRoom, Unfinished};
#[cfg(test)]
use super::open_connections::{Entered, Shares};
use super::open_connections::{Entry, OpenConnections};
use super::walk_credit::WalkCredit;
use crate::limits::TLS_HELD_BYTES_MAX;
use crate::net::gauged_socket::TlsGauge;

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
    /// What has arrived over TLS and is not plaintext yet.
    sealed: Unfinished,
    /// Whether a handler reads what arrives, and counts it where it keeps it.
    is_handled: AtomicBool,
    walk_credit: WalkCredit,
}

impl ConnectionPermit {
    pub(super) fn new(open: Arc<OpenConnections>, entry: Entry, peer: SocketAddr) -> Self {
        let [is_known, is_handled] = [false; 2].map(AtomicBool::new);
        let unfinished = Unfinished::new(open.buffer_budget(), usize::MAX);
        let sealed = Unfinished::new(open.buffer_budget(), TLS_HELD_BYTES_MAX);
        let walk_credit = WalkCredit::new();
        Self(Arc::new(Permit {
            open,
            entry,
            peer,
            is_known,
            unfinished,
            sealed,
            is_handled,
            walk_credit,
        }))
    }

    /// One of a table of its own.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let open = Arc::new(OpenConnections::new(Shares::of(1)));
        let Entered::Free(entry) = open.enter(peer.ip()) else { panic!("it is empty") };
        Self::new(open, entry, peer)
    }

    /// What the client made us look at, since others had their turn.
    #[cfg(test)]
    pub(crate) fn visited(&self) -> usize {
        self.0.walk_credit.unbroken()
    }

    /// The address of the client.
    pub fn peer(&self) -> IpAddr {
        self.0.peer.ip()
    }

    /// Notes that the client has sent a whole head.
    pub(super) fn set_heard(&self) {
        if !self.is_known() {
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

    fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
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
        self.0.unfinished.add(bytes, self.is_known())
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

    /// Whether the client may make us look at more now.
    pub fn may_walk(&self) -> bool {
        self.0.walk_credit.is_left()
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

impl TlsGauge for ConnectionPermit {
    fn received(&self, bytes: usize) -> io::Result<()> {
        self.0.sealed.add(bytes, self.is_known()).map_err(io::Error::other)
    }

    fn complete(&self) {
        self.0.sealed.clear();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.open.leave(&self.entry);
    }
}
