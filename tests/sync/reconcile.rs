//! Whether large books balance: a count answers that, and before the first one nothing does.

use rusqlite::Connection;

use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::patience::eventually;

/// So many SKUs are not counted for an answer, and take a count more than a page.
const SKUS: usize = 2_500;

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
    // The count fails at its last page, because a listing cannot be read.
    let listed = format!(
        "INSERT INTO listing (sku, n, name, barcodes, decimals)
         VALUES ('S{SKUS:06}', 1, 'A', '', 99)"
    );
    books.execute(&listed, []).unwrap();
    hub.launch();
    let http = hub.http();
    let unknown = http.get("/api/reconcile").refused("storage_unavailable");
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("not known yet"), "{detail}");
    books.execute("UPDATE listing SET decimals = 0", []).unwrap();
    let counted = eventually("it is counted again", || {
        let answer = http.get("/api/reconcile");
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(counted["balanced"], false, "{counted}");
    assert_eq!(counted["items"][0]["sku"], format!("S{SKUS:06}"));
}
