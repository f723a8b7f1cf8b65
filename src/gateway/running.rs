//! A running gateway: its parts, and how they start and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::broker_identity::BrokerIdentity;
use super::link::HubLink;
use crate::clock;
use crate::config::GatewayConfig;
use crate::engine::intake::{Intake, WriterRules};
use crate::engine::state::CommittedState;
use crate::engine::sync_status::LinkState;
use crate::engine::writer::Writer;
use crate::limits::{STOP_GRACE, STOP_TIDY};
use crate::metrics::GatewayMetrics;
use crate::net::http::PortControl;
use crate::process::stop::{self, Stopper};
use crate::store::{LedgerReader, Opened, Store};
use crate::terminal::{self, Backend};

/// A gateway's database, and what was read from it when it was opened.
pub type Database = (Store, Opened);

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// The committed state, which all readers use.
    pub state: Arc<CommittedState>,
    /// The address of the terminal port, with the port that is in use.
    pub address: SocketAddr,
    /// The configuration in force; a reload replaces it.
    pub(super) config: GatewayConfig,
    /// Renewed by a reload.
    pub(super) identity: BrokerIdentity,
    pub(super) port: PortControl,
    pub(super) intake: Intake,
    stopper: Stopper,
    tasks: JoinSet<()>,
    writer: JoinHandle<()>,
}

impl Gateway {
    /// Starts all parts on a database. When it returns, terminals can connect.
    ///
    /// # Errors
    /// If the database, the data directory or the address cannot be used.
    ///
    /// # Panics
    /// Outside a runtime, and if the configuration lets clients from outside use the gateway without
    /// a token.
    pub fn start(config: GatewayConfig, database: Database) -> anyhow::Result<Self> {
        // A configuration from a file has been checked; one that was made in code has not.
        assert!(config.terminals.is_guarded(), "without tokens a gateway listens on loopback only");
        let ledger = LedgerReader::open(&config.data_dir)?;
        let listener = crate::net::http::listen(config.terminals.listen).with_context(|| {
            format!("terminals.listen: {} cannot be used", config.terminals.listen)
        })?;
        let address = listener.local_addr()?;

        let metrics = Arc::<GatewayMetrics>::default();
        let link_file = database.0.link_file();
        let (state, intake, writer) = start_writer(&config, database, &metrics)?;
        let backend = Backend {
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
            intake: intake.clone(),
            ledger: ledger.clone(),
            in_store: config.in_store.as_slice().into(),
            reasons: config.reasons.as_slice().into(),
        };
        let (stopper, stop) = stop::channel();
        let mut tasks = JoinSet::new();
        let tls = config.terminals.tls.as_ref().map(|tls| Arc::clone(&tls.config));
        let port = PortControl::new(config.terminals.access(), tls);
        tasks.spawn(terminal::serve(
            listener,
            backend,
            port.access(),
            port.certificates(),
            stop.clone(),
        ));
        let identity = BrokerIdentity::new(config.mqtt.as_ref(), Arc::clone(&metrics));
        if let Some(mqtt) = &config.mqtt {
            let (state, intake) = (Arc::clone(&state), intake.clone());
            let mut settings = mqtt.broker_settings();
            settings.tls = identity.subscribe();
            let link = HubLink::new(&settings, state, metrics, intake, ledger);
            let link = link.remembering(link_file);
            tasks.spawn(link.run(stop));
        }
        let gateway =
            Self { state, address, config, port, identity, intake, stopper, tasks, writer };
        gateway.announce();
        Ok(gateway)
    }

    fn announce(&self) {
        let scheme = self.port.scheme();
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

    /// Stops: first connections and link, then the writer, once it has decided the commands that
    /// wait.
    pub async fn stop(mut self) {
        let tidy_until = clock::instant() + STOP_TIDY;
        self.stopper.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            tracing::warn!("some connections did not end in time and are closed");
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

/// Starts the thread that writes, on the state that the database was left in.
fn start_writer(
    config: &GatewayConfig,
    (store, opened): Database,
    metrics: &Arc<GatewayMetrics>,
) -> anyhow::Result<(Arc<CommittedState>, Intake, JoinHandle<()>)> {
    let saved = opened.progress;
    let oldest_pending = store.decided_at_ms(saved.acked_seq + 1)?;
    let link = match config.mqtt {
        Some(_) => LinkState::Offline("not connected to the broker yet".into()),
        None => LinkState::Disabled,
    };
    let state = Arc::new(CommittedState::new(opened, oldest_pending, link));
    let (rules, metrics) = (writer_rules(config), Arc::clone(metrics));
    let (writer, intake) = Writer::new(store, Arc::clone(&state), metrics, rules, saved);
    let writer = std::thread::Builder::new().name("writer".into()).spawn(|| writer.run())?;
    Ok((state, intake, writer))
}

pub(super) fn writer_rules(config: &GatewayConfig) -> WriterRules {
    WriterRules {
        reservation_ttl_s: config.reservation_ttl_s,
        retention_ms: config.ledger_retention_days * 24 * 3_600_000,
    }
}
