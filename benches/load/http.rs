//! Deductions over HTTP, with one connection for all requests of a client.

use std::io::Write;

use tokio::net::TcpStream;

use super::protocol::{Message, Protocol};
use super::requests::Request;

const LENGTH: &[u8] = b"content-length: ";

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Http;

impl Protocol for Http {
    async fn greet(&self, _: &mut TcpStream) {}

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        let (id, sku) = (request.id(), request.sku());
        let body = format!(r#"{{"request_id":"{id}","sku":"{sku}","quantity":1}}"#);
        write!(
            out,
            "POST /api/stock/deduct HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let head = arrived.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let bytes = head + content_length(&arrived[..head]);
        let whole = arrived.get(..bytes)?;
        let text = || String::from_utf8_lossy(whole);
        assert!(whole.starts_with(b"HTTP/1.1 200"), "refused: {}", text());
        Some(Message { bytes, answers: true })
    }
}

fn content_length(head: &[u8]) -> usize {
    let lines = head.split(|byte| *byte == b'\n');
    let value = lines.filter(|line| line.len() > LENGTH.len()).find_map(|line| {
        let (name, value) = line.split_at(LENGTH.len());
        name.eq_ignore_ascii_case(LENGTH).then_some(value)
    });
    std::str::from_utf8(value.unwrap()).unwrap().trim().parse().unwrap()
}
