//! The hub's configuration, `stockgate-hub.toml`. The keys are explained in
//! config/stockgate-hub.toml.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::document::{ConfigError, Document, Section};
use super::mqtt::{self, MqttConfig};
use super::port::PortConfig;
use super::postgres::PostgresUrl;
use super::sinks::{self, SinkConfig};
use super::{address, displaced, log_level, name, set, state_directory};
use crate::limits::ID_BYTES_MAX;

/// What only a gateway's configuration has.
pub(super) const FOREIGN: &[&str] = &["gateway", "terminals", "barcodes", "stock", "mqtt__books"];

/// The configuration of a hub.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// `hub.store`: where the books are.
    pub store: BookStore,
    /// The file that the same `store` names from the working directory, if it is there and is another
    /// one: earlier versions used it.
    pub displaced_store: Option<PathBuf>,
    /// `hub.listen` and the keys beside it: the HTTP interface.
    pub http: PortConfig,
    /// `hub.grpc_listen`: the address of the gRPC interface, if there is to be one. Tokens, limits and
    /// certificate are those of `http`.
    pub grpc_listen: Option<SocketAddr>,
    /// `hub.worker`: the client id of this process at the broker.
    pub worker: String,
    /// `hub.gateways`: whose frames are taken.
    pub gateways: Enrolment,
    /// `hub.unknown_skus`: what is made of SKUs that the catalogue lacks.
    pub unknown_skus: UnknownSkus,
    /// `hub.subscription`: whether the workers on the same books share the frames; by default they do
    /// where several may have them, in PostgreSQL.
    pub shared: bool,
    /// `hub.ledger_retention_days`: after which entries are removed; 0: never.
    pub retention_days: u32,
    /// `hub.sinks`: where the events of the feed are delivered.
    pub sinks: Vec<SinkConfig>,
    /// `mqtt`: the broker. Without it, the hub serves its books and receives no frames.
    pub mqtt: Option<MqttConfig>,
    /// `log.level`: of all modules, unless `RUST_LOG` is set.
    pub log_level: String,
}

/// Whose frames the hub takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enrolment {
    /// Those of every gateway that the broker lets publish.
    #[default]
    Open,
    /// Those of enrolled gateways only.
    Listed,
}

/// What the hub makes of SKUs that the catalogue lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownSkus {
    /// They are booked as any other.
    #[default]
    Allow,
    /// A gateway cannot bring them into the books.
    Refuse,
}

/// The books database.
#[derive(Clone)]
pub enum BookStore {
    /// SQLite in this file.
    Sqlite(PathBuf),
    /// PostgreSQL at this address.
    Postgres(Box<PostgresUrl>),
}

const UNGUARDED: &str = "it can be reached from outside, and no tokens are configured; add [[hub.tokens]] or listen on 127.0.0.1";

impl BookStore {
    /// Whether several workers may have the books.
    pub fn may_be_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether both are the same database, reached in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => {
                let resolved = |path: &Path| path.canonicalize().ok();
                one == other || resolved(one).is_some_and(|one| Some(one) == resolved(other))
            }
            (Self::Postgres(one), Self::Postgres(other)) => one.is_same(other),
            (Self::Sqlite(_), Self::Postgres(_)) | (Self::Postgres(_), Self::Sqlite(_)) => false,
        }
    }
}

impl fmt::Debug for BookStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BookStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

impl Default for HubConfig {
    fn default() -> Self {
        let directory = state_directory();
        Self {
            store: BookStore::Sqlite(
                directory.unwrap_or_else(|| "stockgate-hub-data".into()).join("hub.db"),
            ),
            displaced_store: None,
            http: PortConfig::local("hub", 8090),
            grpc_listen: None,
            worker: default_worker(),
            gateways: Enrolment::default(),
            unknown_skus: UnknownSkus::default(),
            shared: false,
            retention_days: 0,
            sinks: Vec::new(),
            mqtt: None,
            log_level: "info".into(),
        }
    }
}

impl HubConfig {
    /// Host and port of the broker; empty without one.
    pub fn broker_name(&self) -> String {
        let url = self.mqtt.as_ref().map(|mqtt| &mqtt.url);
        url.map_or_else(String::new, |url| format!("{}:{}", url.host, url.port))
    }

    /// Reads the file, if one is named, and the environment variables that override it.
    ///
    /// # Errors
    /// A list of everything that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_document(Document::read(file, super::variables()?, FOREIGN)?)
    }

    /// Whether the gRPC interface can be used from this machine only, or with a token.
    pub fn is_guarded(&self) -> bool {
        let is_local = self.grpc_listen.is_none_or(|address| address.ip().is_loopback());
        is_local || !self.http.tokens.is_empty()
    }

    pub(super) fn from_document(mut document: Document) -> Result<Self, ConfigError> {
        let directory = document.directory();
        let mut config = Self::default();
        if let Some(mut section) = document.section("hub") {
            config.read_store(&mut section, &directory);
            config.http.read(&mut section, &directory, true);
            set(&mut config.grpc_listen, section.text("grpc_listen", address_or_none));
            if !config.is_guarded() {
                section.problem("grpc_listen", UNGUARDED);
            }
            let http = config.http.listen;
            if config.grpc_listen.is_some_and(|grpc| is_taken(grpc, http)) {
                let message = format!("hub.listen has this port, with {http}; give it another");
                section.problem("grpc_listen", message);
            }
            set(&mut config.worker, section.text("worker", name));
            config.shared = config.store.may_be_shared();
            set(&mut config.shared, section.text("subscription", is_shared));
            set(&mut config.gateways, section.text("gateways", enrolment));
            set(&mut config.unknown_skus, section.text("unknown_skus", unknown_skus));
            let days = section.number("ledger_retention_days", 0..=36_500);
            set(&mut config.retention_days, days.and_then(|days| u32::try_from(days).ok()));
            config.sinks = sinks::read(&mut section, &directory);
            section.finish();
        }
        if let Some(section) = document.section("mqtt") {
            config.mqtt = mqtt::read(section, &directory);
        }
        if let Some(mut section) = document.section("log") {
            set(&mut config.log_level, section.text("level", log_level));
            section.finish();
        }
        document.finish()?;
        Ok(config)
    }

    fn read_store(&mut self, section: &mut Section<'_>, directory: &Path) {
        let read = |text: &str| {
            let path = text.strip_prefix("sqlite:").map(PathBuf::from);
            Ok::<_, String>((store(text, directory)?, path))
        };
        let Some((store, path)) = section.text("store", read) else { return };
        if let (BookStore::Sqlite(used), Some(path)) = (&store, path) {
            self.displaced_store = displaced(path, used, Path::is_file);
        }
        self.store = store;
    }
}

/// The host's name and the process id: no two workers at a broker have the same client id.
fn default_worker() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    worker_of(host.trim(), std::process::id())
}

fn worker_of(host: &str, process: u32) -> String {
    let suffix = format!("-{process}");
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let host: String = host.chars().filter(allowed).take(ID_BYTES_MAX - suffix.len()).collect();
    if host.is_empty() { format!("hub{suffix}") } else { host + &suffix }
}

fn address_or_none(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

/// Whether an address cannot be listened on beside another. That of all addresses takes the port of
/// each, and one of IPv6 those of IPv4 too.
fn is_taken(address: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (one, other_ip) = (address.ip(), other.ip());
    let is_same = one == other_ip || covers(one, other_ip) || covers(other_ip, one);
    is_same && address.port() == other.port() && address.port() != 0
}

fn enrolment(text: &str) -> Result<Enrolment, String> {
    match text {
        "open" => Ok(Enrolment::Open),
        "listed" => Ok(Enrolment::Listed),
        other => Err(format!("must be open or listed, is {other:?}")),
    }
}

fn unknown_skus(text: &str) -> Result<UnknownSkus, String> {
    match text {
        "allow" => Ok(UnknownSkus::Allow),
        "refuse" => Ok(UnknownSkus::Refuse),
        other => Err(format!("must be allow or refuse, is {other:?}")),
    }
}

fn is_shared(text: &str) -> Result<bool, &'static str> {
    match text {
        "own" => Ok(false),
        "shared" => Ok(true),
        _ => Err("must be own or shared"),
    }
}

fn store(text: &str, directory: &Path) -> Result<BookStore, String> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(BookStore::Sqlite(directory.join(path))),
        Some(("postgres" | "postgresql", _)) => {
            PostgresUrl::parse(text, directory).map(|url| BookStore::Postgres(Box::new(url)))
        }
        // The text may contain a password, so the message does not repeat it.
        Some(_) | None => Err("must be sqlite:PATH or postgres://USER@HOST/DATABASE".into()),
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
