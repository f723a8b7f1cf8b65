//! The hub's configuration, `stockgate-hub.toml`. The keys are explained in
//! config/stockgate-hub.toml.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::document::{ConfigError, Document};
use super::gateway::set;
use super::mqtt::{self, MqttConfig};
use super::postgres::PostgresUrl;
use super::{address, log_level, name};

/// The configuration of a hub.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// `hub.store`: where the books are.
    pub store: BookStore,
    /// `hub.listen`: the address of the HTTP interface.
    pub listen: SocketAddr,
    /// `hub.worker`: the client id of this process at the broker.
    pub worker: String,
    /// `hub.subscription`: whether several workers on the same books share the frames.
    pub shared: bool,
    /// `mqtt`: the broker. Without it, the hub serves its books and receives no frames.
    pub mqtt: Option<MqttConfig>,
    /// `log.level`: of all modules, unless `RUST_LOG` is set.
    pub log_level: String,
}

/// The books database.
#[derive(Clone)]
pub enum BookStore {
    /// SQLite in this file.
    Sqlite(PathBuf),
    /// PostgreSQL at this address.
    Postgres(Box<PostgresUrl>),
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
        let directory = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
        Self {
            store: BookStore::Sqlite(
                directory.unwrap_or_else(|| "stockgate-hub-data".into()).join("hub.db"),
            ),
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            worker: "hub-1".into(),
            shared: false,
            mqtt: None,
            log_level: "info".into(),
        }
    }
}

impl HubConfig {
    /// Reads the file, if one is named, and the environment variables that override it.
    ///
    /// # Errors
    /// A list of everything that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let foreign = ["gateway", "terminals", "stock"];
        Self::from_document(Document::read(file, super::variables()?, &foreign)?)
    }

    pub(super) fn from_document(mut document: Document) -> Result<Self, ConfigError> {
        let directory = document.directory();
        let mut config = Self::default();
        if let Some(mut section) = document.section("hub") {
            set(&mut config.store, section.text("store", |text| store(text, &directory)));
            set(&mut config.listen, section.text("listen", address));
            set(&mut config.worker, section.text("worker", name));
            set(&mut config.shared, section.text("subscription", is_shared));
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
        Some(("sqlite", path)) if !path.is_empty() => Ok(BookStore::Sqlite(path.into())),
        Some(("postgres" | "postgresql", _)) => {
            PostgresUrl::parse(text, directory).map(|url| BookStore::Postgres(Box::new(url)))
        }
        // The text may contain a password, so the message does not repeat it.
        Some(_) | None => Err("must be sqlite:PATH or postgres://USER@HOST/DATABASE".into()),
    }
}
