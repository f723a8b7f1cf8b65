//! Tokens, roles and origins at the hub.

use serde_json::{Value, json};

use crate::support::bodies::one;
use crate::support::http::{Answer, Http};
use crate::support::hub::Hub;
use crate::support::process::run_to_end;

const TOKENS: &str = r#"
[[hub.tokens]]
name = "screen"
role = "viewer"
token = "the-viewer-secret"
[[hub.tokens]]
name = "shop"
role = "operator"
token = "the-operator-secret"
[[hub.tokens]]
name = "office"
role = "admin"
token = "the-admin-secret"
"#;

const EPOCH: &str = "936da01f-9abd-4d9d-80c7-02af85c82201";

/// A request, and its answer's status for a client that may send it: some have nothing to act on.
struct Asked {
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    status: u16,
}

fn asked(method: &'static str, path: &'static str, body: Option<Value>, status: u16) -> Asked {
    Asked { method, path, body, status }
}

fn queries() -> Vec<Asked> {
    [
        ("/api/gateways", 200),
        ("/api/gateways/wh-01/gw-01", 404),
        ("/api/stock", 200),
        ("/api/stock/A", 200),
        ("/api/ledger?site=wh-01&gateway=gw-01", 404),
        ("/api/reconcile", 200),
        ("/api/recalls/r1", 404),
        ("/api/status", 200),
        ("/api/strangers", 200),
        ("/api/policies", 200),
        ("/api/demand", 200),
        ("/api/catalogue", 200),
    ]
    .map(|(path, status)| asked("GET", path, None, status))
    .into()
}

fn movements() -> Vec<Asked> {
    let to = |id: &str| json!({"request_id": id, "site": "wh-01", "gateway": "gw-01", "sku": "A", "quantity": 1});
    let back = json!({"from": EPOCH, "to": EPOCH});
    vec![
        asked("POST", "/api/receipts", Some(one("m1", "A", 5)), 200),
        asked("POST", "/api/deduct", Some(one("m2", "A", 1)), 200),
        asked("POST", "/api/grants", Some(to("m3")), 404),
        asked("POST", "/api/recalls", Some(to("m4")), 404),
        asked("POST", "/api/gateways/wh-01/gw-01/bring-back", Some(back), 404),
        asked("POST", "/api/gateways/wh-01/gw-01/reopen", Some(json!({"epoch": EPOCH})), 404),
    ]
}

fn administration() -> Vec<Asked> {
    let epoch = json!({"epoch": EPOCH});
    vec![
        asked("PUT", "/api/policies/A", Some(json!({"low_water": 1, "target": 2})), 200),
        asked("PUT", "/api/catalogue", None, 200),
        asked("POST", "/api/gateways/wh-01/gw-01/retire", Some(epoch), 404),
        asked("POST", "/api/gateways/wh-01/gw-01/repair", None, 404),
        asked("DELETE", "/api/policies/A", None, 200),
        asked("DELETE", "/api/gateways/wh-01/gw-01", None, 404),
        asked("DELETE", "/api/stock/A", None, 409),
        asked("DELETE", "/api/stock?site=wh-01&gateway=gw-01", None, 200),
        asked("POST", "/api/gateways", Some(json!({"site": "wh-01", "gateway": "gw-09"})), 200),
    ]
}

fn send(http: &Http, Asked { method, path, body, .. }: &Asked) -> Answer {
    let csv = b"sku,name,barcodes\nA,Anything,\n".to_vec();
    let body = match (*method, body) {
        ("PUT", None) => Some(csv),
        (_, body) => body.as_ref().map(|body| body.to_string().into_bytes()),
    };
    http.send(method, path, body.as_deref())
}

#[test]
fn each_role_may_do_what_it_is_for_and_no_more() {
    for (token, level) in
        [("the-viewer-secret", 0), ("the-operator-secret", 1), ("the-admin-secret", 2)]
    {
        let hub = guarded();
        let http = hub.http().with_token(token);
        for (needed, requests) in [queries(), movements(), administration()].iter().enumerate() {
            for asked in requests {
                let answer = send(&http, asked);
                if level < needed {
                    answer.refused("forbidden");
                } else {
                    assert_eq!(answer.status, asked.status, "{token} {}: {answer:?}", asked.path);
                }
            }
        }
    }
}

#[test]
fn a_request_that_was_forbidden_leaves_no_trace() {
    let hub = guarded();
    let viewer = hub.http().with_token("the-viewer-secret");
    viewer.post("/api/receipts", &one("r1", "A", 1)).refused("forbidden");

    let answer = operator(&hub).post("/api/receipts", &one("r1", "A", 2)).json();

    assert_eq!(answer["replayed"], false);
    assert_eq!(operator(&hub).get("/api/stock/A").json()["unallotted"], 12);
}

#[test]
fn without_a_valid_token_the_api_is_closed() {
    let hub = guarded();
    let plain = hub.http();
    for client in [
        plain.clone(),
        plain.with_token("wrong"),
        plain.with_token("the-operator-secret-and-more"),
        plain.with_token("the-operator-secre"),
        plain.with_token(""),
        plain.with_header("Authorization", "Basic the-operator-secret"),
        plain.with_header("Authorization", "the-operator-secret"),
    ] {
        for asked in queries().iter().chain(&movements()).chain(&administration()) {
            send(&client, asked).refused("unauthorized");
        }
    }
    assert_eq!(operator(&hub).get("/api/stock/A").json()["unallotted"], 10);
}

#[test]
fn health_and_local_metrics_need_no_token() {
    let hub = guarded();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(hub.http().get(path).status, 200, "{path}");
    }
}

#[test]
fn a_foreign_host_or_origin_books_nothing() {
    let hub = Hub::start_with("allowed_origins = [\"https://shop.example\"]\n");
    let other_port = format!("http://127.0.0.1:{}", hub.port() - 1);
    let rebound = hub.http().with_header("Host", "evil.example");
    for client in [
        rebound.clone(),
        rebound.with_header("Origin", "http://evil.example"),
        hub.http().with_header("Origin", "http://evil.example"),
        hub.http().with_header("Origin", "https://shop.example.evil"),
        hub.http().with_header("Origin", &other_port),
        hub.http().with_header("Origin", "null"),
    ] {
        for asked in queries().iter().chain(&movements()).chain(&administration()) {
            let problem = send(&client, asked).refused("forbidden");
            assert!(problem["message"].as_str().unwrap().contains("hub.allowed_origins"));
        }
        client.get("/metrics").refused("forbidden");
    }
    hub.http().get("/api/stock/A").refused("unknown_sku");
}

#[test]
fn the_same_origin_and_a_configured_one_are_allowed() {
    let hub = Hub::start_with("allowed_origins = [\"https://shop.example\"]\n");
    for (n, origin) in [hub.url().as_str(), "https://shop.example"].iter().enumerate() {
        let http = hub.http().with_header("Origin", origin);
        assert_eq!(http.post("/api/receipts", &one(&format!("r{n}"), "A", 1)).status, 200);
    }
    let named = format!("localhost:{}", hub.port());
    assert_eq!(hub.http().with_header("Host", &named).get("/api/stock").status, 200);
}

#[test]
fn a_configured_origin_gets_cross_origin_answers_and_others_none() {
    const SHOP: &str = "https://shop.example";
    let hub = Hub::start_with(&format!("allowed_origins = [\"{SHOP}\"]\n{TOKENS}"));
    let asks = |origin: &str, path: &str| {
        let http = hub.http().with_header("Origin", origin);
        http.with_header("Access-Control-Request-Method", "POST").send("OPTIONS", path, None)
    };
    let answer = asks(SHOP, "/api/receipts");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let headers = answer.header("access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "idempotency-key", "last-event-id"] {
        assert!(headers.contains(name), "{headers}");
    }
    let foreign = asks("https://evil.example", "/api/receipts");
    foreign.refused("forbidden");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    // No browser asks, so nobody is let in.
    let plain = hub.http().send("OPTIONS", "/api/receipts", None);
    assert_eq!((plain.status, plain.header("allow")), (204, Some("POST, OPTIONS")));
    assert_eq!(plain.header("access-control-allow-methods"), None);
    let other = hub.http().get("/api/receipts");
    assert_eq!((other.status, other.header("allow")), (405, Some("POST, OPTIONS")));

    let from_shop = hub.http().with_header("Origin", SHOP);
    for (http, status) in [(from_shop.with_token("the-viewer-secret"), 200), (from_shop, 401)] {
        let answer = http.get("/api/gateways");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let own = hub.http().with_header("Origin", &hub.url()).get("/healthz");
    assert_eq!(own.header("access-control-allow-origin"), None);
}

#[test]
fn head_works_wherever_get_does_and_nothing_is_kept_on_the_way() {
    let hub = stocked("");
    for path in ["/healthz", "/readyz", "/metrics", "/api/gateways", "/api/stock/A"] {
        let answer = hub.http().send("HEAD", path, None);
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        assert_eq!(answer.content_type, hub.http().get(path).content_type, "{path}");
    }
    assert_eq!(hub.http().send("HEAD", "/api/receipts", None).status, 405);
    let refused = hub.http().send("DELETE", "/api/status", None);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    for (path, status) in [("/api/stock/A", 200), ("/api/stock/B", 404), ("/nothing", 404)] {
        let answer = hub.http().get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn an_encoded_body_is_refused() {
    let hub = stocked("");
    let http = hub.http().with_header("Content-Encoding", "gzip");
    http.post("/api/receipts", &one("r1", "A", 1)).refused("unsupported_media_type");
    assert_eq!(hub.http().post("/api/receipts", &one("r1", "A", 2)).status, 200);
}

#[test]
fn wrong_tokens_are_throttled_and_a_known_one_never_is() {
    let hub = guarded();
    let mut throttled = 0;
    for n in 0..150 {
        let answer = hub.http().with_token(&format!("wrong-{n}")).get("/api/stock");
        match answer.status {
            401 => {}
            _ => {
                answer.refused("throttled");
                assert!(answer.header("retry-after").is_some());
                throttled += 1;
            }
        }
        assert_eq!(operator(&hub).get("/api/stock").status, 200);
    }
    assert!(throttled > 20, "{throttled}");
    assert!(hub.log().contains("too many wrong tokens"), "{}", hub.log());
    let page = hub.http().get("/metrics").text;
    let counted = format!("stockgate_hub_refusals_total{{code=\"throttled\"}} {throttled}");
    assert!(page.contains(&counted), "{counted}: {page}");
}

#[test]
fn a_token_has_its_own_limit_of_requests() {
    let limited =
        TOKENS.replacen("role = \"viewer\"\n", "role = \"viewer\"\nrequests_per_s = 1\n", 1);
    let hub = Hub::start_with(&limited);
    let viewer = hub.http().with_token("the-viewer-secret");
    let answers: Vec<Answer> = (0..5).map(|_| viewer.get("/api/stock")).collect();
    let refused =
        answers.iter().find(|answer| answer.status != 200).expect("one is over the limit");
    refused.refused("overloaded");
    for _ in 0..5 {
        assert_eq!(operator(&hub).get("/api/stock").status, 200);
    }
}

#[test]
fn without_tokens_the_hub_does_not_listen_beyond_loopback() {
    for (host, tokens) in [("0.0.0.0", ""), ("[::]", ""), ("0.0.0.0", "tokens = []\n")] {
        let hub = Hub::prepare("");
        hub.configure(&format!("{host}:{}", hub.port()), tokens);

        let finished = run_to_end(&mut hub.command());

        assert_eq!(finished.code, Some(2), "{host}: {finished:?}");
        let place = "stockgate-hub.toml:3: hub.listen: ";
        assert!(finished.stderr.contains(place), "{host}: {finished:?}");
        assert!(finished.stderr.contains("[[hub.tokens]]"), "{host}: {finished:?}");
    }
}

#[test]
fn with_tokens_the_hub_listens_on_every_address() {
    let mut hub = Hub::prepare("");
    hub.configure(&format!("0.0.0.0:{}", hub.port()), TOKENS);

    hub.launch();

    assert_eq!(hub.http().with_token("the-viewer-secret").get("/api/stock").status, 200);
    hub.http().get("/api/stock").refused("unauthorized");
}

#[test]
fn a_token_file_is_read_from_the_credentials_directory_first() {
    let token =
        "[[hub.tokens]]\nname = \"shop\"\nrole = \"operator\"\ntoken_file = \"shop.token\"\n";
    let mut hub = Hub::prepare(token);
    hub.write("shop.token", "beside the configuration\n");
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("shop.token"), "from-credentials\n").unwrap();
    hub.set_env("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap());

    hub.launch();

    assert_eq!(hub.http().with_token("from-credentials").get("/api/stock").status, 200);
    hub.http().with_token("beside the configuration").get("/api/stock").refused("unauthorized");
}

#[test]
fn tokens_are_never_logged() {
    let mut hub = Hub::prepare(TOKENS);
    hub.set_env("RUST_LOG", "debug");
    hub.launch();
    assert_eq!(hub.http().with_token("the-viewer-secret").get("/api/stock").status, 200);
    hub.http().with_token("wrong-secret").get("/api/stock").refused("unauthorized");
    hub.terminate();

    assert!(!hub.log().contains("-secret"), "{}", hub.log());
}

/// A hub with a token of every role, and some stock.
fn guarded() -> Hub {
    stocked(TOKENS)
}

fn stocked(extra: &str) -> Hub {
    let hub = Hub::start_with(extra);
    assert_eq!(operator(&hub).post("/api/receipts", &one("seed", "A", 10)).status, 200);
    hub
}

fn operator(hub: &Hub) -> Http {
    hub.http().with_token("the-operator-secret")
}
