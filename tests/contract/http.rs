//! HTTP as proxies, old clients and careful ones speak it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::support::bodies::{one, with, without};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::stretched;
use crate::support::terminal::Terminal as _;

const WAIT: Duration = Duration::from_secs(20);
/// Longer than proxies keep an idle connection.
const IDLE: Duration = Duration::from_secs(62);

fn connect(gateway: &Gateway) -> TcpStream {
    connect_to(&gateway.address())
}

fn connect_to(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(stretched(WAIT))).unwrap();
    stream
}

fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}

/// Reads until the text is there.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => panic!("{end:?} is not in {:?}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8(text).unwrap()
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn deduction(request_id: &str) -> String {
    one(request_id, "A", 1).to_string()
}

#[test]
fn an_idle_connection_outlives_that_of_a_proxy() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut stream = connect(&gateway);
    let ask = |stream: &mut TcpStream| {
        send(stream, &format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address()));
        read_until(stream, "\r\n\r\nok\n")
    };
    assert!(ask(&mut stream).starts_with("HTTP/1.1 200"));
    sleep(IDLE);
    assert!(ask(&mut stream).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_client_that_expects_100_is_told_to_continue() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut stream = connect(&gateway);
    let body = deduction("d1");
    let head = |expect: &str| {
        format!(
            "POST /api/stock/deduct HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{expect}Connection: close\r\n\r\n",
            gateway.address(),
            body.len()
        )
    };
    send(&mut stream, &head("Expect: 100-continue\r\n"));
    assert_eq!(read_until(&mut stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    send(&mut stream, &body);
    let answer = read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"on_hand\":9"), "{answer}");
}

#[test]
fn a_body_may_come_in_chunks() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut stream = connect(&gateway);
    let body = deduction("d1");
    let (first, last) = body.split_at(7);
    send(
        &mut stream,
        &format!(
            "POST /api/stock/deduct HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
             {:x}\r\n{first}\r\n{:X};note=\"x\"\r\n{last}\r\n0\r\nTrailer: x\r\n\r\n",
            gateway.address(),
            first.len(),
            last.len()
        ),
    );
    let answer = read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"on_hand\":9"), "{answer}");
}

#[test]
fn clients_of_http_1_0_are_answered_and_the_connection_ends() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    for (head, ends) in [("", true), ("Connection: keep-alive\r\n", false)] {
        let mut stream = connect(&gateway);
        send(&mut stream, &format!("GET /healthz HTTP/1.0\r\n{head}\r\n"));
        let answer = read_until(&mut stream, "\r\n\r\nok\n");
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
        if ends {
            assert_eq!(read_to_end(&mut stream), "");
        } else {
            send(&mut stream, "GET /healthz HTTP/1.0\r\n\r\n");
            read_until(&mut stream, "\r\n\r\nok\n");
        }
    }
}

/// What a proxy may read in another way than the server does.
#[test]
fn a_head_that_may_mean_several_things_is_refused_and_the_connection_ends() {
    let (gateway, hub) = (Gateway::start(), Hub::start_with(""));
    let chunks = "1\r\n{\r\n0\r\n\r\n";
    for (fields, status) in [
        ("", 400),
        ("Host: localhost\r\n", 200),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host : localhost\r\n", 400),
        ("Host: localhost\r\nX-A: a\r\n b\r\n", 400),
        ("Host: localhost\r\nX-A: a\rb\r\n", 400),
        ("Host: localhost\r\nX-A: a\0b\r\n", 400),
        ("Host: localhost\r\nContent-Length: 0\r\nContent-Length: 1\r\n", 400),
        ("Host: localhost\r\nContent-Length: 0, 1\r\n", 400),
        ("Host: localhost\r\nContent-Length: +0\r\n", 400),
        ("Host: localhost\r\nContent-Length: 11\r\nTransfer-Encoding: chunked\r\n", 200),
        ("Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 11\r\n", 200),
        ("Host: localhost\r\nTransfer-Encoding: chunked\r\n", 200),
        ("Host: localhost\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
        ("Host: localhost\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
        ("Host: localhost\r\nTransfer-Encoding: chunked, chunked\r\n", 501),
        ("Host: localhost\r\nTransfer-Encoding: xchunked, chunked\r\n", 501),
        ("Host: localhost\r\nTransfer-Encoding: gzip\r\n", 400),
    ] {
        for address in [gateway.address(), hub.address()] {
            let has_chunks = fields.contains("Transfer-Encoding");
            let ends_by_itself = status != 200 || has_chunks && fields.contains("Content-Length");
            let body = if has_chunks { chunks } else { "" };
            let end = if ends_by_itself { "" } else { "Connection: close\r\n" };
            let mut stream = connect_to(&address);
            send(&mut stream, &format!("GET /api/status HTTP/1.1\r\n{fields}{end}\r\n{body}"));
            let answer = read_to_end(&mut stream);
            let line = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&line), "{fields:?} to {address}: {answer}");
        }
    }
}

#[test]
fn an_idempotency_key_may_be_quoted() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let keyed = |key: &str| {
        let http = gateway.http().with_header("Idempotency-Key", key);
        http.post("/api/stock/deduct", &without(one("", "A", 1), "request_id"))
    };
    let bare = keyed("k-1");
    assert_eq!((bare.status, &bare.json()["request_id"]), (200, &json!("k-1")));
    assert_eq!(keyed("\"k-1\"").json(), with(bare.json(), "replayed", true));
    assert_eq!(keyed(r#""a \"b\" \\c""#).json()["request_id"], r#"a "b" \c"#);
    for wrong in ["\"", "\"\"", "\"k", "\"k\"x", "\"k\", \"l\"", r#""\k""#] {
        keyed(wrong).refused("bad_request");
    }
    assert_eq!(gateway.http().get("/api/stock/A").json()["on_hand"], 8);
}

#[test]
fn a_request_with_two_idempotency_keys_is_refused() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut stream = connect(&gateway);
    let body = without(one("", "A", 1), "request_id").to_string();
    send(
        &mut stream,
        &format!(
            "POST /api/stock/deduct HTTP/1.1\r\nHost: {}\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            gateway.address(),
            body.len()
        ),
    );
    assert!(read_to_end(&mut stream).starts_with("HTTP/1.1 400"));
}

/// Windows programs write one before UTF-8. It changes no meaning (RFC 8259, 8.1).
#[test]
fn a_byte_order_mark_before_json_is_ignored() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let body = format!("\u{feff}{}", deduction("d1"));
    let answer = gateway.http().send_raw("POST", "/api/stock/deduct", body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = gateway.http().ok("deduct", one("d1", "A", 1));
    assert_eq!(again["replayed"], true);
    let mut ws = gateway.ws();
    ws.send_text("\u{feff}{\"id\":\"m1\",\"op\":\"get\",\"sku\":\"A\"}");
    assert_eq!(ws.outcome(&json!("m1")).unwrap()["on_hand"], 9);
}
