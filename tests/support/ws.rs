//! A synchronous client of the WebSocket port, with a limit on every wait.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::{ClientRequestBuilder, Error, HandshakeError, Message, WebSocket, client};

use super::patience::uninterrupted;
use super::terminal::{Outcome, Terminal};

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The server closed the connection, perhaps with a close code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closed {
    pub code: Option<u16>,
}

/// A socket with a read timeout returns "interrupted" when its thread is woken by anything else,
/// which the WebSocket library would take for the end of the connection.
pub struct Steady(pub TcpStream);

pub struct Ws {
    socket: WebSocket<Steady>,
    hello: Value,
    last_id: u64,
    answers: VecDeque<Value>,
    events: VecDeque<Value>,
    closed: Option<Closed>,
}

impl Ws {
    pub fn connect(address: &str) -> Self {
        Self::connect_with(address, &[]).unwrap_or_else(|status| panic!("handshake: {status}"))
    }

    /// Connects with extra headers; returns the HTTP status of a refused handshake.
    pub fn connect_with(address: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        Self::connect_as(address, address, headers)
    }

    /// Connects to an address with another host name.
    pub fn connect_as(host: &str, address: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        let mut request = ClientRequestBuilder::new(format!("ws://{host}/ws").parse().unwrap());
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        match client(request, Steady(stream)) {
            Ok((socket, _)) => Ok(Self::greeted(socket)),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// Connects to a gateway that may stop before its greeting; `None` then.
    pub fn try_connect(address: &str) -> Option<Self> {
        Self::try_connect_with(address, &[])
    }

    /// The same with extra headers.
    pub fn try_connect_with(address: &str, headers: &[(&str, &str)]) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
        let mut request = ClientRequestBuilder::new(format!("ws://{address}/ws").parse().unwrap());
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        let (socket, _) = client(request, Steady(stream)).ok()?;
        let mut ws = Self::over(socket);
        ws.receive(Instant::now() + ANSWER_LIMIT).ok().filter(|came| *came)?;
        ws.hello = ws.events.pop_front()?;
        Some(ws)
    }

    /// The first event of the connection.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Sends one request without waiting and returns its message id.
    pub fn send(&mut self, op: &str, body: Value) -> Value {
        self.try_send(op, body).expect("the connection is open")
    }

    /// Waits for the answer to a request.
    pub fn outcome(&mut self, id: &Value) -> Outcome {
        self.try_outcome(id).expect("the connection is open")
    }

    /// Sends all bodies of one operation before it waits for the first answer.
    pub fn pipelined(&mut self, op: &str, bodies: impl IntoIterator<Item = Value>) -> Vec<Outcome> {
        let ids: Vec<Value> = bodies.into_iter().map(|body| self.send(op, body)).collect();
        ids.iter().map(|id| self.outcome(id)).collect()
    }

    /// Like `call`; a connection that ends before the answer is an error.
    pub fn try_call(&mut self, op: &str, body: Value) -> Result<Outcome, Closed> {
        let id = self.try_send(op, body)?;
        self.try_outcome(&id)
    }

    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the connection is open");
    }

    /// Sends the first frames of a message without its end, each of so many bytes.
    pub fn send_unfinished(&mut self, frames: usize, bytes: usize) {
        for n in 0..frames {
            let code = if n == 0 { Data::Text } else { Data::Continue };
            let frame = Frame::message("x".repeat(bytes), OpCode::Data(code), false);
            // The gateway may have closed the connection already.
            let _ = self.socket.send(Message::Frame(frame));
        }
    }

    pub fn send_close(&mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
        self.socket.close(frame).unwrap();
    }

    /// The next answer to any request.
    pub fn next_answer(&mut self) -> Value {
        let deadline = Instant::now() + ANSWER_LIMIT;
        while self.answers.is_empty() {
            assert!(self.receive(deadline).unwrap(), "no answer came");
        }
        self.answers.pop_front().unwrap()
    }

    /// The next event of any kind, or `None` when none comes in time.
    pub fn any_event(&mut self, limit: Duration) -> Option<Value> {
        let deadline = Instant::now() + limit;
        while self.events.is_empty() && self.receive(deadline).expect("the connection is open") {}
        self.events.pop_front()
    }

    /// The next event of a kind, or `None` when none comes in time. Others are skipped.
    pub fn next_event(&mut self, kind: &str, limit: Duration) -> Option<Value> {
        let deadline = Instant::now() + limit;
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["event"] == kind {
                    return Some(event);
                }
            }
            if !self.receive(deadline).expect("the connection is open") {
                return None;
            }
        }
    }

    /// Reads until the server ends the connection; `None` when it does not.
    pub fn wait_closed(&mut self, limit: Duration) -> Option<Closed> {
        let deadline = Instant::now() + limit;
        loop {
            match self.receive(deadline) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(closed) => return Some(closed),
            }
        }
    }

    fn greeted(socket: WebSocket<Steady>) -> Self {
        let mut ws = Self::over(socket);
        ws.hello = ws.next_event("hello", ANSWER_LIMIT).expect("the server greets");
        ws
    }

    fn over(socket: WebSocket<Steady>) -> Self {
        let (hello, last_id) = (Value::Null, 0);
        let (answers, events) = (VecDeque::new(), VecDeque::new());
        Self { socket, hello, last_id, answers, events, closed: None }
    }

    /// Like `send`; a closed connection is an error.
    pub fn try_send(&mut self, op: &str, mut body: Value) -> Result<Value, Closed> {
        self.last_id += 1;
        body["id"] = json!(self.last_id);
        body["op"] = json!(op);
        let sent = self.socket.send(Message::text(body.to_string()));
        sent.map_err(|_| Closed { code: None })?;
        Ok(body["id"].take())
    }

    /// Like `outcome`; a connection that ends before the answer is an error.
    pub fn try_outcome(&mut self, id: &Value) -> Result<Outcome, Closed> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            if let Some(index) = self.answers.iter().position(|answer| answer["id"] == *id) {
                return Ok(to_outcome(self.answers.remove(index).unwrap()));
            }
            assert!(self.receive(deadline)?, "request {id} was not answered");
        }
    }

    /// Reads one message; `false` when none came before the deadline.
    fn receive(&mut self, deadline: Instant) -> Result<bool, Closed> {
        loop {
            if let Some(closed) = self.closed {
                return Err(closed);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.socket.get_ref().0.set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    self.sort(serde_json::from_str(&text).expect("messages are JSON"));
                    return Ok(true);
                }
                Ok(Message::Close(frame)) => {
                    self.closed = Some(Closed { code: frame.map(|frame| frame.code.into()) });
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(other) => panic!("unexpected message {other:?}"),
                Err(Error::Io(error)) if is_timeout(error.kind()) => return Ok(false),
                Err(_) => self.closed = Some(Closed { code: None }),
            }
        }
    }

    fn sort(&mut self, message: Value) {
        if message.get("event").is_some() {
            self.events.push_back(message);
        } else {
            self.answers.push_back(message);
        }
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(buffer))
    }
}

impl Write for Steady {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Terminal for Ws {
    fn call(&mut self, op: &str, body: Value) -> Outcome {
        self.try_call(op, body).expect("the connection is open")
    }
}

fn to_outcome(mut answer: Value) -> Outcome {
    if answer["ok"] == true {
        assert!(answer.get("error").is_none(), "{answer}");
        return Ok(answer["result"].take());
    }
    let error = answer["error"].take();
    assert_eq!(answer["ok"], false, "{answer}");
    for field in ["code", "message"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    }
    Err(error)
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
