use super::super::document::Document;
use super::super::hub::HubConfig;
use super::*;

/// The sinks in a text, or the problems of the configuration. `erp.secret` lies beside the file.
fn read(text: &str) -> Result<Vec<SinkConfig>, String> {
    let directory = tempfile::tempdir().unwrap();
    let secret = format!("whsec_{}\n", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    std::fs::write(directory.path().join("erp.secret"), secret).unwrap();
    std::fs::write(directory.path().join("bad.secret"), "hunter2").unwrap();
    let document = Document::parse(&directory.path().join("stockgate-hub.toml"), text);
    let config = document.and_then(HubConfig::from_document);
    config.map(|config| config.sinks).map_err(|error| error.to_string())
}

const WEBHOOK: &str =
    "[[hub.sinks]]\nname = \"erp\"\nkind = \"webhook\"\nsecret_file = \"erp.secret\"\n";
const NATS: &str = "[[hub.sinks]]\nname = \"bus\"\nkind = \"nats\"\n";
const KAFKA: &str = "[[hub.sinks]]\nname = \"lake\"\nkind = \"kafka\"\n";

#[test]
fn each_kind_of_sink_is_read() {
    let text = format!(
        "{WEBHOOK}url = \"http://127.0.0.1:9/in?x=1\"\ngive_up_s = 60\n\
         {NATS}url = \"nats://127.0.0.1:4222\"\nstream = \"STOCK\"\n\
         {KAFKA}brokers = [\"127.0.0.1:9092\"]\ntopic = \"inventory-updates\"\n"
    );
    let sinks = read(&text).unwrap();
    let places: Vec<String> = sinks.iter().map(|sink| sink.target.place()).collect();
    let expected =
        ["http://127.0.0.1:9", "nats://127.0.0.1:4222 STOCK", "127.0.0.1:9092 inventory-updates"];
    assert_eq!(places, expected);
    let SinkTarget::Webhook(webhook) = &sinks[0].target else { panic!("{sinks:?}") };
    assert_eq!((webhook.path.as_str(), webhook.key.len()), ("/in?x=1", 24));
    assert_eq!([sinks[0].give_up, sinks[1].give_up], [Some(Duration::from_secs(60)), None]);
    assert!(!format!("{sinks:?}").contains("x=1"), "what may be a secret is not shown");
}

#[test]
fn what_is_wrong_with_a_sink_is_named_with_its_line_and_key() {
    let cases = [
        (
            format!("{WEBHOOK}url = \"http://erp.example/in\"\n"),
            ":5: hub.sinks.url: must be https://",
        ),
        (
            format!("{WEBHOOK}url = \"https://u:p@erp/in\"\n"),
            ":5: hub.sinks.url: must be https://HOST",
        ),
        (WEBHOOK.to_owned(), ":1: hub.sinks.url: is missing"),
        (
            WEBHOOK.replace("erp.secret", "bad.secret") + "url = \"https://erp\"\n",
            ":4: hub.sinks.secret_file: must hold whsec_",
        ),
        (format!("{NATS}stream = \"A\"\n"), "hub.sinks.url: is missing"),
        (
            format!("{NATS}url = \"nats://a\"\nstream = \"A.B\"\n"),
            ":5: hub.sinks.stream: must be 1 to 64",
        ),
        (
            format!("{NATS}url = \"nats://a\"\nstream = \"A\"\nusername = \"u\"\n"),
            ":6: hub.sinks.username: needs a password_file",
        ),
        (
            format!("{KAFKA}brokers = []\ntopic = \"t\"\n"),
            ":4: hub.sinks.brokers: must name a broker",
        ),
        (
            format!("{KAFKA}brokers = [\"a\"]\ntopic = \"t\"\n"),
            ":4: hub.sinks.brokers: must be a list",
        ),
        (
            format!("{KAFKA}brokers = [\"a:1\"]\ntopic = \"t t\"\n"),
            ":5: hub.sinks.topic: must be 1 to 249",
        ),
        (
            "[[hub.sinks]]\nname = \"x\"\nkind = \"amqp\"\nurl = \"amqp://x\"\n".into(),
            ":3: hub.sinks.kind: must be webhook, nats or kafka",
        ),
        (
            format!("{WEBHOOK}url = \"https://erp\"\nretry = 1\n"),
            ":6: hub.sinks.retry: unknown key",
        ),
        (
            format!("{0}url = \"http://[::1]:1\"\n{0}url = \"http://[::1]:2\"\n", WEBHOOK),
            "hub.sinks.name: two sinks have the name",
        ),
    ];
    assert_refused(&cases);
}

#[test]
fn a_host_is_named_without_a_user_and_an_ipv6_address_in_brackets() {
    assert_refused(&[
        (
            format!("{KAFKA}brokers = [\"a:1\", \"u:hunter2@b:1\"]\ntopic = \"t\"\n"),
            ":4: hub.sinks.brokers: must be a list of HOST:PORT, without a user: number 2 is none",
        ),
        (
            format!("{KAFKA}brokers = [\"::1:9092\"]\ntopic = \"t\"\n"),
            "number 1 is none; an IPv6 address stands in brackets",
        ),
        (
            format!("{WEBHOOK}url = \"https://::1/x\"\n"),
            "must be https://HOST[:PORT][/PATH], without a user; an IPv6 address stands in brackets",
        ),
        (format!("{WEBHOOK}url = \"https://[erp]/x\"\n"), "must be https://HOST"),
        (
            format!("{NATS}url = \"nats://::1\"\nstream = \"A\"\n"),
            "an IPv6 address stands in brackets",
        ),
    ]);
    let sinks = read(&format!("{WEBHOOK}url = \"https://[::1]/x\"\n")).unwrap();
    let SinkTarget::Webhook(webhook) = &sinks[0].target else { panic!("{sinks:?}") };
    assert_eq!((webhook.host.as_str(), webhook.port), ("::1", 443));
}

#[test]
fn a_short_key_is_taken_and_named_and_an_empty_one_is_refused() {
    let is_short = |secret: &str| {
        let key = signing_key(secret)?;
        let (host, path, authority) = (String::new(), String::new(), String::new());
        let webhook = WebhookConfig { host, port: 443, path, authority, key, tls: None };
        Ok::<_, String>(SinkTarget::Webhook(webhook).has_short_key())
    };
    assert_eq!(is_short("whsec_c2VjcmV0"), Ok(true));
    assert_eq!(is_short(&format!("whsec_{}", "A".repeat(32))), Ok(false));
    assert_eq!(is_short(&format!("whsec_{}", "A".repeat(400))), Ok(false));
    assert!(is_short("whsec_").is_err() && is_short("secret").is_err());
}

#[test]
fn a_hub_takes_hundreds_of_sinks() {
    let sink =
        |n: usize| WEBHOOK.replace("erp\"", &format!("erp-{n}\"")) + "url = \"http://[::1]/x\"\n";
    let of = |count| read(&(0..count).map(sink).collect::<String>());
    assert_eq!(of(1_000).unwrap().len(), 1_000);
    assert!(of(1_001).unwrap_err().contains("may be 1000 at most"));
}

/// Each text is refused with a message that has a part, and that repeats no secret.
fn assert_refused(cases: &[(String, &str)]) {
    for (text, part) in cases {
        let error = read(text).unwrap_err();
        assert!(error.contains(part) && error.lines().count() == 1, "{text}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("u:p"), "{error}");
    }
}
