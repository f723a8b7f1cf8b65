//! Configuration: a TOML file, overridden by environment variables, with defaults for what is
//! absent.
//!
//! This folder reads and checks both configurations and the files that they name. A configuration
//! is complete and possible, or an error that lists everything that is wrong. Nothing here starts a
//! connection or a part of the program.

mod certificate_dates;
mod der;
mod document;
mod gateway;
mod host;
#[cfg(feature = "hub")]
mod hub;
mod mqtt;
mod origin;
mod port;
#[cfg(feature = "hub")]
mod postgres;
mod private_key;
#[cfg(feature = "hub")]
mod sinks;
mod text;
mod tls;
mod tokens;
#[cfg(feature = "hub")]
mod verifier;

pub use self::certificate_dates::CertificateDates;
pub use self::document::ConfigError;
use self::document::PREFIX;
pub use self::document::redact::HIDDEN;
pub use self::gateway::GatewayConfig;
pub(crate) use self::host::{BRACKETS, host_and_port};
#[cfg(feature = "hub")]
pub use self::hub::{BookStore, Enrolment, HubConfig, UnknownSkus};
pub use self::mqtt::{BrokerUrl, MqttConfig};
pub use self::port::PortConfig;
#[cfg(feature = "hub")]
pub use self::postgres::{PostgresTls, PostgresUrl};
#[cfg(feature = "hub")]
pub use self::sinks::{KafkaConfig, NatsConfig, SinkConfig, SinkTarget, WebhookConfig};
pub use self::tls::ServerTls;
pub(crate) use self::tls::client as client_tls;

/// Replaces a default, if the configuration has a value.
fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

/// The log level. Filters by module can be set with `RUST_LOG` only.
fn log_level(text: &str) -> Result<String, String> {
    match text {
        "off" | "error" | "warn" | "info" | "debug" | "trace" => Ok(text.into()),
        other => Err(format!("must be off, error, warn, info, debug or trace, is {other:?}")),
    }
}

/// The name of a site, a gateway or a worker: 1 to 64 of `[A-Za-z0-9._-]`, which have no meaning in
/// MQTT topics and access rules.
fn name(text: &str) -> Result<String, String> {
    if crate::stock::is_name(text) {
        return Ok(text.into());
    }
    Err(format!("must be 1 to 64 of A-Z a-z 0-9 . _ -, is {text:?}"))
}

/// Reads a text as the configuration of each program.
#[cfg(all(any(test, fuzzing), feature = "hub"))]
pub(crate) fn read_as_either(file: &std::path::Path, text: &str) -> [Result<(), ConfigError>; 2] {
    let document = || document::Document::parse(file, text);
    let gateway = document().and_then(GatewayConfig::from_document).map(drop);
    [gateway, document().and_then(HubConfig::from_document).map(drop)]
}

/// A gateway's configuration with one value a line, without comments and secrets, to be passed on.
pub fn listing(file: Option<&std::path::Path>) -> String {
    document::redact::listing(of_gateway(file))
}

/// Every secret in a gateway's configuration, even if the configuration is wrong; `None` if it
/// cannot be read, or has a key twice.
pub fn secrets(file: &std::path::Path) -> Option<Vec<String>> {
    let document = of_gateway(Some(file)).ok().filter(document::Document::is_whole)?;
    let directory = document.directory();
    let files = document.files(&["token_file", "password_file"]);
    let in_files = files.iter().filter_map(|file| secret(file, &directory).ok());
    let inline = document.hidden();
    let inline = inline.iter().map(|text| without_line_ends(text).to_owned());
    Some(inline.chain(in_files).collect())
}

/// The files that hold secrets of a gateway: those that its configuration names, and the
/// configuration itself if it contains a secret.
pub fn secret_files(file: &std::path::Path) -> Vec<std::path::PathBuf> {
    secret_files_in(of_gateway(Some(file)))
}

/// The same of a hub.
#[cfg(feature = "hub")]
pub fn secret_files_of_hub(file: &std::path::Path) -> Vec<std::path::PathBuf> {
    let variables = variables();
    let read = variables
        .and_then(|variables| document::Document::read(Some(file), variables, hub::FOREIGN));
    secret_files_in(read)
}

fn secret_files_in(document: Result<document::Document, ConfigError>) -> Vec<std::path::PathBuf> {
    let Ok(document) = document else { return Vec::new() };
    let directory = document.directory();
    let named = document.files(&["token_file", "password_file", "key_file", "secret_file"]);
    let named = named.iter().filter(|name| !name.is_empty()).map(|name| path_of(name, &directory));
    named.chain(document.file_with_secrets()).collect()
}

fn of_gateway(file: Option<&std::path::Path>) -> Result<document::Document, ConfigError> {
    document::Document::read(file, variables()?, &["hub"])
}

/// The environment variables with our prefix.
fn variables() -> Result<Vec<(String, String)>, ConfigError> {
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX));
    ours.map(|(name, value)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (Ok(name), Err(_)) => {
            Err(ConfigError::one(format!("environment variable {name}: is not UTF-8")))
        }
        (Err(name), _) => {
            Err(ConfigError::one(format!("environment variable {}: is not UTF-8", name.display())))
        }
    })
    .collect()
}

fn address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("must be an IP address and port, such as 127.0.0.1:8080, is {text:?}"))
}

/// Reads a secret from a file in `$CREDENTIALS_DIRECTORY`, or else in the configuration's directory.
/// Line ends after it are not part of the secret.
fn secret(file: &str, directory: &std::path::Path) -> Result<String, String> {
    if file.is_empty() {
        return Err("must name a file".into());
    }
    let path = path_of(file, directory);
    let text = text::read(&path)?;
    let secret = without_line_ends(&text);
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(secret.into())
}

/// A secret, from a file or from the configuration, without the line ends after it.
pub(crate) fn without_line_ends(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// The directory that the service manager has made for the program: the first, if it lists several.
pub(crate) fn state_directory() -> Option<std::path::PathBuf> {
    first_of(&std::env::var_os("STATE_DIRECTORY")?)
}

fn first_of(directories: &std::ffi::OsStr) -> Option<std::path::PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut listed = directories.as_bytes().split(|byte| *byte == b':');
    let first = listed.find(|directory| !directory.is_empty())?;
    Some(std::ffi::OsStr::from_bytes(first).into())
}

/// The path of a file that the configuration names.
fn path_of(file: &str, directory: &std::path::Path) -> std::path::PathBuf {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .filter(|credentials| !credentials.is_empty())
        .map(|credentials| std::path::Path::new(&credentials).join(file))
        .filter(|path| path.exists());
    credential.unwrap_or_else(|| directory.join(file))
}

/// The path as the working directory has it, if it is such a thing there and another one than `used`.
fn displaced(
    path: std::path::PathBuf,
    used: &std::path::Path,
    is_such: fn(&std::path::Path) -> bool,
) -> Option<std::path::PathBuf> {
    let there = path.canonicalize().ok().filter(|path| is_such(path))?;
    let is_used = used.canonicalize().is_ok_and(|used| used == there);
    (path.is_relative() && !is_used).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_state_directories_the_first_is_used() {
        for (listed, first) in [("/a", "/a"), ("/a:/b", "/a"), (":/b", "/b"), ("a b:", "a b")] {
            assert_eq!(first_of(listed.as_ref()), Some(first.into()), "{listed}");
        }
        for nothing in ["", ":"] {
            assert_eq!(first_of(nothing.as_ref()), None, "{nothing}");
        }
    }
}
