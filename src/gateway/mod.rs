//! The gateway, put together: every part, every channel, and the order in which they end.

pub mod link;
mod reload;
mod status_sentence;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::status_sentence::status_sentence;
use crate::clock;
use crate::config::GatewayConfig;
use crate::engine::intake::{Intake, WriterRules};
use crate::engine::state::CommittedState;
use crate::engine::sync_status::LinkState;
use crate::engine::writer::Writer;
use crate::gateway::link::HubLink;
use crate::limits::{STOP_GRACE, STOP_TIDY};
use crate::metrics::Metrics;
use crate::process::service::Manager;
use crate::process::stop::{self, Stop, Stopper};
use crate::store::{LedgerReader, Opened, Store, StoreError};
use crate::terminal::{self, Access, AccessRules, Backend};

pub use self::reload::Reloading;

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// What it publishes.
    pub state: Arc<CommittedState>,
    /// Where terminals reach it.
    pub address: SocketAddr,
    /// What holds now; a new one may be taken while it runs.
    config: GatewayConfig,
    access: watch::Sender<Arc<Access>>,
    certificates: Option<watch::Sender<Arc<ServerConfig>>>,
    intake: Intake,
    stopper: Stopper,
    tasks: JoinSet<()>,
    writer: JoinHandle<()>,
}

/// A gateway's database, and what it held when it was opened.
pub type Database = (Store, Opened);

/// Opens the database. Best done before the runtime starts: as long as a process has one thread,
/// memory is had without locks, and a start takes much of it.
///
/// # Errors
/// If the database or the data directory cannot be used.
pub fn open(config: &GatewayConfig) -> Result<Database, StoreError> {
    Store::open(&config.data_dir, &config.site, &config.id)
}

/// Runs a gateway until a stop is requested, and takes a new configuration on SIGHUP.
///
/// # Errors
/// If it cannot start: database, data directory or address.
pub async fn run(
    config: GatewayConfig,
    opened: Database,
    manager: &Manager,
    mut stop: Stop,
    mut reloading: Reloading,
) -> anyhow::Result<()> {
    let mut gateway = Gateway::start(config, opened)?;
    let state = Arc::clone(&gateway.state);
    let refused = Mutex::new(None::<String>);
    let sentence = || {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().cloned().chain([status_sentence(&state)]).collect::<Vec<_>>().join(" ")
    };
    let mut told = pin!(manager.keep_told(&state.heartbeat, sentence, &mut stop));
    loop {
        tokio::select! {
            () = &mut told => break,
            _ = reloading.asked.recv() => {
                manager.tell("RELOADING=1");
                let outcome = gateway.reload(&reloading).await;
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = outcome.err();
                manager.tell(&format!("READY=1\nSTATUS={}", sentence()));
            }
        }
    }
    gateway.stop().await;
    Ok(())
}

impl Gateway {
    /// Starts everything on a database; returns when terminals can connect.
    ///
    /// # Errors
    /// If the database, the data directory or the address cannot be used.
    ///
    /// # Panics
    /// Outside a runtime, and if the configuration was made in code and opens stock to everybody.
    pub fn start(config: GatewayConfig, (store, opened): Database) -> anyhow::Result<Self> {
        // The configuration has been checked; this guards against one made in code.
        assert!(config.is_guarded(), "without tokens a gateway listens on loopback only");
        let ledger = LedgerReader::open(&config.data_dir)?;
        let listener = crate::net::http::listen(config.listen)
            .with_context(|| format!("terminals.listen: {} cannot be used", config.listen))?;
        let address = listener.local_addr()?;

        let oldest_pending = store.decided_at_ms(opened.progress.acked_seq + 1)?;
        let link = match config.mqtt {
            Some(_) => LinkState::Offline("not connected to the broker yet".into()),
            None => LinkState::Disabled,
        };
        let saved = opened.progress;
        let state = Arc::new(CommittedState::new(opened, oldest_pending, link));
        let metrics = Arc::<Metrics>::default();
        let (writer, intake) =
            Writer::new(store, Arc::clone(&state), Arc::clone(&metrics), rules(&config), saved);
        let writer = std::thread::Builder::new().name("writer".into()).spawn(|| writer.run())?;

        let (stopper, stop) = stop::channel();
        let mut tasks = JoinSet::new();
        let access = watch::Sender::new(Arc::new(access(&config)));
        let certificates =
            config.tls.as_ref().map(|tls| watch::Sender::new(Arc::clone(&tls.config)));
        tasks.spawn(terminal::serve(
            listener,
            Backend {
                state: Arc::clone(&state),
                metrics: Arc::clone(&metrics),
                intake: intake.clone(),
                ledger: ledger.clone(),
            },
            access.subscribe(),
            certificates.as_ref().map(watch::Sender::subscribe),
            stop.clone(),
        ));
        if let Some(mqtt) = &config.mqtt {
            let link = HubLink::new(mqtt, Arc::clone(&state), metrics, intake.clone(), ledger);
            tasks.spawn(link.run(stop));
        }
        let gateway =
            Self { state, address, config, access, certificates, intake, stopper, tasks, writer };
        gateway.announce();
        Ok(gateway)
    }

    fn announce(&self) {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        let origin = &self.state.origin;
        let (seq, skus) = {
            let stock = self.state.stock();
            (stock.seq(), stock.sku_count())
        };
        tracing::info!(
            site = origin.site, gateway = origin.gateway, epoch = %origin.epoch,
            ledger_seq = seq, skus, address = %self.address,
            "the gateway is ready, terminals at {scheme}://{}/", self.address,
        );
    }

    /// Ends in the reverse order: no new requests, then the link, then what waits for the writer.
    pub async fn stop(mut self) {
        let tidy_until = clock::instant() + STOP_TIDY;
        self.stopper.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            tracing::warn!("some connections did not end in time and are cut");
            self.tasks.shutdown().await;
        }
        while !self.intake.stop(tidy_until) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let writer = self.writer;
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        tracing::info!("the gateway has stopped");
    }
}

fn rules(config: &GatewayConfig) -> WriterRules {
    WriterRules {
        reservation_ttl_s: config.reservation_ttl_s,
        retention_ms: config.ledger_retention_days * 24 * 3_600_000,
    }
}

fn access(config: &GatewayConfig) -> Access {
    Access::new(AccessRules {
        tokens: config.tokens.clone(),
        allowed_origins: config.allowed_origins.clone(),
        requests_per_s: config.requests_per_s,
        is_tls: config.tls.is_some(),
    })
}
