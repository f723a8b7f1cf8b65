//! Whether large books balance: a count answers that, and before the first one nothing does.

use std::time::Duration;

use rusqlite::Connection;

use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::patience::patience;

/// So many SKUs take longer to count than an answer waits.
const SKUS: usize = 400_000;

#[test]
fn large_books_are_not_said_to_balance_before_they_were_counted() {
    let broker = Broker::start();
    let mut hub = Hub::start(&broker);
    hub.terminate();
    let books = Connection::open(hub.database()).unwrap();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SKUS})
         INSERT INTO pool (sku, received, adjusted, deducted, unallotted, in_transit)
         SELECT printf('S%06d', i), 5, 0, 0, 5, 0 FROM n"
    );
    books.execute(&sql, []).unwrap();
    let lost = format!("UPDATE pool SET unallotted = 4 WHERE sku = 'S{SKUS:06}'");
    books.execute(&lost, []).unwrap();
    drop(books);
    hub.launch();
    let http = hub.http();
    let unknown = http.get("/api/reconcile").refused("storage_unavailable");
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("not known yet"), "{detail}");
    let began = std::time::Instant::now();
    let counted = loop {
        let answer = http.get("/api/reconcile");
        if answer.status == 200 {
            break answer.json();
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(began.elapsed() < patience(), "it is counted some time");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(counted["balanced"], false, "{counted}");
    assert_eq!(counted["items"][0]["sku"], format!("S{SKUS:06}"));
}
