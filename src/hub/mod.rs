//! The hub: the central books of all gateways.
//!
//! ```text
//! broker -> link -> writer (one thread, one transaction a batch) -> books (SQLite)
//!                      '-> acknowledgements, after the commit -> broker
//! HTTP -> reader (its own connection) -> books
//! ```

pub mod core;
pub(crate) mod csv;
mod db;
mod decode;
mod http;
mod link;
mod reader;
mod rejected;
pub(crate) mod request;
mod writer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rumqttc::AsyncClient;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::db::BooksDatabase;
pub use self::decode::frame_json;
use self::link::BrokerLink;
pub use self::reader::Reader;
use self::writer::{HubJob, HubWriter};
use crate::config::HubConfig;
use crate::limits::{HUB_BATCH_FRAMES_MAX, STOP_GRACE};
use crate::metrics::{Counter, Histogram};
use crate::process::heartbeat::Heartbeat;
use crate::process::service::Manager;
use crate::process::stop::{self, Stop, Stopper};
use crate::store::StoreError;

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
    /// Connections to the broker that were lost or failed.
    link_losses: Counter,
    /// Batches that could not be brought into the books.
    commits_failed: Counter,
    /// Batches, until they were in the books.
    commits: Histogram,
}

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    /// Where its books are served.
    pub address: SocketAddr,
    /// Reads its books.
    pub reader: Reader,
    /// Beats as long as the writer does.
    heartbeat: Arc<Heartbeat>,
    outlet: Outlet,
    stopper: Stopper,
    tasks: JoinSet<()>,
    writer: std::thread::JoinHandle<()>,
}

/// Runs a hub until a stop is requested.
///
/// # Errors
/// If it cannot start: books, address or certificates.
pub async fn run(config: HubConfig, mut stop: Stop) -> anyhow::Result<()> {
    let manager = Manager::from_environment();
    tokio::spawn(outlive_hangups(signal(SignalKind::hangup())?));
    manager.tell("STATUS=Opening the books.");
    let hub = Hub::start(config).await?;
    manager.keep_told(&hub.heartbeat, || hub.sentence(), &mut stop).await;
    hub.stop().await;
    Ok(())
}

/// Unheard, it would end the hub.
async fn outlive_hangups(mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        tracing::warn!("SIGHUP: the hub has no reload; restart it for a new configuration");
    }
}

impl Hub {
    /// Opens the books and starts everything; returns when they can be read.
    ///
    /// # Errors
    /// If the books, the address or the certificates cannot be used.
    pub async fn start(config: HubConfig) -> anyhow::Result<Self> {
        let store = config.store.clone();
        let (database, reader) = tokio::task::spawn_blocking(move || {
            let mut database = BooksDatabase::open(&store)?;
            // Whoever was online is so only once it has said so to this process.
            database.change(|books| books.set_all_offline())?;
            Ok::<_, StoreError>((database, Reader::open(&store)?))
        })
        .await
        .expect("opening does not panic")?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("hub.listen: {} cannot be used", config.listen))?;
        let address = listener.local_addr()?;

        let metrics = Arc::new(HubMetrics::default());
        let outlet = Outlet::default();
        let (jobs, waiting) = mpsc::channel(HUB_BATCH_FRAMES_MAX);
        let heartbeat = Arc::<Heartbeat>::default();
        let writer = HubWriter::new(database, waiting, Arc::clone(&outlet), Arc::clone(&metrics));
        let writer = writer.sharing(config.shared).beating(Arc::clone(&heartbeat));
        let writer =
            std::thread::Builder::new().name("hub-writer".into()).spawn(|| writer.run())?;

        let (stopper, stop) = stop::channel();
        let mut tasks = JoinSet::new();
        let desk = http::Desk::new(reader.clone(), jobs.clone(), Arc::clone(&metrics));
        tasks.spawn(http::serve(listener, desk, stop.clone()));
        let every = if config.shared { TICK_SHARED } else { TICK };
        tasks.spawn(tick(jobs.clone(), every, stop.clone()));
        match &config.mqtt {
            Some(mqtt) => {
                let (worker, outlet) = ((&*config.worker, config.shared), Arc::clone(&outlet));
                let link = BrokerLink::new(mqtt, worker, jobs, outlet, metrics);
                tasks.spawn(link.run(stop));
            }
            None => tracing::warn!("no [mqtt] section: the books are served, nothing is taken in"),
        }
        tracing::info!(%address, store = %config.store, "the hub is ready");
        Ok(Self { address, reader, heartbeat, outlet, stopper, tasks, writer })
    }

    /// How things stand, in a sentence.
    fn sentence(&self) -> String {
        let is_connected = self.outlet.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        match is_connected {
            true => "Keeps the books; connected to the broker.".into(),
            false => "Serves the books; there is no connection to a broker.".into(),
        }
    }

    /// Ends: no new frames, then what waits for the writer.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        let writer = self.writer;
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        tracing::info!("the hub has stopped");
    }
}

/// How often the writer looks after what is overdue.
const TICK: Duration = Duration::from_secs(1);
/// The same when a frame may wait for one that another worker has.
const TICK_SHARED: Duration = Duration::from_millis(50);

async fn tick(jobs: mpsc::Sender<HubJob>, every: Duration, mut stop: Stop) {
    let mut ticks = tokio::time::interval(every);
    loop {
        tokio::select! {
            _ = ticks.tick() => drop(jobs.try_send(HubJob::Tick)),
            () = stop.requested() => return,
        }
    }
}
