use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::hub::core::{CentralRequest, decide};
use crate::hub::db::sql::RowReader;
use crate::hub::db::{BooksTransaction, Locks};
use crate::hub::jobs::{ApplyChange, BooksChange, HubJob};
use crate::hub::publisher::Publisher;
use crate::hub::writer::HubWriter;
use crate::limits::{LINES_MAX, SIGN_EVERY_ENTRIES, SIGN_EVERY_MS};
use crate::stock::{Cause, Line, Quantity, RequestId, Seq, Sku};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn new_movements_are_signed_at_once_after_a_start_and_then_once_a_minute() {
    let Hub { mut database, mut signer, directory: _directory } = Hub::new();
    let mut signed = |entries: u64, running_ms: u64, is_stop: bool| {
        database.change(|books| receive(books, entries)).unwrap();
        signer.note();
        signer.sign_if_due(&mut database, (0, running_ms), is_stop, &BooksFailures::default());
        database.change(signed_seq).unwrap()
    };
    assert_eq!(signed(2, 0, false), 2, "another process may have left it");
    assert_eq!(signed(1, SIGN_AFTER_MS - 1, false), 2, "not a minute has passed");
    assert_eq!(signed(1, SIGN_AFTER_MS, false), 4);
    assert_eq!(signed(1, SIGN_AFTER_MS + HUB_SIGN_LOOK_MS, false), 4);
    assert_eq!(signed(1, SIGN_AFTER_MS + HUB_SIGN_LOOK_MS, true), 6, "at a stop");
    const { assert!(SIGN_AFTER_MS + HUB_SIGN_LOOK_MS < SIGN_EVERY_MS) };
}

#[test]
fn a_look_that_finds_nothing_to_sign_writes_nothing() {
    let Hub { mut database, mut signer, directory: _directory } = Hub::new();
    let written = |database: &mut BooksDatabase| {
        let rows = database.read(|db| db.query("SELECT total_changes()", &[])).unwrap();
        RowReader::of(rows.into_iter().next().unwrap()).number().unwrap()
    };
    database.change(|books| receive(books, 1)).unwrap();
    let mut look = |database: &mut BooksDatabase, running_ms| {
        let before = written(database);
        signer.note();
        signer.sign_if_due(database, (0, running_ms), false, &BooksFailures::default());
        written(database) - before
    };
    assert!(look(&mut database, 1) > 0);
    assert_eq!(look(&mut database, 1 + SIGN_AFTER_MS), 0);
}

/// Whatever the sizes of requests and transactions, and however late the signer looks.
#[test]
fn no_more_than_ten_thousand_movements_are_between_two_signatures() {
    let Hub { mut database, mut signer, directory: _directory } = Hub::new();
    database.sign_with(signer.key());
    for entries in [7, 50, 9_000, 9_000, 50, 25_000, 50] {
        database.change(|books| receive(books, entries)).unwrap();
        signer.note();
        signer.sign_if_due(&mut database, (0, 1), false, &BooksFailures::default());
    }
    let sql = "SELECT seq FROM books_checkpoint ORDER BY seq";
    let rows = database.read(|db| db.query(sql, &[])).unwrap();
    let seqs: Vec<Seq> = rows.into_iter().map(|row| RowReader::of(row).number().unwrap()).collect();
    assert_eq!(seqs, [10_000, 20_000, 30_000, 40_000]);
    database.change(|books| receive(books, 1)).unwrap();
    signer.note();
    signer.sign_if_due(&mut database, (0, SIGN_EVERY_MS), true, &BooksFailures::default());
    assert_eq!(database.change(signed_seq).unwrap(), 43_158);
}

/// The writer looks once a second whether there is something to sign.
#[test]
fn the_writer_signs_ten_thousand_movements_while_it_runs() {
    let Hub { database, signer, directory: _directory } = Hub::new();
    let (jobs, waiting) = mpsc::channel(1);
    let publisher = Publisher::to("", Arc::default());
    let writer = HubWriter::new(database, waiting, publisher, Arc::default()).signing(signer);
    std::thread::sleep(Duration::from_millis(HUB_SIGN_LOOK_MS));
    let writer = std::thread::spawn(move || writer.run());
    let (sender, answers) = channel();
    let ask = |entries: u64| {
        let sender = sender.clone();
        let apply: ApplyChange = Box::new(move |books, _| {
            receive(books, entries)?;
            let (sender, signed) = (sender.clone(), signed_seq(books)?);
            Ok(Box::new(move || sender.send(signed).unwrap()))
        });
        let job = HubJob::Change(BooksChange { locks: Locks::default(), apply });
        jobs.blocking_send(job).ok().unwrap();
        answers.recv_timeout(PATIENCE).unwrap()
    };
    assert_eq!(ask(SIGN_EVERY_ENTRIES), 0);
    assert_eq!(ask(0), SIGN_EVERY_ENTRIES);
    drop(jobs);
    writer.join().unwrap();
}

struct Hub {
    database: BooksDatabase,
    signer: BooksSigner,
    directory: TempDir,
}

impl Hub {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = BookStore::Sqlite(directory.path().join("hub.db"));
        let mut database = BooksDatabase::open(&store).unwrap();
        let signer = BooksSigner::of(&store, &mut database);
        Self { database, signer, directory }
    }

    fn of_entries(entries: &[u64]) -> Self {
        let mut hub = Self::new();
        hub.database.sign_with(hub.signer.key());
        entries.iter().for_each(|entries| hub.enter(*entries));
        hub
    }

    /// Enters so many receipts, and has them signed.
    fn enter(&mut self, entries: u64) {
        self.database.change(|books| receive(books, entries)).unwrap();
        self.signer.note();
        self.signer.sign_if_due(&mut self.database, (0, 1), true, &BooksFailures::default());
    }

    fn db(&mut self, sql: &str) {
        self.database.read(|db| db.execute(sql, &[])).unwrap();
    }

    /// Starts again, and returns why nothing is signed, if it is so.
    fn restarted(&mut self) -> Option<String> {
        let store = BookStore::Sqlite(self.directory.path().join("hub.db"));
        self.signer = BooksSigner::of(&store, &mut self.database);
        assert_eq!(self.signer.key().is_none(), self.signer.problem().is_some());
        self.signer.problem()
    }

    /// Sets the end of the ledger to what its entries lead to, as a forger would.
    fn chain_again(&mut self) {
        self.db("UPDATE movement_end SET chain = NULL");
        let store = BookStore::Sqlite(self.directory.path().join("hub.db"));
        self.database = BooksDatabase::open(&store).unwrap();
    }
}

#[test]
fn books_that_were_edited_are_not_signed_though_their_chain_was_made_to_fit() {
    let edits = [
        (4, true, "entries 3 to 5 do not fit the chain at their end"),
        (2, true, "entry 6 does not fit the chain there"),
        (6, false, "entry 6 does not fit the chain there"),
    ];
    for (seq, is_chained_again, said) in edits {
        let mut hub = Hub::of_entries(&[2]);
        // As if it were ten thousand entries ago.
        hub.db("UPDATE books_checkpoint SET part = -1");
        hub.enter(3);
        hub.database.change(|books| receive(books, 1)).unwrap();
        assert_eq!(hub.restarted(), None, "they are sound");
        hub.db(&format!("UPDATE movement SET change = change + 1 WHERE seq = {seq}"));
        if is_chained_again {
            hub.chain_again();
        }
        let problem = hub.restarted().expect("it was edited");
        assert!(problem.contains(said) && problem.contains("stockgate-hub verify"), "{problem}");
        hub.database.change(|books| receive(books, 1)).unwrap();
        hub.signer.note();
        hub.signer.sign_if_due(&mut hub.database, (0, 1), true, &BooksFailures::default());
        assert_eq!(hub.database.change(signed_seq).unwrap(), 5, "nothing more is signed");
    }
}

#[test]
fn books_with_a_forged_signature_or_a_shorter_ledger_are_not_signed() {
    let edits = [
        ("UPDATE books_checkpoint SET chain = zeroblob(32)", "the signature of entry 5"),
        ("DELETE FROM movement WHERE seq = 5", "entries 1 to 5 do not fit"),
        ("UPDATE movement_end SET seq = 4", "entries up to 5 are missing"),
    ];
    for (edit, said) in edits {
        let mut hub = Hub::of_entries(&[5]);
        hub.db(edit);
        let problem = hub.restarted().expect("it was edited");
        assert!(problem.contains(said), "{problem}");
    }
}

#[test]
fn a_key_that_is_gone_is_not_replaced_before_an_operator_says_so() {
    let mut hub = Hub::of_entries(&[5]);
    let file = hub.directory.path().join("hub.key");
    let before = hub.signer.key().unwrap().public();
    std::fs::remove_file(&file).unwrap();
    let problem = hub.restarted().expect("there is no key");
    assert!(problem.contains("hub.key is missing"), "{problem}");
    assert!(problem.contains(&hex::encode(&before)), "{problem}");
    assert!(!file.exists(), "none is made");
    std::fs::write(&file, b"short").unwrap();
    assert!(hub.restarted().unwrap().contains("holds no key"));
    std::fs::write(&file, [7; 32]).unwrap();
    assert_eq!(hub.restarted(), None, "a new one");
    assert_ne!(hub.signer.key().unwrap().public(), before);
}

#[test]
fn new_books_get_a_key() {
    let mut hub = Hub::new();
    std::fs::remove_file(hub.directory.path().join("hub.key")).unwrap();
    assert_eq!(hub.restarted(), None, "nothing is signed yet");
}

/// Enters so many receipts.
fn receive(books: &mut BooksTransaction<'_>, entries: u64) -> Result<(), BooksError> {
    let mut left = entries;
    while left > 0 {
        let count = left.min(LINES_MAX as u64);
        let lines = (0..count).map(line).collect();
        let id = RequestId::parse(&Uuid::new_v4().to_string()).unwrap();
        let receipt = CentralRequest::Receive { order_id: None, lines };
        decide(books, &id, &receipt, &Cause::default())?.unwrap().outcome.unwrap();
        left -= count;
    }
    Ok(())
}

fn line(number: u64) -> Line {
    Line::new(Sku::parse(&format!("S{number}")).unwrap(), Quantity::of_line(1).unwrap())
}

fn signed_seq(books: &mut BooksTransaction<'_>) -> Result<Seq, BooksError> {
    Ok(books.movements_end()?.map_or(0, |end| end.signed_seq))
}
