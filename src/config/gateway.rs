//! The gateway's configuration, `stockgate.toml`. config/stockgate.toml explains every key.

use std::path::{Path, PathBuf};

use super::document::{ConfigError, Document, Section};
use super::mqtt::{self, MqttConfig};
use super::port::PortConfig;
use super::{displaced, log_level, name, set, state_directory};
use crate::barcode::InStoreForm;
use crate::limits::{REASONS_MAX, RESERVATION_TTL_S_MAX};
use crate::stock::Reason;

/// The page has words for these in every language.
const REASONS: [&str; 5] = ["damaged", "expired", "missing", "own_use", "sample"];

/// The configuration of a gateway. [`GatewayConfig::default`] has the values without a file.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// `gateway.site`: the warehouse.
    pub site: String,
    /// `gateway.id`: this gateway within it.
    pub id: String,
    /// `gateway.data_dir`: the directory of the database.
    pub data_dir: PathBuf,
    /// The directory that the same `data_dir` names from the working directory, if it is there and is
    /// another one: earlier versions used that.
    pub displaced_data_dir: Option<PathBuf>,
    /// `terminals`: the terminal port.
    pub terminals: PortConfig,
    /// `terminals.reasons`: what the page offers as reasons of a write-off or a short pick.
    pub reasons: Vec<String>,
    /// `barcodes.in_store`: the forms of in-store numbers with a weight or count; none: it is off.
    pub in_store: Vec<InStoreForm>,
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
        Self {
            site: "wh-01".into(),
            id: "gw-01".into(),
            data_dir: state_directory().unwrap_or_else(|| "stockgate-data".into()),
            displaced_data_dir: None,
            terminals: PortConfig::local("terminals", 8080),
            reasons: REASONS.map(String::from).into(),
            in_store: Vec::new(),
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
            config.read_gateway(section, &directory);
        }
        if let Some(mut section) = document.section("terminals") {
            config.terminals.read(&mut section, &directory, false);
            config.read_reasons(&mut section);
            section.finish();
        }
        if let Some(section) = document.section("barcodes") {
            config.read_barcodes(section);
        }
        if let Some(section) = document.section("mqtt") {
            config.mqtt = mqtt::read_of_gateway(section, &directory);
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

    fn read_gateway(&mut self, mut section: Section<'_>, directory: &Path) {
        set(&mut self.site, section.text("site", name));
        set(&mut self.id, section.text("id", name));
        let path = |text: &str| match text {
            "" => Err("must name a directory"),
            path => Ok(PathBuf::from(path)),
        };
        if let Some(path) = section.text("data_dir", path) {
            self.data_dir = directory.join(&path);
            self.displaced_data_dir = displaced(path, &self.data_dir, Path::is_dir);
        }
        section.finish();
    }

    fn read_reasons(&mut self, section: &mut Section<'_>) {
        let check = |text: &str| named(text, Reason::parse(text));
        let Some(reasons) = section.texts("reasons", &check) else { return };
        if !(1..=REASONS_MAX).contains(&reasons.len()) {
            section.problem("reasons", format!("name from 1 to {REASONS_MAX}"));
        }
        self.reasons = reasons;
    }

    fn read_barcodes(&mut self, mut section: Section<'_>) {
        let check = |text: &str| named(text, InStoreForm::parse(text));
        let forms = section.texts("in_store", &check).unwrap_or_default();
        self.in_store = forms.iter().filter_map(|form| InStoreForm::parse(form).ok()).collect();
        let parsed = forms.iter().zip(&self.in_store).enumerate();
        for (at, (text, form)) in parsed {
            let other = self.in_store[..at].iter().position(|other| other.overlaps(form));
            if let Some(other) = other {
                let what = format!("{text:?} and {:?} are forms of the same numbers", forms[other]);
                section.problem("in_store", what);
            }
        }
        section.finish();
    }

    fn read_stock(&mut self, mut section: Section<'_>) {
        let ttl_s = section.number("reservation_ttl_s", 1..=RESERVATION_TTL_S_MAX);
        set(&mut self.reservation_ttl_s, ttl_s);
        let hint = "; 36500 keeps every entry for a hundred years";
        let days = section.number_or("ledger_retention_days", 1..=36_500, hint);
        set(&mut self.ledger_retention_days, days);
        section.finish();
    }
}

/// What is wrong with an item of a list, which the message repeats.
fn named<T>(text: &str, parsed: Result<T, impl std::fmt::Display>) -> Result<(), String> {
    parsed.map(drop).map_err(|why| format!("{text:?} {why}"))
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
