use tempfile::TempDir;

use super::*;
use crate::stock::{RequestId, Seq};
use crate::sync::frame::{Behind, Entries, Hello, Position};

#[test]
fn entries_their_stock_and_the_position_move_together() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    assert_eq!(desk.take(&gateway.hello()), Some(Answer::Resume(gateway.epoch, 0, 5)));
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    assert_eq!(desk.take(&frame), Some(Answer::Ack(gateway.epoch, 2)));
    assert_eq!((desk.on_hand(), desk.entries()), (7, 2));
    assert!(desk.balanced());
}

#[test]
fn a_frame_that_comes_again_changes_nothing() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    for _ in 0..3 {
        assert_eq!(desk.take(&frame), Some(Answer::Ack(gateway.epoch, 2)));
    }
    let longer = gateway.resend(1, &[("deduct", -1)]);
    assert_eq!(desk.take(&longer), Some(Answer::Ack(gateway.epoch, 3)), "of it only what is new");
    assert_eq!((desk.on_hand(), desk.entries()), (6, 3));
}

#[test]
fn a_gap_is_not_taken() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    gateway.post(&[("restock", 10)]);
    let later = gateway.post(&[("deduct", -3)]);
    assert_eq!(desk.take(&later), Some(Answer::Resume(gateway.epoch, 0, 0)));
    assert_eq!(desk.entries(), 0);
}

#[test]
fn a_copy_that_went_on_differently_is_fenced_though_its_stock_is_the_same() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let mut copy = gateway.clone();
    desk.take(&gateway.post(&[("deduct", -1)]));
    copy.requests = 70;
    copy.post(&[("deduct", -1)]);
    let frame = copy.post(&[("deduct", -1)]);
    let refused = desk.take(&frame);
    assert!(matches!(refused, Some(Answer::Refused(..))), "{refused:?}");
    assert_eq!((desk.on_hand(), desk.entries()), (9, 2), "what was committed stays as it is");
    assert!(desk.problem().is_some_and(|problem| problem.contains("differently")));
    let again = desk.take(&gateway.hello());
    assert!(matches!(again, Some(Answer::Refused(..))), "until somebody decides: {again:?}");
}

#[test]
fn a_copy_that_is_behind_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10), ("deduct", -1)]));
    let position = Position { epoch: gateway.epoch.into(), acked_seq: 2 };
    let refused = desk.take(&Frame::Behind(Behind { position, ledger_seq: 1 }));
    assert!(matches!(refused, Some(Answer::Refused(..))), "{refused:?}");
    assert!(desk.problem().is_some_and(|problem| problem.contains("older copy")));
}

#[test]
fn a_new_database_gets_books_of_its_own_and_the_old_one_is_refused() {
    let mut desk = Desk::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    desk.take(&old.hello());
    desk.take(&old.post(&[("restock", 10)]));
    assert_eq!(desk.take(&new.hello()), Some(Answer::Resume(new.epoch, 0, 5)));
    assert_eq!(desk.take(&new.post(&[("restock", 4)])), Some(Answer::Ack(new.epoch, 1)));
    let problem = desk.problem();
    assert!(problem.as_ref().is_some_and(|problem| problem.contains("replaced")), "{problem:?}");
    let refused = desk.take(&old.post(&[("deduct", -1)]));
    assert!(
        matches!(refused, Some(Answer::Refused(epoch, _)) if epoch == old.epoch),
        "{refused:?}"
    );
    assert_eq!((desk.entries(), desk.problem()), (2, problem), "and changes nothing");
}

#[test]
fn stock_that_cannot_be_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let refused = desk.take(&gateway.post(&[("deduct", -1)]));
    assert!(matches!(refused, Some(Answer::Refused(..))), "{refused:?}");
    assert_eq!(desk.entries(), 0);
}

#[test]
fn every_kind_keeps_the_books_balanced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let changes = [("restock", 50), ("deduct", -7), ("count", -2), ("rollback", 3), ("commit", -4)];
    desk.take(&gateway.post(&changes));
    assert_eq!(desk.on_hand(), 40);
    assert!(desk.balanced());
    desk.db("UPDATE held SET on_hand = on_hand + 1");
    assert!(!desk.balanced(), "and a unit too many is noticed");
}

#[test]
fn the_books_are_there_after_reopening_and_others_are_left_untouched() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let path = desk.directory.path().join("hub.db");
    drop(desk.books);
    let positions = Books::open(&path).unwrap().positions().unwrap();
    assert_eq!(positions, [(topic(), Answer::Resume(gateway.epoch, 1, 0))]);
    let other = desk.directory.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Books::open(&other), Err(StoreError::NotOurs)));
}

fn topic() -> Topic {
    Topic { site: "wh".into(), gateway: "gw".into() }
}

struct Desk {
    directory: TempDir,
    books: Books,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let books = Books::open(&directory.path().join("hub.db")).unwrap();
        Self { directory, books }
    }

    fn take(&mut self, frame: &Frame) -> Option<Answer> {
        let transaction = self.books.begin().unwrap();
        let taken = take(&transaction, &topic(), frame, 0).unwrap();
        transaction.commit().unwrap();
        taken.answer
    }

    fn db(&self, sql: &str) {
        self.books.db.execute_batch(sql).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        self.books.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn on_hand(&self) -> i64 {
        self.number("SELECT sum(on_hand) FROM held")
    }

    fn entries(&self) -> i64 {
        self.number("SELECT count(*) FROM entry")
    }

    fn balanced(&self) -> bool {
        let all = crate::hub::reader::reconcile(&self.books.db, true, "", 10).unwrap();
        all.balanced
    }

    fn problem(&self) -> Option<String> {
        let sql = "SELECT problem FROM book ORDER BY id DESC LIMIT 1";
        self.books.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// A gateway's ledger of one SKU, and the frames it would send.
#[derive(Clone)]
struct Ledger {
    epoch: Uuid,
    entries: Vec<Entry>,
    on_hand: i64,
    checks: Checks,
    requests: u64,
}

impl Ledger {
    fn new(epoch: u128) -> Self {
        let epoch = Uuid::from_u128(epoch);
        Self { epoch, entries: Vec::new(), on_hand: 0, checks: Checks::default(), requests: 0 }
    }

    fn hello(&self) -> Frame {
        let (ledger_seq, checks) = (self.entries.len() as u64, self.checks);
        let software = "test".into();
        Frame::Hello(Hello {
            epoch: self.epoch.into(),
            ledger_seq,
            checks,
            nonce: 5,
            software,
            taken: crate::stock::Taken::default(),
        })
    }

    /// New entries, and the frame that holds them.
    fn post(&mut self, changes: &[(&str, i64)]) -> Frame {
        let first = self.entries.len();
        for (kind, change) in changes {
            self.enter(kind, *change);
        }
        self.frame(first as u64)
    }

    /// New entries, and a frame that begins before them.
    fn resend(&mut self, after: Seq, changes: &[(&str, i64)]) -> Frame {
        self.post(changes);
        self.frame(after)
    }

    fn enter(&mut self, kind: &str, change: i64) {
        self.requests += 1;
        let sku = Sku::parse("A").unwrap();
        let before = (self.on_hand, 0);
        self.on_hand += change;
        self.checks.digest = self.checks.digest.moved(&sku, before, (self.on_hand, 0));
        let entry = Entry {
            seq: self.entries.len() as u64 + 1,
            kind: Kind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap(),
            sku,
            change,
            reserved_change: 0,
            order_id: None,
            request_id: RequestId::parse(&format!("r{}", self.requests)).unwrap(),
            at_ms: 0,
        };
        self.checks.chain = self.checks.chain.with(&entry);
        self.entries.push(entry);
    }

    fn frame(&self, after: Seq) -> Frame {
        let entries = self.entries[usize::try_from(after).unwrap()..].to_vec();
        Frame::Entries(Entries {
            epoch: self.epoch.into(),
            checks: self.checks,
            taken: crate::stock::Taken::default(),
            entries,
        })
    }
}
