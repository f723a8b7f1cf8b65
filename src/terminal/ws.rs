//! One terminal's WebSocket session.
//!
//! One task a session: it reads requests, hands mutations to the writer in the order in which
//! they came, and writes answers and events as they are ready. When as many mutations wait as
//! one connection may have, it stops reading, so a greedy terminal waits for itself. When the
//! terminal does not read, only this task waits, and not for ever.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{FutureExt, SinkExt, StreamExt};
use hashbrown::HashMap;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::upgrade::Upgraded;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role as Side, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::access::{Access, Pass, Role, require};
use super::answer::Found;
use super::binary;
use super::frames::{Frame, Unsent};
use super::herald::SyncEvent;
use super::message::{After, Fields, MessageId, Mutation, missing};
use super::query::Status;
use super::resolve::resolve;
use super::subscription::Subscription;
use super::wire::Wire;
use super::{Terminals, query};
use crate::clock;
use crate::engine::intake::{ReplyTo, WriterReply};
use crate::limits::{
    BODY_BYTES_DISCARDED_MAX, BODY_BYTES_MAX, CONNECTION_BURST_MAX, CONNECTION_IN_FLIGHT_MAX,
    LAST_WORDS_BUFFER_BYTES, LAST_WORDS_TIMEOUT, PING_EVERY, STOP_GRACE, TERMINAL_READ_BYTES,
    TERMINAL_SILENT_MAX, TERMINAL_STALLED_MAX, TERMINAL_UNKNOWN_MAX,
};
use crate::net::http::{ConnectionPermit, HttpResponse, page_size};
use crate::net::stream::Stream;
use crate::problem::Problem;

impl Terminals {
    /// Accepts a WebSocket handshake and starts its session.
    pub(super) fn upgrade(
        &self,
        mut request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<HttpResponse, Problem> {
        self.access().check_origin(request.headers())?;
        let pass = self.pass_of(request.headers(), peer)?;
        let mut response = create_response_with_body(&request, Full::<Bytes>::default)
            .map_err(|error| Problem::bad_request(format!("WebSocket handshake: {error}")))?;
        let wire = wire_of(request.headers());
        if wire == Wire::Postcard {
            let protocol = HeaderValue::from_static(binary::PROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let permit = request.extensions().get::<ConnectionPermit>().cloned();
        let upgrade = hyper::upgrade::on(&mut request);
        let terminals = self.clone();
        tokio::spawn(async move {
            let (_permit, metrics) = (permit, Arc::clone(&terminals.metrics));
            let _counted = metrics.terminals.enter();
            match upgrade.await {
                Ok(upgraded) => {
                    Session::start(terminals, upgraded, wire, (pass, peer)).await;
                }
                Err(error) => tracing::debug!(%error, "a WebSocket handshake was broken off"),
            }
        });
        Ok(response)
    }
}

/// JSON unless the other one is offered.
fn wire_of(headers: &HeaderMap) -> Wire {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    match offered.map(str::trim).any(|name| name == binary::PROTOCOL) {
        true => Wire::Postcard,
        false => Wire::Json,
    }
}

/// Every operation; docs/asyncapi.json describes them. What does not stand here is not served.
static OPERATIONS: [&str; 15] = [
    "deduct",
    "restock",
    "count",
    "rollback",
    "reserve",
    "commit",
    "release",
    "get",
    "list",
    "ledger",
    "status",
    "resolve",
    "subscribe",
    "unsubscribe",
    "auth",
];

/// Why a session ends: the close code and a word for the log.
type End = (CloseCode, &'static str);

const GONE: End = (CloseCode::Normal, "the terminal has gone");
const UNKNOWN: End = (CloseCode::Policy, "no token was shown");
const REVOKED: End = (CloseCode::Policy, "the token is not known any more");
const STALLED: End = (CloseCode::Again, "not reading");
const SILENT: End = (CloseCode::Again, "nothing heard");
const STOPPING: End = (CloseCode::Away, "the gateway is stopping");
const TOO_LARGE: End = (CloseCode::Size, "message too large");
const MALFORMED: End = (CloseCode::Protocol, "not the WebSocket protocol");

/// The writer's answers, many at a time, and where it is told to send them.
type Answers = (mpsc::Sender<Vec<WriterReply>>, mpsc::Receiver<Vec<WriterReply>>);

struct Session {
    terminals: Terminals,
    socket: WebSocketStream<Stream>,
    wire: Wire,
    pass: Option<Arc<Pass>>,
    /// Rings when the rules change of who may do what.
    access: watch::Receiver<Arc<Access>>,
    peer: IpAddr,
    subscription: Option<Subscription>,
    /// Whether there is more to send of the subscription.
    behind: bool,
    sync_events: watch::Receiver<SyncEvent>,
    /// Where the writer's answers come, once there is a mutation: most terminals only listen.
    answers: Option<Answers>,
    /// The mutations that wait for their answer, by tag.
    in_flight: HashMap<u64, MessageId>,
    next_tag: u64,
    heard_at: Instant,
    /// Whether a ping waits for its answer.
    pinged: bool,
    /// Events on their way; mostly none.
    unsent: Unsent,
}

impl Session {
    async fn start(
        terminals: Terminals,
        upgraded: Upgraded,
        wire: Wire,
        (pass, peer): (Option<Arc<Pass>>, IpAddr),
    ) {
        let config = WebSocketConfig::default()
            .read_buffer_size(TERMINAL_READ_BYTES)
            .write_buffer_size(16 * 1024)
            .max_message_size(Some(BODY_BYTES_MAX))
            .max_frame_size(Some(BODY_BYTES_MAX));
        let (stream, read) = {
            // The buffer goes here: it is large.
            let parts = upgraded.downcast::<TokioIo<Stream>>().expect("it is what the port serves");
            (parts.io.into_inner(), parts.read_buf.to_vec())
        };
        let socket =
            WebSocketStream::from_partially_read(stream, read, Side::Server, Some(config)).await;
        let sync_events = terminals.sync_events.clone();
        // What changed since the handshake is looked at once.
        let mut access = terminals.access.clone();
        access.mark_changed();
        let session = Self {
            terminals,
            socket,
            wire,
            pass,
            access,
            peer,
            subscription: None,
            behind: false,
            sync_events,
            answers: None,
            in_flight: HashMap::new(),
            next_tag: 0,
            heard_at: clock::instant(),
            pinged: false,
            unsent: Unsent::default(),
        };
        session.run().await;
    }

    async fn run(mut self) {
        let (code, why) = self.converse().await.err().unwrap_or(GONE);
        if (code, why) == STOPPING {
            // What was taken is decided and answered before the good-bye.
            let _ = timeout(STOP_GRACE / 2, self.await_in_flight()).await;
        }
        tracing::debug!(%code, why, "a terminal's session ends");
        if code == CloseCode::Again {
            self.socket.get_ref().set_send_buffer(LAST_WORDS_BUFFER_BYTES);
        }
        let _ = timeout(LAST_WORDS_TIMEOUT, self.close(code, why)).await;
        if ![GONE.0, STOPPING.0].contains(&code) {
            let _ = timeout(LAST_WORDS_TIMEOUT, self.read_away()).await;
        }
    }

    /// Says why it ends, behind the event that has been begun.
    async fn close(&mut self, code: CloseCode, why: &'static str) -> Result<(), Error> {
        self.unsent.drop_unbegun();
        poll_fn(|context| self.unsent.poll_send(context, self.socket.get_mut())).await?;
        let reason = Utf8Bytes::from_static(why);
        self.socket.close(Some(CloseFrame { code, reason })).await
    }

    /// Reads on until the terminal ends it, within limits: a connection that is closed with
    /// something unread is reset, and the terminal might not see why.
    async fn read_away(&mut self) {
        let mut left = BODY_BYTES_DISCARDED_MAX;
        let mut bytes = vec![0; TERMINAL_READ_BYTES];
        while let Ok(count @ 1..) = self.socket.get_mut().read(&mut bytes).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    }

    async fn converse(&mut self) -> Result<(), End> {
        self.send(self.wire.hello(&self.terminals.state.origin)).await?;
        let mut stop = self.terminals.stop.clone();
        let mut ping = interval(PING_EVERY);
        ping.reset();
        let mut unknown = Box::pin(sleep(TERMINAL_UNKNOWN_MAX));
        loop {
            let listening = self.subscription.is_some();
            tokio::select! {
                message = self.socket.next(), if self.has_room() => {
                    let Some(message) = message else { return Ok(()) };
                    self.hear(message).await?;
                    self.hear_what_is_there().await?;
                }
                replies = next_replies(&mut self.answers) => self.answer_ready(replies).await?,
                () = std::future::ready(()), if self.behind => self.push_stock().await?,
                () = posted(&mut self.subscription), if !self.behind => self.push_news().await?,
                _ = self.sync_events.changed(), if listening => self.push_sync().await?,
                Ok(()) = self.access.changed() => self.renew_pass()?,
                _ = ping.tick() => self.ping().await?,
                () = &mut unknown, if self.pass.is_none() => return Err(UNKNOWN),
                () = stop.requested() => return Err(STOPPING),
            }
        }
    }

    fn role(&self) -> Option<Role> {
        self.pass.as_ref().map(|pass| pass.role())
    }

    /// Takes what the rules say now; a token that is no longer known ends the session.
    fn renew_pass(&mut self) -> Result<(), End> {
        let access = Arc::clone(&self.access.borrow_and_update());
        self.pass = match &self.pass {
            Some(pass) => Some(access.renewed(pass).ok_or(REVOKED)?),
            None => access.open(),
        };
        Ok(())
    }

    /// Takes one request's worth of what the token may ask for.
    fn meter(&self) -> Result<(), Problem> {
        self.pass.as_ref().map_or(Ok(()), |pass| pass.meter(self.terminals.now_us()))
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < CONNECTION_IN_FLIGHT_MAX
    }

    /// Messages that came along with the last one.
    async fn hear_what_is_there(&mut self) -> Result<(), End> {
        for _ in 0..CONNECTION_BURST_MAX {
            if !self.has_room() {
                break;
            }
            match self.socket.next().now_or_never() {
                Some(Some(message)) => self.hear(message).await?,
                Some(None) => return Err(GONE),
                None => break,
            }
        }
        Ok(())
    }

    async fn hear(&mut self, message: Result<Message, Error>) -> Result<(), End> {
        (self.heard_at, self.pinged) = (clock::instant(), false);
        match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                match self.wire.read(&message) {
                    Ok(fields) => self.hear_request(fields).await,
                    Err(unread) => {
                        let problem = self.meter().err().unwrap_or(unread.1);
                        self.refuse(unread.0.as_ref(), &problem).await
                    }
                }
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Ok(()),
            Ok(Message::Close(_)) => Err(GONE),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => Err(TOO_LARGE),
            Err(Error::Protocol(_) | Error::Utf8(_)) => Err(MALFORMED),
            Err(_) => Err(GONE),
        }
    }

    async fn hear_request(&mut self, mut fields: Fields) -> Result<(), End> {
        let Some(id) = fields.id.take() else {
            return self.refuse(None, &missing("id")).await;
        };
        if id.is_too_long() {
            return self.refuse(None, &MessageId::too_long()).await;
        }
        if let Err(problem) = self.meter() {
            return self.refuse(Some(&id), &problem).await;
        }
        let op = fields.op.take().unwrap_or_default();
        let is_known = OPERATIONS.contains(&op.as_str());
        if let Some(mutation) = Mutation::from_op(&op).filter(|_| is_known) {
            return match self.submit(mutation, fields, &id) {
                Ok(()) => Ok(()),
                Err(problem) => self.refuse(Some(&id), &problem).await,
            };
        }
        // In a box: a session that only listens needs no room for it.
        Box::pin(self.hear_query(&id, &op, is_known, fields)).await
    }

    async fn hear_query(
        &mut self,
        id: &MessageId,
        op: &str,
        is_known: bool,
        fields: Fields,
    ) -> Result<(), End> {
        // A query sees what the mutations sent before it have done.
        self.await_in_flight().await?;
        let result = match is_known {
            true => self.ask(op, fields).await,
            false => self.refuse_unknown(op),
        };
        let subscribed = op == "subscribe" && result.is_ok();
        let found = match result {
            Ok(found) => found,
            Err(problem) => return self.refuse(Some(id), &problem).await,
        };
        self.send(self.wire.answer(&self.terminals.state.origin, Some(id), &found)).await?;
        if subscribed {
            self.behind = true;
            self.push_sync().await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, id: Option<&MessageId>, problem: &Problem) -> Result<(), End> {
        self.terminals.metrics.note_refusal(problem.code);
        self.send(self.wire.refusal(id, problem)).await
    }

    fn submit(
        &mut self,
        mutation: Mutation,
        fields: Fields,
        id: &MessageId,
    ) -> Result<(), Problem> {
        require(self.role(), Role::Operator)?;
        let command = fields.command(mutation)?;
        // Room for every mutation in flight: the writer never waits for a terminal.
        let channel = || mpsc::channel(CONNECTION_IN_FLIGHT_MAX);
        let answers = self.answers.get_or_insert_with(channel).0.clone();
        let tag = self.next_tag;
        let (reply_to, in_flight) = (ReplyTo { tag, answers }, self.in_flight.len());
        self.terminals.intake.submit(command, reply_to, in_flight).inspect_err(|_| {
            self.terminals.metrics.overloaded.inc();
        })?;
        self.next_tag += 1;
        self.in_flight.insert(tag, id.clone());
        Ok(())
    }

    async fn ask(&mut self, op: &str, fields: Fields) -> Result<Found, Problem> {
        if op == "auth" {
            return self.authenticate(&fields);
        }
        require(self.role(), Role::Viewer)?;
        let state = &self.terminals.state;
        let limit = page_size(fields.limit);
        match op {
            "get" => query::item(state, fields.sku.ok_or_else(|| missing("sku"))?),
            "list" => {
                let prefix = fields.prefix.unwrap_or_default();
                let after = match fields.after {
                    None => None,
                    Some(After::Sku(sku)) => Some(sku),
                    Some(After::Seq(_)) => {
                        return Err(Problem::bad_request("after: is a SKU here"));
                    }
                };
                Ok(query::list(state, &prefix, after.as_deref(), limit))
            }
            "ledger" => {
                let after = match fields.after {
                    None => 0,
                    Some(After::Seq(seq)) => seq,
                    Some(After::Sku(_)) => {
                        return Err(Problem::bad_request("after: is a ledger position here"));
                    }
                };
                query::ledger(state, &self.terminals.ledger, after, limit).await
            }
            "status" => Ok(Found::Status(Status::of(state))),
            "resolve" => {
                let code = fields.code.ok_or_else(|| missing("code"))?;
                resolve(state, &self.terminals.ledger, code).await.map(Found::Resolved)
            }
            "subscribe" => self.subscribe(fields),
            "unsubscribe" => {
                self.subscription = None;
                self.behind = false;
                Ok(Found::Unsubscribed)
            }
            _ => self.refuse_unknown(op),
        }
    }

    fn refuse_unknown(&self, op: &str) -> Result<Found, Problem> {
        require(self.role(), Role::Viewer)?;
        match op {
            "" => Err(missing("op")),
            _ => Err(Problem::bad_request(format!("op: there is no operation {op:?}"))),
        }
    }

    fn authenticate(&mut self, fields: &Fields) -> Result<Found, Problem> {
        let secret = fields.token.as_deref().ok_or_else(|| missing("token"))?;
        let pass = match self.terminals.access().open() {
            Some(pass) => pass,
            None => self.terminals.log_in(secret, self.peer)?,
        };
        let role = pass.role();
        self.pass = Some(pass);
        Ok(Found::Role(role))
    }

    fn subscribe(&mut self, fields: Fields) -> Result<Found, Problem> {
        let state = &self.terminals.state;
        // From here on everything new is posted; what there is already is looked for.
        let board = self.terminals.boards.listen();
        let subscription = Subscription::read(fields, state.stock().seq(), board)?;
        let matched = subscription.matched(state);
        self.subscription = Some(subscription);
        Ok(Found::Matched(matched))
    }

    async fn push_stock(&mut self) -> Result<(), End> {
        let Some(subscription) = &mut self.subscription else {
            return Ok(());
        };
        let event;
        (event, self.behind) = subscription.next_event(&self.terminals.state, self.wire);
        match event {
            Some(event) => self.send_events([event]).await,
            None => Ok(()),
        }
    }

    async fn push_news(&mut self) -> Result<(), End> {
        let news = self.subscription.as_mut().and_then(|listening| listening.news(self.wire));
        self.behind = news.is_none();
        self.send_events(news.into_iter().flatten()).await
    }

    async fn push_sync(&mut self) -> Result<(), End> {
        let event = self.sync_events.borrow_and_update().frame(self.wire);
        self.send_events([event]).await
    }

    async fn await_in_flight(&mut self) -> Result<(), End> {
        while !self.in_flight.is_empty() {
            let replies = next_replies(&mut self.answers).await;
            self.answer_ready(replies).await?;
        }
        Ok(())
    }

    /// Answers what the writer has decided: all that is ready, in one write.
    async fn answer_ready(&mut self, first: Vec<WriterReply>) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(replies) = next {
            for WriterReply { tag, answer: decided } in replies {
                let id = self.in_flight.remove(&tag);
                let refusals = &self.terminals.metrics;
                self.feed(self.wire.decided(id.as_ref(), decided, refusals)).await?;
            }
            next = self.answers.as_mut().and_then(|(_, replies)| replies.try_recv().ok());
        }
        self.flush().await
    }

    /// One at a time: a terminal that wakes when it has been closed would answer them all, fail
    /// at that, and not see why it was.
    async fn ping(&mut self) -> Result<(), End> {
        if self.heard_at.elapsed() > TERMINAL_SILENT_MAX {
            return Err(SILENT);
        }
        if std::mem::replace(&mut self.pinged, true) {
            return Ok(());
        }
        sent(timeout(TERMINAL_STALLED_MAX, self.socket.send(Message::Ping(Bytes::new()))).await)
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.feed(message).await?;
        self.flush().await
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        in_time(poll_fn(|context| self.socket.poll_ready_unpin(context))).await?;
        self.socket.start_send_unpin(message).map_err(|_| GONE)
    }

    async fn flush(&mut self) -> Result<(), End> {
        in_time(self.socket.flush()).await
    }

    /// Sends events past the library, which would copy them, when it has nothing to send itself.
    async fn send_events(&mut self, events: impl IntoIterator<Item = Frame>) -> Result<(), End> {
        self.flush().await?;
        events.into_iter().for_each(|event| self.unsent.push(event));
        in_time(poll_fn(|context| self.unsent.poll_send(context, self.socket.get_mut()))).await
    }
}

/// Waits for answers of the writer.
async fn next_replies(answers: &mut Option<Answers>) -> Vec<WriterReply> {
    match answers {
        // The session holds a sender itself, so the channel never ends.
        Some((_, replies)) => replies.recv().await.expect("a sender is held"),
        None => std::future::pending().await,
    }
}

/// Waits for news of what is listened to.
async fn posted(subscription: &mut Option<Subscription>) {
    match subscription {
        Some(subscription) => subscription.posted().await,
        None => std::future::pending().await,
    }
}

/// Waits for the terminal to read, but not for ever. Mostly there is nothing to wait for.
async fn in_time(mut send: impl Future<Output = Result<(), Error>> + Unpin) -> Result<(), End> {
    match (&mut send).now_or_never() {
        Some(result) => sent(Ok(result)),
        None => sent(timeout(TERMINAL_STALLED_MAX, send).await),
    }
}

fn sent(result: Result<Result<(), Error>, tokio::time::error::Elapsed>) -> Result<(), End> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(GONE),
        Err(_) => Err(STALLED),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_described_and_nothing_else() {
        let description = include_str!("../../docs/asyncapi.json");
        let description: serde_json::Value = serde_json::from_str(description).unwrap();
        let messages = description["channels"]["terminal"]["messages"].as_object().unwrap();
        let asked = messages.keys().filter_map(|name| name.strip_prefix("ask_"));
        assert_eq!(asked.collect::<BTreeSet<_>>(), BTreeSet::from(OPERATIONS));
    }
}
