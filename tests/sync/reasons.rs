//! What is said when the broker cannot be used: each row of the table in docs/OPERATIONS.md, by the
//! doctor that runs into it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use serde_json::Value;

use super::addresses;
use super::pair::until_reason;
use crate::support::broker::{Broker, section};
use crate::support::certificates::{Authority, Identity, Made};
use crate::support::gateway::Gateway;
use crate::support::process::{free_port, run_to_end};
use crate::support::program::stockgate;

const TABLE: &str = "docs/OPERATIONS.md";

/// A row of the table: a part of the sentence, and the next step.
type Row = (String, String);

#[test]
fn every_row_of_the_table_of_reasons_is_what_the_doctor_says() {
    // It takes as long as a connection may take; the others are tried meanwhile.
    let nothing = vec![Vec::new(), Vec::new()];
    let mute = thread::spawn(|| seen_by_gateway(nothing, "says nothing"));
    let tls = TlsCases::new();
    let mut said = Vec::new();
    for (section, _broker) in plain_cases().into_iter().chain(tls.cases()) {
        said.push(visit(&section));
    }
    said.extend(seen_by_gateways());
    said.push(addresses::without_name_servers());
    said.push(mute.join().unwrap());
    let rows = table();
    for (fragment, next) in &rows {
        let is_said = said.iter().any(|(message, step)| message.contains(fragment) && step == next);
        assert!(is_said, "nothing says {fragment:?} with the step {next:?}: {said:#?}");
    }
    for (message, next) in &said {
        let is_listed = rows.iter().any(|(part, step)| message.contains(part) && step == next);
        assert!(is_listed, "the table lacks {message:?} with the step {next:?}");
    }
}

/// The table after the heading "When the broker cannot be used".
fn table() -> Vec<Row> {
    let text = fs::read_to_string(TABLE).unwrap();
    let from = text.split_once("## When the broker cannot be used").expect("the heading").1;
    let section = from.split_once("\n## ").expect("another heading").0;
    let lines = section.lines().filter(|line| line.starts_with("| *"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [said, _, next] = cells[..] else { panic!("three cells: {line}") };
        (said.trim_matches('*').to_owned(), next.replace('`', ""))
    };
    let rows: Vec<Row> = lines.map(row).collect();
    assert!(rows.len() > 20, "{rows:?}");
    rows
}

/// What the doctor says of the broker, without its address, and the next step.
fn visit(section: &str) -> Row {
    let gateway = Gateway::prepare(section);
    let mut command = stockgate();
    let visit =
        run_to_end(command.args(["doctor", "--json", "--config"]).arg(gateway.config_path()));
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "broker");
    let found = found.unwrap_or_else(|| panic!("no broker in {report}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("next"))
}

/// Sections of brokers without TLS, and what has to live meanwhile.
fn plain_cases() -> Vec<(String, Option<Broker>)> {
    let mut cases = vec![
        (section("mqtt://no-such-host.invalid", &[]), None),
        (section(&format!("mqtt://127.0.0.1:{}", free_port()), &[]), None),
    ];
    let connack = |code| vec![0x20, 2, 0, code];
    let answers = (1..=6).map(connack).chain([
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        vec![0x15, 3, 3, 0, 2, 2, 0x46],
        b"+OK ready\r\n".to_vec(),
        Vec::new(),
    ]);
    cases.extend(
        answers.map(|answer| (section(&format!("mqtt://127.0.0.1:{}", fake(answer)), &[]), None)),
    );
    cases
}

/// A server that answers what comes first with these bytes, and closes.
fn fake(answer: Vec<u8>) -> u16 {
    serve(vec![answer])
}

/// A server that answers what comes with these one after the other. It closes the connection after
/// a single answer.
fn serve(answers: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut buffer = [0; 4_096];
            for answer in &answers {
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(answer);
            }
            while answers.len() > 1 && stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        }
    });
    port
}

/// What only a running gateway meets.
fn seen_by_gateways() -> Vec<Row> {
    let accepted = || vec![0x20, 2, 0, 0];
    // The subscription is the first packet with an id.
    let denied = vec![accepted(), vec![0x90, 3, 0, 1, 0x80]];
    let odd = vec![accepted(), vec![0x00, 0x00]];
    vec![
        seen_by_gateway(denied, "refuses the subscription"),
        seen_by_gateway(vec![accepted()], "was lost"),
        seen_by_gateway(odd, "is not MQTT"),
    ]
}

/// The reason and the next step of a gateway whose broker gives these answers.
fn seen_by_gateway(answers: Vec<Vec<u8>>, words: &str) -> Row {
    let url = format!("mqtt://127.0.0.1:{}", serve(answers));
    let gateway = Gateway::start_with(&section(&url, &[]));
    let reason = until_reason(&gateway, words);
    let log = gateway.log();
    let is_it = |line: &&str| line.contains(&reason[..40]) && line.contains("next=");
    let line = log.lines().find(is_it).unwrap_or_else(|| panic!("no step in {log}"));
    let next = line.split_once("next=").unwrap().1.trim().trim_matches('"').to_owned();
    (reason, next)
}

/// Certificates of many kinds.
struct TlsCases {
    authority: Authority,
    stranger: Authority,
    /// With a key of a kind that is not supported.
    odd: Authority,
}

impl TlsCases {
    fn new() -> Self {
        let odd = Authority::with_curve("secp521r1");
        Self { authority: Authority::new(), stranger: Authority::new(), odd }
    }

    fn cases(&self) -> Vec<(String, Option<Broker>)> {
        let good = self.authority.sign("broker", "IP:127.0.0.1");
        let made = |name: &str, made: Made<'_>| self.authority.make(name, "IP:127.0.0.1", made);
        let old = made("old", Made { clock: Some("-10d"), ..Made::default() });
        let early = made("early", Made { clock: Some("+10d"), ..Made::default() });
        let first = made("first", Made { version_1: true, ..Made::default() });
        let odd = made("odd", Made { curve: "secp521r1", ..Made::default() });
        let for_a_client =
            made("client", Made { extension: "extendedKeyUsage=clientAuth", ..Made::default() });
        let ca =
            made("ca", Made { extension: "basicConstraints=critical,CA:TRUE", ..Made::default() });
        let elsewhere = self.authority.sign("elsewhere", "DNS:elsewhere.example");
        let strange = self.stranger.sign("strange", "DNS:gw-01");
        let stale = self.authority.make(
            "stale",
            "DNS:gw-01",
            Made { clock: Some("-10d"), ..Made::default() },
        );
        let mut cases: Vec<_> = [&old, &early, &first, &odd, &for_a_client, &ca, &elsewhere]
            .map(|identity| self.served(identity, &self.authority, "", None))
            .into();
        cases.push(self.served(&good, &self.stranger, "", None));
        cases.push(self.served(&self.odd.sign("broker", "IP:127.0.0.1"), &self.odd, "", None));
        // The certificate of the intermediate authority is not sent.
        let below = made("below", Made { issuer: "ca", ..Made::default() });
        cases.push(self.served(&below, &self.authority, "", None));
        for own in [None, Some(&strange), Some(&stale)] {
            cases.push(self.served(&good, &self.authority, "require_certificate true\n", own));
        }
        // TLS to a broker without it, and the other way round.
        let broker = Broker::start();
        let url = broker.url().replace("mqtt://", "mqtts://");
        cases.push((self.keys(&url, &self.authority, None), Some(broker)));
        let greets_first = fake(b"220 mail.example ESMTP\r\n".to_vec());
        let url = format!("mqtts://127.0.0.1:{greets_first}");
        cases.push((self.keys(&url, &self.authority, None), None));
        cases
    }

    fn served(
        &self,
        identity: &Identity,
        trusted: &Authority,
        more: &str,
        own: Option<&Identity>,
    ) -> (String, Option<Broker>) {
        let broker = Broker::start_with(&format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nallow_anonymous true\n{more}",
            self.authority.file().display(),
            identity.certificate.display(),
            identity.key.display()
        ));
        let url = broker.url().replace("mqtt://", "mqtts://");
        (self.keys(&url, trusted, own), Some(broker))
    }

    fn keys(&self, url: &str, trusted: &Authority, own: Option<&Identity>) -> String {
        let file = |path: &Path| path.display().to_string();
        let mut keys = vec![("ca_file", file(&trusted.file()))];
        if let Some(own) = own {
            keys.extend([("cert_file", file(&own.certificate)), ("key_file", file(&own.key))]);
        }
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
        section(url, &keys)
    }
}
