//! The protocol of Redis.

use std::io::Write;
use std::rc::Rc;

use tokio::net::TcpStream;

use crate::load::protocol::{Message, Protocol};
use crate::load::requests::Request;

/// Deductions by a loaded script.
#[derive(Clone)]
pub(crate) struct Resp {
    /// The hash that names the script.
    pub(crate) script: Rc<str>,
}

impl Protocol for Resp {
    async fn greet(&self, _: &mut TcpStream) {}

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        let id = [b"r:", request.id_bytes()].concat();
        let sku = [b"s:", request.sku().as_bytes()].concat();
        write_command(out, &[b"EVALSHA", self.script.as_bytes(), b"2", &id, &sku, b"1"]);
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let line = &arrived[..arrived.iter().position(|byte| *byte == b'\n')?];
        assert!(line.starts_with(b":"), "refused: {}", String::from_utf8_lossy(line));
        Some(Message { bytes: line.len() + 1, answers: true })
    }
}

/// Appends a command.
pub(crate) fn write_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    write!(out, "*{}\r\n", words.len()).unwrap();
    for word in words {
        write!(out, "${}\r\n", word.len()).unwrap();
        out.extend(*word);
        out.extend(b"\r\n");
    }
}
