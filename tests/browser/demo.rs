//! The demo's first minute, as a person sees it.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::driver::{Browser, target};
use super::looks::assert_no_barrier;
use super::page::Page;
use crate::support::daemon::Daemon;
use crate::support::patience::until;
use crate::support::program::Program;

/// The demo, whose lines go to a file.
struct Demo {
    daemon: Daemon,
    _alone: MutexGuard<'static, ()>,
}

/// A demo has ports of its own, so there is one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Demo {
    fn start() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // What ships has no demo.
        let mut command = Program::at(Path::new(env!("CARGO_BIN_EXE_stockgate"))).command();
        command.args(["demo", "--duration", "300"]);
        let log = target().join(format!("demo-{}.log", std::process::id()));
        let _ = fs::remove_file(&log);
        let mut daemon = Daemon::new("demo", log.clone());
        let is_ready = || fs::read_to_string(&log).is_ok_and(|text| text.contains(" done "));
        daemon.launch(command, is_ready);
        Self { daemon, _alone: alone }
    }

    /// The address after a word.
    fn address(&self, of: &str) -> String {
        let log = self.daemon.log();
        let line = log.lines().find(|line| line.starts_with(of)).expect("it says where to look");
        line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned()
    }
}

#[test]
fn the_demo_shows_orders_a_falling_item_and_a_cable_to_pull() {
    let demo = Demo::start();
    let log = demo.daemon.log();
    assert!(log.lines().all(|line| line.chars().count() <= 80), "{log}");
    let page = Page::of(Browser::start(), &demo.address("start here"));
    let figures = || page.text("#goods").replace(',', "");
    until("orders come in", || page.text("#orders").contains(" × "));
    let (orders, goods) = (page.text("#orders"), figures());
    until("the orders move", || page.text("#orders") != orders);
    until("the stock moves", || figures() != goods);
    assert!(goods.contains("4099999"), "barcodes: {goods}");
    page.resize(1280, 800, 1, false);
    page.photograph("demo");

    page.click("#cable");
    page.until_text("#link", "You have pulled the cable. The gateway is offline");
    page.until_text("#cable", "Plug the cable in");
    page.click("#cable");
    page.until_text("#link", "The gateway is online");

    page.go(&page.attribute("#goods a", "href"));
    page.until_connected();
    until("an item is opened", || !page.text("#name").is_empty());
    let available = || page.text("#available strong");
    let first = available();
    until("it falls or rises", || available() != first);
    page.photograph("demo-terminal");
    page.go(&demo.address("head office"));
    page.until_text("#gateways", "online");
    page.photograph("demo-hub");
}

/// By its name left out where axe-core cannot be fetched.
#[test]
fn axe_finds_no_barrier_in_the_demo() {
    let demo = Demo::start();
    let page = Page::of(Browser::start(), &demo.address("start here"));
    until("orders come in", || page.text("#orders").contains(" × "));
    assert_no_barrier(&page, "the demo");
}
