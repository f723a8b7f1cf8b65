//! A terminal that records every answer and repeats unanswered requests with the same ids.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::request::{Request, next, reserve};
use crate::support::bodies::with;
use crate::support::http::Http;
use crate::support::terminal::{Outcome, Port};
use crate::support::ws::Ws;

/// The number of requests that a WebSocket terminal sends before it waits for the first answer.
const WINDOW: usize = 48;
/// The number of answered requests that each terminal repeats after a restart.
const RESENT: usize = 12;

pub(crate) struct Client {
    number: usize,
    port: Port,
    pub(crate) token: Option<String>,
    rng: fastrand::Rng,
    pub(crate) book: Vec<Request>,
    /// Unanswered requests, in the order in which they were first sent.
    open: Vec<usize>,
    /// Requests answered since the last check.
    pub(crate) fresh: Vec<usize>,
    /// Repeated requests that had been decided, and those that had not.
    pub(crate) resent: (u64, u64),
}

/// What the terminals share during one life of the gateway.
pub(crate) struct Shift {
    pub(crate) life: u64,
    pub(crate) address: String,
    pub(crate) is_over: AtomicBool,
    /// The number of terminals that have an answer to every request of earlier lives.
    pub(crate) settled: AtomicUsize,
}

impl Shift {
    pub(crate) fn new(life: u64, address: String) -> Self {
        let (is_over, settled) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { life, address, is_over, settled }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// A connection; a missing answer is `None`.
enum Line {
    Http(Http),
    Ws(Box<Ws>),
}

impl Client {
    pub(crate) fn new(number: usize, port: Port, seed: u64, book: Vec<Request>) -> Self {
        let rng = fastrand::Rng::with_seed(seed.wrapping_add(number as u64));
        let open = (0..book.len()).collect();
        Self { number, port, token: None, rng, book, open, fresh: Vec::new(), resent: (0, 0) }
    }

    /// Repeats the unanswered requests, then sends new ones until the shift ends.
    pub(crate) fn work(&mut self, shift: &Shift) {
        let mut is_settled = false;
        while !shift.is_over() {
            let Some(mut line) = self.connect(&shift.address) else {
                sleep(Duration::from_millis(1));
                continue;
            };
            while !shift.is_over() && self.talk(&mut line, shift.life).is_some() {
                if !is_settled && self.open.is_empty() {
                    is_settled = true;
                    shift.settled.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Makes this many reservations, which fall due together when days pass.
    pub(crate) fn reserve_many(&mut self, address: &str, count: usize, life: u64) {
        let mut line = self.connect(address).expect("the gateway listens");
        for _ in 0..count.div_ceil(WINDOW) {
            for _ in 0..WINDOW {
                let id = self.new_id();
                self.open.push(self.book.len());
                self.book.push(reserve(id, &mut self.rng, life));
            }
            self.ask(&mut line).expect("the gateway goes on");
        }
    }

    /// Repeats the unanswered requests until there are none.
    pub(crate) fn settle(&mut self, address: &str) {
        let mut line = self.connect(address).expect("the gateway listens");
        while !self.open.is_empty() {
            self.resend(&mut line).expect("the gateway goes on");
        }
    }

    /// Repeats some answered requests of these lives: each must get the same answer.
    pub(crate) fn check_replays(&mut self, address: &str, since_life: u64) {
        let answered = |at: &usize| {
            let request = &self.book[*at];
            request.life >= since_life && request.answer.is_some()
        };
        let mut sample: Vec<usize> = (0..self.book.len()).rev().filter(answered).collect();
        let newest = RESENT.min(sample.len()) / 2;
        self.rng.shuffle(&mut sample[newest..]);
        sample.truncate(RESENT);
        let mut line = self.connect(address).expect("the gateway listens");
        let again = line.ask(sample.iter().map(|at| &self.book[*at]));
        assert_eq!(again.len(), sample.len(), "the gateway goes on");
        for (at, again) in sample.iter().zip(again) {
            assert_replayed(&self.book[*at], again);
        }
    }

    fn connect(&self, address: &str) -> Option<Line> {
        match self.port {
            Port::Http => {
                let http = Http::new(&format!("http://{address}"));
                let token = self.token.as_ref();
                Some(Line::Http(token.map_or(http.clone(), |token| http.with_token(token))))
            }
            Port::WebSocket => {
                let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
                let headers = bearer.iter().map(|bearer| ("Authorization", bearer.as_str()));
                let headers: Vec<_> = headers.collect();
                let ws = Ws::try_connect_with(address, &headers);
                ws.map(|ws| Line::Ws(Box::new(ws)))
            }
        }
    }

    /// One round; `None` when the connection has ended.
    fn talk(&mut self, line: &mut Line, life: u64) -> Option<()> {
        if !self.open.is_empty() {
            return self.resend(line);
        }
        let count = match line {
            Line::Http(_) => 1,
            Line::Ws(_) => self.rng.usize(1..=WINDOW),
        };
        for _ in 0..count {
            let request = next(self.new_id(), &self.book, &mut self.rng, life);
            self.open.push(self.book.len());
            self.book.push(request);
        }
        self.ask(line).map(|_| ())
    }

    fn new_id(&self) -> String {
        format!("c{}-{}", self.number, self.book.len())
    }

    fn resend(&mut self, line: &mut Line) -> Option<()> {
        for answer in self.ask(line)? {
            match is_replay(&answer) {
                true => self.resent.0 += 1,
                false => self.resent.1 += 1,
            }
        }
        Some(())
    }

    /// Sends all unanswered requests and records the answers; `None` when some are missing.
    fn ask(&mut self, line: &mut Line) -> Option<Vec<Outcome>> {
        let asked = std::mem::take(&mut self.open);
        let answers = line.ask(asked.iter().map(|at| &self.book[*at]));
        let answered_all = answers.len() == asked.len();
        let mut kept = Vec::new();
        for (place, at) in asked.into_iter().enumerate() {
            match answers.get(place) {
                Some(answer) if is_decided(answer) => {
                    self.book[at].answer = Some(answer.clone());
                    self.fresh.push(at);
                    kept.push(answer.clone());
                }
                Some(_) | None => self.open.push(at),
            }
        }
        answered_all.then_some(kept)
    }
}

impl Line {
    /// The answers to these requests, as far as they arrived.
    fn ask<'a>(&mut self, requests: impl Iterator<Item = &'a Request>) -> Vec<Outcome> {
        match self {
            Self::Http(http) => requests
                .map_while(|request| http.try_call(request.op, request.body.clone()).ok())
                .collect(),
            Self::Ws(ws) => {
                let ids: Vec<Value> = requests
                    .map_while(|request| ws.try_send(request.op, request.body.clone()).ok())
                    .collect();
                ids.iter().map_while(|id| ws.try_outcome(id).ok()).collect()
            }
        }
    }
}

/// Whether a request was decided; if not, it is to be repeated.
fn is_decided(answer: &Outcome) -> bool {
    let Err(error) = answer else { return true };
    match error["code"].as_str().unwrap() {
        "overloaded" | "storage_unavailable" => false,
        "unknown_sku"
        | "unknown_request"
        | "unknown_reservation"
        | "insufficient_stock"
        | "below_reserved"
        | "exceeds_deduction"
        | "reservation_expired"
        | "reservation_closed" => true,
        other => panic!("no request deserves {other}: {error}"),
    }
}

fn is_replay(answer: &Outcome) -> bool {
    let (Ok(answer) | Err(answer)) = answer;
    answer["replayed"] == true
}

fn assert_replayed(request: &Request, again: Outcome) {
    let first = request.answer.clone().expect("it was answered");
    let replayed = |told: Value| with(told, "replayed", true);
    let (first, id) = (first.map(replayed).map_err(replayed), &request.id);
    assert_eq!(again, first, "{id}, sent again after a restart, is not answered as before");
}
