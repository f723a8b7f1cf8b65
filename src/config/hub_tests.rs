use super::*;

/// The configuration in a text, or its problems.
fn read(text: &str) -> Result<HubConfig, String> {
    let document = Document::parse(Path::new("stockgate-hub.toml"), text);
    document.and_then(HubConfig::from_document).map_err(|error| error.to_string())
}

#[test]
fn the_sample_shows_every_default() {
    let sample = read(include_str!("../../config/stockgate-hub.toml")).unwrap();
    assert_eq!(format!("{sample:?}"), format!("{:?}", HubConfig::default()));
}

/// Both programs may run with the same variables.
#[test]
fn variables_of_a_gateway_are_ignored_and_others_are_not() {
    let read = |variables: &[&str]| {
        let variables = variables.iter().map(|name| ((*name).to_owned(), "x".to_owned()));
        let document = Document::read(None, variables.collect::<Vec<_>>(), FOREIGN);
        document.and_then(HubConfig::from_document).map_err(|error| error.to_string())
    };
    let of_gateway = [
        "STOCKGATE_GATEWAY__ID",
        "STOCKGATE_TERMINALS__REASONS",
        "STOCKGATE_BARCODES__IN_STORE",
        "STOCKGATE_STOCK__RESERVATION_TTL_S",
        "STOCKGATE_MQTT__BOOKS",
    ];
    assert!(read(&of_gateway).unwrap().mqtt.is_none());
    let error = read(&["STOCKGATE_MQTT__BOOK"]).unwrap_err();
    assert!(error.contains("STOCKGATE_MQTT__BOOK: mqtt.book: unknown key"), "{error}");
}

#[test]
fn a_file_in_another_encoding_is_named_for_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stockgate-hub.toml");
    let wide: Vec<u8> = "[hub]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, words) in [(&wide[..], "is in UTF-16"), (b"# K\xf6ln\n", "is not UTF-8 in line 1")]
    {
        std::fs::write(&file, bytes).unwrap();
        let error = Document::read(Some(&file), [], FOREIGN).unwrap_err().to_string();
        assert!(error.contains("stockgate-hub.toml: ") && error.contains(words), "{error}");
    }
}

#[test]
fn a_variable_with_one_underscore_is_answered_with_the_right_name() {
    let variable = ("STOCKGATE_MQTT_URL".to_owned(), "mqtt://b".to_owned());
    let document = Document::read(None, [variable], FOREIGN).unwrap();
    let error = HubConfig::from_document(document).unwrap_err().to_string();
    assert!(error.contains("write STOCKGATE_MQTT__URL"), "{error}");
}

#[test]
fn workers_share_the_frames_of_books_in_postgresql_unless_they_are_told_otherwise() {
    let is_shared = |keys: &str| read(&format!("[hub]\n{keys}")).unwrap().shared;
    let postgres = "store = \"postgres://user@host/db\"\n";
    assert!(is_shared(postgres));
    assert!(!is_shared(&format!("{postgres}subscription = \"own\"\n")));
    assert!(!is_shared("store = \"sqlite:hub.db\"\n"));
    assert!(is_shared("subscription = \"shared\"\n"));
}

#[test]
fn enrolment_and_unknown_skus_are_read() {
    let config = read("[hub]\ngateways = \"listed\"\nunknown_skus = \"refuse\"\n").unwrap();
    assert_eq!((config.gateways, config.unknown_skus), (Enrolment::Listed, UnknownSkus::Refuse));
    for (text, part) in [
        (
            "[hub]\ngateways = \"some\"",
            "stockgate-hub.toml:2: hub.gateways: must be open or listed",
        ),
        ("[hub]\nunknown_skus = \"\"", "hub.unknown_skus: must be allow or refuse"),
        ("[hub]\nunknown_skus = 1", "hub.unknown_skus: must be a text"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_days_of_retention_are_bounded_and_empty_values_may_be_stated() {
    assert!(read("[hub]\ngrpc_listen = \"\"\nledger_retention_days = 0\nsinks = []\n").is_ok());
    assert_eq!(read("[hub]\nledger_retention_days = 30").unwrap().retention_days, 30);
    let error = read("[hub]\nledger_retention_days = 36501").unwrap_err();
    assert!(error.contains(":2: hub.ledger_retention_days: must be from 0"), "{error}");
}

#[test]
fn the_grpc_interface_listens_on_loopback_only_without_tokens() {
    let config = read("[hub]\ngrpc_listen = \"[::1]:8091\"\n").unwrap();
    assert_eq!(config.grpc_listen, "[::1]:8091".parse().ok());
    assert_eq!(read("[hub]\ngrpc_listen = \"\"\n").unwrap().grpc_listen, None);
    let error = read("[hub]\ngrpc_listen = \"0.0.0.0:8091\"\n").unwrap_err();
    assert!(error.contains(":2: hub.grpc_listen: it can be reached from outside"), "{error}");
    let error = read("[hub]\ngrpc_listen = \"8091\"\n").unwrap_err();
    assert!(error.contains("hub.grpc_listen: must be an IP address and port"), "{error}");
}

#[test]
fn books_are_beside_the_file_and_those_that_earlier_versions_used_are_noticed() {
    // Tests run in the directory of the package.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stockgate-hub.toml");
    for (path, displaced) in [
        ("Cargo.toml", Some(Path::new("Cargo.toml"))),
        ("src", None),
        ("no-such.db", None),
        ("/etc/passwd", None),
    ] {
        let text = format!("[hub]\nstore = \"sqlite:{path}\"\n");
        let document = Document::parse(&file, &text).unwrap();
        let config = HubConfig::from_document(document).unwrap();
        assert!(config.store.is_same(&BookStore::Sqlite(directory.path().join(path))), "{path}");
        assert_eq!(config.displaced_store.as_deref(), displaced, "{path}");
    }
}

#[test]
fn a_worker_is_named_after_host_and_process() {
    assert_eq!(worker_of("hub-a.example", 71), "hub-a.example-71");
    assert_eq!(worker_of("", 71), "hub-71");
    let long = worker_of(&"é/x".repeat(80), 4_194_304);
    assert!(crate::stock::is_name(&long) && long.ends_with("x-4194304"), "{long}");
    assert!(crate::stock::is_name(&HubConfig::default().worker));
}
