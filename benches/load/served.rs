//! A server process started for a benchmark: its port, and its use of resources.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, stopped when this is dropped.
#[derive(Debug)]
pub struct Served {
    process: Child,
    /// Its address on loopback.
    pub port: u16,
    /// The time from its start until it listened.
    pub ready: Duration,
}

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Served {
    /// Starts a server that will listen on this port.
    pub fn start(command: &mut Command, port: u16) -> Self {
        let began = Instant::now();
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut served = Self { process, port, ready: Duration::ZERO };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = served.process.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{command:?} does not start");
            thread::sleep(Duration::from_millis(2));
        }
        served.ready = began.elapsed();
        served
    }

    /// The bytes that the server's processes have written, as the kernel counts them.
    pub fn bytes_written(&self) -> u64 {
        let root = self.process.id();
        children(root).chain([root]).filter_map(bytes_written).sum()
    }

    /// Resident memory, in kilobytes.
    pub fn resident_kb(&self) -> u64 {
        number_in(&format!("/proc/{}/status", self.process.id()), "VmRSS:").unwrap()
    }

    /// Processor time that it has used, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // After the name, which may contain spaces; in clock ticks of 1/100 s.
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    /// Processor time that its threads have used until they last waited.
    pub fn cpu_exact(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        // In nanoseconds, the first of three numbers. A thread may have ended since.
        let nanoseconds = tasks.filter_map(|task| {
            let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Sends the server a signal.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-s", name, &id]).status();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // PostgreSQL takes this for a fast shutdown, the others for a stop.
        self.signal("INT");
        let began = Instant::now();
        while let Ok(None) = self.process.try_wait() {
            if began.elapsed() > PATIENCE {
                let _ = self.process.kill();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The bytes written by one process and by its children that have ended.
pub fn bytes_written(process: u32) -> Option<u64> {
    number_in(&format!("/proc/{process}/io"), "write_bytes:")
}

fn children(of: u32) -> impl Iterator<Item = u32> {
    let path = format!("/proc/{of}/task/{of}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>().into_iter()
}

fn number_in(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}
