//! The command line, the configuration file and the environment variables that override it.

use std::env::consts::ARCH;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::bodies::one;
use crate::support::gateway::{Gateway, configuration};
use crate::support::process::{Finished, free_port, run_to_end, run_until};
use crate::support::program::{is_emulated, stockgate};
use crate::support::terminal::Terminal;

/// The number of comment lines before a faulty line, so that its number stands out in a message.
const LINES_BEFORE: usize = 72;

#[test]
fn check_config_accepts_a_valid_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("line-3.token"), "secret-0123456789\n").unwrap();
    let everything = r#"
        allowed_origins = ["https://wms.example"]
        [[terminals.tokens]]
        name = "line-3"
        role = "operator"
        token_file = "line-3.token"
        [mqtt]
        url = "mqtt://127.0.0.1:1883"
        username = "gw-01"
        [stock]
        reservation_ttl_s = 900
        ledger_retention_days = 30
        [log]
        level = "info"
    "#;
    for extra in ["", everything] {
        let finished = check(dir.path(), &configuration(dir.path(), "127.0.0.1:8080", extra));

        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(finished.stdout.trim(), "ok", "{finished:?}");
    }
}

#[test]
fn check_config_accepts_an_empty_file() {
    let dir = tempfile::tempdir().unwrap();

    assert_eq!(check(dir.path(), "").code, Some(0));
}

#[test]
fn a_problem_is_named_with_its_file_line_and_key() {
    let longest = format!("site = \"{}\"", "x".repeat(65));
    for (table, line, key) in [
        ("[gateway]", "colour = \"red\"", "colour"),
        ("[terminals]", "port = 8080", "port"),
        ("[[terminals.tokens]]", "secret = \"x\"", "secret"),
        ("[no_such_table]", "x = 1", "no_such_table"),
        ("[gateway]", "id = 7", "id"),
        ("[terminals]", "listen = 8080", "listen"),
        ("[terminals]", "allowed_origins = \"*\"", "allowed_origins"),
        (
            "[terminals]",
            "allowed_origins = [\"*\"]",
            "terminals.allowed_origins: \"*\" is no origin",
        ),
        ("[terminals]", "allowed_origins = [\"https://Shop.example/\"]", "allowed_origins"),
        ("[stock]", "reservation_ttl_s = \"soon\"", "reservation_ttl_s"),
        ("[stock]", "reservation_ttl_s = 1.5", "reservation_ttl_s"),
        ("[gateway]", "id = \"gw 01\"", "id"),
        ("[gateway]", "id = \"\"", "id"),
        ("[gateway]", longest.as_str(), "site"),
        ("[terminals]", "listen = \"nowhere\"", "listen"),
        ("[terminals]", "listen = \"127.0.0.1:70000\"", "listen"),
        ("[mqtt]", "url = \"ftp://127.0.0.1\"", "url"),
        ("[stock]", "reservation_ttl_s = 0", "reservation_ttl_s"),
        ("[stock]", "reservation_ttl_s = -1", "reservation_ttl_s"),
        ("[stock]", "ledger_retention_days = -1", "ledger_retention_days"),
        (
            "[stock]",
            "ledger_retention_days = 0",
            "must be from 1 to 36500; 36500 keeps every entry for a hundred years",
        ),
        ("[mqtt]", "url = \"mqtt://127.0.0.1:1883:1883\"", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://::1\"", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://[::1\"", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://fe80::1\"", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://a,b\"", "mqtt.url"),
        ("[mqtt]", "url = 'mqtt://\"q\"'", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://h%zz\"", "mqtt.url"),
        ("[mqtt]", "url = \"mqtt://..\"", "mqtt.url"),
        ("[log]", "level = \"loud\"", "level"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("{}{table}\n{line}\n", "# a comment\n".repeat(LINES_BEFORE));

        let finished = check(dir.path(), &text);

        let output = finished.output();
        assert_eq!(finished.code, Some(2), "{line}: {output}");
        assert!(output.contains("stockgate.toml"), "{line}: {output}");
        assert!(output.contains(key), "{line}: {output}");
        assert!(names_a_line(&output, LINES_BEFORE + 1..=LINES_BEFORE + 2), "{line}: {output}");
    }
}

#[test]
fn a_token_without_a_valid_role_or_secret_is_a_problem() {
    for (fields, key) in [
        ("name = \"x\"\nrole = \"king\"\ntoken = \"t\"", "role"),
        ("name = \"x\"\ntoken = \"t\"", "role"),
        ("role = \"viewer\"\ntoken = \"t\"", "name"),
        ("name = \"x\"\nrole = \"viewer\"", "token"),
        ("name = \"x\"\nrole = \"viewer\"\ntoken = \"\"", "token"),
        ("name = \"x\"\nrole = \"viewer\"\ntoken_file = \"no-such-file\"", "no-such-file"),
    ] {
        let dir = tempfile::tempdir().unwrap();

        let finished = check(dir.path(), &format!("[[terminals.tokens]]\n{fields}\n"));

        assert_eq!(finished.code, Some(2), "{fields}: {finished:?}");
        assert!(finished.output().contains(key), "{fields}: {finished:?}");
    }
}

#[test]
fn a_token_that_is_short_or_not_unique_is_named_with_its_line_and_never_shown() {
    const SECRET: &str = "0123456789abcdef";
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in
        [("same", SECRET), ("same-lf", "0123456789abcdef\n"), ("short", "hunter2-hunter2\n")]
    {
        fs::write(dir.path().join(file), text).unwrap();
    }
    let first =
        format!("[[terminals.tokens]]\nname = \"a\"\nrole = \"viewer\"\ntoken = {SECRET:?}\n");
    for (name, secret, key, line) in [
        ("a", "token = \"fedcba9876543210\"", "terminals.tokens.name: ", 6),
        ("b", "token = \"0123456789abcdef\"", "terminals.tokens.token: ", 8),
        ("b", "token_file = \"same\"", "terminals.tokens.token_file: ", 8),
        ("b", "token_file = \"same-lf\"", "terminals.tokens.token_file: ", 8),
        ("b", "token = \"hunter2-hunter2\"", "terminals.tokens.token: ", 8),
        ("b", "token_file = \"short\"", "terminals.tokens.token_file: ", 8),
    ] {
        let second =
            format!("[[terminals.tokens]]\nname = {name:?}\nrole = \"viewer\"\n{secret}\n");

        let finished = check(dir.path(), &format!("{first}{second}"));

        let output = finished.output();
        assert_eq!(finished.code, Some(2), "{secret}: {output}");
        assert!(output.contains(&format!("stockgate.toml:{line}: {key}")), "{secret}: {output}");
        assert!(!output.contains(SECRET) && !output.contains("hunter2"), "{output}");
    }
    let as_a_text = format!(
        "[[terminals.tokens]]\nname = \"b\"\nrole = \"viewer\"\ntoken = \"\"\"\n{SECRET}\n\"\"\"\n"
    );
    let finished = check(dir.path(), &format!("{first}{as_a_text}"));
    let place = "stockgate.toml:8: terminals.tokens.token: is the secret of the token \"a\" too";
    assert!(finished.stderr.contains(place), "{finished:?}");
    let long =
        "[[terminals.tokens]]\nname = \"b\"\nrole = \"viewer\"\ntoken = \"ähnlich-wie-die-1\"\n";
    assert_eq!(check(dir.path(), &format!("{first}{long}")).code, Some(0));
}

/// A number of both would have two quantities.
#[test]
fn in_store_forms_of_the_same_numbers_are_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let forms = |forms: &str| check(dir.path(), &format!("[barcodes]\nin_store = [{forms}]\n"));
    let both = forms("\"21iiiiiwwwwwc\", \"22iiiiinnnnnc\", \"211iiiixnnnnc\"");
    assert_eq!(both.code, Some(2), "{both:?}");
    let said =
        "barcodes.in_store: \"211iiiixnnnnc\" and \"21iiiiiwwwwwc\" are forms of the same numbers";
    assert!(both.output().contains(said), "{both:?}");
    let apart = forms("\"21iiiiiwwwwwc\", \"22iiiiinnnnnc\"");
    assert_eq!(apart.code, Some(0), "{apart:?}");
}

#[test]
fn all_problems_are_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[gateway]\ncolour = \"red\"\nid = \"a b\"\n\n[terminals]\nlisten = \"nowhere\"\n\n\
                [stock]\nreservation_ttl_s = \"soon\"\n\n[log]\nlevel = \"loud\"\n";

    let finished = check(dir.path(), text);

    assert_eq!(finished.code, Some(2), "{finished:?}");
    let output = finished.output();
    for (key, line) in
        [("colour", 2), ("id", 3), ("listen", 6), ("reservation_ttl_s", 9), ("level", 12)]
    {
        let told = output.lines().any(|text| text.contains(key) && names_a_line(text, line..=line));
        assert!(told, "{key} on line {line} is missing in:\n{output}");
    }
}

/// What else is wrong with a token hides no name or secret that it shares.
#[test]
fn all_problems_of_a_token_are_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let token = |name: &str, role: &str| {
        format!(
            "[[terminals.tokens]]\nname = {name:?}\nrole = {role:?}\ntoken = \"0123456789abcdef\"\n"
        )
    };
    let text = format!("{}{}{}", token("a", "king"), token("a", "viewer"), token("a\t", "queen"));

    let output = check(dir.path(), &text).output();

    for part in [
        ":3: terminals.tokens.role: must be viewer",
        ":6: terminals.tokens.name: two tokens have the name \"a\"",
        ":8: terminals.tokens.token: is the secret of the token \"a\" too",
        ":10: terminals.tokens.name: must not contain control characters",
        ":11: terminals.tokens.role: must be viewer",
        ":12: terminals.tokens.token: is the secret of the token \"a\" too",
    ] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
}

#[test]
fn a_key_or_section_that_is_there_twice_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for (text, place) in [
        ("[terminals]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n", ":3: listen: "),
        ("[gateway]\n[terminals]\n[gateway]\n", ":3: gateway: "),
        ("[[terminals.tokens]]\n[terminals]\ntokens = []\n", ":3: tokens: "),
    ] {
        let finished = check(dir.path(), text);
        assert_eq!(finished.code, Some(2), "{text}: {finished:?}");
        let told = format!("stockgate.toml{place}is there twice; leave one");
        assert!(finished.stderr.contains(&told), "{text}: {finished:?}");
    }
    let text =
        "[log]\nlevel = \"info\"\nlevel = \"warn\"\n[gateway]\nid = \"a b\"\nid = \"c\"\nx = 1\n";
    let output = check(dir.path(), text).output();
    for part in [":3: level: is there", ":6: id: is there", ":5: gateway.id: ", ":7: gateway.x: "] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
}

#[test]
fn an_item_of_a_list_is_named_with_its_own_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[terminals]\nreasons = [\n\"expired\",\n\" lost\",\n7,\n]\nallowed_origins = [\n\"*\",\n]\n\
                [barcodes]\nin_store = [\n\n\"x\",\n]\n";

    let output = check(dir.path(), text).output();

    for part in [
        ":4: terminals.reasons: \" lost\" must not begin",
        ":5: terminals.reasons: must be a list of texts",
        ":8: terminals.allowed_origins: \"*\" is no origin",
        ":13: barcodes.in_store: \"x\"",
    ] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
}

/// People are named in their own letters, and with more than one word.
#[test]
fn a_token_may_have_the_name_of_a_person() {
    const NAMES: [&str; 3] = ["Anna Schmidt", "Łukasz", "李雷"];
    let token = |(at, name): (usize, &&str)| {
        format!(
            "[[terminals.tokens]]\nname = {name:?}\nrole = \"operator\"\ntoken = \"s3cret-0123456789-{at}\"\n"
        )
    };
    let gateway = Gateway::start_with(&NAMES.iter().enumerate().map(token).collect::<String>());
    for (at, name) in NAMES.iter().enumerate() {
        let mut http = gateway.http().with_token(&format!("s3cret-0123456789-{at}"));
        http.ok("restock", one(&format!("in-{at}"), "BOOK", 5));
        let entries = http.get("/api/ledger").json()["entries"].clone();
        assert_eq!(entries[at]["actor"], *name, "{entries}");
    }
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(65);
    for wrong in ["", " Anna", "Anna ", "a\nb", long.as_str()] {
        let finished = check(dir.path(), &token((0, &wrong)));
        assert!(finished.stderr.contains(":2: terminals.tokens.name: must "), "{finished:?}");
    }
}

#[test]
fn invalid_toml_in_a_file_is_named_with_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}[gateway\n", "# a comment\n".repeat(LINES_BEFORE));

    let finished = check(dir.path(), &text);

    let output = finished.output();
    assert_eq!(finished.code, Some(2), "{output}");
    assert!(output.contains("stockgate.toml"), "{output}");
    assert!(names_a_line(&output, LINES_BEFORE + 1..=LINES_BEFORE + 1), "{output}");
}

#[test]
fn a_missing_file_is_named() {
    for command in ["check-config", "run"] {
        let mut program = stockgate();
        program.args([command, "--config", "no-such-file.toml"]);

        let finished = run_to_end(&mut program);

        assert_eq!(finished.code, Some(2), "{command}: {finished:?}");
        assert!(finished.stderr.contains("no-such-file.toml"), "{command}: {finished:?}");
    }
}

#[test]
fn nothing_starts_half_configured() {
    let gateway = Gateway::prepare("colour = \"red\"");

    let finished = run_to_end(&mut gateway.command());

    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("colour"), "{finished:?}");
    assert!(!gateway.data_dir().exists(), "the data directory was made");
}

#[test]
fn an_environment_variable_overrides_its_key() {
    let mut gateway = Gateway::prepare("[stock]\nreservation_ttl_s = 900\n");
    let listen = gateway.address();
    gateway.configure(&format!("127.0.0.1:{}", free_port()), "");
    gateway.set_env("STOCKGATE_TERMINALS__LISTEN", &listen);
    gateway.set_env("STOCKGATE_GATEWAY__ID", "gw-02");

    gateway.launch();

    assert_eq!(gateway.http().ok("status", json!({}))["gateway"], "gw-02");
}

#[test]
fn a_bad_value_in_the_environment_is_named() {
    for (name, value, word) in [
        ("STOCKGATE_STOCK__RESERVATION_TTL_S", "soon", "reservation_ttl_s"),
        ("STOCKGATE_TERMINALS__LISTEN", "nowhere", "listen"),
    ] {
        let gateway = Gateway::prepare("");
        let mut command = gateway.command();

        let finished = run_to_end(command.env(name, value));

        assert_eq!(finished.code, Some(2), "{name}: {finished:?}");
        assert!(finished.stderr.to_lowercase().contains(word), "{name}: {finished:?}");
    }
}

#[test]
fn without_a_file_the_default_data_directory_is_used() {
    for (environment, data_dir) in [
        (None, "stockgate-data"),
        (Some(""), "stockgate-data"),
        (Some("state"), "state"),
        (Some("state:/no-such-directory"), "state"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = stockgate();
        command.arg("run").current_dir(dir.path());
        command.env("STOCKGATE_TERMINALS__LISTEN", format!("127.0.0.1:{}", free_port()));
        command.envs(environment.map(|state| ("STATE_DIRECTORY", state)));

        run_until(&mut command, || dir.path().join(data_dir).join("stockgate.db").exists());
    }
}

#[test]
fn a_second_gateway_on_the_same_data_is_refused() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let second = Gateway::prepare("");
    let text = configuration(&gateway.data_dir(), &second.address(), "");
    second.write("stockgate.toml", &text);

    let finished = run_to_end(&mut second.command());

    assert_eq!(finished.code, Some(1), "{finished:?}");
    let data_dir = gateway.data_dir();
    assert!(finished.stderr.contains(data_dir.to_str().unwrap()), "{finished:?}");
    gateway.http().ok("deduct", one("d1", "A", 1));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let gateway = Gateway::start();
    let second = Gateway::prepare("");
    second.configure(&gateway.address(), "");

    let finished = run_to_end(&mut second.command());

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains(&gateway.address()), "{finished:?}");
}

#[test]
fn sigterm_stops_the_gateway_cleanly() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut open = gateway.ws();

    assert_eq!(gateway.terminate(), Some(0));

    assert!(open.wait_closed(Duration::from_secs(5)).is_some());
    gateway.launch();
    assert_eq!(gateway.http().figures("A"), (10, 0));
}

#[test]
fn version_names_version_and_target() {
    let finished = run_to_end(stockgate().arg("--version"));

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains(env!("CARGO_PKG_VERSION")), "{finished:?}");
    assert!(is_emulated() || finished.stdout.contains(ARCH), "{finished:?}");
}

#[test]
fn a_wrong_command_line_ends_with_exit_code_2() {
    for arguments in [&["frobnicate"][..], &["run", "--colour"], &["check-config", "--config"]] {
        let finished = run_to_end(stockgate().args(arguments));

        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(!finished.stderr.is_empty(), "{arguments:?}");
    }
}

/// Runs `check-config` on a file with this text.
fn check(dir: &Path, text: &str) -> Finished {
    let file = dir.join("stockgate.toml");
    fs::write(&file, text).unwrap();
    run_to_end(stockgate().arg("check-config").arg("--config").arg(file))
}

/// Whether a number in the text is the number of one of these lines.
fn names_a_line(text: &str, lines: RangeInclusive<usize>) -> bool {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.any(|number| number.parse().is_ok_and(|number| lines.contains(&number)))
}
