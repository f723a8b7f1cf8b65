//! The hub's configuration, as `check-config` and the start judge it.

use crate::support::hub::Hub;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate_hub;

#[test]
fn every_problem_is_named_with_its_line_and_key() {
    for (extra, parts) in [
        ("gateways = \"some\"\n", &[":4: hub.gateways: must be open or listed"][..]),
        ("unknown_skus = true\n", &[":4: hub.unknown_skus: must be a text"]),
        (
            "grpc_listen = \"0.0.0.0:8091\"\n",
            &[":4: hub.grpc_listen: it can be reached from outside"],
        ),
        ("ledger_retention_days = 36501\n", &[":4: hub.ledger_retention_days: must be from 0"]),
        ("[[hub.sinks]]\nname = \"erp\"\n", &[":4: hub.sinks.kind: is missing"]),
        ("token = \"x\"\n", &[":4: hub.token: unknown key"]),
        ("allowed_origins = [\"shop\"]\n", &[":4: hub.allowed_origins: \"shop\" is no origin"]),
        ("cert_file = \"a.pem\"\n", &[":4: hub.cert_file: "]),
        ("[[hub.tokens]]\nrole = \"king\"\n", &["hub.tokens.name: is missing", "hub.tokens.role"]),
        (&token("sites = []"), &[":8: hub.tokens.sites: must name a site"]),
        (&token("sites = [\"wh-01\", \"wh/2\"]"), &[":8: hub.tokens.sites: ", "\"wh/2\""]),
        (&token("sites = \"wh-01\""), &[":8: hub.tokens.sites: must be a list of texts"]),
        (&token("scope = \"x\""), &[":8: hub.tokens.scope: unknown key"]),
    ] {
        let finished = check(extra);
        assert_eq!(finished.code, Some(2), "{extra}: {finished:?}");
        for part in parts {
            assert!(finished.stderr.contains(part), "{extra}: {finished:?}");
        }
    }
}

#[test]
fn what_is_empty_may_be_stated() {
    let extra = "grpc_listen = \"\"\nledger_retention_days = 0\nsinks = []\ncert_file = \"\"\nallowed_origins = []\n";
    let finished = check(&format!("{extra}{}", token("sites = [\"wh-01\"]")));
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "ok\n"), "{finished:?}");
}

/// A token binds to sites at the hub only: a gateway is of one site.
#[test]
fn a_gateway_has_no_tokens_that_are_bound_to_sites() {
    let text = token("sites = [\"wh-01\"]").replace("hub.", "terminals.");
    let gateway = crate::support::gateway::Gateway::prepare(&text);
    let finished = run_to_end(&mut gateway.command());
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("terminals.tokens.sites: unknown key"), "{finished:?}");
}

#[test]
fn books_in_a_relative_file_are_beside_the_configuration() {
    let mut hub = Hub::prepare_on("sqlite:Cargo.toml", "");
    let refused = run_to_end(&mut hub.command());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("but there are at Cargo.toml"), "{refused:?}");
    let used = hub.dir().join("Cargo.toml");
    assert!(!used.exists(), "no new books beside those that were used");

    std::fs::write(&used, "").unwrap();
    hub.launch();
    assert!(std::fs::metadata(&used).unwrap().len() > 0);
    let warning = "and Cargo.toml in the working directory is not";
    assert!(hub.log().contains(warning), "{}", hub.log());
}

fn token(more: &str) -> String {
    format!(
        "[[hub.tokens]]\nname = \"shop\"\nrole = \"operator\"\ntoken = \"0123456789abcdef\"\n{more}\n"
    )
}

fn check(extra: &str) -> Finished {
    let hub = Hub::prepare(extra);
    let mut command = stockgate_hub();
    run_to_end(command.arg("check-config").arg("--config").arg(hub.config_path()))
}
