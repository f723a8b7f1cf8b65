//! Books that older programs have written. tests/golden/databases/ holds them, as a program of that
//! version has left them: two gateways with stock, transfers and a policy, and one whose database
//! was replaced and retired.

use std::path::PathBuf;

use super::schema::{self, Dialect};
use super::sql::SqlValue;
use super::*;
use crate::hex;
use crate::hub::core::tests::test_hub::TestHub;
use crate::hub::reader;

#[test]
fn books_of_version_2_are_upgraded_and_still_balance() {
    let (directory, store) = put_back("hub-version-2.db");

    let mut books = BooksDatabase::open(&store).unwrap();

    let known = reader::Known::sound();
    let balance = books.read(|db| reader::reconcile(db, &known, true, "", 10)).unwrap().unwrap();
    assert!(balance.balanced, "{balance:?}");
    let figures = "SELECT site || '/' || gateway, in_force, on_hand, in_transit, held.received,
        adjusted, deducted, given FROM held JOIN book ON book.id = held.book ORDER BY id";
    assert_eq!(
        rows(&mut books, figures),
        [
            "wh/a 1 40 12 50 -2 8 12",
            "wh/b 1 7 8 20 0 18 13",
            "wh/c 0 0 0 30 0 0 -30",
            "wh/c 1 0 30 0 0 0 30"
        ]
    );
    let pool = "SELECT received, adjusted, deducted, unallotted, in_transit, given FROM pool";
    assert_eq!(rows(&mut books, pool), ["100 0 9 66 50 25"]);
    let listings = "SELECT sku, n, name, unit, decimals, barcodes FROM listing";
    assert_eq!(rows(&mut books, listings), ["A 1 Äpfel Null 0 4006381333931*1"]);
    assert!(directory.path().join("hub.db.version-2").exists(), "a copy is kept");
    drop(books);
    BooksDatabase::open(&store).unwrap();
}

#[test]
fn the_copy_from_before_an_upgrade_is_whole() {
    let (directory, store) = put_back("hub-version-2.db");
    BooksDatabase::open(&store).unwrap();

    let copy = Connection::open(directory.path().join("hub.db.version-2")).unwrap();

    let version: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let entries: i64 = copy.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).unwrap();
    assert_eq!((version, entries), (2, 13));
}

#[test]
fn books_of_a_newer_version_are_left_alone() {
    let (_directory, store) = put_back("hub-version-2.db");
    let BookStore::Sqlite(path) = &store else { panic!("{store:?}") };
    Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();

    let error = BooksDatabase::open(&store).unwrap_err();

    let known = schema::newest();
    assert!(matches!(error, BooksError::Newer { found: 99, known: up_to, .. } if up_to == known));
}

#[test]
fn an_own_ledger_that_is_not_chained_is_chained_when_the_books_are_opened() {
    let mut hub = TestHub::new();
    // More than a page.
    let lines = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {})
         INSERT INTO movement (seq, kind, sku, change, in_transit_change, request_id, at_ms)
         SELECT n, 1, 'A', 1, 0, 'r' || n, n FROM n",
        2 * crate::limits::PAGE_MAX + 7
    );
    hub.db(&lines);
    hub.db("UPDATE movement_end SET seq = (SELECT max(seq) FROM movement), chain = NULL");

    let mut reopened = hub.copy();

    let ends = "SELECT seq, hex(chain) FROM movement_end";
    let chained = rows(&mut reopened.database, ends);
    let whole = |books: &mut BooksDatabase| {
        let end = books.read(ChainedUpTo::wanted).unwrap();
        assert_eq!(end, None);
        let mut chained = ChainedUpTo::default();
        while chained.seq < 2_007 {
            chained = books.read(|db| chained.page(db, chained.seq + 1)).unwrap();
        }
        hex::encode(&chained.chain).to_uppercase()
    };
    let whole = whole(&mut reopened.database);
    assert_eq!(chained, [format!("2007 {whole}")]);
}

#[test]
fn each_migration_leads_to_the_next_version() {
    for dialect in [Dialect::Sqlite, Dialect::Postgresql] {
        let versions = |from| -> Vec<i64> {
            schema::migrations(dialect, from).map(|(version, _)| version).collect()
        };
        assert_eq!(versions(None), (2..=schema::newest()).collect::<Vec<_>>());
        assert_eq!(versions(Some(2)), (3..=schema::newest()).collect::<Vec<_>>());
        assert_eq!(versions(Some(schema::newest())), [0; 0]);
    }
}

/// The books of an older version, to be opened.
fn put_back(name: &str) -> (tempfile::TempDir, BookStore) {
    let directory = tempfile::tempdir().unwrap();
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/databases");
    let path = directory.path().join("hub.db");
    std::fs::copy(golden.join(name), &path).unwrap();
    (directory, BookStore::Sqlite(path))
}

fn rows(books: &mut BooksDatabase, sql: &str) -> Vec<String> {
    let value = |value: &SqlValue| match value {
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Null | SqlValue::Blob(_) => format!("{value:?}"),
    };
    let rows = books.read(|db| db.query(sql, &[])).unwrap();
    rows.iter().map(|row| row.iter().map(value).collect::<Vec<_>>().join(" ")).collect()
}
