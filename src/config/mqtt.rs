//! The `[mqtt]` section, which gateway and hub have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use super::document::Section;
use super::{BRACKETS, CertificateDates, host_and_port, path_of, secret};
use crate::limits::MQTT_KEEP_ALIVE;
use crate::net::mqtt::BrokerSettings;

/// The broker to connect to.
#[derive(Clone)]
pub struct MqttConfig {
    /// `mqtt.url`.
    pub url: BrokerUrl,
    /// `mqtt.username`, for brokers that want one.
    pub username: Option<String>,
    /// The content of `mqtt.password_file`; only with a username.
    pub password: Option<String>,
    /// For `mqtts://`: the trusted certificate authorities, and our own certificate and key if the
    /// broker asks for them.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `mqtt.books`: the hub's books that the gateway belongs to; without it, the first that it
    /// hears of.
    pub books: Option<Uuid>,
    /// A hash of the TLS files' contents, which tells whether they have changed.
    pub tls_files: u64,
    /// The dates of our own certificate.
    pub certificate: Option<CertificateDates>,
}

impl MqttConfig {
    /// What a connection needs.
    pub fn broker_settings(&self) -> BrokerSettings {
        let BrokerUrl { host, port, .. } = self.url.clone();
        let (username, password) = (self.username.clone(), self.password.clone());
        let tls = self.tls.clone().map(|tls| watch::channel(tls).1);
        BrokerSettings { host, port, username, password, tls, keep_alive: MQTT_KEEP_ALIVE }
    }

    /// Whether the TLS files differ, which a reload reads.
    pub fn has_other_files(&self, other: &Self) -> bool {
        self.tls_files != other.tls_files
    }

    /// This configuration with the TLS files of a newer one.
    #[must_use]
    pub fn renewed(&self, new: Self) -> Self {
        if self.tls.is_some() != new.tls.is_some() {
            return self.clone();
        }
        let Self { tls, tls_files, certificate, .. } = new;
        Self { tls, tls_files, certificate, ..self.clone() }
    }

    /// The configuration in force after a reload: see [`Self::renewed`]. Whether there is a link at
    /// all applies at the next start.
    pub fn reloaded(now: Option<&Self>, new: Option<Self>) -> Option<Self> {
        match (now, new) {
            (Some(now), Some(new)) => Some(now.renewed(new)),
            (now, _) => now.cloned(),
        }
    }

    /// The keys whose values differ and apply at the next start.
    pub fn differences(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("mqtt.url", self.url != other.url),
            ("mqtt.username", self.username != other.username),
            ("mqtt.books", self.books != other.books),
            ("mqtt.password_file", self.password != other.password),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

impl std::fmt::Debug for MqttConfig {
    /// Leaves out the password, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MqttConfig({:?})", self.url)
    }
}

/// `mqtt://host[:port]`, or `mqtts://` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Whether the scheme is `mqtts://`.
    pub tls: bool,
    /// A host name or an IP address, without brackets.
    pub host: String,
    /// The port; 1883 by default, with TLS 8883.
    pub port: u16,
}

impl BrokerUrl {
    /// Parses a broker's URL.
    ///
    /// # Errors
    /// A message that says what a URL looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The text before an @ may contain a password, so the message leaves it out.
        let shown = text.rsplit('@').next().unwrap_or_default();
        let wrong = || {
            format!(
                "must be mqtt://HOST:PORT or mqtts://HOST:PORT, without user or path, is {shown:?}; {BRACKETS}"
            )
        };
        let (tls, rest) = match (text.strip_prefix("mqtt://"), text.strip_prefix("mqtts://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = host_and_port(rest, if tls { 8883 } else { 1883 }).ok_or_else(wrong)?;
        Ok(Self { tls, host: host.into(), port })
    }
}

/// Reads the `[mqtt]` section; `None` if it has no usable URL.
#[cfg(feature = "hub")]
pub(super) fn read(section: Section<'_>, directory: &Path) -> Option<MqttConfig> {
    read_with(section, directory, |_| None)
}

/// Reads the `[mqtt]` section of a gateway, which may name the hub's books.
pub(super) fn read_of_gateway(section: Section<'_>, directory: &Path) -> Option<MqttConfig> {
    read_with(section, directory, |section| section.text("books", books).flatten())
}

fn books(text: &str) -> Result<Option<Uuid>, String> {
    match text {
        "" => Ok(None),
        text => Uuid::try_parse(text).map(Some).map_err(|_| {
            format!("must be the UUID that the hub's /api/status names as books, is {text:?}")
        }),
    }
}

fn read_with(
    mut section: Section<'_>,
    directory: &Path,
    read_books: impl FnOnce(&mut Section<'_>) -> Option<Uuid>,
) -> Option<MqttConfig> {
    let has_url = section.has("url");
    let url = section.text("url", BrokerUrl::parse);
    if !has_url {
        section.missing("url");
    }
    let non_empty = |text: &str| Ok::<_, String>(Some(text.to_owned()).filter(|t| !t.is_empty()));
    let username = section.text("username", non_empty).flatten();
    let password_file = |file: &str| match file {
        "" => Ok(None),
        file => secret(file, directory).map(Some),
    };
    let password = section.text("password_file", password_file).flatten();
    if password.is_some() && username.is_none() {
        section.problem("password_file", "needs a username beside it");
    }
    let TlsFiles { tls, tls_files, certificate } = read_tls(&mut section, directory, url.as_ref());
    let books = read_books(&mut section);
    section.finish();
    Some(MqttConfig { url: url?, username, password, tls, books, tls_files, certificate })
}

/// What the TLS files hold.
struct TlsFiles {
    tls: Option<Arc<rustls::ClientConfig>>,
    tls_files: u64,
    certificate: Option<CertificateDates>,
}

/// Reads the TLS files.
fn read_tls(section: &mut Section<'_>, directory: &Path, url: Option<&BrokerUrl>) -> TlsFiles {
    let mut file = |key: &str| section.text(key, |file| existing(file, directory)).flatten();
    let (ca_file, cert_file, key_file) = (file("ca_file"), file("cert_file"), file("key_file"));
    if cert_file.is_some() != key_file.is_some() {
        section.problem("cert_file", "cert_file and key_file go together");
    }
    let is_tls = url.is_some_and(|url| url.tls);
    let plain = url.is_some() && !is_tls;
    if plain && (ca_file.is_some() || cert_file.is_some()) {
        section.problem("url", "certificates need mqtts://, this is mqtt://");
    }
    let identity = cert_file.as_deref().zip(key_file.as_deref());
    let tls_files =
        super::tls::fingerprint([&ca_file, &cert_file, &key_file].into_iter().flatten());
    let tls = is_tls.then(|| super::tls::client(ca_file.as_deref(), identity));
    let tls = tls.transpose().unwrap_or_else(|(key, why)| {
        section.problem(key, why);
        None
    });
    let certificate = cert_file.as_deref().and_then(super::tls::dates);
    TlsFiles { tls, tls_files, certificate }
}

/// The path of a file that must be readable; `None` for an empty name.
pub(super) fn existing(file: &str, directory: &Path) -> Result<Option<PathBuf>, String> {
    if file.is_empty() {
        return Ok(None);
    }
    let path = path_of(file, directory);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(Some(path)),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_url_has_a_scheme_a_host_and_an_optional_port() {
        let url = |text: &str| BrokerUrl::parse(text).map(|url| (url.tls, url.host, url.port));
        assert_eq!(url("mqtt://127.0.0.1:1884"), Ok((false, "127.0.0.1".into(), 1884)));
        assert_eq!(url("mqtts://hub.example"), Ok((true, "hub.example".into(), 8883)));
        assert_eq!(url("mqtt://[::1]:1883/"), Ok((false, "::1".into(), 1883)));
        for wrong in [
            "hub:1883",
            "mqtt://",
            "mqtt://h:x",
            "mqtt://u@h",
            "mqtt://h/path",
            "mqtt://h:0",
            "mqtt://127.0.0.1:1883:1883",
            "mqtt://::1",
            "mqtt://[::1",
            "mqtt://a,b",
            "mqtt://..",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
