//! The session of one terminal.
//!
//! Each session is one task. It reads requests, hands mutations to the writer in the order in
//! which they came, and writes answers and events as they are ready. When as many mutations wait
//! for their answer as one connection may have in flight, the session stops reading, so a greedy
//! terminal waits for itself. When the terminal does not read, only this task waits, and only for
//! a bounded time.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use hashbrown::HashMap;
use hyper::body::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role as Side, WebSocketConfig};

use super::end::{GONE, REVOKED, STOPPING, SessionEnd, UNKNOWN};
use super::guard::GuardedStream;
use crate::clock;
use crate::engine::intake::WriterReply;
use crate::limits::{
    BODY_BYTES_MAX, CLOSE_BUFFER_BYTES, CLOSE_TIMEOUT, PING_EVERY, STOP_GRACE, TERMINAL_READ_BYTES,
    TERMINAL_UNKNOWN_MAX,
};
use crate::net::access::{Access, Principal, Role};
use crate::net::http::{ConnectionPermit, MeteredStream};
use crate::terminal::context::TerminalContext;
use crate::terminal::feed::{Subscription, SyncEvent};
use crate::terminal::wire::{MessageId, SendQueue, WireFormat};

/// Bytes of control frames that wait for a terminal which does not read.
const CONTROL_BYTES_MAX: usize = 16 * 1024;

/// The other side of a session, as the handshake found it.
#[derive(Debug)]
pub(super) struct SessionClient {
    /// `None` as long as the client has shown no token where one is needed.
    pub(super) principal: Option<Arc<Principal>>,
    pub(super) permit: ConnectionPermit,
    pub(super) format: WireFormat,
}

/// The channel over which the writer answers, several answers at a time.
pub(super) type AnswerChannel = (mpsc::Sender<Vec<WriterReply>>, mpsc::Receiver<Vec<WriterReply>>);

/// The state of a session.
pub(super) struct Session {
    pub(super) context: TerminalContext,
    pub(super) socket: WebSocketStream<GuardedStream>,
    pub(super) client: SessionClient,
    /// Tells when the access rules change.
    access: watch::Receiver<Arc<Access>>,
    pub(super) subscription: Option<Subscription>,
    /// Whether the subscription has to search the stock for what it has not sent yet.
    pub(super) has_to_search: bool,
    pub(super) sync_events: watch::Receiver<SyncEvent>,
    /// `None` until the first mutation, because most terminals only listen.
    pub(super) answers: Option<AnswerChannel>,
    /// The messages whose mutations wait for their answer, by tag.
    pub(super) in_flight: HashMap<u64, MessageId>,
    pub(super) next_tag: u64,
    /// When something last arrived from the terminal.
    pub(super) heard_at: Instant,
    /// Whether a ping waits for its pong.
    pub(super) is_pinged: bool,
    /// What is being sent; mostly empty.
    pub(super) send_queue: SendQueue,
}

impl Session {
    /// Runs a session on an upgraded connection until it ends.
    pub(super) async fn start(context: TerminalContext, upgraded: Upgraded, client: SessionClient) {
        let socket = socket(upgraded).await;
        let sync_events = context.sync_events.clone();
        // A change of the rules since the handshake is noticed at once.
        let mut access = context.access.watch();
        access.mark_changed();
        let session = Self {
            context,
            socket,
            client,
            access,
            subscription: None,
            has_to_search: false,
            sync_events,
            answers: None,
            in_flight: HashMap::new(),
            next_tag: 0,
            heard_at: clock::instant(),
            is_pinged: false,
            send_queue: SendQueue::default(),
        };
        session.run().await;
    }

    async fn run(mut self) {
        self.let_in_if_known();
        let end = self.serve().await.err().unwrap_or(GONE);
        if end == STOPPING {
            // Mutations that were accepted are decided and answered before the close frame.
            let _ = timeout(STOP_GRACE / 2, self.await_in_flight()).await;
        }
        let SessionEnd { code, reason } = end;
        tracing::debug!(%code, why = reason, "a terminal's session ends");
        if code == CloseCode::Again {
            self.socket.get_ref().get_ref().get_ref().set_send_buffer(CLOSE_BUFFER_BYTES);
        }
        let _ = timeout(CLOSE_TIMEOUT, self.close(end)).await;
        if ![GONE.code, STOPPING.code].contains(&code) {
            let _ = timeout(CLOSE_TIMEOUT, self.discard_input()).await;
        }
    }

    async fn serve(&mut self) -> Result<(), SessionEnd> {
        self.send([self.client.format.hello(&self.context.state.origin)]).await?;
        let mut stop = self.context.stop.clone();
        let mut ping = interval(PING_EVERY);
        ping.reset();
        let mut unknown = Box::pin(sleep(TERMINAL_UNKNOWN_MAX));
        loop {
            let is_subscribed = self.subscription.is_some();
            tokio::select! {
                message = self.socket.next(), if self.may_read() => {
                    let Some(message) = message else { return Ok(()) };
                    self.receive(message).await?;
                    self.receive_burst().await?;
                }
                replies = next_answers(&mut self.answers) => self.send_answers(replies).await?,
                () = self.client.permit.walk_ready(), if self.has_to_search => self.search_stock().await?,
                () = feed_changed(&mut self.subscription), if !self.has_to_search => {
                    self.send_feed_events().await?;
                }
                _ = self.sync_events.changed(), if is_subscribed => self.send_sync_event().await?,
                Ok(()) = self.access.changed() => self.renew_principal()?,
                _ = ping.tick() => self.ping().await?,
                () = &mut unknown, if self.client.principal.is_none() => return Err(UNKNOWN),
                () = stop.requested() => return Err(STOPPING),
            }
        }
    }

    /// The role of the principal; `None` without one.
    pub(super) fn role(&self) -> Option<Role> {
        self.client.principal.as_ref().map(|principal| principal.role())
    }

    /// Lets a client with a principal send messages of any length, and keep its connection.
    pub(super) fn let_in_if_known(&mut self) {
        if self.client.principal.is_some() {
            self.client.permit.let_in();
            self.socket.get_mut().lift_guard();
        }
    }

    /// Takes over new access rules. A token that is no longer known ends the session.
    fn renew_principal(&mut self) -> Result<(), SessionEnd> {
        let access = Arc::clone(&self.access.borrow_and_update());
        self.client.principal = match &self.client.principal {
            Some(principal) => Some(access.renewed(principal).ok_or(REVOKED)?),
            None => access.anonymous(),
        };
        self.let_in_if_known();
        Ok(())
    }
}

async fn socket(upgraded: Upgraded) -> WebSocketStream<GuardedStream> {
    let config = WebSocketConfig::default()
        .read_buffer_size(TERMINAL_READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(CONTROL_BYTES_MAX)
        .max_message_size(Some(BODY_BYTES_MAX))
        .max_frame_size(Some(BODY_BYTES_MAX));
    let stream = {
        // Copied, so that the large read buffer of the HTTP connection is freed here.
        let parts = upgraded.downcast::<TokioIo<MeteredStream>>().expect("the port serves these");
        GuardedStream::new(parts.io.into_inner(), Bytes::copy_from_slice(&parts.read_buf))
    };
    WebSocketStream::from_raw_socket(stream, Side::Server, Some(config)).await
}

/// Waits for answers of the writer; without a channel, for ever.
pub(super) async fn next_answers(answers: &mut Option<AnswerChannel>) -> Vec<WriterReply> {
    match answers {
        // The session holds a sender itself, so the channel never closes.
        Some((_, replies)) => replies.recv().await.expect("a sender is held"),
        None => std::future::pending().await,
    }
}

/// Waits for a change on the subscription's feed; without a subscription, for ever.
async fn feed_changed(subscription: &mut Option<Subscription>) {
    match subscription {
        Some(subscription) => subscription.changed().await,
        None => std::future::pending().await,
    }
}
