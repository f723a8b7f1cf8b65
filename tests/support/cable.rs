//! A relay between a client and a server that can be made to fail.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::broker::section;
use super::patience::uninterrupted;
use super::process::free_port;

pub struct Cable {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The number of bytes, in both directions, after which a connection breaks.
    strength: Mutex<Option<Range<usize>>>,
    /// The delay of each chunk in milliseconds.
    delay_ms: Mutex<Option<Range<u64>>>,
    /// The bytes that pass each way in a second; 0 for any number.
    bytes_per_s: AtomicUsize,
    /// Nothing is forwarded, and no connection is closed.
    is_stalled: AtomicBool,
    cuts: AtomicUsize,
    /// Bytes that clients have sent.
    sent: AtomicUsize,
    is_gone: AtomicBool,
}

impl Cable {
    pub fn to(port: u16) -> Self {
        let from = free_port();
        let listener = TcpListener::bind(("127.0.0.1", from)).unwrap();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, port, &theirs));
        Self { port: from, shared }
    }

    /// Breaks every connection, open ones too, after this many more bytes.
    pub fn cut_after(&self, bytes: Range<usize>) {
        *self.shared.strength.lock().unwrap() = Some(bytes);
    }

    /// Delays every chunk.
    pub fn delay(&self, milliseconds: Range<u64>) {
        *self.shared.delay_ms.lock().unwrap() = Some(milliseconds);
    }

    /// Lets so many bytes pass each way in a second.
    pub fn throttle(&self, bytes_per_s: usize) {
        self.shared.bytes_per_s.store(bytes_per_s, Ordering::Relaxed);
    }

    /// Forwards nothing, without closing anything, until told otherwise.
    pub fn stall(&self, is_stalled: bool) {
        self.shared.is_stalled.store(is_stalled, Ordering::Relaxed);
    }

    pub fn mend(&self) {
        *self.shared.strength.lock().unwrap() = None;
        *self.shared.delay_ms.lock().unwrap() = None;
        self.stall(false);
    }

    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    /// How many bytes clients have sent.
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// The `[mqtt]` section that goes through this relay.
    pub fn section(&self) -> String {
        section(&format!("mqtt://127.0.0.1:{}", self.port), &[])
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// Sleeps for the delay of a chunk of this length.
    fn hold_up(&self, length: usize) {
        let delay_ms = self.delay_ms.lock().unwrap().clone();
        thread::sleep(Duration::from_millis(delay_ms.map_or(0, fastrand::u64)));
        let bytes_per_s = self.bytes_per_s.load(Ordering::Relaxed) as u64;
        thread::sleep(Duration::from_millis(
            (length as u64 * 1_000).checked_div(bytes_per_s).unwrap_or(0),
        ));
        while self.is_stalled.load(Ordering::Relaxed) && !self.is_gone.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        if shared.is_gone.load(Ordering::Relaxed) {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
            continue;
        };
        let here = client.local_addr().ok();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let (shared, is_client) = (Arc::clone(shared), from.local_addr().ok() == here);
            thread::spawn(move || pass(from, to, &shared, is_client));
        }
    }
}

/// Forwards bytes until one end closes or the relay breaks the connection.
fn pass(mut from: TcpStream, mut to: TcpStream, shared: &Shared, is_client: bool) {
    let mut left: Option<usize> = None;
    let mut buffer = [0; 4_096];
    from.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while !shared.is_gone.load(Ordering::Relaxed) {
        let length = match uninterrupted(|| from.read(&mut buffer)) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        if is_client {
            shared.sent.fetch_add(length, Ordering::Relaxed);
        }
        shared.hold_up(length);
        let strength = shared.strength.lock().unwrap().clone();
        left = strength.map(|bytes| left.unwrap_or_else(|| fastrand::usize(bytes)));
        let passing = left.map_or(length, |left| left.min(length));
        if to.write_all(&buffer[..passing]).is_err() {
            break;
        }
        if passing < length {
            shared.cuts.fetch_add(1, Ordering::Relaxed);
            break;
        }
        left = left.map(|left| left - passing);
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
