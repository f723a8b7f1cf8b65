//! The terminal port: HTTP and WebSocket on one listener, one implementation behind both.

mod access;
mod answer;
pub mod binary;
mod bulletin;
mod frames;
mod guesses;
mod herald;
mod http;
pub(crate) mod message;
mod packed;
mod page;
mod query;
mod rate;
mod resolve;
mod subscription;
mod wire;
mod ws;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::{HeaderMap, Request};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use self::access::{Access, AccessRules, Pass, Role, Token};
use self::bulletin::Boards;
use self::guesses::Guesses;
use self::herald::SyncEvent;
pub use self::message::Fields;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::metrics::Metrics;
use crate::net::http::HttpResponse;
use crate::net::stream::Certificates;
use crate::problem::Problem;
use crate::process::stop::Stop;
use crate::store::LedgerReader;

/// What a request may reach.
#[derive(Clone, Debug)]
pub struct Terminals {
    state: Arc<CommittedState>,
    metrics: Arc<Metrics>,
    intake: Intake,
    ledger: LedgerReader,
    /// The newest rules of who may do what.
    access: watch::Receiver<Arc<Access>>,
    guesses: Arc<Mutex<Guesses>>,
    /// The newest `sync` event, made once for all who listen.
    sync_events: watch::Receiver<SyncEvent>,
    boards: Boards,
    stop: Stop,
    /// Held by every session: when all are dropped, no session is left.
    _alive: mpsc::Sender<Infallible>,
}

/// The parts of the gateway that terminals use.
#[derive(Debug)]
pub struct Backend {
    /// What queries read.
    pub state: Arc<CommittedState>,
    /// What is counted for `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Where mutations go.
    pub intake: Intake,
    /// Where pages of the ledger are read.
    pub ledger: LedgerReader,
}

/// Serves terminals until a stop is requested.
pub async fn serve(
    listener: TcpListener,
    backend: Backend,
    access: watch::Receiver<Arc<Access>>,
    certificates: Option<Certificates>,
    stop: Stop,
) {
    let Backend { state, metrics, intake, ledger } = backend;
    let (sync_events, herald) = herald::start(Arc::clone(&state), stop.clone());
    let boards = Boards::default();
    let bulletins = boards.clone().post(Arc::clone(&state), stop.clone());
    let (alive, mut sessions) = mpsc::channel(1);
    let terminals = Terminals {
        state,
        metrics,
        intake,
        ledger,
        access,
        guesses: Arc::default(),
        sync_events,
        boards,
        stop: stop.clone(),
        _alive: alive,
    };
    let handler = move |request: Request<Incoming>, peer: SocketAddr| {
        let terminals = terminals.clone();
        async move { terminals.answer(request, peer).await }
    };
    tokio::join!(crate::net::http::serve(listener, certificates, stop, handler), herald, bulletins);
    // The handler is gone with the server; what is left are the sessions saying good-bye.
    let _ = sessions.recv().await;
}

impl Terminals {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> HttpResponse {
        match self.route(request, peer).await {
            Ok(reply) => reply,
            Err(problem) => {
                self.metrics.note_refusal(problem.code);
                crate::net::http::problem(&problem)
            }
        }
    }

    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.borrow())
    }

    /// What whoever sends these headers is let in with; `None` without a token where one is
    /// needed.
    ///
    /// # Errors
    /// `unauthorized` for a wrong token, `overloaded` after too many of them.
    fn pass_of(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<Arc<Pass>>, Problem> {
        let access = self.access();
        match access.open() {
            Some(pass) => Ok(Some(pass)),
            None => access::shown(headers)?.map(|secret| self.log_in(secret, peer)).transpose(),
        }
    }

    /// What a token is let in with.
    ///
    /// # Errors
    /// As [`Terminals::pass_of`].
    fn log_in(&self, secret: &str, peer: IpAddr) -> Result<Arc<Pass>, Problem> {
        let (access, now_us) = (self.access(), self.now_us());
        // Held while the token is looked at: many guesses at once are not more guesses.
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.wait(peer, now_us).map_err(|wait| {
            let message = format!("too many wrong tokens came from {peer}; try again later");
            Problem::overloaded_for(wait, message)
        })?;
        access.pass_of(secret).inspect_err(|_| {
            if !secret.is_empty() && guesses.count(peer, now_us) {
                tracing::warn!(%peer, "many wrong tokens come from there; it is made to wait");
            }
        })
    }

    /// Running time that never goes back, in microseconds.
    fn now_us(&self) -> u64 {
        self.state.clock.since_start_ms() * 1_000
    }
}
