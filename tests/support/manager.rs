//! A service manager as a daemon sees it: a socket that receives messages.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use super::patience::{patience, uninterrupted};

pub struct Manager {
    socket: UnixDatagram,
    /// The value of `NOTIFY_SOCKET`.
    pub address: String,
}

impl Manager {
    /// Receives on a file in this directory.
    pub fn in_directory(directory: &Path) -> Self {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, address: path.to_str().unwrap().to_owned() }
    }

    /// Receives on an abstract name.
    pub fn abstract_named(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Self { socket, address: format!("@{name}") }
    }

    /// The lines of the next message within a time.
    pub fn hear(&self, limit: Duration) -> Option<Vec<String>> {
        let mut bytes = [0; 4096];
        self.socket.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).unwrap();
        let count = uninterrupted(|| self.socket.recv(&mut bytes)).ok()?;
        let text = std::str::from_utf8(&bytes[..count]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Waits for one of these lines, and returns it.
    pub fn hear_of(&self, what: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + patience();
        while let Some(lines) = self.hear(deadline.saturating_duration_since(Instant::now())) {
            if let Some(line) = lines.into_iter().find(|line| what(line)) {
                return line;
            }
        }
        panic!("it was not heard of in time");
    }

    /// Discards the messages so far, and returns how many had this line.
    pub fn count_so_far(&self, line: &str) -> usize {
        let heard = std::iter::from_fn(|| self.hear(Duration::ZERO));
        heard.flatten().filter(|said| said == line).count()
    }
}
