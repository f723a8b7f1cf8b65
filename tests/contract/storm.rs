//! Terminals with a token go on beside clients that have none: ones that guess tokens, connect and say
//! nothing, or begin what they never end. All come from one address, as behind a router.
#![allow(clippy::print_stdout, reason = "the figures of a storm are what a person runs it for")]

use std::fs::read_to_string;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Scope, ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::terminal::Terminal;
use crate::support::ws::Ws;

const TOKEN: &str = "the-token-of-the-honest";
const TOKENS: &str = "[[terminals.tokens]]\nname = \"honest\"\nrole = \"operator\"\n\
    token = \"the-token-of-the-honest\"\n";
/// An honest request may wait for its turn on a busy machine, and for nothing else.
const P99_MAX: Duration = Duration::from_secs(5);

#[test]
fn terminals_are_served_in_a_storm_of_strangers() {
    let gateway = Gateway::start_with(TOKENS);
    let storm =
        Storm { held: 600, pace: Duration::from_micros(500), lasts: Duration::from_secs(5) };
    // Of a debug build: 1,024 connections with 16 KiB for a head each, and what malloc keeps.
    assert!(storm.blow(&gateway) < 60_000);
}

/// What was seen before there were limits: for 30 s and more, everybody was turned away.
#[test]
#[ignore = "takes 14,000 files: prlimit --nofile=16384 cargo test --test contract -- --ignored storm"]
fn terminals_are_served_in_a_storm_of_12000_silent_connections() {
    let gateway = Gateway::start_with(TOKENS);
    let silent = (0..12_000).map(|_| TcpStream::connect(gateway.address()).unwrap());
    let silent: Vec<_> = silent.collect();
    let storm =
        Storm { held: 1_000, pace: Duration::from_millis(1), lasts: Duration::from_secs(20) };
    let growth = storm.blow(&gateway);
    drop(silent);
    assert!(growth < 60_000, "{growth} kB");
}

/// 2,000 sessions, each with 65 kB of a frame that does not end.
#[test]
#[ignore = "takes 4,000 files: prlimit --nofile=16384 cargo test --test contract -- --ignored storm"]
fn a_storm_of_unfinished_frames_takes_little_memory() {
    let gateway = Gateway::start_with(TOKENS);
    let before = resident_kb(&gateway);
    let mut sessions: Vec<_> = (0..2_000)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(gateway.address()).ok()?;
            stream.write_all(HANDSHAKE).ok()?;
            let _ = stream.write_all(&unfinished_frame(65_000));
            Some(stream)
        })
        .collect();
    let mut most = before;
    for _ in 0..20 {
        most = most.max(resident_kb(&gateway));
        sessions.retain_mut(|session| session.write_all(b"x").is_ok());
        sleep(Duration::from_millis(100));
    }
    println!("resident memory: {before} kB before, {most} kB at most");
    assert!(most < before + 25_000, "{before} kB before, then {most} kB");
}

struct Storm {
    /// Connections that each kind of stranger holds open.
    held: usize,
    /// Pause of each stranger after a connection.
    pace: Duration,
    lasts: Duration,
}

impl Storm {
    /// Checks that every honest request succeeds; returns by how many kB the gateway has grown.
    fn blow(&self, gateway: &Gateway) -> u64 {
        gateway.http().with_token(TOKEN).ok("restock", one("seed", "A", 1_000_000));
        let (before, over, strange) =
            (resident_kb(gateway), AtomicBool::new(false), AtomicUsize::new(0));
        let (mut waits, grown) = scope(|threads| {
            self.strangers(threads, gateway, &over, &strange);
            let honest: Vec<_> = (0..4)
                .map(|n| threads.spawn(move || honest_requests(gateway, n, self.lasts)))
                .collect();
            let waits: Vec<_> = honest.into_iter().map(ScopedJoinHandle::join).collect();
            let grown = resident_kb(gateway).saturating_sub(before);
            over.store(true, Ordering::Relaxed);
            let waits = waits.into_iter().flat_map(Result::unwrap);
            (waits.collect::<Vec<Duration>>(), grown)
        });
        waits.sort();
        let (median, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
        println!(
            "{} honest requests, median {median:?}, p99 {p99:?}, beside {} strange connections; \
             {grown} kB grown",
            waits.len(),
            strange.load(Ordering::Relaxed),
        );
        assert!(p99 < P99_MAX, "{p99:?}");
        grown
    }

    fn strangers<'scope>(
        &'scope self,
        threads: &'scope Scope<'scope, '_>,
        gateway: &'scope Gateway,
        over: &'scope AtomicBool,
        count: &'scope AtomicUsize,
    ) {
        let head = b"POST /api/stock/deduct HTTP/1.1\r\nHost: localhost\r\nX: ".to_vec();
        let frame = [HANDSHAKE, &unfinished_frame(60_000)].concat();
        for text in [Vec::new(), [head, vec![b'x'; 8_000]].concat(), frame] {
            threads.spawn(move || {
                let mut held = std::collections::VecDeque::new();
                while !over.load(Ordering::Relaxed) {
                    let Ok(mut stream) = TcpStream::connect(gateway.address()) else { continue };
                    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
                    let _ = stream.write_all(&text);
                    count.fetch_add(1, Ordering::Relaxed);
                    held.push_back(stream);
                    if held.len() > self.held {
                        held.pop_front();
                    }
                    sleep(self.pace);
                }
            });
        }
        threads.spawn(move || {
            for n in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let token =
                    if n % 2 == 0 { "an-old-token-of-before".into() } else { format!("guess-{n}") };
                let _ = gateway.http().with_token(&token).try_send("GET", "/api/status", None);
                count.fetch_add(1, Ordering::Relaxed);
                sleep(self.pace);
            }
        });
    }
}

/// Sends requests, each over a connection of its own or all over one session; returns how long each
/// took.
fn honest_requests(gateway: &Gateway, n: usize, lasts: Duration) -> Vec<Duration> {
    let http = gateway.http().with_token(TOKEN);
    let mut session = Ws::connect(&gateway.address());
    session.ok("auth", json!({"token": TOKEN}));
    let began = Instant::now();
    let mut waits = Vec::new();
    while began.elapsed() < lasts {
        let asked = Instant::now();
        let body = one(&format!("honest-{n}-{}", waits.len()), "A", 1);
        match n % 2 {
            0 => http.clone().ok("deduct", body),
            _ => session.ok("deduct", body),
        };
        waits.push(asked.elapsed());
        sleep(Duration::from_millis(5));
    }
    waits
}

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// The beginning of a text frame whose header names one byte more.
fn unfinished_frame(bytes: u16) -> Vec<u8> {
    let [high, low] = (bytes + 1).to_be_bytes();
    let mut frame = vec![0x81, 0xfe, high, low, 0, 0, 0, 0];
    frame.resize(frame.len() + usize::from(bytes), b'x');
    frame
}

fn resident_kb(gateway: &Gateway) -> u64 {
    let status = read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
