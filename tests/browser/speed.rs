//! How soon the page shows stock, and what it loads for that. Times are printed, not asserted: they
//! are the machine's. `scripts/test` keeps them in its log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::driver::{Browser, target};
use super::page::Page;
use crate::support::bodies::many;
use crate::support::catalogue::{list, named};
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

const LISTINGS: usize = 100_000;
/// How many items and pages of barcodes the browser has stored.
const STORED: &str = "
    if (!(await indexedDB.databases()).length) return [0, 0];
    const done = (asked) => new Promise((resolve, reject) => Object.assign(asked, { onsuccess: () => resolve(asked.result), onerror: reject }));
    const database = await done(indexedDB.open('stockgate'));
    const counts = await Promise.all(['stock', 'barcodes'].map((store) => done(database.transaction(store).objectStore(store).count())));
    database.close();
    return counts";
/// How long the page is busy with a search, and how many items it shows then.
const SEARCH: &str = "
    const field = document.getElementById('code');
    const type = (text) => { field.value = text; field.dispatchEvent(new Event('input', { bubbles: true })); };
    const from = performance.now();
    type(arguments[0]);
    const took = performance.now() - from;
    const found = document.querySelectorAll('#found li').length;
    type('');
    return [Math.round(took), found]";

#[test]
#[ignore = "lists 100,000 items, which takes a minute: cargo test --features real-parts --test browser -- --ignored --nocapture listings"]
fn a_hundred_thousand_listings_are_kept_opened_and_searched() {
    let mut gateway = Gateway::start();
    let colours = ["red", "white", "grün", "blue", "cream", "black", "rosé", "silver"];
    let things = ["lamp", "lantern", "heart holder", "Tür stop", "cake stand", "bag"];
    let listing = |n: usize| {
        let name = format!("{} hanging {} no {n}", colours[n % 8], things[n / 8 % 6]);
        named(&format!("SKU-{n:06}"), &name, &[&format!("{}", 4_000_000_000_000_usize + n)])
    };
    list(&mut gateway, (0..LISTINGS).map(listing).collect());
    let page = Page::of(Browser::start(), "about:blank");
    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": OBSERVE}));
    let began = Instant::now();
    page.go(&gateway.url());
    page.until_connected();
    until("all of it is stored", || {
        let stored = page.promise(STORED, &[]);
        stored[0] == json!(LISTINGS) && stored[1].as_u64() >= Some(100)
    });
    let tasks = |page: &Page| page.script("return window.longTasks.splice(0)", &[]);
    eprintln!("stored after {:.1?}, long tasks {}", began.elapsed(), tasks(&page));
    let search = |text: &str| {
        let took = page.script(SEARCH, &[json!(text)]);
        eprintln!("{text:?}: {} ms, {} items", took[0], took[1]);
        took[1].as_u64().unwrap()
    };
    for (text, found) in
        [("lantern", 20), ("gru lamp", 20), ("no 77777", 1), ("000077777", 1), ("zzzz", 0)]
    {
        assert_eq!(search(text), found, "{text}");
    }

    gateway.kill9();
    page.go(&gateway.url());
    until("the stock of before is shown", || page.is_shown("#low li"));
    eprintln!("without the gateway, first stock: {}", page.script("return window.firstStock", &[]));
    until("all of it is opened", || search("no 99999") == 1);
    eprintln!("long tasks {}", tasks(&page));
    let took = page.promise(SCAN, &[json!("SKU-077777")]).as_f64().unwrap();
    eprintln!("scan to figure {took:.0} ms");
    page.scan("4000000077777");
    page.until_item("SKU-077777");
}
