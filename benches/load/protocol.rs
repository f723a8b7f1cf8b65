//! What the client has to know about a server's protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::requests::Request;

/// Requests in flight while a store is filled.
const FILL: usize = 512;

/// How requests are written, and how answers are delimited.
pub trait Protocol: Clone + 'static {
    /// The first bytes on a new connection.
    fn greet(&self, socket: &mut TcpStream) -> impl Future<Output = ()>;

    /// Appends a request.
    fn ask(&self, request: &Request, out: &mut Vec<u8>);

    /// The message at the front of what has arrived; `None` while it is incomplete.
    ///
    /// # Panics
    /// If the server refuses a request: nothing that is measured here may be refused.
    fn message(&self, arrived: &[u8]) -> Option<Message>;
}

/// A message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its length.
    pub bytes: usize,
    /// Whether it answers a request.
    pub answers: bool,
}

/// Runs everything on this thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// Sends all of these with many in flight, to fill a store quickly.
pub fn ask_all<P: Protocol>(port: u16, protocol: &P, requests: impl Iterator<Item = Request>) {
    let mut requests = requests.peekable();
    block_on(async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        protocol.greet(&mut socket).await;
        while requests.peek().is_some() {
            let mut out = Vec::new();
            let batch = requests.by_ref().take(FILL);
            let asked = batch.map(|request| protocol.ask(&request, &mut out)).count();
            socket.write_all(&out).await.unwrap();
            hear(&mut socket, protocol, asked).await;
        }
    });
}

/// Reads this many answers.
async fn hear(socket: &mut TcpStream, protocol: &impl Protocol, mut waiting: usize) {
    let mut arrived = Vec::new();
    while waiting > 0 {
        socket.read_buf(&mut arrived).await.unwrap();
        waiting -= answers(protocol, &mut arrived);
    }
}

/// Removes complete messages from what has arrived; returns how many are answers.
pub fn answers(protocol: &impl Protocol, arrived: &mut Vec<u8>) -> usize {
    let (mut done, mut answers) = (0, 0);
    while let Some(message) = protocol.message(&arrived[done..]) {
        done += message.bytes;
        answers += usize::from(message.answers);
    }
    arrived.drain(..done);
    answers
}
