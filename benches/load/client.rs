//! One small client for every protocol: a single thread drives all connections, so that client and
//! server can share two cores, and no server is measured with a slower client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::figures::Figures;
use super::protocol::{Protocol, answers, block_on};
use super::requests::{Ids, Requests};
use super::zipf::Zipf;

/// Bytes that a client reads at once.
const READ: usize = 64 * 1024;

/// The load of a client.
#[derive(Clone, Debug)]
pub struct Load {
    /// Connections.
    pub clients: usize,
    /// Requests in flight on each connection.
    pub depth: usize,
    /// How long new requests are sent.
    pub time: Duration,
    /// How they are named.
    pub ids: Ids,
    /// What they ask for.
    pub skus: Arc<Zipf>,
}

impl Load {
    /// Loads a server; `written` returns the bytes that it has written so far.
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

/// A connection that keeps a number of requests in flight.
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

    /// Sends this many requests at once.
    async fn ask(&mut self, count: usize) {
        for request in self.requests.by_ref().take(count) {
            self.protocol.ask(&request, &mut self.out);
        }
        self.sent.extend(std::iter::repeat_n(Instant::now(), count));
        self.socket.write_all(&self.out).await.unwrap();
        self.out.clear();
    }

    /// Reads what has arrived; returns the number of answers, which come in order.
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
