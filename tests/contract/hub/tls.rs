//! TLS on the hub's port, with certificates made by `openssl`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::certificates::{Authority, Identity};
use crate::support::hub::Hub;
use crate::tls::tls_stream;

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn with_certificates_only_tls_is_served_and_pages_are_of_https_origins() {
    let authority = Authority::new();
    let hub = encrypted(&authority.sign("hub", "IP:127.0.0.1"));
    assert!(hub.http().try_send("GET", "/healthz", None).is_err());
    assert!(hub.log().contains("at https://127.0.0.1"), "{}", hub.log());

    let own = hub.address();
    for (scheme, status) in [("https", "200"), ("http", "403")] {
        let answer = said_to(&hub, &authority, &format!("Origin: {scheme}://{own}\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{scheme}: {answer}");
    }
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn a_new_certificate_is_taken_by_a_reload_and_open_connections_go_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let mut hub = encrypted(&before.sign("hub", "IP:127.0.0.1"));
    let mut open = tls_stream(&hub.address(), &before);
    install(&hub, &after.sign("hub", "IP:127.0.0.1"));

    let log = hub.reload();

    assert!(log.contains("from now on: hub.cert_file, key_file"), "{log}");
    assert!(said_to(&hub, &after, "").starts_with("HTTP/1.1 200"));
    let mut doubted = tls_stream(&hub.address(), &before);
    assert!(doubted.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").is_err());
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    open.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    hub.write("hub.key", "no key\n");
    let log = hub.reload();
    assert!(log.contains("hub.key_file") && log.contains("old one stays"), "{log}");
    hub.configure(&hub.address(), "");
    let log = hub.reload();
    assert!(log.contains("hub.cert_file, key_file: unchanged"), "{log}");
    assert!(said_to(&hub, &after, "").starts_with("HTTP/1.1 200"));
}

/// A hub with TLS.
fn encrypted(identity: &Identity) -> Hub {
    let mut hub = Hub::prepare("cert_file = \"hub.pem\"\nkey_file = \"hub.key\"\n");
    install(&hub, identity);
    hub.spawn();
    hub.wait_until_logged(0, &["the hub is ready"]);
    hub
}

fn install(hub: &Hub, identity: &Identity) {
    fs::copy(&identity.certificate, hub.dir().join("hub.pem")).unwrap();
    fs::copy(&identity.key, hub.dir().join("hub.key")).unwrap();
}

fn said_to(hub: &Hub, authority: &Authority, headers: &str) -> String {
    let mut stream = tls_stream(&hub.address(), authority);
    let host = hub.address();
    let head =
        format!("GET /api/gateways HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs openssl: scripts/test")]
fn a_client_that_speaks_no_tls_delays_no_other() {
    let authority = Authority::new();
    let hub = encrypted(&authority.sign("hub", "IP:127.0.0.1"));
    let silent = TcpStream::connect(hub.address()).unwrap();
    let mut garbled = TcpStream::connect(hub.address()).unwrap();
    garbled.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(said_to(&hub, &authority, "").starts_with("HTTP/1.1 200"));
    drop(silent);
}
