//! Storage that cannot be written, because another process holds the database's write lock.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::age::grow_older;
use crate::support::bodies::{one, with};
use crate::support::crowd::on_threads;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::{Outcome, Port, Terminal, number};

const PORTS: [Port; 2] = [Port::Http, Port::WebSocket];
/// Within this time a query is answered although nothing can be written.
const QUERY_LIMIT: Duration = Duration::from_secs(2);
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn while_the_database_is_locked_mutations_are_refused_and_queries_work() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    let lock = hold_the_database(&gateway);

    thread::scope(|scope| {
        let mutations = PORTS.map(|port| {
            let mut terminal = gateway.terminal(port);
            scope.spawn(move || terminal.call("deduct", taken_over(port)))
        });
        sleep(Duration::from_millis(200));
        for port in PORTS {
            assert_queries_work(gateway.terminal(port).as_mut());
        }
        for mutation in mutations {
            assert_eq!(mutation.join().unwrap().unwrap_err()["code"], "storage_unavailable");
        }
    });
    drop(lock);

    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let answer = until_it_is_taken(terminal.as_mut(), &taken_over(port), "storage_unavailable");
        assert_eq!(answer["replayed"], false, "over {port:?}");
    }
    assert_eq!(gateway.http().figures("A"), (98, 0));
}

/// The log of the database begins again only after 1,000 pages. A request changes the end of the
/// ledger's last page; the rest is for new pages and for what is saved once a second.
#[test]
fn a_request_writes_one_page_and_a_half_at_most_while_reservations_are_open() {
    const REQUESTS: u64 = 150;
    let gateway = Gateway::stocked(&[("A", 1_000)]);
    let mut ws = gateway.ws();
    let reserved = ws.pipelined("reserve", (0..100).map(|n| one(&format!("held-{n}"), "A", 1)));
    assert!(reserved.iter().all(Result::is_ok));
    let before = log_bytes(&gateway);

    for n in 0..REQUESTS {
        ws.ok("deduct", one(&format!("r{n}"), "A", 1));
    }

    let written = (log_bytes(&gateway) - before) / REQUESTS;
    assert!((1..=4_120 * 3 / 2).contains(&written), "{written} bytes a request");
}

/// A start reads no more than the last few thousand requests, so that this is found while it runs.
#[test]
fn damage_in_old_entries_stops_no_new_decision() {
    let one_day = "[stock]\nledger_retention_days = 1\n";
    let mut gateway = Gateway::stocked_with(one_day, &[("A", 1_000_000)]);
    for round in 0..30 {
        let bodies = (0..200).map(|n| numbered(round, n));
        let decided = gateway.ws().pipelined("deduct", bodies);
        assert!(decided.iter().all(Result::is_ok));
    }
    let ledger_seq = number(&gateway.http().ok("status", json!({})), "ledger_seq");
    gateway.terminate();
    grow_older(&gateway.database(), ledger_seq);
    destroy_an_old_page(&gateway.database());
    gateway.launch();

    until("it is told", || gateway.log().contains("old entries cannot be pruned"));
    for n in 0..30 {
        assert_eq!(gateway.http().get("/readyz").status, 200);
        gateway.http().ok("deduct", numbered(1_000, n));
        sleep(Duration::from_millis(100));
    }
    let log = gateway.log();
    assert_eq!(log.lines().filter(|line| line.contains("damaged")).count(), 1, "{log}");
    assert!(!log.contains("storage"), "{log}");
}

/// The second leaf of the ledger's tree: a start looks at the first.
fn destroy_an_old_page(database: &Path) {
    const PAGE: usize = 4_096;
    const LEAF: u8 = 13;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'ledger'";
    let db = Connection::open(database).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let root: u32 = db.query_row(root, [], |row| row.get(0)).unwrap();
    let mut page = root as usize;
    drop(db);
    let bytes = std::fs::read(database).unwrap();
    let number = |at: usize, length| {
        bytes[at..at + length].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    while bytes[(page - 1) * PAGE] != LEAF {
        // An inner page: where its second cell is, and what is left of that.
        let cell = number((page - 1) * PAGE + 14, 2);
        page = number((page - 1) * PAGE + cell, 4);
    }
    let file = File::options().write(true).open(database).unwrap();
    file.write_all_at(&[0xa5; PAGE], ((page - 1) * PAGE) as u64).unwrap();
}

#[test]
fn a_full_intake_refuses_and_what_it_took_is_applied_exactly_once() {
    const TERMINALS: usize = 64;
    const REQUESTS: usize = 400;
    let stock = 1_000_000;
    let gateway = Gateway::stocked(&[("A", stock)]);
    let lock = hold_the_database(&gateway);

    let outcomes = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            on_threads(TERMINALS, |terminal| {
                gateway.ws().pipelined("deduct", (0..REQUESTS).map(|n| numbered(terminal, n)))
            })
        });
        sleep(Duration::from_secs(2));
        // Terminals with many requests under way leave room for one with none.
        let modest = scope.spawn(|| gateway.http().ok("deduct", taken_over(Port::Http)));
        sleep(Duration::from_millis(300));
        assert!(!modest.is_finished(), "it was refused");
        drop(lock);
        assert_eq!(modest.join().unwrap()["replayed"], false);
        flood.join().unwrap()
    });

    let refused = outcomes.iter().flatten().filter(|outcome| outcome.is_err()).count();
    assert!(refused > 0, "{} requests at once did not fill the intake", TERMINALS * REQUESTS);
    let applied = TERMINALS * REQUESTS - refused + 1;
    assert_eq!(number(&gateway.http().item("A"), "on_hand"), stock - applied as u64);

    on_threads(TERMINALS, |terminal| {
        let mut ws = gateway.ws();
        for (n, first) in outcomes[terminal].iter().enumerate() {
            let again = until_it_is_taken(&mut ws, &numbered(terminal, n), "overloaded");
            assert_resent(first, &again);
        }
    });
    let all = (TERMINALS * REQUESTS + 1) as u64;
    assert_eq!(number(&gateway.http().item("A"), "on_hand"), stock - all);
}

/// Bytes in the log that the database has beside it.
fn log_bytes(gateway: &Gateway) -> u64 {
    std::fs::metadata(format!("{}-wal", gateway.database().display())).unwrap().len()
}

/// Takes the write lock of the gateway's database until the connection is dropped.
fn hold_the_database(gateway: &Gateway) -> Connection {
    let lock = Connection::open(gateway.database()).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    lock
}

fn taken_over(port: Port) -> Value {
    one(&format!("over {port:?}"), "A", 1)
}

fn numbered(terminal: usize, n: usize) -> Value {
    one(&format!("t{terminal}-{n}"), "A", 1)
}

fn assert_queries_work(terminal: &mut dyn Terminal) {
    for (op, body) in [
        ("get", json!({"sku": "A"})),
        ("list", json!({})),
        ("ledger", json!({})),
        ("status", json!({})),
    ] {
        let before = Instant::now();
        terminal.ok(op, body);
        assert!(before.elapsed() < QUERY_LIMIT, "{op} took {:?}", before.elapsed());
    }
}

/// Sends a deduction again for as long as it is not decided for this reason.
fn until_it_is_taken(terminal: &mut dyn Terminal, body: &Value, reason: &str) -> Value {
    let deadline = Instant::now() + RECOVERY_LIMIT;
    loop {
        match terminal.call("deduct", body.clone()) {
            Ok(answer) => return answer,
            Err(error) => assert_eq!(error["code"], reason, "{error}"),
        }
        assert!(Instant::now() < deadline, "still {reason}");
        sleep(Duration::from_millis(50));
    }
}

/// What was applied is replayed, what was refused is applied now.
fn assert_resent(first: &Outcome, again: &Value) {
    match first {
        Ok(first) => assert_eq!(*again, with(first.clone(), "replayed", true)),
        Err(error) => {
            assert_eq!(error["code"], "overloaded", "{error}");
            assert_eq!(again["replayed"], false, "{again}");
        }
    }
}
