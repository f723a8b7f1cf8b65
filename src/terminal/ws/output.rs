//! What a session writes to its terminal.

use std::future::poll_fn;

use futures_util::{FutureExt, SinkExt};
use hyper::body::Bytes;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::end::{GONE, SILENT, STALLED, SessionEnd};
use super::session::{Session, next_answers};
use crate::engine::intake::{StorageUnavailable, WriterReply};
use crate::limits::{TERMINAL_SILENT_MAX, TERMINAL_STALLED_MAX};
use crate::problem::Problem;
use crate::stock::{CommandAnswer, Sku};
use crate::terminal::response::AppliedMutation;
use crate::terminal::wire::{EncodedFrame, MessageId};

/// Bytes of answers that are gathered before they are written.
const GATHERED_BYTES: usize = 16 * 1024;

/// A registered close code that the WebSocket library does not know. It would answer with 1002.
const BAD_GATEWAY: u16 = 1014;
const BAD_GATEWAY_FRAME: &[u8] = &[0x88, 2, 0x03, 0xf6];

impl Session {
    /// Sends an error, and counts it by its code.
    pub(super) async fn send_error(
        &mut self,
        id: Option<&MessageId>,
        problem: &Problem,
    ) -> Result<(), SessionEnd> {
        self.gather_error(id, problem);
        self.send_queued().await
    }

    fn gather_error(&mut self, id: Option<&MessageId>, problem: &Problem) {
        self.context.metrics.refusals.count(problem.code);
        self.client.format.append_error(self.send_queue.gathered(), id, problem);
    }

    /// Waits until no mutation is in flight, and sends the answers.
    pub(super) async fn await_in_flight(&mut self) -> Result<(), SessionEnd> {
        while !self.in_flight.is_empty() {
            let replies = next_answers(&mut self.answers).await;
            self.send_answers(replies).await?;
        }
        Ok(())
    }

    /// Sends the writer's answers: all that are ready, in one write.
    pub(super) async fn send_answers(&mut self, first: Vec<WriterReply>) -> Result<(), SessionEnd> {
        let mut next = Some(first);
        while let Some(replies) = next {
            for WriterReply { tag, answer } in replies {
                let id = self.in_flight.remove(&tag);
                self.gather_answer(id.as_ref(), answer);
                if self.send_queue.gathered().len() >= GATHERED_BYTES {
                    self.send_queued().await?;
                }
            }
            next = self.answers.as_mut().and_then(|(_, replies)| replies.try_recv().ok());
        }
        self.send_queued().await
    }

    fn gather_answer(
        &mut self,
        id: Option<&MessageId>,
        answer: Result<CommandAnswer, StorageUnavailable>,
    ) {
        let state = &self.context.state;
        let decimals_of = |sku: &Sku| state.decimals(sku);
        let problem = match answer {
            Ok(Ok(decided)) => match AppliedMutation::of(&decided, &decimals_of) {
                Ok(applied) => {
                    let frames = self.send_queue.gathered();
                    return self.client.format.append_applied(frames, id, &applied);
                }
                Err(problem) => problem,
            },
            Ok(Err(undecided)) => undecided.into(),
            Err(unavailable) => unavailable.into(),
        };
        self.gather_error(id, &problem);
    }

    /// Sends the next event that the subscription finds by searching the stock.
    pub(super) async fn search_stock(&mut self) -> Result<(), SessionEnd> {
        let Some(subscription) = &mut self.subscription else {
            return Ok(());
        };
        let searched = subscription.search(&self.context.state, self.client.format);
        self.has_to_search = searched.more;
        self.client.permit.spend_walk(searched.visited);
        match searched.event {
            Some(event) => self.send([event]).await,
            None => Ok(()),
        }
    }

    /// Sends the events on the feed. If the feed does not reach back to the terminal's position,
    /// the stock is searched next.
    pub(super) async fn send_feed_events(&mut self) -> Result<(), SessionEnd> {
        let format = self.client.format;
        let state = &self.context.state;
        let subscription = self.subscription.as_mut();
        let events = subscription.and_then(|terminal| terminal.feed_events(state, format));
        self.has_to_search = events.is_none();
        self.send(events.into_iter().flatten()).await
    }

    /// Sends the newest sync event.
    pub(super) async fn send_sync_event(&mut self) -> Result<(), SessionEnd> {
        let event = self.sync_events.borrow_and_update().frame(self.client.format);
        self.send([event]).await
    }

    /// Sends the state of the hub link as it is now: the newest sync event may be older.
    pub(super) async fn send_sync_status(&mut self) -> Result<(), SessionEnd> {
        self.sync_events.mark_unchanged();
        self.send([self.client.format.sync_event(&self.context.state.sync_status())]).await
    }

    /// Sends a ping, unless one waits for its pong: a terminal that wakes up after its connection
    /// was closed would answer all of them, fail at that, and not see the close frame.
    pub(super) async fn ping(&mut self) -> Result<(), SessionEnd> {
        if self.heard_at.elapsed() > TERMINAL_SILENT_MAX {
            return Err(SILENT);
        }
        if std::mem::replace(&mut self.is_pinged, true) {
            return Ok(());
        }
        within_stall_limit(self.socket.flush()).await?;
        let ping = self.socket.send(Message::Ping(Bytes::new()));
        session_result(timeout(TERMINAL_STALLED_MAX, ping).await)
    }

    /// Closes the connection, after what is partly sent.
    pub(super) async fn close(&mut self, end: SessionEnd) -> Result<(), Error> {
        self.send_queue.drop_unsent();
        poll_fn(|context| self.send_queue.poll_send(context, self.socket.get_mut())).await?;
        if end == GONE && self.socket.get_ref().close_code() == Some(BAD_GATEWAY) {
            self.send_queue.push(Bytes::from_static(BAD_GATEWAY_FRAME));
            return poll_fn(|context| self.send_queue.poll_send(context, self.socket.get_mut()))
                .await;
        }
        if end == GONE {
            // The library has the answer to the terminal's own close frame, if it sent one.
            return self.socket.flush().await;
        }
        let SessionEnd { code, reason } = end;
        let reason = Utf8Bytes::from_static(reason);
        self.socket.close(Some(CloseFrame { code, reason })).await
    }

    pub(super) async fn send(
        &mut self,
        frames: impl IntoIterator<Item = EncodedFrame>,
    ) -> Result<(), SessionEnd> {
        frames.into_iter().for_each(|frame| self.send_queue.push(frame));
        self.send_queued().await
    }

    /// Sends what is queued directly to the stream, because the WebSocket library would copy it.
    /// Control frames in the library's own buffer go first.
    async fn send_queued(&mut self) -> Result<(), SessionEnd> {
        within_stall_limit(self.socket.flush()).await?;
        let send = poll_fn(|context| self.send_queue.poll_send(context, self.socket.get_mut()));
        within_stall_limit(send).await
    }
}

/// Waits for the terminal to read, for a bounded time. A timer is set only if it does not read
/// at once.
async fn within_stall_limit(
    mut send: impl Future<Output = Result<(), Error>> + Unpin,
) -> Result<(), SessionEnd> {
    match (&mut send).now_or_never() {
        Some(result) => session_result(Ok(result)),
        None => session_result(timeout(TERMINAL_STALLED_MAX, send).await),
    }
}

fn session_result(result: Result<Result<(), Error>, Elapsed>) -> Result<(), SessionEnd> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(GONE),
        Err(_) => Err(STALLED),
    }
}
