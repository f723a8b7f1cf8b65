//! Messages to the service manager, and a clean stop.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::manager::Manager;
use crate::support::patience::{stretched, until};
use crate::support::process::run_to_end;
use crate::support::terminal::{Port, Terminal as _, number};
use crate::support::ws::Ws;

/// The limit in the unit: a stop never takes longer.
const STOP_LIMIT: Duration = Duration::from_secs(5);

fn watched_by(manager: &Manager, interval: Duration) -> Gateway {
    let mut gateway = Gateway::prepare("");
    gateway.set_env("NOTIFY_SOCKET", &manager.address);
    gateway.set_env("WATCHDOG_USEC", &interval.as_micros().to_string());
    gateway
}

#[test]
fn a_service_manager_is_told_of_readiness_progress_and_the_stop() {
    let directory = tempfile::tempdir().unwrap();
    let name = format!("stockgate-contract-{}", std::process::id());
    for manager in [Manager::in_directory(directory.path()), Manager::abstract_named(&name)] {
        let mut gateway = watched_by(&manager, stretched(Duration::from_secs(4)));
        gateway.spawn();

        manager.hear_of(|line| line == "STATUS=Opening the database.");
        manager.hear_of(|line| line == "READY=1");
        assert_eq!(gateway.http().get("/readyz").status, 200, "it is true as soon as it is said");
        manager.hear_of(|line| line == "WATCHDOG=1");
        manager.hear_of(|line| line == "WATCHDOG=1");

        assert_eq!(gateway.terminate(), Some(0));
        manager.hear_of(|line| line == "STOPPING=1");
    }
}

#[test]
fn the_service_status_is_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::in_directory(directory.path());
    let mut gateway = watched_by(&manager, Duration::from_secs(4));
    gateway.spawn();
    let said = manager.hear_of(|line| line.starts_with("STATUS=Running"));
    assert_eq!(said, "STATUS=Running; no hub is configured.");
    gateway.terminate();

    gateway.set_env("STOCKGATE_MQTT__URL", "mqtt://127.0.0.1:9");
    gateway.spawn();
    let said = manager.hear_of(|line| line.contains("127.0.0.1:9"));
    assert!(said.contains("0 entries wait for the hub: the broker 127.0.0.1:9 cannot"), "{said}");
}

/// As long as the file is invalid: the exit code of a reload cannot report it.
#[test]
fn the_service_status_reports_an_invalid_new_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::in_directory(directory.path());
    let mut gateway = watched_by(&manager, Duration::from_secs(4));
    gateway.launch();
    gateway.configure(&gateway.address(), "[stock]\nreservation_ttl_s = 0\n");
    gateway.signal("HUP");
    manager.hear_of(|line| line == "RELOADING=1");
    let said = manager.hear_of(|line| line.starts_with("STATUS="));
    assert!(said.starts_with("STATUS=The new configuration is not valid; the old one"), "{said}");
    assert!(said.contains("stock.reservation_ttl_s") && said.contains("Running"), "{said}");

    gateway.configure(&gateway.address(), "");
    gateway.signal("HUP");
    manager.hear_of(|line| line == "RELOADING=1");
    let said = manager.hear_of(|line| line.starts_with("STATUS="));
    assert_eq!(said, "STATUS=Running; no hub is configured.");
}

#[test]
fn a_gateway_that_cannot_open_its_port_never_says_that_it_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::in_directory(directory.path());
    let gateway = watched_by(&manager, Duration::from_secs(4));
    let _taken = TcpListener::bind(gateway.address()).unwrap();
    let ended = run_to_end(&mut gateway.command());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(manager.count_so_far("READY=1"), 0);
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::in_directory(directory.path());
    let mut gateway = watched_by(&manager, Duration::from_secs(1));
    gateway.set_env("WATCHDOG_PID", "1");
    gateway.launch();
    sleep(Duration::from_secs(1));
    assert_eq!(manager.count_so_far("WATCHDOG=1"), 0);
}

/// Terminals at work, one that does not read, one that only keeps its connection open, and a
/// request that is never complete.
#[test]
fn a_stop_takes_at_most_5_seconds_and_loses_nothing_that_was_answered() {
    let mut gateway = Gateway::stocked(&[("A", 1)]);
    let idle = gateway.ws();
    let mut deaf = gateway.ws();
    deaf.send("subscribe", json!({"all": true}));
    let mut half = TcpStream::connect(gateway.address()).unwrap();
    half.write_all(b"POST /api/stock/deduct HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();
    let busy: Vec<_> = (0..4).map(|n| work(gateway.ws(), n)).collect();
    let mut looking = gateway.http();
    until("they are at work", || number(&looking.item("A"), "on_hand") > 1 + 4);

    let began = Instant::now();
    assert_eq!(gateway.terminate(), Some(0));
    let took = began.elapsed();

    assert!(took <= stretched(STOP_LIMIT), "{took:?}");
    drop((idle, deaf, half));
    let answered: Vec<Value> = busy.into_iter().flat_map(|busy| busy.join().unwrap()).collect();
    assert!(answered.len() > 4, "they have been at work");
    gateway.launch();
    let mut terminal = gateway.terminal(Port::WebSocket);
    for first in answered {
        let request_id = first["request_id"].as_str().unwrap();
        let again = terminal.ok("restock", one(request_id, "A", 1));
        assert_eq!(again["replayed"], true, "{again}");
        assert_eq!(again["seq"], first["seq"], "{again}");
    }
}

/// Restocks one after the other until the connection ends; returns the answers.
fn work(mut ws: Ws, worker: usize) -> std::thread::JoinHandle<Vec<Value>> {
    std::thread::spawn(move || {
        let call = |n: usize| ws.try_call("restock", one(&format!("w{worker}-{n}"), "A", 1));
        (0..).map(call).map_while(|answer| answer.ok()?.ok()).collect()
    })
}
