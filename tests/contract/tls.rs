//! TLS on the terminal port, with certificates made by `openssl`.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::support::certificates::{Authority, Identity, Made};
use crate::support::gateway::Gateway;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;

const READY: &[&str] = &["the gateway is ready"];

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn commands_use_https_and_wss_and_verify_the_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let gateway = encrypted(&authority.sign("gw", "IP:127.0.0.1,DNS:localhost"));
    let orders = gateway.write("orders.csv", "order_id,sku,quantity\nA1,85123A,6\n");
    let (url, ca_file) = (url(&gateway), authority.file());

    let replayed = ask(
        &["replay", orders.to_str().unwrap(), "--seed-stock", "--json"],
        &format!("wss://127.0.0.1:{}/ws", gateway.port()),
        &ca_file,
    );
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let stock = ask(&["stock", "--json"], &url, &ca_file);
    let item: Value = serde_json::from_str(&stock.stdout).unwrap();
    assert_eq!(item["on_hand"], 0);
    assert!(gateway.log().contains("terminals at https://"), "{}", gateway.log());

    let doubted = ask(&["status"], &url, &stranger.file());
    assert_eq!(doubted.code, Some(1));
    assert!(doubted.stderr.contains("invalid peer certificate"), "{doubted:?}");
    let elsewhere = ask(&["status"], &url.replace("127.0.0.1", "127.0.0.2"), &ca_file);
    assert_eq!(elsewhere.code, Some(1), "{elsewhere:?}");
    let plain = ask(&["status"], &gateway.url(), &ca_file);
    assert!(plain.stderr.contains("--ca-file is for https://"), "{plain:?}");
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn with_certificates_only_tls_is_served_and_pages_are_of_https_origins() {
    let authority = Authority::new();
    let gateway = encrypted(&authority.sign("gw", "IP:127.0.0.1"));
    assert!(gateway.http().try_send("GET", "/healthz", None).is_err());

    let own = format!("127.0.0.1:{}", gateway.port());
    for (scheme, status) in [("https", "200"), ("http", "403")] {
        let head = format!(
            "GET /api/status HTTP/1.1\r\nHost: {own}\r\nOrigin: {scheme}://{own}\r\nConnection: close\r\n\r\n"
        );
        let answer = said_to(&gateway, &authority, &head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{scheme}: {answer}");
    }
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn a_new_certificate_is_taken_by_a_reload_and_sessions_go_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let mut gateway = encrypted(&before.sign("gw", "IP:127.0.0.1"));
    let mut open = connect(&gateway, &before);
    open.sock.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let renewed = after.sign("gw", "IP:127.0.0.1");
    install(&gateway, &renewed);

    let log = gateway.reload();

    assert!(log.contains("from now on: terminals.cert_file"), "{log}");
    assert_eq!(ask(&["status"], &url(&gateway), &after.file()).code, Some(0));
    assert_eq!(ask(&["status"], &url(&gateway), &before.file()).code, Some(1));
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    open.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    gateway.write("terminals.key", "no key\n");
    let log = gateway.reload();
    assert!(log.contains("terminals.key_file") && log.contains("old one stays"), "{log}");
    assert_eq!(ask(&["status"], &url(&gateway), &after.file()).code, Some(0));
    gateway.configure(&gateway.address(), "");
    let log = gateway.reload();
    assert!(log.contains("terminals.cert_file, key_file: unchanged"), "{log}");
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn an_invalid_certificate_or_key_is_named_with_file_and_reason() {
    let authority = Authority::new();
    let (one, other) =
        (authority.sign("one", "IP:127.0.0.1"), authority.sign("two", "IP:127.0.0.1"));
    let odd = authority.make("odd", "IP:127.0.0.1", Made { curve: "secp521r1", ..Made::default() });
    let pem = |words: &str| {
        Some(format!(
            "-----BEGIN {words}PRIVATE KEY-----\nMIIB\n-----END {words}PRIVATE KEY-----\n"
        ))
    };
    let cut = text(&one.key).map(|key| key[..key.len() / 2].to_owned());
    let both = "cert_file = \"terminals.pem\"\nkey_file = \"terminals.key\"\n";
    for (certificate, key, extra, parts) in [
        (text(&one.certificate), pem("ENCRYPTED "), both, &["terminals.key is encrypted"][..]),
        (text(&one.certificate), cut, both, &["terminals.key is cut or damaged"]),
        (text(&one.certificate), pem("DSA "), both, &["a kind that is not supported: use RSA"]),
        (text(&odd.certificate), text(&odd.key), both, &["a P-521 key, which is not supported"]),
        (text(&one.certificate), None, "cert_file = \"terminals.pem\"\n", &["key_file beside"]),
        (None, text(&one.key), "key_file = \"terminals.key\"\n", &["cert_file beside"]),
        (None, text(&one.key), both, &["terminals.cert_file", "terminals.pem cannot be read"]),
        (Some("x".into()), text(&one.key), both, &["terminals.pem", "no certificate"]),
        (text(&one.certificate), Some("x".into()), both, &["terminals.key_file", "holds no key"]),
        (text(&one.certificate), text(&other.key), both, &["terminals.key_file", "terminals.key"]),
    ] {
        let gateway = Gateway::prepare(extra);
        certificate.map(|text: String| gateway.write("terminals.pem", &text));
        key.map(|text: String| gateway.write("terminals.key", &text));
        let mut command = stockgate();
        command.arg("check-config").arg("--config").arg(gateway.config_path());
        let ended = run_to_end(&mut command);
        assert_eq!(ended.code, Some(2), "{parts:?}: {ended:?}");
        for part in parts.iter().chain(&["stockgate.toml:"]) {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
    }
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn a_client_without_a_tls_handshake_is_closed_in_time_and_delays_no_other() {
    let authority = Authority::new();
    let gateway = encrypted(&authority.sign("gw", "IP:127.0.0.1"));
    let began = Instant::now();
    let mut silent = TcpStream::connect(gateway.address()).unwrap();
    let mut garbled = TcpStream::connect(gateway.address()).unwrap();
    garbled.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_ends(&mut garbled, began, 8);
    assert_eq!(ask(&["status"], &url(&gateway), &authority.file()).code, Some(0));
    assert_ends(&mut silent, began, 40);
    assert!(began.elapsed() > Duration::from_secs(8), "{:?}", began.elapsed());
}

/// rustls would hold 60 kB for each of them.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn handshakes_that_do_not_end_take_no_more_than_other_unfinished_messages() {
    const HELD_MAX: usize = 2 << 20;
    let authority = Authority::new();
    let gateway = encrypted(&authority.sign("gw", "IP:127.0.0.1"));
    let hello = unfinished_hello();
    let mut strangers: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stranger = TcpStream::connect(gateway.address()).unwrap();
            let _ = stranger.write_all(&hello);
            stranger
        })
        .collect();
    let began = Instant::now();
    while strangers.len() * (hello.len() - 4_096) > HELD_MAX {
        assert!(began.elapsed() < Duration::from_secs(5), "{} are held", strangers.len());
        strangers.retain_mut(is_open);
    }
    assert!(!strangers.is_empty(), "there is room for some");
    assert_eq!(ask(&["status"], &url(&gateway), &authority.file()).code, Some(0));
    strangers.retain_mut(is_open);
    assert!(!strangers.is_empty(), "it was served beside them");
}

/// The same once TLS is agreed on: rustls holds 16 kB of a record without its end.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn records_that_do_not_end_take_no_more_than_other_unfinished_messages() {
    const HELD_MAX: usize = 2 << 20;
    let authority = Authority::new();
    let gateway = encrypted(&authority.sign("gw", "IP:127.0.0.1"));
    let record = unfinished_record();
    let mut strangers: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut stranger = agreed(&gateway, &authority).unwrap().sock;
            let _ = stranger.write_all(&record);
            stranger
        })
        .collect();
    let began = Instant::now();
    while strangers.len() * (record.len() - 4_096) > HELD_MAX {
        assert!(began.elapsed() < Duration::from_secs(5), "{} are held", strangers.len());
        strangers.retain_mut(is_open);
    }
    assert!(!strangers.is_empty(), "there is room for some");
    drop(strangers);
    // What has become plaintext is held no more.
    let head =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(12_000));
    let served: Vec<_> = (0..300)
        .map(|_| {
            let mut honest = agreed(&gateway, &authority).unwrap();
            honest.write_all(head.as_bytes()).unwrap();
            let mut answer = [0; 12];
            honest.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
            honest
        })
        .collect();
    assert_eq!(ask(&["status"], &url(&gateway), &authority.file()).code, Some(0));
    drop(served);
}

/// The first 16,000 bytes of a record of 16,640.
pub(crate) fn unfinished_record() -> Vec<u8> {
    let mut record = vec![0; 16_000];
    record[..5].copy_from_slice(&[23, 3, 3, 0x41, 0]);
    record
}

/// A connection on which TLS is agreed on and nothing else was sent.
pub(crate) fn agreed(
    gateway: &Gateway,
    authority: &Authority,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut stream = connect(gateway, authority);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A message of 61,440 bytes in records of 15,000, without its end.
fn unfinished_hello() -> Vec<u8> {
    let mut message = vec![0; 60_000];
    message[..4].copy_from_slice(&[1, 0, 0xf0, 0]);
    let records = message.chunks(15_000);
    records.flat_map(|part| [&[22, 3, 1, 0x3a, 0x98][..], part].concat()).collect()
}

fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    loop {
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return false,
            // Session tickets.
            Ok(_) => {}
            Err(error) => {
                return [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
            }
        }
    }
}

fn assert_ends(stream: &mut TcpStream, began: Instant, within_s: u64) {
    let left = Duration::from_secs(within_s).saturating_sub(began.elapsed());
    stream.set_read_timeout(Some(left.max(Duration::from_millis(10)))).unwrap();
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "still open"),
    }
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn the_doctor_says_that_it_cannot_query_and_what_can() {
    let authority = Authority::new();
    let gateway = encrypted(&authority.sign("gateway", "IP:127.0.0.1"));
    let config = fs::read_to_string(gateway.config_path()).unwrap();
    let config =
        gateway.write("doctor.toml", &format!("{config}\n[mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n"));
    let visit = run_to_end(stockgate().args(["doctor", "--config"]).arg(config));
    for words in [
        "cannot be asked for more from here",
        "which cannot be asked",
        "stockgate status --url https://",
    ] {
        assert!(visit.stdout.contains(words), "{words:?} in {visit:?}");
    }
    assert!(!visit.stdout.contains("does not run"), "{visit:?}");
}

/// A gateway with TLS.
fn encrypted(identity: &Identity) -> Gateway {
    encrypted_with(identity, "")
}

/// A gateway with TLS and these keys besides.
pub(crate) fn encrypted_with(identity: &Identity, extra: &str) -> Gateway {
    let both = "cert_file = \"terminals.pem\"\nkey_file = \"terminals.key\"\n";
    let mut gateway = Gateway::prepare(&format!("{both}{extra}"));
    install(&gateway, identity);
    gateway.spawn();
    gateway.wait_until_logged(0, READY);
    gateway
}

fn install(gateway: &Gateway, identity: &Identity) {
    fs::copy(&identity.certificate, gateway.dir().join("terminals.pem")).unwrap();
    fs::copy(&identity.key, gateway.dir().join("terminals.key")).unwrap();
}

fn text(file: &Path) -> Option<String> {
    Some(fs::read_to_string(file).unwrap())
}

fn url(gateway: &Gateway) -> String {
    format!("https://{}", gateway.address())
}

fn ask(arguments: &[&str], url: &str, ca_file: &Path) -> Finished {
    run_to_end(stockgate().args(arguments).args(["--url", url, "--ca-file"]).arg(ca_file))
}

fn connect(gateway: &Gateway, authority: &Authority) -> StreamOwned<ClientConnection, TcpStream> {
    tls_stream(&gateway.address(), authority)
}

/// A connection to a port with TLS, which trusts this authority.
pub(crate) fn tls_stream(
    address: &str,
    authority: &Authority,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

fn said_to(gateway: &Gateway, authority: &Authority, text: &str) -> String {
    let mut stream = connect(gateway, authority);
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
