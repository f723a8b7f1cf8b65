//! The hub: the books of all gateways, and the program that keeps them.
//!
//! ```text
//! broker -> link -> jobs -> writer: one thread, one transaction a batch -> books database
//!                             '-> after the commit: publisher -> broker
//! HTTP, gRPC -> api: changes -> jobs; queries -> reader, on a connection of its own -> books database
//! ```
//!
//! The rules are in [`core`], which does no IO; `db` stores the books, everything else moves jobs
//! and answers. This file assembles the parts, and no part imports it. Nothing here knows the
//! terminal port or the gateway's database.

mod api;
mod batch;
mod books_clock;
pub(crate) mod catalogue;
pub mod core;
mod db;
mod decode;
mod due;
mod expiry;
mod failures;
mod feed;
mod fleet;
mod grpc;
mod health;
mod http;
mod jobs;
mod left_out;
mod link;
mod metrics;
mod months;
mod movement_json;
mod open_sales;
mod outgoing;
mod publisher;
mod reader;
mod rejected;
mod reload;
pub(crate) mod request;
mod retention;
mod sales;
mod signer;
mod sinks;
mod steady_clock;
mod strangers;
pub(crate) mod upkeep;
mod waiting;
mod workers;
mod writer;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use rustls::ClientConfig;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::api::HubApi;
use self::books_clock::BooksClock;
use self::core::{Books as _, Rules};
use self::db::{BooksDatabase, BooksError, BooksLock, server_time};
pub use self::decode::frame_json;
use self::failures::BooksFailures;
use self::feed::FeedEnd;
use self::health::HubHealth;
use self::jobs::{HubJob, RequestSender};
use self::left_out::LeftOut;
use self::link::{BrokerLink, broker, forget_limits, set_offline};
use self::metrics::HubMetrics;
pub(crate) use self::movement_json::MovementJson;
use self::open_sales::OpenSales;
use self::publisher::Publisher;
pub use self::reader::{BooksPage, BooksReader, Reconciliation, StockJson};
use self::rejected::RejectedFrames;
use self::signer::BooksSigner;
use self::sinks::{SinkBooks, Sinks};
use self::strangers::Strangers;
use self::writer::HubWriter;
use crate::clock::wall_ms;
use crate::config::{BookStore, CertificateDates, Enrolment, HubConfig, UnknownSkus};
use crate::limits::{
    HUB_BATCH_FRAMES_MAX, HUB_REQUESTS_WAITING_MAX, STOP_GRACE, WRITER_STOP_GRACE,
};
use crate::net::http::PortControl;
use crate::net::mqtt::RenewableTls;
use crate::process::reload::Reload;
use crate::process::service::Manager;
use crate::process::stop::{self, Stop, Stopper};
use crate::protocol::frame::BooksId;

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    /// The address of the HTTP interface, with the port that is in use.
    pub address: SocketAddr,
    /// Reads the books.
    pub reader: BooksReader,
    /// Held as long as the hub runs.
    _lock: Option<BooksLock>,
    /// The configuration in force; a reload replaces it.
    config: HubConfig,
    port: PortControl,
    /// Renewed by a reload.
    broker_tls: RenewableTls,
    metrics: Arc<HubMetrics>,
    health: Arc<HubHealth>,
    publisher: Publisher,
    stopper: Stopper,
    tasks: JoinSet<()>,
    writer: JoinHandle<()>,
}

/// Runs a hub until a stop is requested; reads the configuration again on SIGHUP.
///
/// # Errors
/// If the hub cannot start: see [`Hub::start`].
pub async fn run(
    config: HubConfig,
    mut stop: Stop,
    mut reload: Reload<HubConfig>,
) -> anyhow::Result<()> {
    let manager = Manager::from_environment();
    manager.tell("STATUS=Opening the books.");
    let mut hub = Hub::start(config).await?;
    let (health, publisher) = (Arc::clone(&hub.health), hub.publisher.clone());
    let refused = Mutex::new(None::<String>);
    let sentence = || {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        let state = status_sentence(&health, &publisher);
        refused.iter().cloned().chain([state]).collect::<Vec<_>>().join(" ")
    };
    let mut reporting = pin!(manager.report_until_stopped(&health.heartbeat, sentence, &mut stop));
    loop {
        tokio::select! {
            () = &mut reporting => break,
            _ = reload.hangups.recv() => {
                manager.tell("RELOADING=1");
                let read = tokio::select! {
                    read = reload.read(Ok) => read,
                    () = &mut reporting => break,
                };
                let outcome = hub.reload(read, reload.set_log_level);
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = outcome.err();
                manager.tell(&format!("READY=1\nSTATUS={}", sentence()));
            }
        }
    }
    hub.stop().await;
    Ok(())
}

/// The hub's state, for the service manager.
fn status_sentence(health: &HubHealth, publisher: &Publisher) -> String {
    let sentence = match (health.problem(), publisher.is_connected()) {
        _ if health.is_failing() => {
            "Cannot write the books; the gateways keep their entries.".into()
        }
        (None, true) => "Keeps the books; connected to the broker.".into(),
        (None, false) => "Serves the books; no broker is configured.".into(),
        (Some(why), _) => format!("Serves the books; {why}."),
    };
    let unsigned = health.ledger_problem.as_ref();
    unsigned.map_or(sentence.clone(), |why| format!("{sentence} Does not sign its ledger: {why}."))
}

impl Hub {
    /// Opens the books database and starts all parts. When it returns, the HTTP interface accepts
    /// connections.
    ///
    /// # Errors
    /// If the books database cannot be opened, or the address cannot be used.
    ///
    /// # Panics
    /// If the configuration lets clients from outside use the hub without a token.
    pub async fn start(config: HubConfig) -> anyhow::Result<Self> {
        assert_guarded(&config);
        let lock = lock_books(&config.store)?;
        let (database, reader, clock, books, signer) = open_books(&config).await?;
        let listener = listen("hub.listen", config.http.listen)?;
        let grpc = config.grpc_listen.map(|at| listen("hub.grpc_listen", at)).transpose()?;
        let (address, (stopper, stop)) = (listener.local_addr()?, stop::channel());
        let (metrics, failures) = (Arc::<HubMetrics>::default(), Arc::<BooksFailures>::default());
        let publisher = Publisher::to(&config.broker_name(), Arc::clone(&metrics));
        let health = Arc::new(HubHealth::new(config.mqtt.is_some()).unsigned(signer.problem()));
        let (jobs, waiting) = mpsc::channel(HUB_BATCH_FRAMES_MAX);
        let (requests, asked) = RequestSender::new(HUB_REQUESTS_WAITING_MAX, jobs.clone());
        let (left_out, open_sales) = (Arc::<LeftOut>::default(), OpenSales::default());
        let strangers = Arc::new(strangers(config.gateways));
        let rejected = RejectedFrames::new(Arc::clone(&metrics));
        let feed = FeedEnd::new(stop.clone(), config.store.may_be_shared());
        let ours = [database.reader()?, database.reader()?];
        let writer = HubWriter::new(database, waiting, publisher.clone(), Arc::clone(&metrics))
            .serving(asked)
            .feeding(feed.clone())
            .selling(Arc::clone(&left_out), open_sales.clone())
            .sharing(config.shared)
            .timed(clock.clone())
            .ruled(rules(&config), Arc::clone(&strangers))
            .signing(signer)
            .rejecting(rejected.clone())
            .reporting(Arc::clone(&failures))
            .ending(stop.clone())
            .reporting_health(Arc::clone(&health));
        let writer = spawn_writer(writer)?;
        let mut tasks = JoinSet::new();
        spawn_upkeep(&mut tasks, &reader, &requests, (&open_sales, &clock), &stop);
        spawn_keepers(&mut tasks, &feed, ours, &failures);
        let sinks = spawn_sinks(&mut tasks, &config, (&reader, &requests, &feed), &metrics, &stop);
        let api = HubApi::new(reader.clone(), requests, Arc::clone(&metrics), failures, feed)
            .probed(Arc::clone(&health))
            .selling(left_out, open_sales)
            .timed(clock)
            .delivering(sinks)
            .named(&config.worker, strangers);
        let port = port_control(&config);
        serve_ports(&mut tasks, (listener, grpc), api, &port, &stop)?;
        tasks.spawn(fleet::watch(reader.clone(), Arc::clone(&metrics), stop.clone()));
        tasks.spawn(tick(jobs.clone(), tick_interval(config.shared), stop.clone()));
        let link_tls = RenewableTls::new(broker_tls(&config));
        report_certificate(&metrics, &config);
        if let Some(broker) = broker(&config, &link_tls, books) {
            let group = config.shared.then_some(books);
            let link = BrokerLink::new(broker, group, jobs, publisher.clone(), &metrics)
                .rejecting(rejected)
                .reporting(Arc::clone(&health))
                .standing_in(workers::watch(&mut tasks, &config, books, &health, &stop));
            tasks.spawn(link.run(stop));
        }
        announce(address, port.scheme(), &config);
        Ok(Self {
            address,
            reader,
            _lock: lock,
            config,
            port,
            broker_tls: link_tls,
            metrics,
            health,
            publisher,
            stopper,
            tasks,
            writer,
        })
    }

    /// Stops: first connections and link, then the writer, once it has handled the jobs that wait.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        let writer = self.writer;
        let joined = tokio::task::spawn_blocking(move || writer.join());
        match tokio::time::timeout(WRITER_STOP_GRACE, joined).await {
            Ok(_) => tracing::info!("the hub has stopped"),
            // What is not committed was not acknowledged either.
            Err(_) => tracing::warn!("the books do not answer; the hub stops without them"),
        }
    }
}

/// A configuration from a file has been checked; one that was made in code has not.
fn assert_guarded(config: &HubConfig) {
    let is_guarded = config.http.is_guarded() && config.is_guarded();
    assert!(is_guarded, "without tokens a hub listens on loopback only");
}

fn spawn_writer(writer: HubWriter) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("hub-writer".into()).spawn(|| writer.run())
}

fn port_control(config: &HubConfig) -> PortControl {
    let tls = config.http.tls.as_ref().map(|tls| Arc::clone(&tls.config));
    PortControl::new(config.http.access(), tls)
}

fn announce(address: SocketAddr, scheme: &str, config: &HubConfig) {
    let ready = format!("the hub is ready at {scheme}://{address}/");
    tracing::info!(%address, store = %config.store, worker = config.worker, "{ready}");
}

/// What is done from time to time, without a frame or a request.
fn spawn_upkeep(
    tasks: &mut JoinSet<()>,
    reader: &BooksReader,
    requests: &RequestSender,
    (open_sales, clock): (&OpenSales, &BooksClock),
    stop: &Stop,
) {
    tasks.spawn(sales::hear_others(reader.clone(), open_sales.clone(), stop.clone()));
    tasks.spawn(reader::recount(reader.clone(), stop.clone()));
    tasks.spawn(waiting::serve(reader.clone(), requests.clone(), stop.clone()));
    tasks.spawn(expiry::run(reader.clone(), requests.clone(), clock.clone(), stop.clone()));
    tasks.spawn(sales::run(reader.clone(), requests.clone(), clock.clone(), stop.clone()));
}

/// What keeps the feed's positions and the ledgers' tables.
fn spawn_keepers(
    tasks: &mut JoinSet<()>,
    feed: &FeedEnd,
    [of_feed, of_months]: [BooksDatabase; 2],
    failures: &Arc<BooksFailures>,
) {
    tasks.spawn(feed.clone().follow(of_feed, Arc::clone(failures)));
    tasks.spawn(months::run(of_months, Arc::clone(failures), feed.stop()));
}

/// Serves HTTP, and gRPC where it has an address; both by the same rules.
fn serve_ports(
    tasks: &mut JoinSet<()>,
    (http, grpc): (TcpListener, Option<TcpListener>),
    api: HubApi,
    port: &PortControl,
    stop: &Stop,
) -> anyhow::Result<()> {
    let (access, certificates) = (port.access(), port.certificates());
    if let Some(listener) = grpc {
        tracing::info!(address = %listener.local_addr()?, "the gRPC interface is ready");
        let (api, access, certificates) = (api.clone(), access.clone(), certificates.clone());
        tasks.spawn(grpc::serve(listener, api, access, certificates, stop.clone()));
    }
    tasks.spawn(http::serve(http, api, access, certificates, stop.clone()));
    Ok(())
}

fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listening = crate::net::http::listen(address);
    listening.with_context(|| format!("{key}: {address} cannot be used"))
}

/// Starts what delivers the feed to its sinks, and what removes entries that they have taken.
fn spawn_sinks(
    tasks: &mut JoinSet<()>,
    config: &HubConfig,
    (reader, requests, feed): (&BooksReader, &RequestSender, &FeedEnd),
    metrics: &Arc<HubMetrics>,
    stop: &Stop,
) -> Sinks {
    let sinks = Sinks::new(&config.sinks);
    if config.retention_days > 0 {
        let (days, requests) = (config.retention_days, requests.clone());
        tasks.spawn(retention::run(days, sinks.names(), requests, stop.clone()));
    }
    let is_shared = config.store.may_be_shared();
    let books = SinkBooks::new(reader.clone(), requests.clone(), is_shared);
    sinks.spawn(tasks, &config.worker, &books, feed, stop);
    tasks.spawn(sinks::watch(reader.clone(), sinks.clone(), Arc::clone(metrics), stop.clone()));
    sinks
}

fn lock_books(store: &BookStore) -> Result<Option<BooksLock>, BooksError> {
    match store {
        BookStore::Sqlite(path) => BooksLock::of_hub(path).map(Some),
        // PostgreSQL looks after that itself.
        BookStore::Postgres(_) => Ok(None),
    }
}

fn strangers(gateways: Enrolment) -> Strangers {
    match gateways {
        Enrolment::Open => Strangers::default(),
        Enrolment::Listed => Strangers::refused(),
    }
}

fn rules(config: &HubConfig) -> Rules {
    let refuses_unknown_skus = config.unknown_skus == UnknownSkus::Refuse;
    Rules { refuses_unknown_skus, ..Rules::default() }
}

async fn open_books(
    config: &HubConfig,
) -> Result<(BooksDatabase, BooksReader, BooksClock, Uuid, BooksSigner), BooksError> {
    let (store, broker, shared) = (config.store.clone(), config.broker_name(), config.shared);
    let open = move || {
        let mut database = BooksDatabase::open(&store)?;
        // Before anything is booked in a month; without one it is booked all the same.
        if let Err(error) = database.make_months() {
            tracing::error!(%error, "a table for the ledgers of a month cannot be made");
        }
        // A gateway counts as online only after it has reported to this process, or to another worker.
        let BooksId { books, .. } = database.change(|books| {
            set_offline(books, wall_ms(), shared)?;
            books.identity()
        })?;
        forget_limits(&mut database, &broker);
        let (reader, clock) = (BooksReader::open(&database)?, BooksClock::default());
        // Before anything ends by it.
        database.read(server_time)?.into_iter().for_each(|now_ms| clock.follow(now_ms));
        let signer = BooksSigner::of(&store, &mut database);
        Ok((database, reader, clock, books, signer))
    };
    tokio::task::spawn_blocking(open).await.expect("opening does not panic")
}

fn broker_tls(config: &HubConfig) -> Option<Arc<ClientConfig>> {
    config.mqtt.as_ref().and_then(|mqtt| mqtt.tls.clone())
}

/// Shows when our certificate for the broker ends.
fn report_certificate(metrics: &HubMetrics, config: &HubConfig) {
    let certificate = config.mqtt.as_ref().and_then(|mqtt| mqtt.certificate);
    if let Some(CertificateDates { begin_ms, end_ms }) = certificate {
        metrics.certificate.set(begin_ms, end_ms);
    }
}

/// How often the writer looks for what is to be sent again. Several workers on the same books tick
/// faster, because a frame of one may wait for a frame of another.
fn tick_interval(shared: bool) -> Duration {
    Duration::from_millis(if shared { 50 } else { 1_000 })
}

async fn tick(jobs: mpsc::Sender<HubJob>, interval: Duration, mut stop: Stop) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        tokio::select! {
            _ = ticks.tick() => drop(jobs.try_send(HubJob::Tick)),
            () = stop.requested() => return,
        }
    }
}
