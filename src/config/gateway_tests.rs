use std::path::Path;

use super::*;
use crate::config::BrokerUrl;

#[test]
fn the_sample_shows_every_default() {
    let sample = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/stockgate.toml"));
    let (sample, built_in) =
        (GatewayConfig::read(Some(sample), []).unwrap(), GatewayConfig::default());
    assert_eq!(format!("{sample:?}"), format!("{built_in:?}"));
}

#[test]
fn the_commented_sections_of_the_sample_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let sample = include_str!("../../config/stockgate.toml");
    let used: Vec<&str> = sample.lines().map(|line| uncomment(line).unwrap_or(line)).collect();
    let file = write(&directory, &used.join("\n"));
    std::fs::write(directory.path().join("line-3.token"), "secret-0123456789\n").unwrap();
    let config = GatewayConfig::read(Some(&file), []).unwrap();
    assert_eq!(config.terminals.tokens[0].secret, "secret-0123456789");
    assert_eq!(config.mqtt.unwrap().url, BrokerUrl::parse("mqtt://127.0.0.1:1883").unwrap());
}

#[test]
fn variables_override_every_kind_of_value() {
    let directory = tempfile::tempdir().unwrap();
    let file =
        write(&directory, "[terminals]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n");
    let config = read_with(
        &file,
        &[
            ("STOCKGATE_TERMINALS__LISTEN", "127.0.0.1:2"),
            ("STOCKGATE_TERMINALS__ALLOWED_ORIGINS", "https://a.example, https://b.example"),
            ("STOCKGATE_STOCK__RESERVATION_TTL_S", "60"),
            ("STOCKGATE_MQTT__URL", "mqtt://broker:1884"),
            ("STOCKGATE_HUB__WORKER", "not ours"),
            ("STOCKGATE_DATA", "not configuration"),
        ],
    );
    let config = config.unwrap();
    assert_eq!(config.terminals.listen.port(), 2);
    assert_eq!(config.terminals.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!((config.reservation_ttl_s, config.log_level.as_str()), (60, "warn"));
    assert_eq!(config.mqtt.unwrap().url.port, 1884);
}

#[test]
fn a_list_in_a_variable_is_one_of_toml_or_has_commas() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(&directory, "");
    let reasons = |value| read_with(&file, &[("STOCKGATE_TERMINALS__REASONS", value)]);
    for (value, read) in [
        ("expired, missing", &["expired", "missing"][..]),
        (r#"["expired","on loan, unpaid"]"#, &["expired", "on loan, unpaid"]),
    ] {
        assert_eq!(reasons(value).unwrap().reasons, read, "{value}");
    }
    for value in [r#"["expired""#, r#"["expired",7]"#] {
        let error = reasons(value).unwrap_err().to_string();
        let place = "STOCKGATE_TERMINALS__REASONS: terminals.reasons: must be a list of texts";
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn a_data_directory_is_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(&directory, "[gateway]\ndata_dir = \"data\"\n");
    assert_eq!(read_with(&file, &[]).unwrap().data_dir, directory.path().join("data"));
    let moved = read_with(&file, &[("STOCKGATE_GATEWAY__DATA_DIR", "/srv/stock")]).unwrap();
    assert_eq!(moved.data_dir, Path::new("/srv/stock"));
}

#[test]
fn a_directory_that_earlier_versions_used_is_noticed() {
    // Tests run in the directory of the package.
    let directory = tempfile::tempdir().unwrap();
    for (data_dir, displaced) in
        [("src", Some(Path::new("src"))), ("no-such-directory", None), ("/tmp", None)]
    {
        let file = write(&directory, &format!("[gateway]\ndata_dir = \"{data_dir}\"\n"));
        let config = read_with(&file, &[]).unwrap();
        assert_eq!(config.displaced_data_dir.as_deref(), displaced, "{data_dir}");
    }
    let here = GatewayConfig::read(None, [("STOCKGATE_GATEWAY__DATA_DIR".into(), "src".into())]);
    assert_eq!(here.unwrap().displaced_data_dir, None, "without a file nothing has changed");
}

#[test]
fn a_wrong_variable_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(&directory, "");
    for (variable, value, key) in [
        ("STOCKGATE_STOCK__RESERVATION_TTL_S", "soon", "stock.reservation_ttl_s"),
        ("STOCKGATE_GATEWAY__COLOUR", "red", "gateway.colour"),
        ("STOCKGATE_NOWHERE__URL", "x", "nowhere"),
    ] {
        let error = read_with(&file, &[(variable, value)]).unwrap_err().to_string();
        assert!(error.contains(variable) && error.contains(key), "{error}");
    }
}

#[test]
fn conflicting_settings_are_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pem"), "x").unwrap();
    for (text, part) in [
        ("[terminals]\nlisten = \"0.0.0.0:80\"", "terminals.listen"),
        ("[mqtt]\nusername = \"u\"", "mqtt.url: is missing"),
        ("[mqtt]\nurl = \"mqtt://h\"\nca_file = \"pem\"", "need mqtts://"),
        ("[mqtt]\nurl = \"mqtts://h\"\ncert_file = \"pem\"", "go together"),
        ("[mqtt]\nurl = \"mqtts://h\"\nca_file = \"gone\"", "cannot be read"),
        ("[mqtt]\nurl = \"mqtt://h\"\npassword_file = \"pem\"", "username"),
        ("[mqtt]\nurl = \"mqtt://h\"\nbooks = \"ours\"", "mqtt.books"),
    ] {
        let file = write(&directory, text);
        let error = GatewayConfig::read(Some(&file), []).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn two_tokens_of_one_name_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let read = |names: &[&str]| {
        let token = |(n, name): (usize, &&str)| {
            format!(
                "[[terminals.tokens]]\nname = {name:?}\nrole = \"viewer\"\ntoken = \"secret-0123456789-{n}\"\n"
            )
        };
        let text: String = names.iter().enumerate().map(token).collect();
        GatewayConfig::read(Some(&write(&directory, &text)), [])
    };
    assert_eq!(read(&["line-1", "line-2", "Line-1"]).unwrap().terminals.tokens.len(), 3);
    for names in [["same", "same", "other"], ["other", "same", "same"], ["same", "other", "same"]] {
        let error = read(&names).unwrap_err().to_string();
        assert!(error.contains("terminals.tokens.name: ") && error.contains("\"same\""), "{error}");
        assert!(!error.contains("other"), "{error}");
    }
}

#[test]
fn broken_toml_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(&directory, "[gateway]\nsite = \n");
    let error = GatewayConfig::read(Some(&file), []).unwrap_err().to_string();
    assert!(error.contains("stockgate.toml:2"), "{error}");
}

#[test]
fn a_file_in_another_encoding_is_named_for_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stockgate.toml");
    let wide: Vec<u8> = "[gateway]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = b"[gateway]\n# K\xf6ln\n";
    for (bytes, words) in [(&wide[..], "is in UTF-16"), (&latin[..], "is not UTF-8 in line 2")] {
        std::fs::write(&file, bytes).unwrap();
        let error = GatewayConfig::read(Some(&file), []).unwrap_err().to_string();
        assert!(error.contains("stockgate.toml: ") && error.contains(words), "{error}");
        assert!(error.contains("save it as UTF-8"), "{error}");
    }
}

/// A commented key or section, such as `#url = …`; prose has a space after the sign.
fn uncomment(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
}

fn write(directory: &tempfile::TempDir, text: &str) -> PathBuf {
    let file = directory.path().join("stockgate.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn read_with(file: &Path, variables: &[(&str, &str)]) -> Result<GatewayConfig, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    GatewayConfig::read(Some(file), variables.collect::<Vec<_>>())
}

#[test]
fn a_variable_with_one_underscore_is_answered_with_the_right_name() {
    let variables = [
        ("STOCKGATE_MQTT_URL", "mqtt://b"),
        ("STOCKGATE_GATEWAY_DATA_DIR", "x"),
        ("STOCKGATE_BARCODES_IN_STORE", "x"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let document = Document::read(None, variables, &["hub"]).unwrap();
    let problems = GatewayConfig::from_document(document).unwrap_err().to_string();
    assert!(problems.contains("STOCKGATE_MQTT_URL: two underscores separate section and key, write STOCKGATE_MQTT__URL"), "{problems}");
    assert!(problems.contains("write STOCKGATE_GATEWAY__DATA_DIR"), "{problems}");
    assert!(problems.contains("write STOCKGATE_BARCODES__IN_STORE"), "{problems}");
}

#[test]
fn a_secret_has_no_byte_order_mark_and_no_line_ends() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["s3cret", "s3cret\n", "s3cret\r\n\r\n", "\u{feff}s3cret\n\n"] {
        std::fs::write(dir.path().join("password"), text).unwrap();
        assert_eq!(crate::config::secret("password", dir.path()), Ok("s3cret".into()), "{text:?}");
    }
    let wide: Vec<u8> = "\u{feff}s3cret".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(dir.path().join("password"), wide).unwrap();
    assert!(crate::config::secret("password", dir.path()).unwrap_err().contains("UTF-16"));
}
