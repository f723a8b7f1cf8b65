//! The parameters of a PostgreSQL address.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::url::{read_hosts, read_port};
use crate::config::mqtt::existing;
use crate::config::tls::{self, Verify};

/// TLS to PostgreSQL.
#[derive(Clone)]
pub struct PostgresTls {
    /// For rustls: what is trusted, how much is verified, and our own certificate.
    pub config: Arc<rustls::ClientConfig>,
    /// Whether a server without TLS is refused; `sslmode=prefer` takes it.
    pub required: bool,
}

/// `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) hosts: String,
    ports: Vec<u16>,
    pub(super) database: Option<String>,
    ssl_mode: SslMode,
    root_cert: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    pub(super) read_write: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) tcp_user_timeout: Option<Duration>,
    pub(super) keepalives_idle: Option<Duration>,
    pub(super) application_name: Option<String>,
    pub(super) prepared_statements: Option<bool>,
}

const KNOWN: &str = "sslmode, sslrootcert, sslcert, sslkey, target_session_attrs, connect_timeout, tcp_user_timeout, keepalives_idle, application_name, prepared_statements, user, password, host, port and dbname";

impl Options {
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match key {
            "user" => self.user = text(),
            "password" => self.password = text(),
            "host" => self.hosts = value.to_owned(),
            "port" => self.ports = value.split(',').map(read_port).collect::<Result<_, _>>()?,
            "dbname" => self.database = text(),
            "sslmode" => self.ssl_mode = ssl_mode(value)?,
            "sslrootcert" => self.root_cert = text(),
            "sslcert" => self.cert = text(),
            "sslkey" => self.key = text(),
            "target_session_attrs" => self.read_write = is_read_write(value)?,
            "connect_timeout" => self.connect_timeout = Some(seconds(key, value)?),
            "tcp_user_timeout" => self.tcp_user_timeout = Some(milliseconds(key, value)?),
            "keepalives_idle" => self.keepalives_idle = Some(seconds(key, value)?),
            "application_name" => self.application_name = text(),
            "prepared_statements" => self.prepared_statements = may_prepare(value)?,
            // The key may be a part of a password that contains a question mark.
            _ => return Err(format!("has an unknown parameter; known are {KNOWN}")),
        }
        Ok(())
    }

    pub(super) fn take_hosts(&mut self) -> Result<Vec<(String, u16)>, String> {
        let mut hosts = read_hosts(&self.hosts)?;
        match self.ports.as_slice() {
            [] => {}
            [port] => hosts.iter_mut().for_each(|host| host.1 = *port),
            ports if ports.len() == hosts.len() => {
                hosts.iter_mut().zip(ports).for_each(|(host, port)| host.1 = *port);
            }
            _ => return Err("host and port name different numbers of servers".into()),
        }
        Ok(hosts)
    }

    /// The TLS that `sslmode` and the files lead to.
    pub(super) fn tls(&self, directory: &Path) -> Result<Option<PostgresTls>, String> {
        if self.ssl_mode == SslMode::Disable {
            return Ok(None);
        }
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                Some((file("sslcert", cert, directory)?, file("sslkey", key, directory)?))
            }
            (None, None) => None,
            _ => return Err("sslcert and sslkey go together".into()),
        };
        let root = self.root_cert.as_deref().filter(|root| *root != "system");
        let root = root.map(|root| file("sslrootcert", root, directory)).transpose()?;
        let verify = match self.ssl_mode {
            SslMode::VerifyFull => Verify::Full,
            SslMode::VerifyCa => Verify::Issuer,
            // As libpq does: with a file of authorities, `require` verifies the issuer.
            SslMode::Require if self.root_cert.is_some() => Verify::Issuer,
            SslMode::Require | SslMode::Prefer | SslMode::Disable => Verify::Nothing,
        };
        let identity = identity.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        let config = tls::postgres(root.as_deref(), identity, verify)
            .map_err(|(key, why)| format!("{}: {why}", parameter(key)))?;
        Ok(Some(PostgresTls { config, required: self.ssl_mode != SslMode::Prefer }))
    }
}

/// The parameter that names a file which is named by another key elsewhere.
fn parameter(key: &str) -> &str {
    match key {
        "ca_file" => "sslrootcert",
        "cert_file" => "sslcert",
        "key_file" => "sslkey",
        other => other,
    }
}

fn file(key: &str, name: &str, directory: &Path) -> Result<PathBuf, String> {
    let found = existing(name, directory).map_err(|why| format!("{key}: {why}"))?;
    found.ok_or_else(|| format!("{key}: must name a file"))
}

fn ssl_mode(text: &str) -> Result<SslMode, String> {
    Ok(match text {
        "disable" => SslMode::Disable,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(
                "sslmode: must be disable, prefer, require, verify-ca or verify-full".into()
            );
        }
    })
}

fn is_read_write(text: &str) -> Result<bool, String> {
    match text {
        "any" => Ok(false),
        "read-write" | "primary" => Ok(true),
        _ => Err("target_session_attrs: must be any or read-write".into()),
    }
}

fn may_prepare(text: &str) -> Result<Option<bool>, String> {
    match text {
        "auto" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err("prepared_statements: must be auto, on or off".into()),
    }
}

fn seconds(key: &str, text: &str) -> Result<Duration, String> {
    number(key, text).map(Duration::from_secs)
}

fn milliseconds(key: &str, text: &str) -> Result<Duration, String> {
    number(key, text).map(Duration::from_millis)
}

fn number(key: &str, text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=86_400_000).contains(number));
    number.ok_or_else(|| format!("{key}: must be a number from 1 on"))
}
