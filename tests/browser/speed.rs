//! How soon the page shows stock, and what it loads for that. Times are printed, not asserted: they
//! are the machine's. `scripts/test` keeps them in its log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::driver::{Browser, target};
use super::page::Page;
use crate::support::bodies::many;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

const SKUS: usize = 4_078;
const TRANSFERRED_MAX: f64 = 60_000.0;
/// Notes when the page first shows a figure of the stock, and every task that blocks it.
const OBSERVE: &str = "
    window.firstStock = 0;
    window.longTasks = [];
    new PerformanceObserver((list) => {
        for (const { duration, startTime } of list.getEntries()) window.longTasks.push([Math.round(startTime), Math.round(duration)]);
    }).observe({ type: 'longtask', buffered: true });
    document.addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
        if (!window.firstStock && document.querySelector('#low li')) window.firstStock = performance.now();
    }).observe(document.body, { childList: true, subtree: true }));";
const LOADED: &str = "
    const files = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/page/'));
    const [page] = performance.getEntriesByType('navigation');
    return {
        bytes: [page, ...files].reduce((sum, { transferSize }) => sum + transferSize, 0),
        late: files.filter(({ name, initiatorType }) => initiatorType === 'script' && !name.endsWith('/app.js')).map(({ name }) => name),
        count: files.length,
    }";
/// From the last key of a scan to its figure.
const SCAN: &str = "
    const item = arguments[0];
    const shown = () => document.getElementById('sku').textContent === item && document.querySelector('#available strong').textContent !== '';
    const at = performance.now();
    for (const key of [...item, 'Enter']) document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    while (!shown()) await new Promise(requestAnimationFrame);
    return performance.now() - at";

/// A gateway with as many SKUs as a large shop.
fn large() -> Gateway {
    let gateway = Gateway::start();
    let skus: Vec<String> = (0..SKUS).map(|number| format!("{}", 80_000 + number)).collect();
    let mut http = gateway.http();
    for (at, some) in skus.chunks(1_000).enumerate() {
        let lines: Vec<_> = some.iter().map(|sku| (sku.as_str(), 5)).collect();
        http.ok("restock", many(&format!("seed-{at}"), &lines));
    }
    gateway
}

#[test]
fn the_page_loads_little_and_all_scripts_at_once() {
    let gateway = large();
    for slowed in [1, 6] {
        let mut times: Vec<f64> = (0..5).map(|_| first_stock(&gateway, slowed)).collect();
        times.sort_by(f64::total_cmp);
        eprintln!("first stock of {SKUS} SKUs, processor slowed {slowed}-fold: {times:.0?} ms");
    }
}

/// Opens the page in a new browser, and checks what it loads.
fn first_stock(gateway: &Gateway, slowed: u32) -> f64 {
    let page = Page::of(Browser::start(), "about:blank");
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": OBSERVE}));
    page.command("Emulation.setCPUThrottlingRate", &json!({"rate": slowed}));
    page.go(&gateway.url());
    let first = || page.script("return window.firstStock", &[]).as_f64().unwrap();
    until("stock is shown", || first() > 0.0);
    let loaded = page.script(LOADED, &[]);
    assert_eq!(loaded["late"], json!([]), "found only in another script");
    let bytes = loaded["bytes"].as_f64().unwrap();
    assert!(bytes < TRANSFERRED_MAX, "{bytes} bytes transferred");
    eprintln!("{loaded}, long tasks {}", page.script("return window.longTasks", &[]));
    first()
}

#[test]
fn a_scan_is_shown_while_the_stock_moves() {
    let gateway = large();
    let page = Page::of(Browser::start(), "about:blank");
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": OBSERVE}));
    page.go(&gateway.url());
    page.until_connected();
    until("stock is shown", || page.is_shown("#low li"));
    std::thread::sleep(Duration::from_secs(2));
    page.script("window.longTasks = []", &[]);

    let mover = std::thread::spawn({
        let mut http = gateway.http();
        move || {
            let began = Instant::now();
            for number in 0..300 {
                // A request that takes long is made up for by the next ones.
                let due = began + number * Duration::from_millis(20);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let sku = format!("{}", 80_100 + number);
                http.ok("restock", many(&format!("move-{number}"), &[(sku.as_str(), 1)]));
            }
            began.elapsed()
        }
    });
    let mut times: Vec<f64> = (0..20)
        .map(|number| {
            std::thread::sleep(Duration::from_millis(200));
            page.promise(SCAN, &[json!(format!("{}", 80_000 + number))]).as_f64().unwrap()
        })
        .collect();
    let took = mover.join().unwrap();
    times.sort_by(f64::total_cmp);
    let tasks: Value = page.script("return window.longTasks", &[]);
    let text =
        format!("scan to figure at 300 changes in {took:.1?}: {times:.0?} ms, long tasks {tasks}");
    eprintln!("{text}");
    std::fs::write(target().join("page-speed.txt"), text).unwrap();
}
