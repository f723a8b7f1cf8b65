//! The terminal page as it is served. `tests/browser` tests its behaviour.

use crate::support::gateway::Gateway;
use crate::support::http::Answer;

const TOKEN: &str =
    "[[terminals.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken = \"secret-0123456789\"\n";
const BYTES_MAX: usize = 200_000;
const NAMES: [&str; 40] = [
    "action.js",
    "amount.js",
    "app.js",
    "barcode.js",
    "barcodes.js",
    "browser.js",
    "code128.js",
    "codes.js",
    "database.js",
    "de.json",
    "en.json",
    "es.json",
    "feedback.js",
    "fr.json",
    "icon.svg",
    "item.js",
    "link.js",
    "lookup.js",
    "manifest.json",
    "offline.js",
    "operations.js",
    "order.js",
    "orders.js",
    "outbox.js",
    "pl.json",
    "quantity.js",
    "reservations.js",
    "scanner.js",
    "search.js",
    "settings.js",
    "sheet.css",
    "sheet.js",
    "sheet.json",
    "sink.js",
    "stock.js",
    "style.css",
    "texts.js",
    "words.js",
    "work.js",
    "zh.json",
];

#[test]
fn the_page_is_small_and_whole_and_needs_no_token() {
    let gateway = Gateway::start_with(TOKEN);
    let index = gateway.http().get("/");
    assert_eq!(index.content_type, "text/html; charset=utf-8");
    let mut bytes = index.text.len();

    for name in NAMES {
        let file = gateway.http().get(&format!("/page/{name}"));
        assert_eq!(file.status, 200, "{name}");
        assert_eq!(file.content_type, type_of(name), "{name}");
        assert_imports_are_there(&file);
        if is_opened(name) {
            bytes += file.text.len();
        }
    }

    let sheet = gateway.http().get("/scanner");
    assert_eq!(sheet.content_type, "text/html; charset=utf-8");
    assert!(bytes < BYTES_MAX, "{bytes} bytes");
    for named in index.text.split('"').filter_map(|word| word.strip_prefix("page/")) {
        assert!(NAMES.contains(&named), "{named}");
    }
}

/// Whether a terminal loads the file; it loads one language, and the sheet for scanners on demand.
fn is_opened(name: &str) -> bool {
    let is_language = name.len() == "en.json".len() && name.ends_with(".json");
    (!is_language || name == "fr.json")
        && !["sheet.css", "sheet.js", "sheet.json", "barcode.js", "code128.js"].contains(&name)
}

fn type_of(name: &str) -> &'static str {
    match name.rsplit_once('.').unwrap().1 {
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" if name == "manifest.json" => "application/manifest+json",
        "json" => "application/json",
        _ => "text/javascript; charset=utf-8",
    }
}

fn assert_imports_are_there(file: &Answer) {
    for imported in file.text.split('\'').filter_map(|word| word.strip_prefix("./")) {
        assert!(NAMES.contains(&imported), "{imported}");
    }
}

#[test]
fn the_page_may_run_its_own_files_only() {
    let gateway = Gateway::start();
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    for path in ["/", "/scanner", "/page/icon.svg", "/page/offline.js"] {
        let answer = agent.get(format!("{}{path}", gateway.url())).call().unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    }
    for path in ["/page/app.js", "/page/style.css", "/page/en.json"] {
        let answer = agent.get(format!("{}{path}", gateway.url())).call().unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "it is no document");
    }
}

#[test]
fn nothing_else_is_served_beside_the_page() {
    let gateway = Gateway::start();
    for path in [
        "/page/",
        "/page/index.html",
        "/page/scanner.html",
        "/page/..%2Fpage.rs",
        "/page/nothing.js",
    ] {
        gateway.http().get(path).refused("not_found");
    }
    gateway.http().send("POST", "/page/app.js", Some(b"")).refused("method_not_allowed");
}
