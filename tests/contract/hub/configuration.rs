//! The hub's configuration, as `check-config` and the start judge it.

use crate::support::hub::Hub;
use crate::support::process::{Finished, free_port, run_to_end, run_until};
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
        ("grpc_listen = \"\"\nlisten = \"\"\n", &[":5: listen: is there twice; leave one"]),
        ("ledger_retention_days = 36501\n", &[":4: hub.ledger_retention_days: must be from 0"]),
        ("[[hub.sinks]]\nname = \"erp\"\n", &[":4: hub.sinks.kind: is missing"]),
        ("token = \"x\"\n", &[":4: hub.token: unknown key"]),
        ("allowed_origins = [\"shop\"]\n", &[":4: hub.allowed_origins: \"shop\" is no origin"]),
        ("cert_file = \"a.pem\"\n", &[":4: hub.cert_file: "]),
        ("[[hub.tokens]]\nrole = \"king\"\n", &["hub.tokens.name: is missing", "hub.tokens.role"]),
        (&token("sites = []"), &[":8: hub.tokens.sites: must name a site"]),
        (&token("sites = [\"wh-01\", \"wh/2\"]"), &[":8: hub.tokens.sites: ", "\"wh/2\""]),
        (
            &token("sites = [\n\"wh-01\",\n\"wh/2\",\n\"wh/3\"]"),
            &[":10: hub.tokens.sites: ", ":11: hub.tokens.sites: "],
        ),
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

/// The second address could not be bound, and a start would say so without file and line.
#[test]
fn both_interfaces_cannot_listen_on_one_port() {
    for (listen, grpc, is_taken) in [
        ("127.0.0.1:8090", "127.0.0.1:8090", true),
        ("127.0.0.1:8090", "[::]:8090", true),
        ("0.0.0.0:8090", "127.0.0.1:8090", true),
        ("0.0.0.0:8090", "[::1]:8090", false),
        ("127.0.0.1:8090", "127.0.0.2:8090", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
    ] {
        let hub = Hub::prepare("");
        hub.configure(listen, &format!("grpc_listen = {grpc:?}\n{}", token("")));
        let finished =
            run_to_end(stockgate_hub().arg("check-config").arg("--config").arg(hub.config_path()));
        let told = format!(":4: hub.grpc_listen: hub.listen has this port, with {listen}");
        assert_eq!(finished.stderr.contains(&told), is_taken, "{grpc}: {finished:?}");
        assert_eq!(finished.code, Some(if is_taken { 2 } else { 0 }), "{grpc}: {finished:?}");
    }
}

#[test]
fn of_several_state_directories_the_first_has_the_books() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let listed = format!("{}:/no-such-directory", state.display());
    let by_default = dir.path().join("stockgate-hub-data");
    for (environment, directory) in [("", &by_default), (listed.as_str(), &state)] {
        let mut command = stockgate_hub();
        command.arg("run").current_dir(dir.path()).env("STATE_DIRECTORY", environment);
        command.env("STOCKGATE_HUB__LISTEN", format!("127.0.0.1:{}", free_port()));
        run_until(&mut command, || directory.join("hub.db").exists());
    }
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
