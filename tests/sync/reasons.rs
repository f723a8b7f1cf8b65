//! What is said when the broker cannot be used: each case with its row of the table in
//! docs/OPERATIONS.md, by the doctor that runs into it or by a gateway.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::addresses::{self, NameServer};
use super::pair::until_reason;
use crate::support::broker::{Broker, section};
use crate::support::certificates::{Authority, Identity, Made};
use crate::support::gateway::Gateway;
use crate::support::process::{free_port, run_within};
use crate::support::program::stockgate;

const TABLE: &str = "docs/OPERATIONS.md";
/// Longer than a connection takes to fail.
const VISIT_LIMIT: Duration = Duration::from_secs(45);

/// A row of the table: a part of the sentence, and the next step.
type Row = (String, String);

/// What was said in a case, and the row that it belongs to.
struct Said {
    row: &'static str,
    message: String,
    next: String,
}

impl Said {
    fn new(row: &'static str, (message, next): (String, String)) -> Self {
        Self { row, message, next }
    }

    /// The sentence has the words of its own row and of no other, and the step is that row's.
    fn assert_is_as_listed(&self, rows: &[Row]) {
        let Self { row, message, next } = self;
        let (_, step) = rows.iter().find(|(part, _)| part == row).unwrap_or_else(|| {
            panic!("the table lacks {row:?}, for {message:?} with the step {next:?}")
        });
        let has: Vec<_> = rows.iter().filter(|(part, _)| message.contains(part)).collect();
        assert!(has.len() == 1 && has[0].0 == *row, "{message:?} is {has:?}, and not {row:?}");
        assert_eq!(next, step, "the step for {message:?}");
    }
}

#[test]
fn each_case_has_the_sentence_and_the_step_of_its_row_in_the_table_of_reasons() {
    // These take as long as a connection may take; the others are tried meanwhile.
    let slow = [thread::spawn(says_nothing), thread::spawn(no_answer)];
    let tls = TlsCases::new();
    let mut said = Vec::new();
    for Case { row, section, .. } in plain_cases().into_iter().chain(tls.cases()) {
        said.push(Said::new(row, visit(&section)));
    }
    said.extend(seen_by_gateways());
    for (row, server) in [
        ("cannot be resolved", NameServer::WithoutTheName),
        ("name service fails", NameServer::Failing),
        ("name service fails", NameServer::Silent),
    ] {
        said.push(Said::new(row, addresses::asking(server)));
    }
    said.extend(slow.map(|case| case.join().unwrap()));
    let rows = table();
    said.iter().for_each(|said| said.assert_is_as_listed(&rows));
    let listed: BTreeSet<&str> = rows.iter().map(|(part, _)| part.as_str()).collect();
    let covered: BTreeSet<&str> = said.iter().map(|said| said.row).collect();
    assert_eq!(covered, listed, "each row has a case");
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

/// What the doctor finds wrong with the broker, and the next step.
fn visit(section: &str) -> (String, String) {
    let gateway = Gateway::prepare(section);
    let mut command = stockgate();
    command.args(["doctor", "--json", "--config"]).arg(gateway.config_path());
    wrong_with_the_broker(&mut command)
}

/// The same of the doctor of this command.
fn wrong_with_the_broker(command: &mut Command) -> (String, String) {
    let visit = run_within(VISIT_LIMIT, command);
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap();
    let is_it = |found: &&Value| found["check"] == "broker" && found["verdict"] == "wrong";
    let found = findings.iter().find(is_it);
    let found = found.unwrap_or_else(|| panic!("nothing is wrong with the broker: {report}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("next"))
}

/// A broker, and what has to live meanwhile.
struct Case {
    row: &'static str,
    section: String,
    _broker: Option<Broker>,
}

impl Case {
    fn at(row: &'static str, url: &str) -> Self {
        Self { row, section: section(url, &[]), _broker: None }
    }
}

/// Brokers without TLS.
fn plain_cases() -> Vec<Case> {
    let connack = |code| vec![0x20, 2, 0, code];
    let answers: [(&str, Vec<u8>); 11] = [
        ("refuses MQTT 3.1.1", connack(1)),
        ("refuses our client id", connack(2)),
        ("refuses connections at the moment", connack(3)),
        ("refuses our username or password", connack(4)),
        ("is not authorized", connack(5)),
        ("a return code that MQTT 3.1.1 does not define", connack(6)),
        ("speaks HTTP, not MQTT", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("speaks SSH, not MQTT", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("speaks TLS, and mqtt:// is without TLS", vec![0x15, 3, 3, 0, 2, 2, 0x46]),
        ("does not speak MQTT", b"+OK ready\r\n".to_vec()),
        ("closes the connection without an answer", Vec::new()),
    ];
    let mut cases: Vec<Case> = answers
        .into_iter()
        .map(|(row, answer)| Case::at(row, &local("mqtt", serve(vec![answer]))))
        .collect();
    cases.push(Case::at("cannot be reached: Connection refused", &local("mqtt", free_port())));
    // It accepts us, and does not answer what is asked then.
    let deaf = serve(vec![ACCEPTED.to_vec(), Vec::new()]);
    cases.push(Case::at("does not answer in time", &local("mqtt", deaf)));
    cases
}

fn local(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

/// The answer to a greeting that is accepted.
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

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
fn seen_by_gateways() -> Vec<Said> {
    // The subscription is the first packet with an id.
    let denied = vec![ACCEPTED.to_vec(), vec![0x90, 3, 0, 1, 0x80]];
    let odd = vec![ACCEPTED.to_vec(), vec![0x00, 0x00]];
    vec![
        seen_by_gateway("refuses the subscription to", denied),
        seen_by_gateway("the broker has closed it", vec![ACCEPTED.to_vec()]),
        seen_by_gateway("sends what is not MQTT", odd),
    ]
}

/// The reason and the next step of a gateway whose broker gives these answers.
fn seen_by_gateway(row: &'static str, answers: Vec<Vec<u8>>) -> Said {
    let url = local("mqtt", serve(answers));
    let gateway = Gateway::start_with(&section(&url, &[]));
    let reason = until_reason(&gateway, row);
    let log = gateway.log();
    let is_it = |line: &&str| line.contains(&reason[..40]) && line.contains("next=");
    let line = log.lines().find(is_it).unwrap_or_else(|| panic!("no step in {log}"));
    let next = line.split_once("next=").unwrap().1.trim().trim_matches('"').to_owned();
    Said::new(row, (reason, next))
}

fn says_nothing() -> Said {
    seen_by_gateway("accepts the connection and then says nothing", vec![Vec::new(), Vec::new()])
}

fn no_answer() -> Said {
    let port = free_port();
    let _silent = addresses::silent("127.0.0.3", port);
    let url = format!("mqtt://127.0.0.3:{port}");
    Said::new("cannot be reached: no answer", visit(&section(&url, &[])))
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

    fn cases(&self) -> Vec<Case> {
        let mut cases = self.certificates_of_the_broker();
        cases.extend(self.issuers());
        cases.extend(self.certificates_of_ours());
        cases.extend(self.other_protocols());
        cases
    }

    fn make(&self, name: &str, made: Made<'_>) -> Identity {
        self.authority.make(name, "IP:127.0.0.1", made)
    }

    fn certificates_of_the_broker(&self) -> Vec<Case> {
        let made = |clock| Made { clock: Some(clock), ..Made::default() };
        let with = |extension| Made { extension, ..Made::default() };
        let odd_key = Made { curve: "secp521r1", ..Made::default() };
        let sha_1 = Made { digest: "sha1", ..Made::default() };
        let first = Made { version_1: true, ..Made::default() };
        // OpenSSL uses such a certificate only if it is told to.
        let weak = "ciphers DEFAULT:@SECLEVEL=0\n";
        [
            ("the broker's certificate has expired", "old", made("-10d"), ""),
            ("the broker's certificate is not valid yet", "early", made("+10d"), ""),
            ("is of version 1", "first", first, ""),
            ("no method that both sides support", "odd", odd_key, ""),
            ("signed by a method that is not supported", "sha1", sha_1, weak),
            ("is not for a server", "client", with("extendedKeyUsage=clientAuth"), ""),
            ("is an authority's (CA:TRUE)", "ca", with("basicConstraints=critical,CA:TRUE"), ""),
        ]
        .into_iter()
        .map(|(row, name, made, more)| {
            self.served(row, &self.make(name, made), &self.authority, more, None)
        })
        .collect()
    }

    fn issuers(&self) -> Vec<Case> {
        let good = self.authority.sign("broker", "IP:127.0.0.1");
        let elsewhere = self.authority.sign("elsewhere", "DNS:elsewhere.example");
        let odd = self.odd.sign("broker", "IP:127.0.0.1");
        // The certificate of the intermediate authority is not sent.
        self.make(
            "between",
            Made { extension: "basicConstraints=critical,CA:TRUE", ..Made::default() },
        );
        let below = self.make("below", Made { issuer: "between", ..Made::default() });
        vec![
            self.served("is not for the host", &elsewhere, &self.authority, "", None),
            self.served("but another key", &good, &self.stranger, "", None),
            self.served(
                "the authority of the broker's certificate has a key",
                &odd,
                &self.odd,
                "",
                None,
            ),
            self.served(
                "or an intermediate certificate is missing",
                &below,
                &self.authority,
                "",
                None,
            ),
        ]
    }

    fn certificates_of_ours(&self) -> Vec<Case> {
        let good = self.authority.sign("broker", "IP:127.0.0.1");
        let strange = self.stranger.sign("strange", "DNS:gw-01");
        let old = Made { clock: Some("-10d"), ..Made::default() };
        let stale = self.authority.make("stale", "DNS:gw-01", old);
        [
            ("the broker asks for a certificate, and we have none", None),
            ("does not know the authority that has issued our certificate", Some(&strange)),
            ("says that our certificate has expired", Some(&stale)),
        ]
        .map(|(row, own)| {
            self.served(row, &good, &self.authority, "require_certificate true\n", own)
        })
        .into()
    }

    /// TLS to what does not speak it, and to what speaks something else within it.
    fn other_protocols(&self) -> Vec<Case> {
        let broker = Broker::start();
        let plain = broker.port();
        let greets_first = serve(vec![b"220 mail.example ESMTP\r\n".to_vec()]);
        let web = https(&self.authority.sign("web", "IP:127.0.0.1"));
        [
            ("closes the connection during the handshake", plain, Some(broker)),
            ("what answers there does not speak TLS", greets_first, None),
            ("speaks HTTP, not MQTT", web, None),
        ]
        .map(|(row, port, broker)| {
            let section = keys(&local("mqtts", port), &self.authority, None);
            Case { row, section, _broker: broker }
        })
        .into()
    }

    fn served(
        &self,
        row: &'static str,
        identity: &Identity,
        trusted: &Authority,
        more: &str,
        own: Option<&Identity>,
    ) -> Case {
        let broker = Broker::start_with(&format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nallow_anonymous true\n{more}",
            self.authority.file().display(),
            identity.certificate.display(),
            identity.key.display()
        ));
        let section = keys(&local("mqtts", broker.port()), trusted, own);
        Case { row, section, _broker: Some(broker) }
    }
}

fn keys(url: &str, trusted: &Authority, own: Option<&Identity>) -> String {
    let file = |path: &Path| path.display().to_string();
    let mut keys = vec![("ca_file", file(&trusted.file()))];
    if let Some(own) = own {
        keys.extend([("cert_file", file(&own.certificate)), ("key_file", file(&own.key))]);
    }
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
    section(url, &keys)
}

/// A web server behind TLS.
fn https(identity: &Identity) -> u16 {
    let chain = CertificateDer::pem_file_iter(&identity.certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    port
}
