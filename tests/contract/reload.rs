//! Reloading the configuration of a running gateway with SIGHUP.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bodies::{many, one, with};
use crate::support::gateway::Gateway;
use crate::support::process::free_port;
use crate::support::terminal::Terminal;
use crate::support::ws::{Closed, Ws};

const LIMIT: Duration = Duration::from_secs(30);
const REVOKED: Option<Closed> = Some(Closed { code: Some(1008) });

#[test]
fn tokens_are_added_and_revoked_without_a_restart() {
    let mut gateway = Gateway::start_with(&tokens(&[("old", "operator")]));
    let mut session = authorized(&gateway, "old");
    let mut stays = gateway.ws();

    let log = configured(&mut gateway, &tokens(&[("new", "operator")]));

    assert!(log.contains("token old revoked, token new added"), "{log}");
    assert_eq!(session.wait_closed(LIMIT), REVOKED);
    stays.ok("auth", json!({"token": "new-secret-0123456789"}));
    stays.ok("restock", one("r1", "A", 1));
    gateway.http().with_token("new-secret-0123456789").item("A");
    gateway.http().with_token("old-secret-0123456789").get("/api/status").refused("unauthorized");
}

#[test]
fn an_open_session_follows_the_role_of_its_token_and_keeps_its_subscription() {
    let mut gateway = Gateway::start_with(&tokens(&[("t", "viewer"), ("op", "operator")]));
    let mut session = authorized(&gateway, "t");
    session.refused("restock", one("r1", "A", 1), "forbidden");
    session.ok("subscribe", json!({"all": true}));

    configured(&mut gateway, &tokens(&[("t", "operator"), ("op", "operator")]));
    until(|| session.call("restock", one("r1", "A", 1)).is_ok());
    assert!(session.next_event("stock", LIMIT).is_some());

    configured(&mut gateway, &tokens(&[("t", "viewer"), ("op", "operator")]));
    until(|| session.call("restock", one("r2", "A", 1)).is_err_and(is("forbidden")));
    session.item("A");
}

#[test]
fn a_reload_reads_token_files_again() {
    let token = "[[terminals.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken_file = \"t.token\"\n";
    let mut gateway = Gateway::prepare(token);
    gateway.write("t.token", "the-first-secret\n");
    gateway.launch();
    let mut session = gateway.ws();
    session.ok("auth", json!({"token": "the-first-secret"}));

    gateway.write("t.token", "the-second-secret\n");
    let log = gateway.reload();

    assert!(log.contains("token t changed"), "{log}");
    assert_eq!(session.wait_closed(LIMIT), REVOKED);
    gateway.http().with_token("the-second-secret").ok("status", json!({}));
    gateway.http().with_token("the-first-secret").get("/api/status").refused("unauthorized");
    assert!(!gateway.log().contains("the-second-secret"), "{}", gateway.log());
}

#[test]
fn the_first_token_closes_open_access() {
    let mut gateway = Gateway::start();
    let mut session = gateway.ws();
    session.ok("restock", one("r1", "A", 1));

    configured(&mut gateway, &tokens(&[("t", "viewer")]));
    assert_eq!(session.wait_closed(LIMIT), REVOKED);
    gateway.http().get("/api/status").refused("unauthorized");
}

/// Empty, half written, or in good order without a token.
#[test]
fn a_reload_never_leaves_a_gateway_without_tokens() {
    let mut gateway = Gateway::start_with(&tokens(&[("t", "operator")]));
    let mut session = authorized(&gateway, "t");
    let whole = std::fs::read_to_string(gateway.config_path()).unwrap();
    let half = whole.split_once("[[terminals.tokens]]").unwrap().0;
    for text in ["", half, &format!("{half}tokens = []\n[stock]\nreservation_ttl_s = 1\n")] {
        gateway.write("stockgate.toml", text);
        let log = gateway.reload();

        assert!(log.contains("terminals.tokens") && log.contains("old one stays"), "{log}");
        gateway.http().get("/api/status").refused("unauthorized");
        session.ok("status", json!({}));
    }
    assert!(!gateway.log().contains("reservation_ttl_s"), "{}", gateway.log());

    gateway.write("stockgate.toml", &whole);
    let log = gateway.reload();
    assert!(log.contains("was read again"), "{log}");
}

#[test]
fn the_configuration_of_another_gateway_is_refused_whole() {
    let mut gateway = Gateway::start_with(&tokens(&[("t", "operator")]));
    let whole = std::fs::read_to_string(gateway.config_path()).unwrap();
    let directory = format!("data_dir = \"{}\"", gateway.data_dir().display());
    let extra = tokens(&[("other", "admin")]);
    for (key, from, to) in [
        ("gateway.site", "site = \"wh-01\"", "site = \"other\""),
        ("gateway.id", "id = \"gw-01\"", "id = \"other\""),
        ("gateway.data_dir", directory.as_str(), "data_dir = \"elsewhere\""),
    ] {
        let other = whole.replacen(from, to, 1);
        assert_ne!(other, whole, "{key}");
        gateway.write("stockgate.toml", &format!("{other}{extra}"));

        let log = gateway.reload();

        assert!(log.contains(&format!("{key}: is ")) && log.contains("old one stays"), "{log}");
        gateway
            .http()
            .with_token("other-secret-0123456789")
            .get("/api/status")
            .refused("unauthorized");
    }
    authorized(&gateway, "t").ok("status", json!({}));
}

#[test]
fn origins_reservation_lifetime_and_log_level_take_effect_at_once() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let shop = gateway.http().with_header("Origin", "https://shop.example");
    shop.get("/api/status").refused("forbidden");

    let log = configured(
        &mut gateway,
        "allowed_origins = [\"https://shop.example\"]\n[stock]\nreservation_ttl_s = 1\n\
         ledger_retention_days = 2\n[log]\nlevel = \"debug\"\n",
    );

    for key in ["allowed_origins", "reservation_ttl_s", "stock.ledger_retention_days", "log.level"]
    {
        assert!(log.contains(key), "{key}: {log}");
    }
    assert!(!log.contains("restart"), "{log}");
    assert_eq!(shop.get("/api/status").status, 200);
    gateway.http().ok("reserve", one("h1", "A", 4));
    until(|| gateway.http().figures("A") == (10, 0));
    drop(gateway.ws());
    until(|| gateway.log().contains("DEBUG"));

    let before = gateway.log().len();
    configured(&mut gateway, "[log]\nlevel = \"error\"\n");
    let lines = gateway.log()[before..].lines().count();
    gateway.reload_quietly();
    assert_eq!(gateway.log()[before..].lines().count(), lines, "{}", gateway.log());
}

#[test]
fn rust_log_takes_precedence_over_a_new_level() {
    let mut gateway = Gateway::prepare("");
    gateway.set_env("RUST_LOG", "info");
    gateway.launch();
    let log = configured(&mut gateway, "[log]\nlevel = \"debug\"\n");
    assert!(log.contains("RUST_LOG overrides it"), "{log}");
    drop(gateway.ws());
    assert!(!gateway.log().contains("DEBUG"), "{}", gateway.log());
}

#[test]
fn settings_that_need_a_restart_are_named_and_unchanged() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let text = format!(
        "[gateway]\ndata_dir = \"{}\"\n[terminals]\n\
         listen = \"127.0.0.1:{}\"\nallowed_origins = [\"https://shop.example\"]\n\
         [mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n",
        gateway.data_dir().display(),
        free_port()
    );
    gateway.write("stockgate.toml", &text);

    let log = gateway.reload();

    for key in ["terminals.listen", "mqtt"] {
        let line = log.lines().find(|line| line.contains(&format!(" {key}: ")));
        assert!(line.is_some_and(|line| line.contains("needs a restart")), "{key}: {log}");
    }
    assert!(log.contains("from now on: terminals.allowed_origins"), "{log}");
    let status = gateway.http().ok("status", json!({}));
    assert_eq!(status["sync"]["state"], "disabled");
    let again = gateway.reload();
    assert!(again.contains("terminals.listen: unchanged"), "said as long as it is so: {again}");
}

#[test]
fn an_invalid_new_configuration_is_reported_whole_and_not_applied() {
    let mut gateway = Gateway::start_with(&tokens(&[("t", "operator")]));
    let mut session = authorized(&gateway, "t");
    let wrong = format!(
        "{}requests_per_s = 1\n[stock]\nreservation_ttl_s = \"soon\"\n[log]\nlevel = \"loud\"\n",
        tokens(&[("other", "viewer")])
    );

    let log = configured(&mut gateway, &wrong);

    for part in ["stock.reservation_ttl_s", "log.level", "stockgate.toml:", "old one stays"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    session.ok("restock", one("r1", "A", 1));
    gateway.http().with_token("other-secret-0123456789").get("/api/status").refused("unauthorized");

    std::fs::remove_file(gateway.config_path()).unwrap();
    let log = gateway.reload();
    assert!(log.contains("cannot be read"), "{log}");
    session.ok("restock", one("r2", "A", 1));
}

#[test]
fn the_last_token_cannot_be_removed_while_the_gateway_listens_beyond_loopback() {
    let mut gateway = Gateway::prepare("");
    gateway.configure(&format!("0.0.0.0:{}", gateway.port()), &tokens(&[("t", "operator")]));
    gateway.launch();

    let log = configured(&mut gateway, "");

    assert!(log.contains("terminals.tokens") && log.contains("0.0.0.0"), "{log}");
    gateway.http().get("/api/status").refused("unauthorized");
    gateway.http().with_token("t-secret-0123456789").ok("status", json!({}));
}

#[test]
fn reloading_under_load_loses_no_answer() {
    let mut gateway = Gateway::start_with(&tokens(&[("t", "operator")]));
    let mut session = authorized(&gateway, "t");
    session.ok("restock", many("seed", &[("A", 1_000)]));
    for round in 0..20 {
        let ids: Vec<Value> =
            (0..50).map(|n| session.send("deduct", one(&format!("{round}:{n}"), "A", 1))).collect();
        gateway.signal("HUP");
        for id in ids {
            session.outcome(&id).unwrap();
        }
    }
    assert_eq!(session.figures("A"), (0, 0));
    assert_eq!(gateway.terminate(), Some(0));
}

#[test]
fn a_reload_during_the_start_takes_effect_after_it() {
    let mut gateway = Gateway::prepare("");
    let file = gateway.config_path();
    let text = gateway.write("text.toml", &std::fs::read_to_string(&file).unwrap());
    std::fs::remove_file(&file).unwrap();
    let [file, text] = [file, text].map(|path| path.display().to_string());
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());

    gateway.spawn();
    // Opening the pipe blocks until the gateway reads it.
    let pid = gateway.pid();
    shell(&format!("exec 3> '{file}'; kill -HUP {pid}; cat '{text}' >&3"));
    gateway.wait_until_ready();
    shell(&format!("cat '{text}' > '{file}'"));

    until(|| gateway.log().contains("the configuration was read again"));
}

fn shell(script: &str) {
    let ended = Command::new("timeout").args(["20", "sh", "-c", script]).status().unwrap();
    assert!(ended.success(), "{script}: {ended}");
}

fn tokens(of: &[(&str, &str)]) -> String {
    let token = |(name, role): &(&str, &str)| {
        format!(
            "[[terminals.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken = \"{name}-secret-0123456789\"\n"
        )
    };
    of.iter().map(token).collect()
}

/// Makes the gateway load another configuration that keeps its address.
fn configured(gateway: &mut Gateway, extra: &str) -> String {
    gateway.configure(&format!("127.0.0.1:{}", gateway.port()), extra);
    gateway.reload()
}

fn authorized(gateway: &Gateway, token: &str) -> Ws {
    let mut ws = gateway.ws();
    ws.ok("auth", json!({"token": format!("{token}-secret-0123456789")}));
    ws
}

fn is(code: &str) -> impl Fn(Value) -> bool {
    let code = with(json!({}), "code", code);
    move |error| error["code"] == code["code"]
}

fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to hold");
        std::thread::sleep(Duration::from_millis(10));
    }
}
