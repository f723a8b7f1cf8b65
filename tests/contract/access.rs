//! Tokens, roles and origins.

use serde_json::{Value, json};

use crate::support::bodies::{count, one, reservation, rollback};
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::process::run_to_end;
use crate::support::terminal::{Port, Terminal};
use crate::support::ws::Ws;

const TOKENS: &str = r#"
[[terminals.tokens]]
name = "screen"
role = "viewer"
token = "the-viewer-secret"
[[terminals.tokens]]
name = "line-3"
role = "operator"
token = "the-operator-secret"
[[terminals.tokens]]
name = "office"
role = "admin"
token = "the-admin-secret"
"#;

const PORTS: [Port; 2] = [Port::Http, Port::WebSocket];

#[test]
fn a_viewer_may_query_but_not_change_anything() {
    let gateway = guarded();
    for port in PORTS {
        let mut viewer = authorized(&gateway, port, "the-viewer-secret");
        for (op, body) in queries() {
            viewer.ok(op, body);
        }
        for (op, body) in mutations() {
            viewer.refused(op, body, "forbidden");
        }
    }
}

#[test]
fn operators_and_admins_may_change_the_stock() {
    for token in ["the-operator-secret", "the-admin-secret"] {
        for port in PORTS {
            let gateway = guarded();
            let mut terminal = authorized(&gateway, port, token);
            for (op, body) in mutations().into_iter().chain(queries()) {
                terminal.ok(op, body);
            }
        }
    }
}

#[test]
fn a_request_that_was_forbidden_leaves_no_trace() {
    let gateway = guarded();
    for port in PORTS {
        let request_id = format!("over {port:?}");
        let mut viewer = authorized(&gateway, port, "the-viewer-secret");
        viewer.refused("restock", one(&request_id, "A", 1), "forbidden");

        let mut operator = authorized(&gateway, port, "the-operator-secret");
        let answer = operator.ok("restock", one(&request_id, "A", 2));

        assert_eq!(answer["replayed"], false, "{request_id}");
    }
}

#[test]
fn without_a_valid_token_the_api_is_closed() {
    let gateway = guarded();
    let plain = gateway.http();
    let clients = [
        plain.clone(),
        plain.with_token("wrong"),
        plain.with_token("the-operator-secret-and-more"),
        plain.with_token("the-operator-secre"),
        plain.with_token(""),
        plain.with_header("Authorization", "Basic the-operator-secret"),
        plain.with_header("Authorization", "the-operator-secret"),
    ];
    for mut client in clients {
        for (op, body) in queries().into_iter().chain(mutations()) {
            client.refused(op, body, "unauthorized");
        }
    }
}

#[test]
fn health_the_page_and_local_metrics_need_no_token() {
    let gateway = guarded();
    for path in ["/healthz", "/readyz", "/", "/metrics"] {
        assert_eq!(gateway.http().get(path).status, 200, "{path}");
    }
}

#[test]
fn before_auth_everything_else_over_websocket_is_unauthorized() {
    let gateway = guarded();
    let mut ws = gateway.ws();
    let subscriptions = [("subscribe", json!({"all": true})), ("unsubscribe", json!({}))];

    for (op, body) in queries().into_iter().chain(mutations()).chain(subscriptions) {
        ws.refused(op, body, "unauthorized");
    }
    for token in [json!("wrong"), json!("")] {
        ws.refused("auth", json!({"token": token}), "unauthorized");
    }
    ws.refused("status", json!({}), "unauthorized");

    ws.ok("auth", json!({"token": "the-operator-secret"}));
    for (op, body) in mutations() {
        ws.ok(op, body);
    }
}

#[test]
fn the_role_comes_before_what_is_wrong_with_a_message() {
    let gateway = guarded();
    let negative = json!({"request_id": "r", "sku": "A", "quantity": -5});
    let malformed = [("deduct", negative), ("list", json!({"limit": -1}))];
    let mut ws = gateway.ws();
    for (op, body) in malformed.clone() {
        ws.refused(op, body, "unauthorized");
    }
    ws.refused("auth", json!({"token": 7}), "bad_request");
    for (token, codes) in [
        ("the-viewer-secret", ["forbidden", "bad_request"]),
        ("the-operator-secret", ["bad_request", "bad_request"]),
    ] {
        ws.ok("auth", json!({"token": token}));
        for ((op, body), code) in malformed.clone().into_iter().zip(codes) {
            ws.refused(op, body, code);
        }
    }
}

#[test]
fn a_viewer_may_subscribe() {
    let gateway = guarded();
    let mut ws = gateway.ws();
    ws.ok("auth", json!({"token": "the-viewer-secret"}));

    assert_eq!(ws.ok("subscribe", json!({"all": true}))["matched"], 1);
    ws.ok("unsubscribe", json!({}));
}

#[test]
fn the_authorization_header_of_the_handshake_is_enough() {
    let gateway = guarded();
    let header = [("Authorization", "Bearer the-operator-secret")];

    let mut ws = Ws::connect_with(&gateway.address(), &header).unwrap();

    ws.ok("restock", one("r1", "A", 1));
}

#[test]
fn a_wrong_token_in_the_handshake_opens_nothing() {
    let gateway = guarded();
    let header = [("Authorization", "Bearer wrong")];

    match Ws::connect_with(&gateway.address(), &header) {
        Ok(mut ws) => {
            ws.refused("status", json!({}), "unauthorized");
        }
        Err(status) => assert_eq!(status, 401),
    }
}

#[test]
fn without_tokens_a_local_terminal_may_do_everything() {
    let gateway = Gateway::stocked(&[("A", 100)]);

    for (op, body) in mutations().into_iter().chain(queries()) {
        gateway.ws().ok(op, body);
    }
}

#[test]
fn a_foreign_origin_is_forbidden() {
    let gateway =
        Gateway::stocked_with(r#"allowed_origins = ["https://wms.example"]"#, &[("A", 10)]);
    let other_port = format!("http://127.0.0.1:{}", gateway.port() - 1);
    for origin in ["http://evil.example", "https://wms.example.evil", &other_port, "null"] {
        let handshake = Ws::connect_with(&gateway.address(), &[("Origin", origin)]);
        assert_eq!(handshake.err(), Some(403), "{origin}");

        let mut http = gateway.http().with_header("Origin", origin);
        http.refused("deduct", one("r1", "A", 1), "forbidden");
        http.refused("get", json!({"sku": "A"}), "forbidden");
    }
    gateway.http().ok("deduct", one("r1", "A", 10));
}

#[test]
fn the_same_origin_and_a_configured_one_are_allowed() {
    let gateway =
        Gateway::stocked_with(r#"allowed_origins = ["https://wms.example"]"#, &[("A", 10)]);
    for origin in [gateway.url().as_str(), "https://wms.example"] {
        let handshake = Ws::connect_with(&gateway.address(), &[("Origin", origin)]);
        handshake.unwrap_or_else(|status| panic!("{origin}: {status}")).item("A");

        gateway.http().with_header("Origin", origin).item("A");
    }
}

#[test]
fn a_page_opened_as_localhost_is_of_the_same_origin() {
    let gateway = Gateway::start();
    let host = format!("localhost:{}", gateway.port());
    let origin = format!("http://{host}");

    let ws = Ws::connect_as(&host, &gateway.address(), &[("Origin", &origin)]);

    ws.unwrap_or_else(|status| panic!("{origin}: {status}")).ok("status", json!({}));
}

#[test]
fn a_trailing_line_feed_is_not_part_of_a_token() {
    let mut gateway = Gateway::prepare(&token_in("line-3.token"));
    for text in ["file-secret-0123456789", "file-secret-0123456789\n"] {
        gateway.write("line-3.token", text);
        gateway.restart();

        gateway.http().with_token("file-secret-0123456789").ok("status", json!({}));
    }
}

#[test]
fn a_token_file_is_read_from_the_credentials_directory_first() {
    let mut gateway = Gateway::prepare(&token_in("line-3.token"));
    gateway.write("line-3.token", "beside the configuration\n");
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("line-3.token"), "from-credentials\n").unwrap();
    gateway.set_env("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap());

    gateway.launch();

    gateway.http().with_token("from-credentials").ok("status", json!({}));
    gateway.http().get("/api/status").refused("unauthorized");
}

#[test]
fn without_tokens_the_gateway_does_not_listen_beyond_loopback() {
    for (host, tokens) in [("0.0.0.0", ""), ("[::]", ""), ("0.0.0.0", "tokens = []")] {
        let gateway = Gateway::prepare("");
        gateway.configure(&format!("{host}:{}", gateway.port()), tokens);

        let finished = run_to_end(&mut gateway.command());

        assert_eq!(finished.code, Some(2), "{host}: {finished:?}");
        assert!(finished.stderr.contains("token"), "{host}: {finished:?}");
    }
}

#[test]
fn with_tokens_the_gateway_listens_on_every_address() {
    let mut gateway = Gateway::prepare("");
    gateway.configure(&format!("0.0.0.0:{}", gateway.port()), TOKENS);

    gateway.launch();

    gateway.http().with_token("the-viewer-secret").ok("status", json!({}));
}

#[test]
fn tokens_are_never_logged() {
    let mut gateway = Gateway::prepare(TOKENS);
    gateway.set_env("RUST_LOG", "debug");
    gateway.launch();
    let http = gateway.http();

    http.with_token("the-viewer-secret").ok("status", json!({}));
    http.with_token("wrong-secret").get("/api/status").refused("unauthorized");
    gateway.ws().ok("auth", json!({"token": "the-operator-secret"}));
    gateway.terminate();

    assert!(!gateway.log().contains("-secret"), "{}", gateway.log());
}

#[test]
fn the_metrics_have_the_host_rule_of_the_api() {
    let gateway = Gateway::start();
    for path in ["/metrics", "/api/status"] {
        let with = |name: &str, value: &str| gateway.http().with_header(name, value).get(path);
        with("Host", "rebound.example").refused("forbidden");
        with("Origin", "http://evil.example").refused("forbidden");
        assert_eq!(with("Host", "localhost").status, 200, "{path}");
    }
}

#[test]
fn the_metrics_need_a_token_under_a_name_that_is_not_of_this_machine() {
    let origins = "allowed_origins = [\"http://gw.local:8080\"]\n";
    let gateway = Gateway::start_with(&format!("{origins}{TOKENS}"));
    let hub_tokens = TOKENS.replace("[[terminals.", "[[hub.");
    let hub = Hub::start_with(&format!("{origins}{hub_tokens}"));
    for http in [gateway.http(), hub.http()] {
        let get = |host: &str| http.with_header("Host", host).get("/metrics");
        get("rebound.example").refused("unauthorized");
        let known = http.with_token("the-viewer-secret").with_header("Host", "rebound.example");
        assert_eq!(known.get("/metrics").status, 200);
        for own in ["localhost:8080", "127.0.0.1", "[::1]:8080", "gw.local:8080"] {
            assert_eq!(get(own).status, 200, "{own}");
        }
    }
}

#[test]
fn json_is_not_kept_on_the_way_and_not_taken_for_something_else() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    for (path, status) in
        [("/api/stock/A", 200), ("/api/stock/B", 404), ("/nothing", 404), ("/metrics", 200)]
    {
        let answer = gateway.http().get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let page = gateway.http().get("/");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-cache"), "it has an entity tag");
}

#[test]
fn a_configured_origin_gets_cross_origin_answers_and_others_none() {
    const SHOP: &str = "https://wms.example";
    let gateway = Gateway::start_with(&format!("allowed_origins = [\"{SHOP}\"]\n{TOKENS}"));
    let asks = |origin: &str, path: &str| {
        let http = gateway.http().with_header("Origin", origin);
        let http = http.with_header("Access-Control-Request-Method", "POST");
        let http = http.with_header("Access-Control-Request-Headers", "authorization,content-type");
        http.send("OPTIONS", path, None)
    };
    let answer = asks(SHOP, "/api/reservations/r1/commit");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let headers = answer.header("access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "idempotency-key"] {
        assert!(headers.contains(name), "{headers}");
    }
    let methods = asks(SHOP, "/api/stock/A");
    assert_eq!(methods.header("access-control-allow-methods"), Some("GET, HEAD"));
    let foreign = asks("https://evil.example", "/api/reservations/r1/commit");
    foreign.refused("forbidden");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    // No browser asks, so nobody is let in.
    let plain = gateway.http().send("OPTIONS", "/api/reservations/r1/commit", None);
    assert_eq!((plain.status, plain.header("allow")), (204, Some("POST, OPTIONS")));
    assert_eq!(plain.header("access-control-allow-methods"), None);
    let other = gateway.http().get("/api/reservations/r1/commit");
    assert_eq!((other.status, other.header("allow")), (405, Some("POST, OPTIONS")));

    let from_shop = gateway.http().with_header("Origin", SHOP);
    for (http, status) in [(from_shop.with_token("the-viewer-secret"), 200), (from_shop, 401)] {
        let answer = http.get("/api/status");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let own = gateway.http().with_header("Origin", &gateway.url()).get("/healthz");
    assert_eq!(own.header("access-control-allow-origin"), None);
}

#[test]
fn head_works_wherever_get_does() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/stock/A"] {
        let answer = gateway.http().send("HEAD", path, None);
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        let content_type = gateway.http().get(path).content_type;
        assert_eq!(answer.content_type, content_type, "{path}");
    }
    assert_eq!(gateway.http().send("HEAD", "/api/reservations/r1/commit", None).status, 405);
    let refused = gateway.http().send("DELETE", "/api/status", None);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn an_encoded_body_is_refused() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let with = |encoding| gateway.http().with_header("Content-Encoding", encoding);
    let both = with("identity").with_header("Content-Encoding", "gzip");
    for http in [with("gzip"), with("identity"), with(""), both] {
        http.post("/api/stock/deduct", &one("d1", "A", 1)).refused("unsupported_media_type");
    }
    gateway.http().ok("deduct", one("d1", "A", 10));
}

/// A gateway with a token of every role, and some stock.
fn guarded() -> Gateway {
    let gateway = Gateway::start_with(TOKENS);
    operator(&gateway).ok("restock", one("seed", "A", 100));
    gateway
}

fn operator(gateway: &Gateway) -> Http {
    gateway.http().with_token("the-operator-secret")
}

fn authorized(gateway: &Gateway, port: Port, token: &str) -> Box<dyn Terminal> {
    match port {
        Port::Http => Box::new(gateway.http().with_token(token)),
        Port::WebSocket => {
            let mut ws = gateway.ws();
            ws.ok("auth", json!({"token": token}));
            Box::new(ws)
        }
    }
}

fn token_in(file: &str) -> String {
    format!(
        "[[terminals.tokens]]\nname = \"line-3\"\nrole = \"operator\"\ntoken_file = \"{file}\"\n"
    )
}

fn queries() -> Vec<(&'static str, Value)> {
    vec![
        ("get", json!({"sku": "A"})),
        ("list", json!({})),
        ("ledger", json!({})),
        ("status", json!({})),
    ]
}

/// Every mutation, in an order in which all of them succeed.
fn mutations() -> Vec<(&'static str, Value)> {
    vec![
        ("restock", one("m1", "A", 1)),
        ("deduct", one("m2", "A", 1)),
        ("rollback", rollback("m3", "m2")),
        ("count", count("m4", "A", 50)),
        ("reserve", one("m5", "A", 1)),
        ("commit", reservation("m5")),
        ("reserve", one("m6", "A", 1)),
        ("release", reservation("m6")),
    ]
}
