//! Reloading the configuration of a running hub with SIGHUP.

use crate::support::bodies::one;
use crate::support::hub::Hub;

#[test]
fn tokens_are_added_and_revoked_without_a_restart() {
    let mut hub = Hub::start_with(&tokens(&[("old", "operator")]));
    assert_eq!(as_("old", &hub).post("/api/receipts", &one("r1", "A", 1)).status, 200);

    let log = configured(&mut hub, &tokens(&[("new", "viewer")]));

    assert!(log.contains("token old revoked, token new added"), "{log}");
    as_("old", &hub).get("/api/stock").refused("unauthorized");
    assert_eq!(as_("new", &hub).get("/api/stock").status, 200);
    as_("new", &hub).post("/api/receipts", &one("r2", "A", 1)).refused("forbidden");

    let bound = tokens(&[("new", "viewer")]) + "sites = [\"wh-01\"]\n";
    let log = configured(&mut hub, &bound);
    assert!(log.contains("token new changed"), "{log}");
    as_("new", &hub).get("/api/reconcile").refused("forbidden");
}

#[test]
fn a_reload_reads_token_files_again() {
    let token = "[[hub.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken_file = \"t.token\"\n";
    let mut hub = Hub::prepare(token);
    hub.write("t.token", "the-first-secret\n");
    hub.launch();

    hub.write("t.token", "the-second-secret\n");
    let log = hub.reload();

    assert!(log.contains("token t changed"), "{log}");
    assert_eq!(hub.http().with_token("the-second-secret").get("/api/stock").status, 200);
    hub.http().with_token("the-first-secret").get("/api/stock").refused("unauthorized");
    assert!(!hub.log().contains("the-second-secret"), "{}", hub.log());
}

/// Empty, half written, or in good order without a token.
#[test]
fn a_reload_never_leaves_a_hub_without_tokens() {
    let mut hub = Hub::start_with(&tokens(&[("t", "operator")]));
    let whole = std::fs::read_to_string(hub.config_path()).unwrap();
    let half = whole.split_once("[[hub.tokens]]").unwrap().0;
    for text in ["", half, &format!("{half}tokens = []\n[log]\nlevel = \"debug\"\n")] {
        hub.write("stockgate-hub.toml", text);
        let log = hub.reload();

        assert!(log.contains("hub.tokens") && log.contains("old one stays"), "{log}");
        hub.http().get("/api/stock").refused("unauthorized");
        assert_eq!(as_("t", &hub).get("/api/stock").status, 200);
    }
    hub.write("stockgate-hub.toml", &whole);
    let log = hub.reload();
    assert!(log.contains("was read again; from now on: no changes"), "{log}");
}

#[test]
fn the_configuration_of_other_books_is_refused_whole() {
    let mut hub = Hub::start_with(&tokens(&[("t", "operator")]));
    let whole = std::fs::read_to_string(hub.config_path()).unwrap();
    let other = whole.replacen("hub.db", "other.db", 1) + &tokens(&[("other", "admin")]);
    hub.write("stockgate-hub.toml", &other);

    let log = hub.reload();

    assert!(log.contains("hub.store: is ") && log.contains("old one stays"), "{log}");
    as_("other", &hub).get("/api/stock").refused("unauthorized");
    assert_eq!(as_("t", &hub).get("/api/stock").status, 200);
}

#[test]
fn origins_apply_at_once_and_what_needs_a_restart_is_named() {
    let mut hub = Hub::start_with("");
    let shop = hub.http().with_header("Origin", "https://shop.example");
    shop.get("/api/stock").refused("forbidden");

    let log = configured(
        &mut hub,
        "allowed_origins = [\"https://shop.example\"]\nworker = \"other\"\ngateways = \"listed\"\n\
         [mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n[log]\nlevel = \"debug\"\n",
    );

    assert!(log.contains("from now on: hub.allowed_origins, log.level"), "{log}");
    for key in ["hub.worker", "hub.gateways", "mqtt"] {
        let line = log.lines().find(|line| line.contains(&format!(" {key}: ")));
        assert!(line.is_some_and(|line| line.contains("needs a restart")), "{key}: {log}");
    }
    assert_eq!(shop.get("/api/stock").status, 200);
    assert_eq!(hub.http().get("/readyz").status, 200, "still without a broker");
}

#[test]
fn an_invalid_new_configuration_is_reported_whole_and_not_applied() {
    let mut hub = Hub::start_with(&tokens(&[("t", "operator")]));
    let wrong = tokens(&[("other", "viewer")]) + "sites = []\n[log]\nlevel = \"loud\"\n";

    let log = configured(&mut hub, &wrong);

    for part in ["hub.tokens.sites", "log.level", "stockgate-hub.toml:", "old one stays"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    as_("other", &hub).get("/api/stock").refused("unauthorized");
    std::fs::remove_file(hub.config_path()).unwrap();
    let log = hub.reload();
    assert!(log.contains("cannot be read"), "{log}");
    assert_eq!(as_("t", &hub).get("/api/stock").status, 200);
}

fn tokens(of: &[(&str, &str)]) -> String {
    let token = |(name, role): &(&str, &str)| {
        format!(
            "[[hub.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken = \"{name}-secret-0123456789\"\n"
        )
    };
    of.iter().map(token).collect()
}

/// Makes the hub load another configuration that keeps its address.
fn configured(hub: &mut Hub, extra: &str) -> String {
    hub.configure(&hub.address(), extra);
    hub.reload()
}

fn as_(token: &str, hub: &Hub) -> crate::support::http::Http {
    hub.http().with_token(&format!("{token}-secret-0123456789"))
}
