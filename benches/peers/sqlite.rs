//! SQLite in this process, with one transaction a batch and an index of request ids.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::cell::RefCell;
use tempfile::TempDir;

use crate::load::gateway::temp_dir;
use crate::load::requests::{Request, sku_name};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA cache_size = -65536;
    PRAGMA synchronous = OFF;
    CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger (
        seq        INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        sku        TEXT NOT NULL,
        change     INTEGER NOT NULL,
        on_hand    INTEGER NOT NULL,
        at         INTEGER NOT NULL
    ) STRICT;";
/// The store is filled; from now on every commit is synced.
const FILLED: &str = "
    CREATE UNIQUE INDEX by_request ON ledger (request_id);
    PRAGMA synchronous = FULL;";
const BEFORE: &str = "SELECT on_hand FROM ledger WHERE request_id = ?1";
const UPDATE: &str = "UPDATE stock SET on_hand = on_hand - 1 WHERE sku = ?1 AND on_hand >= 1 \
                      RETURNING on_hand";
const INSERT: &str = "INSERT INTO ledger VALUES (NULL, ?1, ?2, -1, ?3, unixepoch())";

/// An open database.
pub(crate) struct Sqlite {
    db: RefCell<Connection>,
    _dir: TempDir,
}

impl Sqlite {
    /// A database with stock of all SKUs and these decided requests, without the retries.
    pub(crate) fn filled(skus: usize, before: impl Iterator<Item = Request>) -> Self {
        let dir = temp_dir();
        let mut db = Connection::open(dir.path().join("stock.db")).unwrap();
        db.set_prepared_statement_cache_capacity(8);
        db.execute_batch(SCHEMA).unwrap();
        let filling = db.transaction().unwrap();
        restock(&filling, skus);
        remember(&filling, before);
        filling.commit().unwrap();
        db.execute_batch(FILLED).unwrap();
        Self { db: RefCell::new(db), _dir: dir }
    }

    /// Decides a batch of deductions in one transaction.
    pub(crate) fn deduct(&self, batch: &[Request]) {
        let mut db = self.db.borrow_mut();
        let transaction = db.transaction().unwrap();
        batch.iter().for_each(|request| deduct(&transaction, request));
        transaction.commit().unwrap();
    }
}

fn restock(db: &Transaction<'_>, skus: usize) {
    let mut insert = db.prepare("INSERT INTO stock VALUES (?1, 1000000000)").unwrap();
    for sku in 0..skus {
        insert.execute([sku_name(sku)]).unwrap();
    }
}

fn remember(db: &Transaction<'_>, requests: impl Iterator<Item = Request>) {
    let mut insert = db.prepare(INSERT).unwrap();
    let mut repeats = std::collections::HashSet::new();
    for request in requests.filter(|request| repeats.insert(request.id().to_owned())) {
        insert.execute(params![request.id(), request.sku(), 0]).unwrap();
    }
}

fn deduct(db: &Transaction<'_>, request: &Request) {
    let mut before = db.prepare_cached(BEFORE).unwrap();
    if before.query_row([request.id()], |row| row.get::<_, i64>(0)).optional().unwrap().is_some() {
        return;
    }
    let mut update = db.prepare_cached(UPDATE).unwrap();
    let left: i64 = update.query_row([request.sku()], |row| row.get(0)).unwrap();
    let mut insert = db.prepare_cached(INSERT).unwrap();
    insert.execute(params![request.id(), request.sku(), left]).unwrap();
}
