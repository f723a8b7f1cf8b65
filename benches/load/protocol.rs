//! What the client has to know of a server's language.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::requests::Request;

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
        while requests.peek().is_some() {
            let mut out = Vec::new();
            let batch = requests.by_ref().take(FILL);
            let asked = batch.map(|request| protocol.ask(&request, &mut out)).count();
            socket.write_all(&out).await.unwrap();
            hear(&mut socket, protocol, asked).await;
        }
    });
}

/// Reads so many answers.
async fn hear(socket: &mut TcpStream, protocol: &impl Protocol, mut waiting: usize) {
    let mut arrived = Vec::new();
    while waiting > 0 {
        socket.read_buf(&mut arrived).await.unwrap();
        waiting -= answers(protocol, &mut arrived);
    }
}

/// Takes what is whole out of what has arrived; returns how many requests it answers.
pub fn answers(protocol: &impl Protocol, arrived: &mut Vec<u8>) -> usize {
    let (mut done, mut answers) = (0, 0);
    while let Some(message) = protocol.message(&arrived[done..]) {
        done += message.bytes;
        answers += usize::from(message.answers);
    }
    arrived.drain(..done);
    answers
}
