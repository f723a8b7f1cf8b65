//! The protocol of PostgreSQL.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::protocol::{Message, Protocol};
use crate::load::requests::Request;

const VERSION_3: i32 = 196_608;
const TEXT: i32 = 25;
const INTEGER: i32 = 23;
const READY: u8 = b'Z';

/// Calls of a prepared function.
#[derive(Clone, Copy)]
pub(crate) struct Prepared;

impl Protocol for Prepared {
    async fn greet(&self, socket: &mut TcpStream) {
        say_hello(socket).await;
        let mut out = Vec::new();
        message(&mut out, Some(b'P'), |body| {
            text(body, "deduct");
            text(body, "SELECT deduct($1, $2, $3)");
            body.extend(3_i16.to_be_bytes());
            [TEXT, TEXT, INTEGER].iter().for_each(|kind| body.extend(kind.to_be_bytes()));
        });
        message(&mut out, Some(b'S'), |_| ());
        say(socket, &out).await;
    }

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        message(out, Some(b'B'), |body| {
            text(body, "");
            text(body, "deduct");
            // All parameters are texts.
            body.extend(0_i16.to_be_bytes());
            body.extend(3_i16.to_be_bytes());
            for value in [request.id_bytes(), request.sku().as_bytes(), b"1"] {
                body.extend((value.len() as i32).to_be_bytes());
                body.extend(value);
            }
            body.extend(0_i16.to_be_bytes());
        });
        message(out, Some(b'E'), |body| {
            text(body, "");
            body.extend(0_i32.to_be_bytes());
        });
        message(out, Some(b'S'), |_| ());
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let (kind, length) = arrived.get(..5)?.split_first()?;
        let bytes = 1 + i32::from_be_bytes(length.try_into().unwrap()) as usize;
        let whole = arrived.get(..bytes)?;
        assert!(*kind != b'E', "refused: {}", String::from_utf8_lossy(whole));
        Some(Message { bytes, answers: *kind == READY })
    }
}

/// Opens a session.
pub(crate) async fn say_hello(socket: &mut TcpStream) {
    let mut out = Vec::new();
    message(&mut out, None, |body| {
        body.extend(VERSION_3.to_be_bytes());
        let words = ["user", "postgres", "database", "postgres", ""];
        words.iter().for_each(|word| text(body, word));
    });
    say(socket, &out).await;
}

/// Executes a statement.
pub(crate) async fn query(socket: &mut TcpStream, sql: &str) {
    let mut out = Vec::new();
    message(&mut out, Some(b'Q'), |body| text(body, sql));
    say(socket, &out).await;
}

/// Sends a message and waits until the server is ready for more.
async fn say(socket: &mut TcpStream, out: &[u8]) {
    socket.write_all(out).await.unwrap();
    let mut arrived = Vec::new();
    loop {
        socket.read_buf(&mut arrived).await.unwrap();
        while let Some(message) = Prepared.message(&arrived) {
            arrived.drain(..message.bytes);
            if message.answers {
                return;
            }
        }
    }
}

/// Appends a message: its kind, if it has one, its length, and its body.
fn message(out: &mut Vec<u8>, kind: Option<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend(kind);
    let start = out.len();
    out.extend([0; 4]);
    write(out);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.as_bytes());
    out.push(0);
}
