//! A server that takes webhooks: it checks their signatures by itself, keeps the events, and fails when
//! it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use serde_json::Value;

use crate::support::process::free_port;

/// What the receiver has seen, and what it answers.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Every event that was answered with 200, in the order of arrival.
    pub(super) events: Vec<Value>,
    /// The headers of each request.
    pub(super) headers: Vec<BTreeMap<String, String>>,
    /// The requests that were answered otherwise.
    pub(super) refused: usize,
    /// The status that requests are answered with.
    pub(super) status: Option<u16>,
    /// The request id of an event that is refused with 422.
    pub(super) poison: Option<String>,
    /// The status for it instead of 422.
    pub(super) poison_status: Option<u16>,
    /// How long it takes to answer.
    pub(super) delay: Duration,
    /// What `Retry-After` says, in seconds.
    pub(super) retry_after: Option<u32>,
    /// Whether answers have bodies that do not end.
    pub(super) stalls: bool,
}

pub(super) struct Receiver {
    port: u16,
    state: Arc<Mutex<Received>>,
}

/// The secret of the receiver, as the hub's file holds it.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Receiver {
    pub(super) fn start() -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let state = Arc::<Mutex<Received>>::default();
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { port, state }
    }

    /// The section of the hub's configuration for it.
    pub(super) fn section(&self, name: &str, more: &str) -> String {
        format!(
            "[[hub.sinks]]\nname = \"{name}\"\nkind = \"webhook\"\n\
             url = \"http://127.0.0.1:{}/hook\"\nsecret_file = \"erp.secret\"\n{more}",
            self.port
        )
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Received> {
        self.state.lock().unwrap()
    }

    /// The ids of the events, in the order of arrival.
    pub(super) fn ids(&self) -> Vec<String> {
        let state = self.state();
        let id = |event: &Value| event["event_id"].as_str().unwrap().to_owned();
        state.events.iter().map(id).collect()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<Received>) {
    let mut reader = BufReader::new(stream);
    while let Some((headers, body)) = read_request(&mut reader) {
        let (answer, delay) = {
            let state = &mut state.lock().unwrap();
            let status = take(state, headers, &body);
            (answer(state, status), state.delay)
        };
        sleep(delay);
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(state: &Received, status: u16) -> String {
    let length = if state.stalls { 1_000 } else { 2 };
    let more = state.retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
    let more = more.unwrap_or_default();
    format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n{more}\r\nok")
}

fn read_request(reader: &mut impl BufRead) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    assert_eq!(line, "POST /hook HTTP/1.1\r\n");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

/// Takes the events of a request; returns the status.
fn take(state: &mut Received, headers: BTreeMap<String, String>, body: &[u8]) -> u16 {
    assert_signed(&headers, body);
    state.headers.push(headers);
    let events: Vec<Value> = serde_json::from_slice(body).unwrap();
    let is_poison = |event: &Value| event["request_id"].as_str() == state.poison.as_deref();
    let status = match state.status {
        Some(status) => status,
        None if state.poison.is_some() && events.iter().any(is_poison) => {
            state.poison_status.unwrap_or(422)
        }
        None => 200,
    };
    if status == 200 {
        state.events.extend(events);
    } else {
        state.refused += 1;
    }
    status
}

fn assert_signed(headers: &BTreeMap<String, String>, body: &[u8]) {
    let key = BASE64.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut signed =
        format!("{}.{}.", headers["webhook-id"], headers["webhook-timestamp"]).into_bytes();
    signed.extend_from_slice(body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    assert_eq!(headers["webhook-signature"], format!("v1,{}", BASE64.encode(tag)));
}
