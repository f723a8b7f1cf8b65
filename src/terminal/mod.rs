//! The terminal port: HTTP and WebSocket on one listener, one implementation behind both.

mod access;
mod answer;
pub mod binary;
mod bulletin;
mod herald;
mod http;
pub(crate) mod message;
mod packed;
mod page;
mod query;
mod resolve;
mod subscription;
mod wire;
mod ws;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use self::access::{Access, Role, Token};
use self::bulletin::Board;
use self::herald::SyncEvent;
#[cfg(feature = "hub")]
pub use self::http::central_request;
#[cfg(feature = "hub")]
pub use self::message::Central;
pub use self::message::Fields;
use crate::http::Reply;
use crate::stop::Stop;
use crate::store::LedgerReader;
use crate::view::View;
use crate::writer::Intake;

/// What a request may reach.
#[derive(Clone, Debug)]
pub struct Terminals {
    view: Arc<View>,
    intake: Intake,
    ledger: LedgerReader,
    access: Arc<Access>,
    /// The newest `sync` event, made once for all who listen.
    sync_events: watch::Receiver<SyncEvent>,
    board: watch::Sender<Board>,
    stop: Stop,
    /// Held by every session: when all are dropped, no session is left.
    _alive: mpsc::Sender<Infallible>,
}

/// Serves terminals until a stop is requested.
pub async fn serve(
    listener: TcpListener,
    view: Arc<View>,
    intake: Intake,
    ledger: LedgerReader,
    access: Access,
    stop: Stop,
) {
    let (sync_events, herald) = herald::start(Arc::clone(&view), stop.clone());
    let board = watch::Sender::new(Board::default());
    let bulletins = bulletin::post(Arc::clone(&view), board.clone(), stop.clone());
    let (alive, mut sessions) = mpsc::channel(1);
    let terminals = Terminals {
        view,
        intake,
        ledger,
        access: Arc::new(access),
        sync_events,
        board,
        stop: stop.clone(),
        _alive: alive,
    };
    let handler = move |request: Request<Incoming>, peer: SocketAddr| {
        let terminals = terminals.clone();
        async move { terminals.answer(request, peer).await }
    };
    tokio::join!(crate::http::serve(listener, stop, handler), herald, bulletins);
    // The handler is gone with the server; what is left are the sessions saying good-bye.
    let _ = sessions.recv().await;
}

impl Terminals {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        match self.route(request, peer).await {
            Ok(reply) => reply,
            Err(problem) => {
                self.view.metrics.note_refusal(problem.code);
                problem.reply()
            }
        }
    }
}
