//! Limits on what a client may ask for, how often, and how slowly.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::{uninterrupted, until};
use crate::support::program::Program;
use crate::support::terminal::Terminal;
use crate::support::ws::Ws;

const LIMITED: &str = "requests_per_s = 5\n\
    [[terminals.tokens]]\nname = \"slow\"\nrole = \"operator\"\ntoken = \"slow-secret-01234\"\n\
    [[terminals.tokens]]\nname = \"fast\"\nrole = \"operator\"\ntoken = \"fast-secret-01234\"\n\
    requests_per_s = 0\n";
/// The burst that a limit of five a second allows.
const BURST: usize = 10;
const WRONG_TOKENS_MAX: usize = 100;

#[test]
fn a_token_over_its_limit_is_told_when_to_retry_and_nothing_is_applied() {
    let gateway = Gateway::start_with(LIMITED);
    let slow = gateway.http().with_token("slow-secret-01234");
    let fast = gateway.http().with_token("fast-secret-01234");
    let tries = 4 * BURST;
    let applied = (0..tries)
        .map(|n| slow.put("/api/stock/restock", &one(&format!("r{n}"), "A", 1)))
        .filter(|answer| match answer.status {
            200 => true,
            _ => {
                let problem = answer.refused("overloaded");
                assert_eq!(problem["retry_after_s"], 1, "{problem}");
                assert_eq!(answer.header("retry-after"), Some("1"));
                false
            }
        })
        .count();
    assert!((BURST..tries).contains(&applied), "{applied} of {tries}");
    assert_eq!(fast.clone().figures("A"), (applied as u64, 0));
    (0..tries).for_each(|_| drop(fast.clone().item("A")));
}

#[test]
fn connections_over_the_limit_are_told_so_and_the_others_go_on() {
    /// Of 36 permits, an eighth is kept for other addresses.
    const OF_ONE_ADDRESS: usize = 32;
    let mut gateway = with_files(100, "");
    let mut first = gateway.ws();
    let mut others = Vec::new();
    // A closed connection gives its permit back a little later.
    until("all permits are taken", || {
        match Ws::connect_with(&gateway.address(), &[]) {
            Ok(session) => others.push(session),
            Err(status) => assert_eq!(status, 429),
        }
        others.len() + 1 == OF_ONE_ADDRESS && gateway.http().get("/healthz").status == 429
    });

    let answer = gateway.http().get("/api/stock/A");
    answer.refused("overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    let said = "the 32 connections that one address may have are in use, others are refused";
    assert_eq!(gateway.log().matches(said).count(), 1, "{}", gateway.log());
    first.ok("restock", one("r1", "A", 1));

    drop(others);
    until("there is a permit again", || gateway.http().get("/healthz").status == 200);
    first.ok("restock", one("r2", "A", 1));
    assert_eq!(gateway.terminate(), Some(0));
}

/// With tokens and without.
#[test]
fn silent_connections_give_way_to_clients_and_to_one_another() {
    for (tokens, token) in [("", ""), (LIMITED, "fast-secret-01234")] {
        let gateway = with_files(100, tokens);
        let http = gateway.http().with_token(token);
        let mut session = gateway.ws();
        session.ok("auth", json!({"token": token}));
        let mut silent = Vec::new();
        for n in 0..300 {
            silent.push(connect(&gateway));
            if n % 10 == 0 {
                http.clone().ok("restock", one(&format!("r{n}"), "A", 1));
                gateway.ws().ok("auth", json!({"token": token}));
            }
        }
        session.item("A");
        assert_eq!(gateway.http().get("/healthz").status, 200);
        silent.iter().take(200).for_each(assert_closed);
        let mut answer = [0; 16];
        let mut newest = silent.last().unwrap();
        newest.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        newest.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        uninterrupted(|| newest.read(&mut answer)).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        assert!(gateway.log().contains("give way"), "{}", gateway.log());
    }
}

/// A running gateway that may open so many files.
fn with_files(files: usize, extra: &str) -> Gateway {
    let program = Program::gateway().run_by(&format!("prlimit --nofile={files}:{files}"));
    let mut gateway = Gateway::prepare_with(program, extra);
    gateway.launch();
    gateway
}

fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(("127.0.0.1", gateway.port())).unwrap()
}

fn assert_closed(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    match uninterrupted(|| stream.read(&mut [0; 1])) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("still open: {other:?}"),
    }
}

/// Before a token 1 KiB, in one frame or in several, then 64 KiB.
#[test]
fn a_message_of_an_unknown_client_is_short() {
    let gateway = Gateway::start_with(LIMITED);
    let message = |bytes: usize| {
        let text = r#"{"id":1,"op":"status","token":""}"#;
        text.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes + 2 - text.len() - 2)))
    };
    for bytes in [1_025, 3_000, 60_000] {
        let mut unknown = gateway.ws();
        assert_eq!(message(bytes).len(), bytes);
        unknown.send_text(&message(1_024));
        assert_eq!(unknown.next_answer()["ok"], false);
        unknown.send_text(&message(bytes));
        let closed = unknown.wait_closed(Duration::from_secs(5)).map(|closed| closed.code);
        assert_eq!(closed, Some(Some(1009)), "{bytes}");
    }
    let mut in_parts = gateway.ws();
    in_parts.send_unfinished(8, 1_000);
    let closed = in_parts.wait_closed(Duration::from_secs(5)).map(|closed| closed.code);
    assert_eq!(closed, Some(Some(1009)));

    let mut known = gateway.ws();
    known.ok("auth", json!({"token": "fast-secret-01234"}));
    known.send_text(&message(60_000));
    assert_eq!(known.next_answer()["id"], 1);
}

#[test]
fn a_limit_holds_for_all_sessions_of_a_token_together() {
    let gateway = Gateway::start_with(LIMITED);
    let mut sessions = [gateway.ws(), gateway.ws()];
    for session in &mut sessions {
        session.ok("auth", json!({"token": "slow-secret-01234"}));
    }
    let mut refused = 0;
    for n in 0..4 * BURST {
        let answer = sessions[n % 2].call("restock", one(&format!("r{n}"), "A", 1));
        if let Err(error) = answer {
            assert_eq!(
                (&error["code"], &error["retry_after_s"]),
                (&json!("overloaded"), &json!(1))
            );
            refused += 1;
        }
    }
    assert!(refused >= BURST, "{refused}");
    sleep(Duration::from_millis(300));
    sessions[0].ok("restock", one("later", "A", 1));
}

#[test]
fn without_a_limit_no_request_is_delayed() {
    let gateway = Gateway::stocked(&[("A", 5_000)]);
    let bodies = (0..5_000).map(|n| one(&format!("d{n}"), "A", 1));
    assert!(gateway.ws().pipelined("deduct", bodies).iter().all(Result::is_ok));
}

#[test]
fn a_client_that_guesses_tokens_is_throttled_and_a_known_token_is_not() {
    let gateway = Gateway::start_with(LIMITED);
    let mut open = gateway.ws();
    open.ok("auth", json!({"token": "fast-secret-01234"}));
    let mut guesser = gateway.ws();
    let mut tried = 0;
    let refusal = loop {
        let guess = json!({"token": format!("guess-{tried}")});
        let refusal = guesser.call("auth", guess).unwrap_err();
        if refusal["code"] != "unauthorized" {
            break refusal;
        }
        tried += 1;
        assert!(tried < 2 * WRONG_TOKENS_MAX, "guesses are not limited");
    };
    assert!(tried >= WRONG_TOKENS_MAX, "{tried}");
    assert_eq!((&refusal["code"], &refusal["retry_after_s"]), (&json!("throttled"), &json!(1)));
    let over_http = |n: u32| gateway.http().with_token(&format!("other-{n}")).get("/api/status");
    let answer = (0..10).map(over_http).find(|answer| answer.status == 429).unwrap();
    answer.refused("throttled");
    assert_eq!(answer.header("retry-after"), Some("1"));

    gateway.http().with_token("fast-secret-01234").ok("status", json!({}));
    gateway.ws().ok("auth", json!({"token": "fast-secret-01234"}));
    open.ok("restock", one("r1", "A", 1));
    assert_eq!(gateway.http().get("/healthz").status, 200);
}

/// A device that was not given the new token, at the address of others.
#[test]
fn a_device_with_an_old_token_throttles_nothing_but_itself() {
    let gateway = Gateway::start_with(LIMITED);
    let old = gateway.http().with_token("an-old-token-of-before");
    let good = gateway.http().with_token("fast-secret-01234");
    let codes: Vec<_> = (0..3 * WRONG_TOKENS_MAX)
        .map(|n| {
            good.clone().ok("restock", one(&format!("r{n}"), "A", 1));
            old.get("/api/status").problem()["code"].as_str().unwrap().to_owned()
        })
        .collect();
    let refused = |code: &str| codes.iter().filter(|found| *found == code).count();
    assert!(refused("unauthorized") >= WRONG_TOKENS_MAX, "{codes:?}");
    assert!(refused("throttled") >= WRONG_TOKENS_MAX, "{codes:?}");
    let other = gateway.http().with_token("another-wrong-token").get("/api/status");
    other.refused("unauthorized");
}

#[test]
fn a_head_that_is_too_long_or_has_too_many_headers_is_refused() {
    let gateway = Gateway::start();
    let head = |headers: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let many: String = (0..100).map(|n| format!("X-{n}: x\r\n")).collect();
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    for headers in [many, long] {
        let answer = said_to(&gateway, &head(&headers));
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let few: String = (0..50).map(|n| format!("X-{n}: x\r\n")).collect();
    assert!(said_to(&gateway, &head(&few)).starts_with("HTTP/1.1 200"));
}

/// One test, so that the waits overlap.
#[test]
fn slow_and_silent_clients_are_closed_in_time() {
    let gateway = Gateway::start_with(LIMITED);
    let connect = || TcpStream::connect(gateway.address()).unwrap();
    let say = |mut stream: TcpStream, text: &str| {
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let began = Instant::now();
    let mut stranger = gateway.ws();
    let body = "POST /api/stock/deduct HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\
                Authorization: Bearer fast-secret-01234\r\n\r\n{";
    let body = say(connect(), body);
    let silent = connect();
    let trickling = say(connect(), "GET / HTTP/1.1\r\n");
    let idle = say(connect(), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");

    let mut letters = trickling.try_clone().unwrap();
    while began.elapsed() < Duration::from_secs(9) && letters.write_all(b"X: y\r\n").is_ok() {
        sleep(Duration::from_millis(500));
    }
    wait_for_end(&silent, began, 4..20);
    wait_for_end(&trickling, began, 9..25);
    let closed = stranger.wait_closed(Duration::from_secs(20)).expect("nobody said who it is");
    assert_eq!(closed.code, Some(1008));
    assert!(wait_for_end(&body, began, 12..45).starts_with("HTTP/1.1 400"));
    assert!(wait_for_end(&idle, began, 25..90).starts_with("HTTP/1.1 200"));
    assert_eq!(gateway.http().get("/healthz").status, 200);
}

fn said_to(gateway: &Gateway, text: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(text.as_bytes());
    let mut answer = [0; 4096];
    let bytes = uninterrupted(|| stream.read(&mut answer)).unwrap();
    String::from_utf8_lossy(&answer[..bytes]).into_owned()
}

/// Reads until the gateway closes the connection, which it must do this many seconds after `began`.
fn wait_for_end(mut stream: &TcpStream, began: Instant, seconds: std::ops::Range<u64>) -> String {
    let deadline = Duration::from_secs(seconds.end).saturating_sub(began.elapsed());
    stream.set_read_timeout(Some(deadline.max(Duration::from_millis(100)))).unwrap();
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match uninterrupted(|| stream.read(&mut buffer)) {
            Ok(0) => break,
            Ok(bytes) => heard.extend_from_slice(&buffer[..bytes]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("still open after {:?}: {error}", began.elapsed()),
        }
    }
    assert!(began.elapsed().as_secs() >= seconds.start, "closed after {:?}", began.elapsed());
    String::from_utf8_lossy(&heard).into_owned()
}
