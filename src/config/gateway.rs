//! The gateway's configuration, `stockgate.toml`. config/stockgate.toml explains every key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::document::{ConfigError, Document, Section};
use super::mqtt::{self, MqttConfig, existing};
use super::tls::{self, ServerTls};
use super::{address, log_level, name, tokens};
use crate::limits::RESERVATION_TTL_S_MAX;
use crate::net::access::Token;

/// The configuration of a gateway. [`GatewayConfig::default`] has the values without a file.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// `gateway.site`: the warehouse.
    pub site: String,
    /// `gateway.id`: this gateway within it.
    pub id: String,
    /// `gateway.data_dir`: the directory of the database.
    pub data_dir: PathBuf,
    /// `terminals.listen`: the address of the terminal port.
    pub listen: SocketAddr,
    /// `terminals.allowed_origins`: the origins of other pages that may use this gateway.
    pub allowed_origins: Vec<String>,
    /// `terminals.tokens`: who may use the terminal port, and for what.
    pub tokens: Vec<Token>,
    /// `terminals.requests_per_s`: the limit of each token that has none of its own; 0 for no limit.
    pub requests_per_s: u32,
    /// `terminals.cert_file` and `terminals.key_file`: without them, the terminal port speaks no TLS.
    pub tls: Option<ServerTls>,
    /// `mqtt`: the broker. Without it, the gateway has no hub.
    pub mqtt: Option<MqttConfig>,
    /// `stock.reservation_ttl_s`: the life of a reservation whose request names none.
    pub reservation_ttl_s: u64,
    /// `stock.ledger_retention_days`: the age from which acknowledged entries are pruned.
    pub ledger_retention_days: u64,
    /// `log.level`: of all modules, unless `RUST_LOG` is set.
    pub log_level: String,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let data_dir = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
        Self {
            site: "wh-01".into(),
            id: "gw-01".into(),
            data_dir: data_dir.unwrap_or_else(|| "stockgate-data".into()),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allowed_origins: Vec::new(),
            tokens: Vec::new(),
            requests_per_s: 0,
            tls: None,
            mqtt: None,
            reservation_ttl_s: 900,
            ledger_retention_days: 30,
            log_level: "info".into(),
        }
    }
}

impl GatewayConfig {
    /// Reads the file, if one is named, and the environment variables that override it.
    ///
    /// # Errors
    /// A list of everything that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read(file, super::variables()?)
    }

    fn read(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::from_document(Document::read(file, variables, &["hub"])?)
    }

    pub(super) fn from_document(mut document: Document) -> Result<Self, ConfigError> {
        let directory = document.directory();
        let mut config = Self::default();
        if let Some(section) = document.section("gateway") {
            config.read_gateway(section);
        }
        if let Some(section) = document.section("terminals") {
            config.read_terminals(section, &directory);
        }
        if let Some(section) = document.section("mqtt") {
            config.mqtt = mqtt::read(section, &directory);
        }
        if let Some(section) = document.section("stock") {
            config.read_stock(section);
        }
        if let Some(mut section) = document.section("log") {
            set(&mut config.log_level, section.text("level", log_level));
            section.finish();
        }
        document.finish()?;
        Ok(config)
    }

    fn read_gateway(&mut self, mut section: Section<'_>) {
        set(&mut self.site, section.text("site", name));
        set(&mut self.id, section.text("id", name));
        let path = |text: &str| match text {
            "" => Err("must name a directory"),
            path => Ok(PathBuf::from(path)),
        };
        set(&mut self.data_dir, section.text("data_dir", path));
        section.finish();
    }

    fn read_terminals(&mut self, mut section: Section<'_>, directory: &Path) {
        set(&mut self.listen, section.text("listen", address));
        set(&mut self.allowed_origins, section.texts("allowed_origins"));
        set(&mut self.requests_per_s, tokens::requests_per_s(&mut section));
        self.tls = read_tls(&mut section, directory);
        self.tokens = tokens::read(&mut section, directory);
        if !self.is_guarded() {
            let message = format!(
                "{} can be reached from outside, and no tokens are configured; add [[terminals.tokens]] or listen on 127.0.0.1",
                self.listen
            );
            section.problem("listen", message);
        }
        section.finish();
    }

    /// Whether the terminal port can be used from this machine only, or with a token.
    pub fn is_guarded(&self) -> bool {
        self.listen.ip().is_loopback() || !self.tokens.is_empty()
    }

    fn read_stock(&mut self, mut section: Section<'_>) {
        let ttl_s = section.number("reservation_ttl_s", 1..=RESERVATION_TTL_S_MAX);
        set(&mut self.reservation_ttl_s, ttl_s);
        set(&mut self.ledger_retention_days, section.number("ledger_retention_days", 1..=36_500));
        section.finish();
    }
}

fn read_tls(section: &mut Section<'_>, directory: &Path) -> Option<ServerTls> {
    let mut file = |key: &str| section.text(key, |file| existing(file, directory)).flatten();
    let (cert_file, key_file) = (file("cert_file"), file("key_file"));
    match (&cert_file, &key_file) {
        (Some(cert_file), Some(key_file)) => match tls::server(cert_file, key_file) {
            Ok(tls) => return Some(tls),
            Err((key, why)) => section.problem(key, why),
        },
        (Some(_), None) => section.problem("cert_file", "needs a key_file beside it"),
        (None, Some(_)) => section.problem("key_file", "needs a cert_file beside it"),
        (None, None) => {}
    }
    None
}

/// Replaces a default, if the configuration has a value.
pub(super) fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
