//! The books: what every gateway's ledger says, and what it adds up to.
//!
//! A frame's entries, the stock they lead to and the cursor behind them move in one transaction;
//! an acknowledgement is sent after it. Books of an older database of a gateway stay as they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::row::read_checks;
use crate::limits::{HUB_GATEWAYS_MAX, STOCK_MAX};
use crate::stock::{Checks, Entry, Kind, OrderId, Sku};
use crate::store::{StoreError, get_u64, to_i64};
use crate::sync::frame::Frame;
use crate::sync::receiver::{Cursor, Verdict, diverged, judge};
use crate::sync::topic::Topic;

/// `SGHB` in the file's header: these are a hub's books.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGHB");
const VERSION: i32 = 1;

const SCHEMA: &str = "
    -- One row for each database of each gateway; the one with the highest id is in force.
    CREATE TABLE book (
        id           INTEGER PRIMARY KEY,
        site         TEXT    NOT NULL,
        gateway      TEXT    NOT NULL,
        epoch        BLOB    NOT NULL,
        acked_seq    INTEGER NOT NULL,
        digest       INTEGER NOT NULL,
        chain        INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL,
        online       INTEGER NOT NULL,
        fenced       TEXT,
        problem      TEXT,
        UNIQUE (site, gateway, epoch)
    ) STRICT;

    CREATE TABLE entry (
        book            INTEGER NOT NULL,
        seq             INTEGER NOT NULL,
        kind            INTEGER NOT NULL,
        sku             TEXT    NOT NULL,
        change          INTEGER NOT NULL,
        reserved_change INTEGER NOT NULL,
        order_id        TEXT,
        request_id      TEXT    NOT NULL,
        at_ms           INTEGER NOT NULL,
        PRIMARY KEY (book, seq)
    ) STRICT, WITHOUT ROWID;

    -- The stock of each gateway, as its entries add up.
    CREATE TABLE held (
        sku      TEXT    NOT NULL,
        book     INTEGER NOT NULL,
        on_hand  INTEGER NOT NULL,
        reserved INTEGER NOT NULL,
        PRIMARY KEY (sku, book)
    ) STRICT, WITHOUT ROWID;

    -- Where units came from and went to: received + adjusted - deducted is what exists.
    CREATE TABLE flow (
        sku        TEXT PRIMARY KEY,
        received   INTEGER NOT NULL,
        adjusted   INTEGER NOT NULL,
        deducted   INTEGER NOT NULL,
        unallotted INTEGER NOT NULL,
        in_transit INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The writing side of the books.
#[derive(Debug)]
pub(super) struct Books {
    db: Connection,
}

/// What to say to a gateway once the transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The last number is the nonce of the greeting that it answers, 0 for none.
    Resume(Uuid, u64, u64),
    Ack(Uuid, u64),
    Refused(Uuid, String),
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// New entries in the books.
    pub(super) entries: u64,
    pub(super) answer: Option<Answer>,
}

struct Book {
    id: i64,
    cursor: Cursor,
}

impl Books {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            let failed = |source| StoreError::Directory { path: directory.into(), source };
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(5))?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        db.pragma_update(None, "cache_size", -32_768)?;
        db.set_prepared_statement_cache_capacity(64);
        create(&mut db)?;
        // Whoever was online is so only once it has said so to this process.
        set_all_offline(&db)?;
        Ok(Self { db })
    }

    pub(super) fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.db.transaction()?)
    }

    /// Every gateway, and how far its ledger in force has been committed.
    pub(super) fn positions(&self) -> Result<Vec<(Topic, Answer)>, StoreError> {
        let sql = "SELECT site, gateway, epoch, acked_seq FROM book
                   WHERE fenced IS NULL AND id IN (SELECT max(id) FROM book GROUP BY site, gateway)";
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let topic = Topic { site: row.get(0)?, gateway: row.get(1)? };
            Ok((topic, Answer::Resume(Uuid::from_bytes(row.get(2)?), get_u64(row, 3)?, 0)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Takes a frame into the books. On an error the whole transaction is to be dropped.
pub(super) fn take(
    db: &Transaction<'_>,
    topic: &Topic,
    frame: &Frame,
    now_ms: i64,
) -> Result<Taken, StoreError> {
    let mut books = books_of(db, topic)?;
    let newest = books.pop();
    let retired: Vec<Uuid> = books.iter().map(|book| book.cursor.epoch).collect();
    let nonce = match frame {
        Frame::Hello(hello) => hello.nonce,
        Frame::Entries(_)
        | Frame::Behind(_)
        | Frame::Taken(_)
        | Frame::Sums(_)
        | Frame::Figures(_)
        | Frame::Resume(_)
        | Frame::Ack(_)
        | Frame::Refused(_)
        | Frame::Transfers(_)
        | Frame::Catalogue(_)
        | Frame::Probe(_) => 0,
    };
    let verdict = judge(newest.as_ref().map(|book| &book.cursor), &retired, frame);
    let answer_only = |answer| Ok(Taken { entries: 0, answer });
    match (verdict, newest, frame) {
        (Verdict::NewEpoch { epoch }, newest, _) => {
            let answer = open_book(db, topic, newest.as_ref(), (epoch, nonce), now_ms)?;
            answer_only(Some(answer))
        }
        (Verdict::Fence(reason), Some(book), _) => {
            set_fence(db, &book, &reason, now_ms)?;
            answer_only(Some(Answer::Refused(book.cursor.epoch, reason)))
        }
        (Verdict::Refuse(reason), _, frame) => {
            answer_only(Some(Answer::Refused(frame.epoch(), reason)))
        }
        (Verdict::Apply { skip }, Some(book), Frame::Entries(entries)) => {
            apply(db, &book, &entries.entries[skip..], entries.checks, now_ms)
        }
        (Verdict::Known, Some(book), _) => {
            seen(db, &book, now_ms)?;
            answer_only(Some(Answer::Ack(book.cursor.epoch, book.cursor.acked_seq)))
        }
        (Verdict::Resume, Some(book), _) => {
            seen(db, &book, now_ms)?;
            answer_only(Some(Answer::Resume(book.cursor.epoch, book.cursor.acked_seq, nonce)))
        }
        // A stray frame, or a verdict that these books and this frame cannot come to.
        (
            Verdict::Ignore
            | Verdict::Fence(_)
            | Verdict::Apply { .. }
            | Verdict::Known
            | Verdict::Resume,
            _,
            _,
        ) => answer_only(None),
    }
}

/// Notes whether a gateway is connected to the broker; `seen` if it has just said so itself.
/// Returns whether it has books.
pub(super) fn set_online(
    db: &Transaction<'_>,
    topic: &Topic,
    online: bool,
    seen: bool,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE book SET online = ?1, last_seen_ms = iif(?2, ?3, last_seen_ms)
               WHERE id = (SELECT max(id) FROM book WHERE site = ?4 AND gateway = ?5)";
    let row = params![online, seen, now_ms, topic.site, topic.gateway];
    Ok(db.prepare_cached(sql)?.execute(row)? > 0)
}

/// Forgets who is connected to the broker.
pub(super) fn set_all_offline(db: &Connection) -> Result<(), StoreError> {
    db.execute("UPDATE book SET online = 0 WHERE online", [])?;
    Ok(())
}

fn create(db: &mut Connection) -> Result<(), StoreError> {
    let found: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (found, tables) {
        (0, 0) => {
            let transaction = db.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            Ok(transaction.commit()?)
        }
        (VERSION, _) if application == APPLICATION_ID => Ok(()),
        (found, _) if application == APPLICATION_ID => {
            Err(StoreError::Newer { found, known: VERSION })
        }
        _ => Err(StoreError::NotOurs),
    }
}

/// The books of a gateway, the one in force last.
fn books_of(db: &Connection, topic: &Topic) -> Result<Vec<Book>, StoreError> {
    let sql = "SELECT id, epoch, acked_seq, digest, chain, fenced FROM book
               WHERE site = ?1 AND gateway = ?2 ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([&topic.site, &topic.gateway], |row| {
        let cursor = Cursor {
            epoch: Uuid::from_bytes(row.get(1)?),
            acked_seq: get_u64(row, 2)?,
            checks: read_checks(row, 3)?,
            fenced: row.get(5)?,
        };
        Ok(Book { id: row.get(0)?, cursor })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Starts books for a database; a gateway that had another one is reported as replaced.
fn open_book(
    db: &Transaction<'_>,
    topic: &Topic,
    replaced: Option<&Book>,
    (epoch, nonce): (Uuid, u64),
    now_ms: i64,
) -> Result<Answer, StoreError> {
    let known: i64 = db.query_row("SELECT count(*) FROM book", [], |row| row.get(0))?;
    if usize::try_from(known).is_ok_and(|known| known >= HUB_GATEWAYS_MAX) {
        let reason = format!("the hub keeps books for {HUB_GATEWAYS_MAX} databases, that is all");
        return Ok(Answer::Refused(epoch, reason));
    }
    let problem = replaced.map(|old| {
        format!(
            "the database was replaced: epoch {} ended at entry {}, epoch {epoch} goes on; count the stock",
            old.cursor.epoch, old.cursor.acked_seq
        )
    });
    if let Some(problem) = &problem {
        tracing::warn!(gateway = %topic, problem);
        db.execute("UPDATE book SET online = 0 WHERE id = ?1", [replaced.map(|old| old.id)])?;
    }
    let sql =
        "INSERT INTO book (site, gateway, epoch, acked_seq, digest, chain, last_seen_ms, online, problem)
               VALUES (?1, ?2, ?3, 0, 0, 0, ?4, 1, ?5)";
    db.execute(sql, params![topic.site, topic.gateway, epoch.as_bytes(), now_ms, problem])?;
    Ok(Answer::Resume(epoch, 0, nonce))
}

fn seen(db: &Transaction<'_>, book: &Book, now_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE book SET last_seen_ms = ?1, online = 1 WHERE id = ?2";
    db.prepare_cached(sql)?.execute([now_ms, book.id])?;
    Ok(())
}

/// Applies new entries, if they lead to the stock that the gateway says it has.
fn apply(
    db: &Transaction<'_>,
    book: &Book,
    entries: &[Entry],
    checks: Checks,
    now_ms: i64,
) -> Result<Taken, StoreError> {
    let mut held = held_before(db, book, entries)?;
    let mut reached = book.cursor.checks;
    let mut sound = true;
    for entry in entries {
        let figures = held.get_mut(&entry.sku).expect("read for every SKU of the frame");
        let before = *figures;
        figures.0 += entry.change;
        figures.1 += entry.reserved_change;
        sound &= 0 <= figures.1 && figures.1 <= figures.0 && figures.0 <= STOCK_MAX;
        if !sound {
            break;
        }
        reached.digest = reached.digest.moved(&entry.sku, before, *figures);
        reached.chain = reached.chain.with(entry);
    }
    let last_seq = entries.last().map_or(book.cursor.acked_seq, |last| last.seq);
    if reached != checks || !sound {
        let reason = diverged(last_seq);
        set_fence(db, book, &reason, now_ms)?;
        return Ok(Taken { entries: 0, answer: Some(Answer::Refused(book.cursor.epoch, reason)) });
    }
    insert_entries(db, book, entries)?;
    save_held(db, book, &held)?;
    save_flows(db, entries)?;
    let sql = "UPDATE book SET acked_seq = ?1, digest = ?2, chain = ?3, last_seen_ms = ?4,
               online = 1 WHERE id = ?5";
    db.prepare_cached(sql)?.execute(params![
        to_i64(last_seq),
        reached.digest.0.cast_signed(),
        reached.chain.0.cast_signed(),
        now_ms,
        book.id
    ])?;
    let answer = Some(Answer::Ack(book.cursor.epoch, last_seq));
    Ok(Taken { entries: entries.len() as u64, answer })
}

fn set_fence(
    db: &Transaction<'_>,
    book: &Book,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE book SET fenced = ?1, problem = ?1, last_seen_ms = ?2 WHERE id = ?3";
    db.prepare_cached(sql)?.execute(params![reason, now_ms, book.id])?;
    Ok(())
}

fn held_before(
    db: &Transaction<'_>,
    book: &Book,
    entries: &[Entry],
) -> Result<BTreeMap<Sku, (i64, i64)>, StoreError> {
    let sql = "SELECT on_hand, reserved FROM held WHERE sku = ?1 AND book = ?2";
    let mut select = db.prepare_cached(sql)?;
    let mut held = BTreeMap::new();
    for Entry { sku, .. } in entries {
        if !held.contains_key(sku) {
            let row = select
                .query_row(params![sku.as_str(), book.id], |row| Ok((row.get(0)?, row.get(1)?)));
            held.insert(sku.clone(), row.optional()?.unwrap_or_default());
        }
    }
    Ok(held)
}

fn save_held(
    db: &Transaction<'_>,
    book: &Book,
    held: &BTreeMap<Sku, (i64, i64)>,
) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached("INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4)")?;
    for (sku, (on_hand, reserved)) in held {
        upsert.execute(params![sku.as_str(), book.id, on_hand, reserved])?;
    }
    Ok(())
}

fn insert_entries(db: &Transaction<'_>, book: &Book, entries: &[Entry]) -> Result<(), StoreError> {
    let mut insert =
        db.prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for entry in entries {
        insert.execute(params![
            book.id,
            to_i64(entry.seq),
            entry.kind.code(),
            entry.sku.as_str(),
            entry.change,
            entry.reserved_change,
            entry.order_id.as_ref().map(OrderId::as_str),
            entry.request_id.as_str(),
            entry.at_ms,
        ])?;
    }
    Ok(())
}

/// Units by where they came from or went to.
#[derive(Clone, Copy, Default)]
struct Flow {
    received: i64,
    adjusted: i64,
    deducted: i64,
    unallotted: i64,
    in_transit: i64,
}

impl Flow {
    fn add(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Restock => self.received += entry.change,
            Kind::Count => self.adjusted += entry.change,
            Kind::Deduct | Kind::Commit | Kind::Rollback => self.deducted -= entry.change,
            Kind::Grant => self.in_transit -= entry.change,
            Kind::Recall => self.unallotted -= entry.change,
            // These move nothing in or out, they only promise.
            Kind::Reserve | Kind::Release | Kind::Expire => {}
        }
    }
}

fn save_flows(db: &Transaction<'_>, entries: &[Entry]) -> Result<(), StoreError> {
    let mut flows: BTreeMap<&Sku, Flow> = BTreeMap::new();
    for entry in entries {
        flows.entry(&entry.sku).or_default().add(entry);
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO flow VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (sku) DO UPDATE SET
            received = received + excluded.received, adjusted = adjusted + excluded.adjusted,
            deducted = deducted + excluded.deducted,
            unallotted = unallotted + excluded.unallotted,
            in_transit = in_transit + excluded.in_transit",
    )?;
    for (sku, flow) in flows {
        let Flow { received, adjusted, deducted, unallotted, in_transit } = flow;
        upsert.execute(params![
            sku.as_str(),
            received,
            adjusted,
            deducted,
            unallotted,
            in_transit
        ])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
