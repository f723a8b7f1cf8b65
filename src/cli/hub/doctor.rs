//! `doctor`: finds out what is wrong with a hub, and says what to do. It changes nothing, and runs
//! beside the hub.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::STOCKGATE_HUB;
use crate::cli::doctor::report::{Check, Report};
use crate::cli::doctor::{machine, reach};
use crate::cli::tell;
use crate::config::{self, BookStore, HubConfig, PostgresUrl};
use crate::hub::core::size_limit;
use crate::hub::upkeep::{Examination, ServerFacts, examine, key_file};
use crate::net::access::Role;
use crate::net::mqtt::RAISE_THE_LIMIT;
use crate::process::signing_key::SigningKey;
use crate::protocol::topic::{Channel, shared_filter, topic_filter};
use crate::sizes::Bytes;
use crate::store::FreeSpace;

/// Free space below this is reported as low.
const SOON_FULL_BYTES: u64 = 256 << 20;
/// The most gateways whose problems are listed.
const PROBLEMS_MAX: usize = 20;

/// What to look at.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DoctorArguments {
    /// The hub's configuration; without it, the built-in defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &DoctorArguments) -> ExitCode {
    let mut healthy = false;
    let ended = STOCKGATE_HUB.with_runtime("error", async {
        let report = visit(arguments.config.as_deref()).await;
        let told = if arguments.json { report.json() } else { report.text() };
        healthy = tell(told) && report.is_healthy();
        Ok(())
    });
    if healthy { ended } else { ExitCode::FAILURE }
}

async fn visit(file: Option<&Path>) -> Report {
    let mut report = Report::default();
    let config = match HubConfig::load(file) {
        Ok(config) => config,
        Err(error) => {
            for problem in error.problems() {
                let next = "correct it; check-config says when it is valid";
                report.wrong(Check::Configuration, problem, next);
            }
            return report;
        }
    };
    if let Some(file) = file {
        report.ok(Check::Configuration, format!("configuration {}", file.display()));
        machine::secrets(&mut report, &config::secret_files_of_hub(file));
    }
    access(&mut report, &config);
    books(&mut report, &config.store).await;
    if let BookStore::Sqlite(path) = &config.store {
        space(&mut report, path);
    }
    machine::clock(&mut report, None);
    running(&mut report, &config).await;
    match &config.mqtt {
        Some(mqtt) => {
            reach::certificate(&mut report, mqtt);
            reach::broker(&mut report, mqtt, &filters(config.shared), None).await;
        }
        None => report.note(
            Check::Broker,
            "no [mqtt] section: the books are served, and no frames are received",
            "",
        ),
    }
    report
}

/// What the hub subscribes to. A group of our own gets copies of the frames that workers share.
fn filters(shared: bool) -> [String; 2] {
    let frames = topic_filter(Channel::Up);
    let frames = if shared { shared_filter("stockgate-doctor", &frames) } else { frames };
    [frames, topic_filter(Channel::State)]
}

/// Who may use the port, and whether others can listen.
fn access(report: &mut Report, config: &HubConfig) {
    let port = &config.http;
    let count = |role| port.tokens.iter().filter(|token| token.role == role).count();
    let [viewers, operators, admins] = [Role::Viewer, Role::Operator, Role::Admin].map(count);
    match port.tokens.len() {
        0 => report.ok(Check::Tokens, "no tokens: the hub listens on loopback only"),
        all => report.ok(
            Check::Tokens,
            format!("{all} tokens: {viewers} viewer, {operators} operator, {admins} admin"),
        ),
    }
    if port.tls.is_some() {
        report.ok(
            Check::Tls,
            format!("{} speaks TLS, and its key fits its certificate", port.listen),
        );
    } else if !port.listen.ip().is_loopback() {
        let message = format!("{} does not speak TLS: tokens can be read on the way", port.listen);
        report.note(
            Check::Tls,
            message,
            "set hub.cert_file and key_file, or let a proxy speak TLS",
        );
    }
}

async fn books(report: &mut Report, store: &BookStore) {
    let examined = {
        let store = store.clone();
        tokio::task::spawn_blocking(move || examine(&store)).await
    };
    match examined.expect("an examination does not panic") {
        Ok(found) => {
            if let (Some(server), BookStore::Postgres(url)) = (&found.server, store) {
                found_of_server(report, server, url);
            }
            match found.version {
                Some(version) => {
                    report.ok(Check::Database, format!("books in {store}"));
                    found_in_books(report, &found, version);
                    if found.version == Some(found.newest) {
                        key(report, store, &found);
                    }
                }
                None => {
                    let message = format!("there are no books in {store}");
                    report.wrong(Check::Database, message, out_of_reach(store));
                }
            }
        }
        Err(error) => {
            let message = format!("books in {store}: {error}");
            report.wrong(Check::Database, message, out_of_reach(store));
        }
    }
}

/// Whether the hub's own ledger is what was signed of it, and the key is there that has signed it.
fn key(report: &mut Report, store: &BookStore, found: &Examination) {
    const PUT_BACK: &str = "put back a copy of it, and start the hub again";
    if let Some(fault) = &found.signed.fault {
        let message = format!("the hub's own ledger was changed, and is not signed: {fault}");
        let next = "stockgate-hub verify says more; keep a copy of the books, and restore a backup";
        report.wrong(Check::Ledger, message, next);
    }
    let (last, Some(file)) = (found.signed.key, key_file(store)) else { return };
    let shown = file.display();
    match SigningKey::read(&file) {
        Ok(key) if last.is_none_or(|last| last == key.public()) => {
            report.ok(Check::Key, format!("{shown} holds a key"));
            machine::others_may_read(report, &file);
        }
        Ok(_) => {
            let message = format!("{shown} is another key than the one that has signed last");
            report.note(Check::Key, message, "if nobody has replaced it, put it back from a copy");
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if last.is_some() {
                let message = format!(
                    "{shown} is missing: unless it is the credential hub.key, the ledger is not signed"
                );
                report.note(Check::Key, message, PUT_BACK);
            }
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let message = format!("{shown} cannot be looked at: {error}");
            report.skipped(Check::Key, message, "run the doctor as the hub's account, or as root");
        }
        Err(error) => {
            let message = format!("the hub's own ledger is not signed: {error}");
            report.wrong(Check::Key, message, PUT_BACK);
        }
    }
}

fn out_of_reach(store: &BookStore) -> &'static str {
    match store {
        BookStore::Sqlite(_) => {
            "a hub makes new books at its first start; otherwise correct hub.store, let the hub's account read and write the file and its directory, or restore a backup"
        }
        BookStore::Postgres(_) => {
            "a hub makes new books at its first start; otherwise look at hub.store and at the server and its log"
        }
    }
}

fn found_in_books(report: &mut Report, found: &Examination, version: i64) {
    let Examination { newest, structure, skus, differing, gateways, .. } = found;
    if let Some(faults) = structure {
        let next = "keep a copy of the books before anything else, then restore a backup";
        return report.wrong(Check::Integrity, format!("the file is damaged: {faults}"), next);
    }
    if version != *newest {
        let message = format!("the books have version {version}, this program's is {newest}");
        let next = "the next start upgrades them, after a copy of books in SQLite";
        return report.note(Check::Schema, message, next);
    }
    report.ok(Check::Schema, format!("the books have version {version}, the newest"));
    match differing {
        (_, 0) => report.ok(Check::Balance, format!("the units of {skus} SKUs add up")),
        (named, count) => {
            let message = format!("the units of {count} SKUs do not add up: {}", named.join(", "));
            let next =
                "keep a copy of the books, and report it; GET /api/reconcile has the figures";
            report.wrong(Check::Balance, message, next);
        }
    }
    report.ok(
        Check::Gateways,
        format!("{gateways} gateways, {} with a problem", found.problems.len()),
    );
    for (site, gateway, problem) in found.problems.iter().take(PROBLEMS_MAX) {
        let next = "GET /api/gateways says more; docs/OPERATIONS.md says what to do";
        report.note(Check::Gateways, format!("{site}/{gateway}: {problem}"), next);
    }
    for (gateway, bytes) in &found.size_limits {
        let message = format!("{gateway}: {}", size_limit(*bytes));
        report.note(Check::Gateways, message, RAISE_THE_LIMIT);
    }
}

fn found_of_server(report: &mut Report, server: &ServerFacts, url: &PostgresUrl) {
    let ServerFacts { version, encoding, isolation, fsync, synchronous_commit, .. } = server;
    let message = format!("PostgreSQL {version}");
    if server.is_replica || server.is_read_only {
        let next =
            "name the primary in hub.store, or several hosts and target_session_attrs=read-write";
        report.wrong(Check::Server, format!("{message} is read-only: nothing can be booked"), next);
    } else if fsync == "off" {
        let message = format!("{message} has fsync off: it may lose what it has committed");
        report.wrong(Check::Server, message, "set fsync = on in postgresql.conf");
    } else {
        report.ok(Check::Server, message);
    }
    if synchronous_commit == "off" {
        let message =
            "synchronous_commit is off by default; the hub sets local for its own commits";
        report.note(Check::Server, message, "");
    }
    match encoding.as_str() {
        "UTF8" => report.ok(Check::Encoding, "the database has the encoding UTF8"),
        other => report.wrong(
            Check::Encoding,
            format!("the database has the encoding {other}, the books need UTF8"),
            "create it again with ENCODING 'UTF8' TEMPLATE template0",
        ),
    }
    match isolation.as_str() {
        "read committed" => report.ok(Check::Isolation, "the default isolation is read committed"),
        other => report.note(
            Check::Isolation,
            format!("the default isolation is {other}; the hub sets its own for each transaction"),
            "",
        ),
    }
    if server.is_encrypted {
        report.ok(Check::Tls, "the connection to PostgreSQL is encrypted");
    } else if url.hosts.iter().any(|(host, _)| is_remote(host)) {
        let message = "the connection to PostgreSQL is not encrypted";
        report.note(Check::Tls, message, "sslmode=verify-full in hub.store");
    }
}

/// Whether a host is another machine, rather than this one or a socket in the file system.
fn is_remote(host: &str) -> bool {
    let is_loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    !(host.starts_with('/') || host == "localhost" || is_loopback)
}

fn space(report: &mut Report, books: &Path) {
    let directory = books.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let shown = directory.display();
    match FreeSpace::of(directory).bytes {
        Some(free @ ..SOON_FULL_BYTES) => {
            let message = format!("{} are free on the filesystem of {shown}", Bytes(free));
            report.note(Check::Space, message, "free space there, or move the books");
        }
        Some(free) => {
            report
                .ok(Check::Space, format!("{} are free on the filesystem of {shown}", Bytes(free)));
        }
        None => {
            report.skipped(Check::Space, format!("{shown}: free space cannot be determined"), "");
        }
    }
}

/// Whether the hub runs and can do its work.
async fn running(report: &mut Report, config: &HubConfig) {
    let address = reach::own_address(config.http.listen);
    if config.http.tls.is_some() {
        let message = format!("the hub at {address} speaks TLS, and cannot be asked from here");
        let next = "curl https://NAME:PORT/readyz, with a name that its certificate has";
        return report.skipped(Check::Hub, message, next);
    }
    match reach::get(address, "/readyz", "").await {
        Ok((200, _)) => {
            report.ok(Check::Hub, format!("the hub at {address} is ready"));
            let page = reach::get(address, "/metrics", "").await;
            let is_unsigned = |page: &str| page.contains("\nstockgate_hub_ledger_signed 0\n");
            if page.is_ok_and(|(_, page)| is_unsigned(&page)) {
                let next = "its log says why, at its start, and so does GET /api/status; put that right and restart it";
                report.wrong(Check::Key, "the running hub does not sign its own ledger", next);
            }
        }
        Ok((_, body)) => {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let why = problem["detail"].as_str().unwrap_or("it does not say why");
            let next = "journalctl -u stockgate-hub says more";
            report.wrong(Check::Hub, format!("the hub at {address} is not ready: {why}"), next);
        }
        Err(error) => {
            let next = "systemctl start stockgate-hub; journalctl -u stockgate-hub says why it does not run";
            report.skipped(
                Check::Hub,
                format!("the hub at {address} does not answer: {error:#}"),
                next,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_loopback_are_this_machine() {
        for host in ["/var/run/postgresql", "localhost", "127.0.0.1", "::1"] {
            assert!(!is_remote(host), "{host}");
        }
        assert!(is_remote("db-1.example") && is_remote("10.0.0.7"));
    }
}
