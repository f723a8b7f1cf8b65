//! The sinks of the hub's feed: a list of sections `[[hub.sinks]]`.

use std::cell::Cell;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::document::Section;
use super::mqtt::existing;
use super::{BRACKETS, host_and_port, name, secret, tls};
use crate::limits::{GIVE_UP_MAX_S, SINK_BROKERS_MAX, SINKS_MAX};

/// The prefix of a secret of Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";
/// Takes keys with and without padding, as services make them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A sink: where the events of the feed are delivered.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// `name`: under it the books keep the position.
    pub name: String,
    /// `kind` and the keys that belong to it.
    pub target: SinkTarget,
    /// `give_up_s`: how long an event is tried that the sink refuses; `None`: for ever.
    pub give_up: Option<Duration>,
}

/// Where a sink is.
#[derive(Clone, Debug)]
pub enum SinkTarget {
    /// An HTTP server.
    Webhook(WebhookConfig),
    /// A stream of NATS JetStream.
    Nats(NatsConfig),
    /// A topic of Kafka.
    Kafka(KafkaConfig),
}

/// A server that takes webhooks.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The host, as a name or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path with the query.
    pub path: String,
    /// What a `Host` header says.
    pub authority: String,
    /// The bytes of the key that signs.
    pub key: Vec<u8>,
    /// For `https://`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// A NATS server and a stream.
#[derive(Clone)]
pub struct NatsConfig {
    /// `nats://host:port`, or `tls://`.
    pub url: String,
    /// The name of the stream.
    pub stream: String,
    /// The user with the password, if there is one.
    pub login: Option<(String, String)>,
    /// For `tls://`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// Brokers of Kafka and a topic.
#[derive(Clone)]
pub struct KafkaConfig {
    /// `host:port` of the brokers that are asked for the others.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// The user with the password (SASL PLAIN), if there is one.
    pub login: Option<(String, String)>,
    /// With `tls = "on"` or a `ca_file`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// The bytes of a key that cannot be guessed, by Standard Webhooks.
const KEY_BYTES_MIN: usize = 24;

impl SinkTarget {
    /// Whether it signs with a key that is shorter than it should be.
    pub fn has_short_key(&self) -> bool {
        matches!(self, Self::Webhook(webhook) if webhook.key.len() < KEY_BYTES_MIN)
    }

    /// The kind by its name in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
        }
    }

    /// Where it is, for people: without a path or a query, which may hold a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Webhook(webhook) => {
                let scheme = if webhook.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}", webhook.authority)
            }
            Self::Nats(nats) => format!("{} {}", nats.url, nats.stream),
            Self::Kafka(kafka) => format!("{} {}", kafka.brokers.join(","), kafka.topic),
        }
    }
}

/// Shows where it is, and none of the secrets.
macro_rules! debug_without_secrets {
    ($config:ident, $kind:ident) => {
        impl std::fmt::Debug for $config {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&SinkTarget::$kind(self.clone()).place())
            }
        }
    };
}
debug_without_secrets!(WebhookConfig, Webhook);
debug_without_secrets!(NatsConfig, Nats);
debug_without_secrets!(KafkaConfig, Kafka);

impl SinkConfig {
    /// Whether both say the same. What the files of certificate authorities hold does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        let target = match (&self.target, &other.target) {
            (SinkTarget::Webhook(one), SinkTarget::Webhook(other)) => {
                one.path == other.path && one.key == other.key
            }
            (SinkTarget::Nats(one), SinkTarget::Nats(other)) => one.login == other.login,
            (SinkTarget::Kafka(one), SinkTarget::Kafka(other)) => {
                one.login == other.login && one.tls.is_some() == other.tls.is_some()
            }
            (SinkTarget::Webhook(_) | SinkTarget::Nats(_) | SinkTarget::Kafka(_), _) => false,
        };
        target
            && self.target.place() == other.target.place()
            && (&self.name, self.give_up) == (&other.name, other.give_up)
    }
}

/// Takes the list `sinks`.
pub(super) fn read(section: &mut Section<'_>, directory: &Path) -> Vec<SinkConfig> {
    let mut names = Vec::<Option<String>>::new();
    let sinks = section.tables("sinks", |section| {
        let (sink_name, sink) = sink(section, directory);
        if let Some(name) = sink_name.as_ref().filter(|_| names.contains(&sink_name)) {
            section.problem("name", format!("two sinks have the name {name:?}"));
        }
        names.push(sink_name);
        sink
    });
    if names.len() > SINKS_MAX {
        section.problem("sinks", format!("are {}, and may be {SINKS_MAX} at most", names.len()));
    }
    sinks
}

/// One sink, if nothing is wrong with it, and its name in any case.
fn sink(section: &mut Section<'_>, directory: &Path) -> (Option<String>, Option<SinkConfig>) {
    for key in ["name", "kind"] {
        if !section.has(key) {
            section.missing(key);
        }
    }
    let sink_name = section.text("name", name);
    let give_up = section.number("give_up_s", 0..=GIVE_UP_MAX_S).filter(|seconds| *seconds > 0);
    let kind = section.text("kind", |text| match text {
        "webhook" | "nats" | "kafka" => Ok(text.to_owned()),
        other => Err(format!("must be webhook, nats or kafka, is {other:?}")),
    });
    let target = match kind.as_deref() {
        Some("webhook") => webhook(section, directory).map(SinkTarget::Webhook),
        Some("nats") => nats(section, directory).map(SinkTarget::Nats),
        Some("kafka") => kafka(section, directory).map(SinkTarget::Kafka),
        Some(_) | None => {
            // What its keys mean is not known.
            section.leave();
            None
        }
    };
    let give_up = give_up.map(Duration::from_secs);
    let sink = sink_name.clone().zip(target);
    (sink_name, sink.map(|(name, target)| SinkConfig { name, target, give_up }))
}

/// Takes a text that must be there.
fn required<T>(
    section: &mut Section<'_>,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    if !section.has(key) {
        section.missing(key);
    }
    section.text(key, parse)
}

fn webhook(section: &mut Section<'_>, directory: &Path) -> Option<WebhookConfig> {
    let url = required(section, "url", WebhookUrl::parse);
    let key = required(section, "secret_file", |file| signing_key(&secret(file, directory)?));
    let ca_file = section.text("ca_file", |file| existing(file, directory)).flatten();
    let url = url?;
    if !url.is_tls && ca_file.is_some() {
        section.problem("ca_file", "needs https://, this is http://");
    }
    let tls = if url.is_tls { Some(client_tls(section, ca_file)?) } else { None };
    let WebhookUrl { host, port, path, authority, .. } = url;
    Some(WebhookConfig { host, port, path, authority, key: key?, tls })
}

fn client_tls(
    section: &mut Section<'_>,
    ca_file: Option<PathBuf>,
) -> Option<Arc<rustls::ClientConfig>> {
    match tls::client(ca_file.as_deref(), None) {
        Ok(config) => Some(config),
        Err((key, why)) => {
            section.problem(key, why);
            None
        }
    }
}

/// The parts of a webhook's address.
#[derive(Debug, PartialEq, Eq)]
struct WebhookUrl {
    is_tls: bool,
    host: String,
    port: u16,
    path: String,
    authority: String,
}

impl WebhookUrl {
    fn parse(text: &str) -> Result<Self, String> {
        // The text may hold a secret, so messages do not repeat it.
        let wrong = || format!("must be https://HOST[:PORT][/PATH], without a user; {BRACKETS}");
        let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong()),
        };
        let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        if authority.contains('@') || path.contains('#') {
            return Err(wrong());
        }
        let (host, port) = server(authority, if is_tls { 443 } else { 80 }).ok_or_else(wrong)?;
        if !is_tls && !is_loopback(host) {
            return Err("must be https://: http:// is taken to a loopback address only, because events and signatures would be readable on the way".into());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if path.parse::<hyper::Uri>().is_err() {
            return Err(wrong());
        }
        Ok(Self { is_tls, host: host.into(), port, path, authority: authority.into() })
    }
}

/// A host and a port; `None` if they are none. What the clients of sinks take names no interface.
fn server(authority: &str, default: u16) -> Option<(&str, u16)> {
    host_and_port(authority, default).filter(|(host, _)| !host.contains('%'))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The key of a secret in the form of Standard Webhooks.
fn signing_key(secret: &str) -> Result<Vec<u8>, String> {
    let wrong = || "must hold whsec_ and a key in base64".to_owned();
    let text = secret.trim().strip_prefix(SECRET_PREFIX).ok_or_else(wrong)?;
    let key = BASE64.decode(text).map_err(|_| wrong())?;
    if key.is_empty() { Err(wrong()) } else { Ok(key) }
}

fn nats(section: &mut Section<'_>, directory: &Path) -> Option<NatsConfig> {
    let url = required(section, "url", |text| {
        let wrong = || {
            format!(
                "must be nats://HOST[:PORT] or tls://HOST[:PORT]; a user stands under username; {BRACKETS}"
            )
        };
        let rest =
            text.strip_prefix("nats://").or(text.strip_prefix("tls://")).ok_or_else(wrong)?;
        server(rest, 4222).ok_or_else(wrong)?;
        Ok(text.to_owned())
    });
    let stream = required(section, "stream", |text| {
        // The server allows no blanks, dots, wildcards and separators of paths.
        let is_wrong = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if text.is_empty() || text.len() > 64 || text.contains(is_wrong) {
            return Err(format!("must be 1 to 64 of A-Z a-z 0-9 _ -, is {text:?}"));
        }
        Ok(text.to_owned())
    });
    let login = login(section, directory);
    let ca_file = section.text("ca_file", |file| existing(file, directory)).flatten();
    let url = url?;
    let is_tls = url.starts_with("tls://");
    if !is_tls && ca_file.is_some() {
        section.problem("ca_file", "needs tls://, this is nats://");
    }
    let tls = if is_tls { Some(client_tls(section, ca_file)?) } else { None };
    Some(NatsConfig { url, stream: stream?, login: login?, tls })
}

fn kafka(section: &mut Section<'_>, directory: &Path) -> Option<KafkaConfig> {
    if !section.has("brokers") {
        section.missing("brokers");
    }
    let brokers = brokers(section);
    let topic = required(section, "topic", |text| {
        let is_wrong = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if text.is_empty() || text.len() > 249 || text.contains(is_wrong) {
            return Err(format!("must be 1 to 249 of A-Z a-z 0-9 . _ -, is {text:?}"));
        }
        Ok(text.to_owned())
    });
    let login = login(section, directory);
    let is_tls = section.text("tls", |text| match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("must be on or off, is {other:?}")),
    });
    let ca_file = section.text("ca_file", |file| existing(file, directory)).flatten();
    if is_tls == Some(false) && ca_file.is_some() {
        section.problem("ca_file", "needs tls = \"on\"");
    }
    let is_tls = is_tls.unwrap_or(ca_file.is_some());
    let tls = if is_tls { Some(client_tls(section, ca_file)?) } else { None };
    Some(KafkaConfig { brokers: brokers?, topic: topic?, login: login?, tls })
}

/// Takes the brokers; `None` if they are wrong.
fn brokers(section: &mut Section<'_>) -> Option<Vec<String>> {
    let number = Cell::new(0);
    // The text may hold a password, so the message does not repeat it.
    let check = |broker: &str| {
        let at = number.replace(number.get() + 1) + 1;
        match broker.contains(':') && server(broker, 0).is_some() {
            true => Ok(()),
            false => Err(format!(
                "must be a list of HOST:PORT, without a user: number {at} is none; {BRACKETS}"
            )),
        }
    };
    let brokers = section.texts("brokers", &check)?;
    let message = match brokers.len() {
        0 => "must name a broker as HOST:PORT".to_owned(),
        1..=SINK_BROKERS_MAX => return Some(brokers),
        _ => format!("must name at most {SINK_BROKERS_MAX}; the others are asked for"),
    };
    section.problem("brokers", message);
    None
}

/// Takes `username` and `password_file`, which go together; `None` if they are wrong.
fn login(section: &mut Section<'_>, directory: &Path) -> Option<Option<(String, String)>> {
    let has = (section.has("username"), section.has("password_file"));
    let user = section.text("username", |text| Ok::<_, String>(text.to_owned()));
    let password = section.text("password_file", |file| secret(file, directory));
    match has {
        (false, false) => Some(None),
        (true, true) => Some(Some((user?, password?))),
        (true, false) => {
            section.problem("username", "needs a password_file beside it");
            None
        }
        (false, true) => {
            section.problem("password_file", "needs a username beside it");
            None
        }
    }
}

#[cfg(test)]
#[path = "sinks_tests.rs"]
mod tests;
