//! Brokers with access control: passwords, access rules, TLS.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use stockgate::protocol::wire::Wire;

use tempfile::TempDir;
use uuid::Uuid;

use super::forged::hello;
use super::pair::{ID, Pair, SITE, UP, assert_same_books, until_confirmed, until_reason};
use crate::support::bodies::one;
use crate::support::broker::{Broker, section};
use crate::support::certificates::{Authority, Identity, Made};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;
use crate::support::patience::throughout;
use crate::support::process::run_to_end;
use crate::support::program::{stockgate, stockgate_hub};
use crate::support::terminal::{Terminal, number};

const QUIET: Duration = Duration::from_secs(1);

#[test]
fn gateway_and_hub_log_in_with_passwords_under_access_rules() {
    let guard = Guard::new();
    let hub = Hub::start_with(&guard.section("hub", "hub-secret"));

    let gateway = stocked(&guard.section("gw-01", "gw-secret"));

    let pair = Pair { gateway, hub, broker: guard.broker };
    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    pair.assert_in_step();
}

#[test]
fn a_wrong_password_is_the_reason_why_the_link_is_offline() {
    let guard = Guard::new();

    let gateway = stocked(&guard.section("gw-01", "wrong"));

    until_reason(&gateway, "password");
    gateway.http().ok("deduct", one("r1", "A", 1));
    assert_eq!(number(&gateway.sync(), "pending"), 2);
}

#[test]
fn a_user_unknown_to_the_broker_is_refused() {
    let guard = Guard::new();

    let gateway = Gateway::start_with(&guard.broker.section());

    until_reason(&gateway, "username");
}

#[test]
fn a_corrected_password_takes_effect_at_the_next_start() {
    let guard = Guard::new();
    let hub = Hub::start_with(&guard.section("hub", "hub-secret"));
    let mut gateway = stocked(&guard.section("gw-01", "wrong"));
    until_reason(&gateway, "password");

    gateway.configure(&gateway.address(), &guard.section("gw-01", "gw-secret"));
    gateway.restart();

    until_confirmed(&gateway);
    assert_same_books(&gateway, &hub, SITE, ID);
}

#[test]
fn access_rules_of_the_broker_stop_a_gateway_from_publishing_for_another() {
    let guard = Guard::new();
    let hub = Hub::start_with(&guard.section("hub", "hub-secret"));
    let gateway = stocked(&guard.section("gw-01", "gw-secret"));
    until_confirmed(&gateway);
    let before = hub.gateway();

    let mut other = Bystander::with_password(&guard.broker, "gw-02", "other-secret");
    other.publish(UP, &hello(Uuid::from_u128(7).into(), 9).encode(Wire::UP));

    throughout(QUIET, || {
        let known = hub.gateway().unwrap();
        assert_eq!(known["epoch"], before.as_ref().unwrap()["epoch"]);
        assert_eq!(known["drift"], false);
    });
}

#[test]
fn a_gateway_denied_by_the_brokers_rules_stays_offline_and_keeps_its_entries() {
    let guard = Guard::new();
    let _hub = Hub::start_with(&guard.section("hub", "hub-secret"));

    let gateway = stocked(&guard.section("gw-02", "other-secret"));

    until_reason(&gateway, "hub");
    throughout(QUIET, || {
        let sync = gateway.sync();
        assert_eq!((&sync["state"], number(&sync, "pending")), (&"offline".into(), 1), "{sync}");
    });
}

#[test]
fn under_the_rules_that_ship_only_the_hub_hears_what_gateways_say() {
    let guard = Guard::shipped();
    let mut hub = Hub::start_with(&guard.section("hub-1", "hub-secret"));
    let gateway = stocked(&guard.section("wh-01/gw-01", "gw-secret"));
    until_confirmed(&gateway);
    let mut other = Bystander::with_password(&guard.broker, "wh-01/gw-02", "other-secret");
    for filter in ["stockgate/1/+/+/up", "stockgate/1/wh-01/gw-01/down", "stockgate/1/+/+/state"] {
        other.hear(filter);
    }
    let before = hub.gateway_at(SITE, ID)["epoch"].clone();
    other.publish(UP, &hello(Uuid::from_u128(7).into(), 9).encode(Wire::UP));

    gateway.http().ok("deduct", one("r1", "A", 1));
    until_confirmed(&gateway);
    let heard = other.next_within(QUIET);
    assert!(heard.is_none(), "{:?}", heard.map(|message| message.topic));
    assert_eq!(hub.gateway_at(SITE, ID)["epoch"], before);
    assert_eq!(hub.terminate(), Some(0));
}

#[test]
fn gateway_and_hub_work_over_tls() {
    let authority = Authority::new();
    let broker = tls_broker(&authority, "allow_anonymous true\n");
    let section = tls_section(&broker, &authority, None);
    let hub = Hub::start_with(&section);

    let gateway = stocked(&section);

    Pair { gateway, hub, broker }.assert_in_step();
}

#[test]
fn gateway_and_hub_work_over_mutual_tls() {
    let authority = Authority::new();
    let broker = mutual_tls_broker(&authority);
    let (hers, his) = (authority.sign("hub", "DNS:hub"), authority.sign("gw-01", "DNS:gw-01"));
    let hub = Hub::start_with(&tls_section(&broker, &authority, Some(&hers)));

    let gateway = stocked(&tls_section(&broker, &authority, Some(&his)));

    Pair { gateway, hub, broker }.assert_in_step();
}

#[test]
fn a_broker_certified_by_another_authority_is_not_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = tls_broker(&authority, "allow_anonymous true\n");

    let gateway = stocked(&tls_section(&broker, &stranger, None));

    let reason = until_reason(&gateway, "TLS");
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
}

#[test]
fn a_broker_with_another_name_in_its_certificate_is_not_trusted() {
    let authority = Authority::new();
    let elsewhere = authority.sign("broker", "DNS:elsewhere.example");
    let broker = Broker::start_with(&tls_lines(&authority, &elsewhere, "allow_anonymous true\n"));

    let gateway = stocked(&tls_section(&broker, &authority, None));

    let reason = until_reason(&gateway, "TLS");
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
}

#[test]
fn a_missing_client_certificate_is_named_as_the_reason() {
    let authority = Authority::new();
    let broker = mutual_tls_broker(&authority);

    let gateway = stocked(&tls_section(&broker, &authority, None));

    until_reason(&gateway, "ertificate");
}

#[test]
fn a_renewed_certificate_is_taken_by_a_reload_and_its_end_is_shown() {
    let authority = Authority::new();
    let broker = mutual_tls_broker(&authority);
    let hub =
        Hub::start_with(&tls_section(&broker, &authority, Some(&authority.sign("hub", "DNS:hub"))));
    let stale = Made { clock: Some("-10d"), ..Made::default() };
    let own = authority.make("gw-01", "DNS:gw-01", stale);
    let gateway = stocked(&tls_section(&broker, &authority, Some(&own)));
    until_reason(&gateway, "says that our certificate has expired");
    let ended = gateway.http().metric("stockgate_broker_certificate_end_seconds");
    let check = |word: &str| {
        let mut command = stockgate();
        let ended =
            run_to_end(command.args(["check-config", "--config"]).arg(gateway.config_path()));
        assert!(ended.stderr.contains(word), "{ended:?}");
    };
    check("has ended");

    let renewed = authority.make("renewed", "DNS:gw-01", Made::default());
    fs::copy(&renewed.key, &own.key).unwrap();
    fs::copy(&renewed.certificate, &own.certificate).unwrap();
    gateway.signal("HUP");

    let pair = Pair { gateway, hub, broker };
    until_confirmed(&pair.gateway);
    let ends = pair.gateway.http().metric("stockgate_broker_certificate_end_seconds");
    assert!(ends > ended + 9 * 86_400, "{ends} {ended}");
    pair.assert_in_step();
}

#[test]
fn a_renewed_certificate_of_the_hub_is_taken_by_a_reload() {
    let authority = Authority::new();
    let broker = mutual_tls_broker(&authority);
    let stale = Made { clock: Some("-10d"), ..Made::default() };
    let own = authority.make("hub", "DNS:hub", stale);
    let mut hub = Hub::prepare(&tls_section(&broker, &authority, Some(&own)));
    hub.spawn();
    hub.wait_until_logged(0, &["our certificate has expired"]);
    let ends = |hub: &Hub| hub.http().metric("stockgate_hub_broker_certificate_end_seconds");
    let ended = ends(&hub);
    let mut check = stockgate_hub();
    let checked = run_to_end(check.args(["check-config", "--config"]).arg(hub.config_path()));
    assert!(checked.stderr.contains("has ended"), "{checked:?}");
    let gateway_certificate = authority.sign("gw-01", "DNS:gw-01");
    let gateway = stocked(&tls_section(&broker, &authority, Some(&gateway_certificate)));

    let renewed = authority.make("renewed", "DNS:hub", Made::default());
    fs::copy(&renewed.key, &own.key).unwrap();
    fs::copy(&renewed.certificate, &own.certificate).unwrap();
    let log = hub.reload();
    assert!(log.contains("mqtt.ca_file, cert_file or key_file"), "{log}");
    assert!(ends(&hub) > ended + 9 * 86_400, "{ended}");

    let pair = Pair { gateway, hub, broker };
    pair.assert_in_step();
}

#[test]
fn a_broker_without_tls_is_named_as_the_reason() {
    let authority = Authority::new();
    let broker = Broker::start();

    let gateway = stocked(&tls_section(&broker, &authority, None));

    until_reason(&gateway, "TLS");
}

/// A broker with users and access rules.
pub(super) struct Guard {
    broker: Broker,
    dir: TempDir,
}

impl Guard {
    /// One with three users and one access rule for each.
    fn new() -> Self {
        let lines = "user hub\ntopic readwrite stockgate/1/#\n\
             user gw-01\ntopic readwrite stockgate/1/wh-01/gw-01/#\n\
             user gw-02\ntopic readwrite stockgate/1/wh-01/gw-02/#\n";
        let users = [("hub", "hub-secret"), ("gw-01", "gw-secret"), ("gw-02", "other-secret")];
        Self::with(lines, &users, "")
    }

    /// A broker with the rules that ship.
    fn shipped() -> Self {
        let rules = include_str!("../../config/mosquitto.acl");
        let gateways = [("wh-01/gw-01", "gw-secret"), ("wh-01/gw-02", "other-secret")];
        let users: Vec<_> = gateways.into_iter().chain([("hub-1", "hub-secret")]).collect();
        Self::with(rules, &users, "use_username_as_clientid true\n")
    }

    /// One with the rules that ship, for these workers of a hub and these gateways; the passwords are
    /// their names.
    pub(super) fn of_workers(workers: &[&str], gateways: &[String]) -> Self {
        let shipped = include_str!("../../config/mosquitto.acl");
        let (_, of_worker) = shipped.split_once("user hub-1\n").unwrap();
        let (of_worker, _) = of_worker.split_once("\n\n").unwrap();
        let more = workers.iter().map(|worker| format!("\nuser {worker}\n{of_worker}\n"));
        let rules = format!("{shipped}{}", more.collect::<String>());
        let users = gateways.iter().map(String::as_str).chain(workers.iter().copied());
        let users: Vec<_> = users.map(|user| (user, user)).collect();
        Self::with(&rules, &users, "use_username_as_clientid true\n")
    }

    fn with(lines: &str, users: &[(&str, &str)], more: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let (passwords, rules) = (dir.path().join("passwords"), dir.path().join("rules"));
        fs::write(&passwords, "").unwrap();
        for (user, password) in users {
            add_user(&passwords, user, password);
        }
        fs::write(&rules, lines).unwrap();
        let broker = Broker::start_with(&format!(
            "allow_anonymous false\npassword_file {}\nacl_file {}\n{more}",
            passwords.display(),
            rules.display()
        ));
        Self { broker, dir }
    }

    /// The `[mqtt]` section of a user, with the password in a file that ends with a line feed.
    pub(super) fn section(&self, user: &str, password: &str) -> String {
        let file = format!("{user}.{password}").replace('/', "-");
        let file = self.dir.path().join(file);
        fs::write(&file, format!("{password}\n")).unwrap();
        let file = file.to_str().unwrap();
        section(&self.broker.url(), &[("username", user), ("password_file", file)])
    }
}

fn add_user(passwords: &Path, user: &str, password: &str) {
    let mut command = Command::new("mosquitto_passwd");
    let finished = run_to_end(command.arg("-b").arg(passwords).args([user, password]));
    assert_eq!(finished.code, Some(0), "{}", finished.output());
}

fn tls_broker(authority: &Authority, more: &str) -> Broker {
    Broker::start_with(&tls_lines(authority, &authority.sign("broker", "IP:127.0.0.1"), more))
}

fn mutual_tls_broker(authority: &Authority) -> Broker {
    tls_broker(authority, "require_certificate true\nuse_identity_as_username true\n")
}

fn tls_lines(authority: &Authority, identity: &Identity, more: &str) -> String {
    format!(
        "cafile {}\ncertfile {}\nkeyfile {}\n{more}",
        authority.file().display(),
        identity.certificate.display(),
        identity.key.display()
    )
}

fn tls_section(broker: &Broker, authority: &Authority, own: Option<&Identity>) -> String {
    let url = broker.url().replace("mqtt://", "mqtts://");
    let authority = authority.file();
    let mut keys = vec![("ca_file", authority.to_str().unwrap())];
    if let Some(Identity { certificate, key }) = own {
        keys.push(("cert_file", certificate.to_str().unwrap()));
        keys.push(("key_file", key.to_str().unwrap()));
    }
    section(&url, &keys)
}

fn stocked(section: &str) -> Gateway {
    Gateway::stocked_with(section, &[("A", 100)])
}
