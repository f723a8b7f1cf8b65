//! The hub: the central books of all gateways.
//!
//! ```text
//! broker -> inlet -> clerk (one thread, one transaction a batch) -> books (SQLite)
//!                      '-> acknowledgements, after the commit -> broker
//! HTTP -> reader (its own connection) -> books
//! ```

mod books;
mod clerk;
mod decode;
mod http;
mod inlet;
mod reader;
mod row;
mod strays;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use rumqttc::AsyncClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::books::Books;
use self::clerk::Clerk;
pub use self::decode::frame_json;
use self::inlet::Inlet;
pub use self::reader::Reader;
use crate::config::HubConfig;
use crate::limits::{HUB_BATCH_FRAMES_MAX, STOP_GRACE};
use crate::metrics::Counter;
use crate::stop::{self, Stop, Stopper};

/// The client of the connection that is up at the moment, for acknowledgements.
type Outlet = Arc<Mutex<Option<AsyncClient>>>;

/// What the hub counts.
#[derive(Debug, Default)]
struct HubMetrics {
    /// Frames whose entries were taken.
    frames_applied: Counter,
    /// Frames all of whose entries were known.
    frames_known: Counter,
    /// Frames left aside: unreadable, or not of the database in force.
    frames_bad: Counter,
    /// Frames from databases that are fenced.
    frames_refused: Counter,
    /// Entries taken.
    entries: Counter,
}

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    /// Where its books are served.
    pub address: SocketAddr,
    /// Reads its books.
    pub reader: Reader,
    stopper: Stopper,
    tasks: JoinSet<()>,
    clerk: std::thread::JoinHandle<()>,
}

/// Runs a hub until a stop is requested.
///
/// # Errors
/// If it cannot start: books, address or certificates.
pub async fn run(config: HubConfig, mut stop: Stop) -> anyhow::Result<()> {
    let hub = Hub::start(config).await?;
    stop.requested().await;
    hub.stop().await;
    Ok(())
}

impl Hub {
    /// Opens the books and starts everything; returns when they can be read.
    ///
    /// # Errors
    /// If the books, the address or the certificates cannot be used.
    pub async fn start(config: HubConfig) -> anyhow::Result<Self> {
        let books = Books::open(&config.store)?;
        let reader = Reader::open(&config.store)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("hub.listen: {} cannot be used", config.listen))?;
        let address = listener.local_addr()?;

        let metrics = Arc::new(HubMetrics::default());
        let outlet = Outlet::default();
        let (jobs, waiting) = mpsc::channel(HUB_BATCH_FRAMES_MAX);
        let clerk = Clerk::new(books, waiting, Arc::clone(&outlet), Arc::clone(&metrics));
        let clerk = std::thread::Builder::new().name("clerk".into()).spawn(|| clerk.run())?;

        let (stopper, stop) = stop::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(http::serve(listener, reader.clone(), Arc::clone(&metrics), stop.clone()));
        match &config.mqtt {
            Some(mqtt) => {
                let inlet = Inlet::new(mqtt, &config.worker, jobs, outlet, metrics);
                tasks.spawn(inlet.run(stop));
            }
            None => tracing::warn!("no [mqtt] section: the books are served, nothing is taken in"),
        }
        tracing::info!(%address, store = %config.store.display(), "the hub is ready");
        Ok(Self { address, reader, stopper, tasks, clerk })
    }

    /// Ends: no new frames, then what waits for the clerk.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        let clerk = self.clerk;
        let _ = tokio::task::spawn_blocking(move || clerk.join()).await;
        tracing::info!("the hub has stopped");
    }
}
