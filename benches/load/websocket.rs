//! The gateway's WebSocket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::protocol::{Message, Protocol};
use super::requests::Request;

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;
const ANSWER: &[u8] = br#"{"id":1,"#;
const ACCEPTED: &[u8] = br#""ok":true"#;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct WebSocket;

impl Protocol for WebSocket {
    async fn greet(&self, socket: &mut TcpStream) {
        socket.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
    }

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        let start = out.len();
        // The length is filled in later; a mask of zeros leaves the text as it is.
        out.extend([TEXT, 0, 0, 0, 0, 0]);
        out.extend(br#"{"id":1,"op":"deduct","request_id":""#);
        out.extend(request.id_bytes());
        out.extend(br#"","sku":""#);
        out.extend(request.sku().as_bytes());
        out.extend(br#"","quantity":1}"#);
        let length = u8::try_from(out.len() - start - 6).ok().filter(|length| *length < 126);
        out[start + 1] = MASKED | length.expect("a deduction is short");
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let (head, length) = match *arrived {
            [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            [_, length, ..] if length < 126 => (2, usize::from(length)),
            _ => return None,
        };
        let text = arrived.get(head..head + length)?;
        let answer = text.strip_prefix(ANSWER);
        assert!(
            answer.is_none_or(|answer| answer.starts_with(ACCEPTED)),
            "refused: {}",
            String::from_utf8_lossy(text)
        );
        Some(Message { bytes: head + length, answers: answer.is_some() })
    }
}
