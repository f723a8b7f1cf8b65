//! A filesystem that becomes read-only, as failing flash does; one that lacks operations; and one
//! that hangs.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::load::{Told, assert_healthy, assert_queries_work, assert_refused};
use crate::support::bodies::one;
use crate::support::manager::Manager;
use crate::support::patience::until;
use crate::support::process::run_to_end;
use crate::support::small_disk::SmallDisk;
use crate::support::terminal::Terminal as _;
use crate::support::ws::Ws;

const DISK: u64 = 64 << 20;
const MOVEMENTS: usize = 2_000;
const INTERVAL: Duration = Duration::from_secs(4);

/// As on some flash filesystems.
#[test]
fn the_reserve_is_written_where_it_cannot_be_allocated() {
    let (mut gateway, disk) = SmallDisk::without_extents(DISK);
    gateway.launch();
    assert!(disk.has_whole_reserve(), "a file with a hole holds nothing back");
    let mut told = Told::default();
    assert!(!told.restock(&gateway, 1), "and mutations are accepted");
}

#[test]
fn a_filesystem_that_breaks_loses_nothing_that_was_answered() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    let mut told = Told::default();
    assert!(!told.restock(&gateway, MOVEMENTS));

    disk.break_down();
    told.until_unavailable(&gateway);
    assert_refused(&gateway, "database: ");
    assert_refused(&gateway, "fails or can only be read");
    assert_queries_work(&gateway);
    told.assert_in_ledger(&gateway);

    gateway.kill9();
    disk.repair();
    gateway.launch();
    told.assert_in_ledger(&gateway);
    told.resend(&gateway);
    told.assert_in_ledger(&gateway);
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}

/// File modes do not restrict root. A read-only filesystem and an immutable file do.
#[test]
fn the_doctor_finds_what_even_root_cannot_write() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    gateway.http().ok("restock", one("in", "A", 1));
    assert_eq!(gateway.terminate(), Some(0));

    for name in [".", "stockgate.db", "reserve", "lock", "position"] {
        disk.change_attributes(name, "+i");
        assert_found(&disk, "is marked immutable", "chattr -i");
        disk.change_attributes(name, "-i");
    }
    disk.remount("ro");
    assert_found(&disk, "a filesystem that is mounted read-only", "remount,rw");
    disk.remount("rw");
    assert_healthy(&disk);
}

fn assert_found(disk: &SmallDisk, fault: &str, next: &str) {
    let visit = disk.doctor();
    let lines: Vec<&str> = visit.stdout.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("WRONG") && line.contains(fault));
    let at = at.unwrap_or_else(|| panic!("the doctor does not say {fault:?}: {visit:?}"));
    assert!(lines[at + 1].contains(next), "{visit:?}");
    assert!(!visit.stdout.contains("restore"), "nothing is damaged: {visit:?}");
    assert_eq!(visit.code, Some(1), "{visit:?}");
}

/// A clean stop removes the log and its index, and the start cannot make them then.
#[test]
fn a_start_without_inodes_says_so_and_not_that_the_disk_fails() {
    let (mut gateway, disk) = SmallDisk::with_few_inodes(DISK);
    gateway.launch();
    gateway.http().ok("restock", one("in", "A", 1));
    assert_eq!(gateway.terminate(), Some(0));
    disk.use_up_inodes();

    let start = run_to_end(&mut gateway.command());
    assert_eq!(start.code, Some(1));
    assert!(start.stderr.contains("out of inodes, though"), "{}", start.stderr);
    assert_found(&disk, "0 inodes are free", "df -i");

    disk.free_inodes();
    gateway.launch();
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}

/// The service manager must not be told that all is well.
#[test]
fn a_hanging_disk_stops_the_watchdog_until_it_recovers() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    let manager = Manager::in_directory(gateway.dir());
    gateway.set_env("NOTIFY_SOCKET", &manager.address);
    gateway.set_env("WATCHDOG_USEC", &INTERVAL.as_micros().to_string());
    gateway.launch();
    manager.hear_of(|line| line == "WATCHDOG=1");

    let hanging = disk.hang();
    let mut terminal = gateway.ws();
    let waiting = terminal.send("restock", one("in-1", "A", 1));
    sleep(2 * INTERVAL);
    manager.count_so_far("WATCHDOG=1");
    sleep(2 * INTERVAL);
    assert_eq!(manager.count_so_far("WATCHDOG=1"), 0, "the writer hangs, and is vouched for");
    let mut http = gateway.http();
    assert_eq!(http.get("/healthz").status, 200, "although the event loop goes round");
    let told = http.get("/readyz").refused("storage_unavailable");
    assert!(told["message"].as_str().unwrap().contains("the disk has not answered"), "{told}");
    assert_eq!(http.metric("stockgate_ready"), 0);
    assert_eq!(http.ok("status", json!({}))["ready"], false);

    drop(hanging);
    until("it is ready again", || gateway.http().get("/readyz").status == 200);
    manager.hear_of(|line| line == "WATCHDOG=1");
    assert_eq!(terminal.outcome(&waiting).unwrap()["replayed"], false);
    assert_eq!(gateway.terminate(), Some(0));
}

/// Queries that wait for the disk must not use up the threads that everything else needs.
#[test]
fn queries_that_wait_for_a_hanging_disk_leave_the_rest_alone() {
    const QUERIES: usize = 40;
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    gateway.http().ok("restock", one("in-0", "A", 1));

    let hanging = disk.hang();
    let mut sessions: Vec<_> = (0..QUERIES).map(|_| gateway.ws()).collect();
    sessions[0].send("restock", one("in-1", "A", 1));
    let ledger = |ws: &mut Ws| ws.send("ledger", json!({}));
    let asked: Vec<_> = sessions.iter_mut().map(ledger).collect();
    sleep(Duration::from_secs(1));
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(gateway.http().get("/metrics").status, 200);
        assert_eq!(gateway.http().metric("stockgate_ledger_seq"), 1);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    // The mutation before it still waits.
    for (ws, id) in sessions.iter_mut().zip(&asked).skip(1) {
        if let Err(error) = ws.outcome(id) {
            assert_eq!(error["code"], "storage_unavailable", "{error}");
        }
    }
    drop(hanging);
    until("it is ready again", || gateway.http().get("/readyz").status == 200);
    gateway.http().ok("ledger", json!({}));
    assert_eq!(gateway.terminate(), Some(0));
}
