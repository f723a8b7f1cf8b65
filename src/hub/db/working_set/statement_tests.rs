//! How many statements transactions take. Each costs PostgreSQL a round trip, so the number must not
//! grow with the number of rows.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{BooksTransaction, Expected};
use crate::config::BookStore;
use crate::hub::core::tests::test_hub::named;
use crate::hub::core::tests::test_ledger::Ledger;
use crate::hub::core::{
    Books, CentralRequest, FrameAnswer, Policy, bring_back, decide, decimals_of, handle_frame,
    publish, repair, retire, set_policy,
};
use crate::hub::db::error::{BooksError, Locks};
use crate::hub::db::schema::Dialect;
use crate::hub::db::sql::{Change, Executor, Keys, SqlRow, SqlValue};
use crate::hub::db::{BooksDatabase, sqlite};
use crate::protocol::Frame;
use crate::protocol::frame::{Bound, Entries, Hello};
use crate::protocol::wire::Version;
use crate::stock::{
    Cause, Checks, Decimals, Entry, Kind, Line, Listing, Quantity, RequestId, Sku, Taken,
};

/// With those that begin and commit the transaction.
const FRAME_MAX: usize = 8;
const RECEIPT_MAX: usize = 7;

#[test]
fn a_frame_takes_the_same_few_statements_whatever_its_entries() {
    let [few, many] = [1, 400].map(|skus| {
        let mut hub = Counted::with_book(skus);
        let sales = hub.entries(Kind::Deduct, -1);
        (hub.handle(&sales), hub.answer_to_more())
    });
    assert_eq!(few, many);
    assert!(few.0 <= FRAME_MAX, "{few:?}");
}

#[test]
fn a_frame_with_grants_takes_the_same_few_statements_whatever_its_entries() {
    let [few, many] = [1, 200].map(|skus| {
        let mut hub = Counted::with_book(skus);
        hub.receive("po-1");
        let grant = CentralRequest::Grant { gateway: named("gw"), lines: hub.lines() };
        hub.decide("grant-1", &grant);
        let arrived = hub.entries(Kind::Grant, 1);
        hub.handle(&arrived)
    });
    assert_eq!(few, many);
    assert!(few <= FRAME_MAX, "{few}");
}

#[test]
fn a_frame_with_recalls_takes_the_same_few_statements_whatever_its_entries() {
    let [few, many] = [1, 200].map(|skus| {
        let mut hub = Counted::with_book(skus);
        let recall = CentralRequest::Recall { gateway: named("gw"), lines: hub.lines() };
        hub.decide("r", &recall);
        let returned = hub.entries(Kind::Recall, -1);
        hub.handle(&returned)
    });
    assert_eq!(few, many);
    assert!(few <= FRAME_MAX, "{few}");
}

#[test]
fn central_requests_take_the_same_statements_whatever_their_lines() {
    let [few, many] = [1, 1_000].map(|skus| {
        let mut hub = Counted::with_book(skus);
        hub.receive("po-1");
        let received = hub.receive("po-2");
        let lines = || hub.lines();
        let (a, b, c) = (lines(), lines(), lines());
        let gateway = || named("gw");
        let granted = CentralRequest::Grant { gateway: gateway(), lines: a };
        let recalled = CentralRequest::Recall { gateway: gateway(), lines: b };
        let deducted = CentralRequest::Deduct { order_id: None, lines: c };
        let counts = [("g", granted), ("r", recalled), ("d", deducted)]
            .map(|(id, request)| hub.decide(id, &request));
        (received, counts)
    });
    assert_eq!(few, many);
    assert!(few.0 <= RECEIPT_MAX, "{few:?}");
}

#[test]
fn requests_that_are_decided_together_take_the_same_statements_however_many_they_are() {
    let [few, many] = [1, 200].map(|count| {
        let mut hub = Counted::with_book(count);
        hub.receive("po-1");
        let orders: Vec<(RequestId, Sku)> = (0..count)
            .map(|n| RequestId::parse(&format!("o-{n}")).unwrap())
            .zip(hub.skus.clone())
            .collect();
        let locks = Locks {
            skus: hub.skus.iter().cloned().collect(),
            requests: orders.iter().map(|(id, _)| id.clone()).collect(),
            ..Locks::default()
        };
        let expected = Expected { locks, ..Expected::default() };
        let statements = hub.count(|books| {
            books.expect(&expected).unwrap();
            for (id, sku) in &orders {
                let lines = vec![Line::new(sku.clone(), Quantity::of_sum(1).unwrap())];
                let request = CentralRequest::Deduct { order_id: None, lines };
                let decided = decide(books, id, &request, &Cause::default()).unwrap().unwrap();
                assert!(decided.outcome.is_ok(), "{decided:?}");
            }
        });
        let numbers =
            hub.db.query_row("SELECT count(DISTINCT n) FROM request", [], |row| row.get(0));
        assert_eq!(numbers, Ok(count as i64 + 1));
        statements
    });
    assert_eq!(few, many);
}

#[test]
fn a_database_is_retired_and_its_stock_brought_back_in_the_same_statements_whatever_it_holds() {
    let [few, many] = [1, 2_000].map(|skus| {
        let mut hub = Counted::with_book(skus);
        let epoch = hub.epoch;
        let retired = hub.count(|books| {
            retire(books, &named("gw"), epoch).unwrap().unwrap();
        });
        let next = Ledger::at("gw", 99);
        hub.handle(&next.hello());
        let brought_back = hub.count(|books| {
            drop(
                bring_back(books, &named("gw"), epoch, next.epoch, &Cause::default())
                    .unwrap()
                    .unwrap(),
            );
        });
        let repaired = hub.count(|books| drop(repair(books, &named("gw")).unwrap()));
        (retired, brought_back, repaired)
    });
    assert_eq!(few, many);
}

#[test]
fn a_catalogue_takes_the_same_statements_whatever_its_length() {
    let [few, many] = [1, 3_000].map(|count| {
        let mut hub = Counted::with_book(1);
        let listing = |n| Listing {
            name: Some("goods".into()),
            ..Listing::removed(Sku::parse(&format!("S{n}")).unwrap())
        };
        let listings: Vec<Listing> = (0..count).map(listing).collect();
        hub.count(|books| assert!(publish(books, listings.clone()).unwrap() == count))
    });
    assert_eq!(few, many);
}

#[test]
fn a_policy_takes_few_statements_whatever_the_number_of_gateways() {
    let [few, many] = [10, 300].map(|gateways| {
        let mut hub = Counted::with_book(1);
        for n in 0..gateways {
            let hello = Ledger::at(&format!("g{n}"), 100 + n).hello();
            hub.handle_as(&format!("g{n}"), &hello);
            let epoch = Uuid::from_u128(100 + n);
            hub.handle_as(&format!("g{n}"), &restocks(epoch, 1, &[Sku::parse("S0").unwrap()]));
        }
        hub.receive("po-1");
        let sku = Sku::parse("S0").unwrap();
        hub.count(|books| drop(set_policy(books, &sku, Policy::new(2, 2)).unwrap()))
    });
    // Those that wait are read more at a time each time.
    assert!(many <= few + 6, "{few} statements for 10 gateways, {many} for 300");
}

#[test]
fn a_request_is_read_by_the_catalogue_that_came_before_it_in_the_same_batch() {
    let mut hub = Counted::with_book(1);
    let (sku, three) = (Sku::parse("NEW").unwrap(), Decimals::try_from(3).unwrap());
    let locks = Locks { skus: BTreeSet::from([sku.clone()]), ..Locks::default() };
    let listing =
        Listing { name: Some("new".into()), decimals: three, ..Listing::removed(sku.clone()) };
    hub.count(|books| {
        books.expect(&Expected { locks, ..Expected::default() }).unwrap();
        publish(books, vec![listing]).unwrap();
        assert_eq!(decimals_of(books, std::slice::from_ref(&sku)).unwrap().of(&sku), three);
    });
}

/// Books with one gateway, which has each of some SKUs. It counts the statements of transactions.
struct Counted {
    db: rusqlite::Connection,
    epoch: Uuid,
    skus: Vec<Sku>,
    seq: u64,
    _directory: tempfile::TempDir,
}

impl Counted {
    fn with_book(skus: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        drop(BooksDatabase::open(&BookStore::Sqlite(path.clone())).unwrap());
        let db = sqlite::open(&path).unwrap();
        let skus: Vec<Sku> = (0..skus).map(|n| Sku::parse(&format!("S{n}")).unwrap()).collect();
        let epoch = Uuid::from_u128(1);
        let mut hub = Self { db, epoch, skus, seq: 0, _directory: directory };
        hub.handle(&Ledger::at("gw", 1).hello());
        let first = restocks(epoch, 1, &hub.skus);
        hub.handle(&first);
        hub.seq = hub.skus.len() as u64;
        hub
    }

    /// Handles a frame as a batch of its own; returns the number of statements.
    fn handle(&mut self, frame: &Frame) -> usize {
        self.handle_as("gw", frame)
    }

    fn handle_as(&mut self, gateway: &str, frame: &Frame) -> usize {
        let gateway = named(gateway);
        let mut expected = Expected::default();
        expected.locks.gateways.insert(gateway.clone());
        if let Frame::Entries(Entries { entries, .. }) = frame {
            let skus: BTreeSet<Sku> = entries.iter().map(|entry| entry.sku.clone()).collect();
            if entries.iter().any(|entry| entry.kind == Kind::Grant) {
                expected.locks.skus.extend(skus.clone());
            }
            expected.skus.push((gateway.clone(), skus));
        }
        self.count(|books| {
            books.expect(&expected).unwrap();
            let outcome = handle_frame(books, &gateway, frame, Version::V2, 0).unwrap();
            let is_refused = matches!(outcome.answer, Some(FrameAnswer::Refused { .. }));
            assert!(outcome.accepted && !is_refused, "{outcome:?}");
        })
    }

    /// A greeting, as it comes after entries.
    fn answer_to_more(&mut self) -> usize {
        let hello = Frame::Hello(Hello {
            epoch: self.epoch.into(),
            ledger_seq: self.seq + 1,
            checks: Checks::default(),
            nonce: 1,
            software: "test".into(),
            taken: Taken::default(),
            bound: Bound::default(),
        });
        self.handle(&hello)
    }

    fn receive(&mut self, id: &str) -> usize {
        let lines = self.lines();
        self.decide(id, &CentralRequest::Receive { order_id: None, lines })
    }

    fn decide(&mut self, id: &str, request: &CentralRequest) -> usize {
        let id = RequestId::parse(id).unwrap();
        let locks = Locks {
            gateways: request.gateway().cloned().into_iter().collect(),
            skus: request.lines().iter().map(|line| line.sku.clone()).collect(),
            requests: [id.clone()].into(),
        };
        let expected = Expected { locks, ..Expected::default() };
        self.count(|books| {
            books.expect(&expected).unwrap();
            let skus: Vec<Sku> = request.lines().iter().map(|line| line.sku.clone()).collect();
            decimals_of(books, &skus).unwrap();
            decide(books, &id, request, &Cause::default()).unwrap().unwrap().outcome.unwrap();
        })
    }

    fn lines(&self) -> Vec<Line> {
        let quantity = Quantity::of_line(1).unwrap();
        self.skus.iter().map(|sku| Line::new(sku.clone(), quantity)).collect()
    }

    /// An entry for each SKU, after those in the books.
    fn entries(&mut self, kind: Kind, change: i64) -> Frame {
        let mut chain = self.chain();
        let id = if kind == Kind::Grant { "grant-1" } else { "r" };
        let entries: Vec<Entry> = (self.seq + 1..)
            .zip(&self.skus)
            .map(|(seq, sku)| entry(seq, sku, kind, change, id))
            .collect();
        self.seq += entries.len() as u64;
        entries.iter().for_each(|entry| chain.chain = chain.chain.with(entry));
        let (epoch, taken) = (self.epoch.into(), Taken::default());
        Frame::Entries(Entries { epoch, checks: chain, taken, entries, decimals: None })
    }

    fn chain(&mut self) -> Checks {
        let mut books = BooksTransaction::new(&mut self.db);
        books.books(&named("gw")).unwrap().pop().unwrap().cursor.checks
    }

    /// Runs a transaction; returns the number of its statements.
    fn count(&mut self, work: impl FnOnce(&mut BooksTransaction<'_>)) -> usize {
        let mut counting = Counting { db: &mut self.db, statements: 2 };
        let mut books = BooksTransaction::new(&mut counting);
        work(&mut books);
        let changes = books.into_changes(None).unwrap();
        counting.write(&changes).unwrap();
        counting.statements
    }
}

fn restocks(epoch: Uuid, first: u64, skus: &[Sku]) -> Frame {
    let mut checks = Checks::default();
    let entries: Vec<Entry> =
        (first..).zip(skus).map(|(seq, sku)| entry(seq, sku, Kind::Restock, 1, "r")).collect();
    entries.iter().for_each(|entry| checks.chain = checks.chain.with(entry));
    let taken = Taken::default();
    Frame::Entries(Entries { epoch: epoch.into(), checks, taken, entries, decimals: None })
}

fn entry(seq: u64, sku: &Sku, kind: Kind, change: i64, id: &str) -> Entry {
    Entry {
        seq,
        kind,
        sku: sku.clone(),
        change,
        reserved_change: 0,
        order_id: None,
        request_id: RequestId::parse(id).unwrap(),
        at_ms: 0,
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
}

/// Counts what would be a statement in PostgreSQL.
struct Counting<'a> {
    db: &'a mut rusqlite::Connection,
    statements: usize,
}

impl Executor for Counting<'_> {
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError> {
        self.statements += 1;
        Executor::execute(self.db, sql, values)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError> {
        // In PostgreSQL, ranges of the feed get their position after the commit.
        self.statements += usize::from(!sql.contains("feed_end"));
        Executor::query(self.db, sql, values)
    }

    fn query_keys(&mut self, sql: &str, keys: &Keys) -> Result<Vec<SqlRow>, BooksError> {
        self.statements += 1;
        self.db.query_keys(sql, keys)
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), BooksError> {
        self.statements += usize::from(!changes.is_empty());
        self.db.write(changes)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}
