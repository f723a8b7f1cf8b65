//! Puts the terminal port together and serves it.

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::context::TerminalContext;
use super::feed::{Feeds, sync_events};
use crate::barcode::InStoreForm;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::metrics::GatewayMetrics;
use crate::net::http::{ConnectionPermit, PortAccess};
use crate::net::stream::Certificates;
use crate::process::stop::Stop;
use crate::store::LedgerReader;

/// The parts of the gateway that terminals use.
#[derive(Debug)]
pub struct Backend {
    /// Answers queries and feeds subscriptions.
    pub state: Arc<CommittedState>,
    /// Counts what terminals do, and is shown at `/metrics`.
    pub metrics: Arc<GatewayMetrics>,
    /// Takes mutations.
    pub intake: Intake,
    /// Reads pages of the ledger, and the catalogue.
    pub ledger: LedgerReader,
    /// The forms of in-store numbers with a weight or count.
    pub in_store: Arc<[InStoreForm]>,
    /// What the page offers as reasons of a write-off or a short pick.
    pub reasons: Arc<[String]>,
}

/// Serves terminals until a stop is requested; returns when the last session has ended.
pub async fn serve(
    listener: TcpListener,
    backend: Backend,
    access: PortAccess,
    certificates: Option<Certificates>,
    stop: Stop,
) {
    let Backend { state, metrics, intake, ledger, in_store, reasons } = backend;
    let (sync_events, sync_task) = sync_events(Arc::clone(&state), stop.clone());
    let feeds = Feeds::default();
    let feed_task = feeds.clone().run(Arc::clone(&state), stop.clone());
    let (alive, mut sessions) = mpsc::channel(1);
    let context = TerminalContext {
        state,
        metrics,
        scarce: Arc::default(),
        intake,
        ledger,
        in_store,
        reasons,
        access,
        sync_events,
        feeds,
        stop: stop.clone(),
        _alive: alive,
    };
    let handler = move |request: Request<Incoming>, permit: ConnectionPermit| {
        let context = context.clone();
        async move { context.handle(request, &permit).await }
    };
    let server = crate::net::http::serve(listener, certificates, stop, handler);
    tokio::join!(server, sync_task, feed_task);
    // The server has dropped the handler; only sessions that are closing hold a context now.
    let _ = sessions.recv().await;
}
