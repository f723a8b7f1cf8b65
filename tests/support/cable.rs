//! A cable between a client and a server on one machine, which breaks when it is told to.

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
    /// How many bytes pass before a connection breaks, either way.
    strength: Mutex<Option<Range<usize>>>,
    /// How many milliseconds a piece takes on its way.
    delay_ms: Mutex<Option<Range<u64>>>,
    /// Nothing passes, and nobody is told.
    is_stalled: AtomicBool,
    cuts: AtomicUsize,
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

    /// Breaks every connection, the open ones too, after so many more bytes.
    pub fn cut_after(&self, bytes: Range<usize>) {
        *self.shared.strength.lock().unwrap() = Some(bytes);
    }

    /// Lets every piece take its time.
    pub fn delay(&self, milliseconds: Range<u64>) {
        *self.shared.delay_ms.lock().unwrap() = Some(milliseconds);
    }

    /// Lets nothing pass, without closing anything, until it is told otherwise.
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

    /// The section of a configuration that leads through this cable.
    pub fn section(&self) -> String {
        section(&format!("mqtt://127.0.0.1:{}", self.port), &[])
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// Waits as long as the cable makes a piece wait.
    fn hold_up(&self) {
        let delay_ms = self.delay_ms.lock().unwrap().clone();
        thread::sleep(Duration::from_millis(delay_ms.map_or(0, fastrand::u64)));
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
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let shared = Arc::clone(shared);
            thread::spawn(move || pass(from, to, &shared));
        }
    }
}

/// Passes bytes on until an end closes or the cable breaks.
fn pass(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
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
        shared.hold_up();
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
