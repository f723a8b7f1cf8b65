//! What happens while the database cannot be written: another program holds its write lock.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::bodies::{one, with};
use crate::support::crowd::on_threads;
use crate::support::gateway::Gateway;
use crate::support::terminal::{Outcome, Port, Terminal, number};

const PORTS: [Port; 2] = [Port::Http, Port::WebSocket];
/// Within this time a query is answered although nothing can be written.
const QUERY_LIMIT: Duration = Duration::from_secs(2);
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn while_nothing_can_be_written_mutations_are_refused_and_queries_work() {
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
