//! One lean client for every protocol: a single thread drives all connections, so that client
//! and server can share two cores, and nobody's client is slower than another's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::figures::Figures;
use super::requests::{Ids, Request, Requests};
use super::zipf::Zipf;

/// Bytes a client reads at once.
const READ: usize = 64 * 1024;
/// Requests under way when a store is filled.
const FILL: usize = 512;

/// How a server is asked, and how its answers are told apart.
pub trait Protocol: Clone + 'static {
    /// Opens a conversation on a new connection.
    fn greet(&self, socket: &mut TcpStream) -> impl Future<Output = ()>;

    /// Appends a request.
    fn ask(&self, request: &Request, out: &mut Vec<u8>);

    /// The message at the front of what has arrived; `None` while it is not all there.
    ///
    /// # Panics
    /// If the server says no: nothing that is measured here may be refused.
    fn message(&self, arrived: &[u8]) -> Option<Message>;
}

/// What a server has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its length.
    pub bytes: usize,
    /// Whether it answers a request.
    pub answers: bool,
}

/// How much is asked at once.
#[derive(Clone, Debug)]
pub struct Load {
    /// Connections.
    pub clients: usize,
    /// Requests under way on each.
    pub depth: usize,
    /// For how long new ones are made.
    pub time: Duration,
    /// How they are named.
    pub ids: Ids,
    /// What they ask for.
    pub skus: Arc<Zipf>,
}

impl Load {
    /// Asks a server; `written` says what it has written so far.
    pub fn run<P: Protocol>(&self, port: u16, protocol: &P, written: impl Fn() -> u64) -> Figures {
        block_on(async {
            let mut clients = Vec::new();
            for _ in 0..self.clients {
                clients.push(Client::connect(port, protocol.clone(), self).await);
            }
            let (before, began) = (written(), Instant::now());
            let until = began + self.time;
            let running = clients.into_iter().map(|client| client.run(until));
            let running: Vec<_> = running.map(tokio::task::spawn_local).collect();
            let mut latencies = Vec::new();
            for client in running {
                latencies.extend(client.await.unwrap());
            }
            Figures::new(latencies, began.elapsed(), written() - before)
        })
    }
}

/// Runs everything on this thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// Asks a server for all of these, many at once: the quick way to fill its store.
pub fn ask_all<P: Protocol>(port: u16, protocol: &P, requests: impl Iterator<Item = Request>) {
    let mut requests = requests.peekable();
    block_on(async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        protocol.greet(&mut socket).await;
        let (mut out, mut arrived) = (Vec::new(), Vec::new());
        while requests.peek().is_some() {
            let batch =
                requests.by_ref().take(FILL).map(|request| protocol.ask(&request, &mut out));
            let mut waiting = batch.count();
            socket.write_all(&out).await.unwrap();
            out.clear();
            while waiting > 0 {
                socket.read_buf(&mut arrived).await.unwrap();
                waiting -= answers(protocol, &mut arrived);
            }
        }
    });
}

/// Takes what is whole out of what has arrived; returns how many requests it answers.
fn answers(protocol: &impl Protocol, arrived: &mut Vec<u8>) -> usize {
    let (mut done, mut answers) = (0, 0);
    while let Some(message) = protocol.message(&arrived[done..]) {
        done += message.bytes;
        answers += usize::from(message.answers);
    }
    arrived.drain(..done);
    answers
}

/// One connection that keeps so many requests under way.
struct Client<P> {
    socket: TcpStream,
    protocol: P,
    requests: Requests,
    depth: usize,
    sent: VecDeque<Instant>,
    out: Vec<u8>,
    arrived: Vec<u8>,
    latencies: Vec<u32>,
}

impl<P: Protocol> Client<P> {
    async fn connect(port: u16, protocol: P, load: &Load) -> Self {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        protocol.greet(&mut socket).await;
        Self {
            socket,
            protocol,
            requests: Requests::new(&load.skus, load.ids),
            depth: load.depth,
            sent: VecDeque::new(),
            out: Vec::new(),
            arrived: Vec::with_capacity(READ),
            latencies: Vec::new(),
        }
    }

    /// The latency of each request, in microseconds.
    async fn run(mut self, until: Instant) -> Vec<u32> {
        self.ask(self.depth).await;
        while !self.sent.is_empty() {
            let answered = self.hear().await;
            if Instant::now() < until {
                self.ask(answered).await;
            }
        }
        self.latencies
    }

    /// Asks so many at once.
    async fn ask(&mut self, count: usize) {
        for request in self.requests.by_ref().take(count) {
            self.protocol.ask(&request, &mut self.out);
        }
        self.sent.extend(std::iter::repeat_n(Instant::now(), count));
        self.socket.write_all(&self.out).await.unwrap();
        self.out.clear();
    }

    /// Reads what is there; returns how many requests it answers. Answers come in order.
    async fn hear(&mut self) -> usize {
        let read = self.socket.read_buf(&mut self.arrived).await.unwrap();
        assert!(read > 0, "the server has closed the connection");
        let (now, answered) = (Instant::now(), answers(&self.protocol, &mut self.arrived));
        for sent in self.sent.drain(..answered) {
            let latency = (now - sent).as_micros();
            self.latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
        }
        answered
    }
}
