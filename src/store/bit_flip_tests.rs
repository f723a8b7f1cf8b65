//! Every bit of every row: whatever flips, no answer changes without a word.
//!
//! A small database is damaged in one place, opened as at a start, and asked everything that it was
//! asked before. The outcome is one of five:
//!
//! - refused: the start fails, or what is concerned is refused, and everything else is as before;
//! - rebuilt: the start says what it has repaired, and everything is as before;
//! - harmless: everything is as before, although nothing is said;
//! - silent: an answer differs, or a request is decided again. There must be none.
#![allow(clippy::print_stdout, reason = "the table of outcomes is what a person runs this for")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;
use uuid::Uuid;

use super::demand_table::read_demand;
use super::error::StoreError;
use super::high_water_mark::HighWaterMark;
use super::open::load_and_repair;
use super::repairs::Repair;
use super::request_index::RequestIndex;
use super::row_check::add_row_crc_function;
use super::shop::{HOUR_MS, Shop, id, transfer};
use super::{
    DATABASE_FILE, examine, find_barcode, find_structural_damage, listing, load_stock, read_end,
    read_identity, read_ledger, read_signed,
};
use crate::clock::Now;
use crate::stock::{
    Action, Command, CommandAnswer, Direction, Draft, Hold, Line, Listing, OrderId, Origin, Posted,
    Quantity, RefusedRow, RequestId, RequestRecord, RequestRecords, Seq, Signed, Sku, Stock, Taken,
};

const TABLES: [&str; 10] = [
    "gateway", "ledger", "seen", "stock", "hold", "mark", "listing", "barcode", "signed", "demand",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Refused,
    Rebuilt,
    Harmless,
    /// SQLite does not store such a row.
    Impossible,
    Silent,
}

/// How often each outcome was met, for each table.
#[derive(Default)]
struct Tally(BTreeMap<(String, Outcome), usize>);

impl Tally {
    fn add(&mut self, what: &str, outcome: Outcome) {
        *self.0.entry((what.to_owned(), outcome)).or_default() += 1;
    }

    fn print(&self) {
        println!("{:<28} {:>9} {:>9} {:>9} {:>9}", "", "refused", "rebuilt", "harmless", "silent");
        let mut what: Vec<&str> = self.0.keys().map(|(what, _)| what.as_str()).collect();
        what.dedup();
        for what in what {
            let count = |outcome| self.0.get(&(what.to_owned(), outcome)).copied().unwrap_or(0);
            let [refused, rebuilt, harmless, silent] =
                [Outcome::Refused, Outcome::Rebuilt, Outcome::Harmless, Outcome::Silent].map(count);
            println!("{what:<28} {refused:>9} {rebuilt:>9} {harmless:>9} {silent:>9}");
        }
    }
}

/// A database in one file, and what it answers.
struct Base {
    directory: TempDir,
    commands: Vec<Command>,
    skus: Vec<Sku>,
    codes: Vec<String>,
    answers: Answers,
    high_water_mark: HighWaterMark,
}

/// Everything that is read or decided after a start.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    origin: Origin,
    acked_seq: Seq,
    running_ms: u64,
    seq: Seq,
    taken: Taken,
    stock: Stock,
    replays: Vec<Answer<CommandAnswer>>,
    listings: Vec<Answer<Option<Listing>>>,
    codes: Vec<Answer<Option<(Sku, u64)>>>,
    entries: Answer<Vec<Posted>>,
    signed: Vec<Signed>,
    demand: Vec<RefusedRow>,
    /// Rows of both tables, whether they can be read or not.
    reports: usize,
    repairs: Vec<Repair>,
}

/// An answer; `None` if it is refused because of damage.
type Answer<T> = Option<T>;

/// What the writer has to decide with.
struct Records<'a>(&'a Connection, &'a RequestIndex);

impl RequestRecords for Records<'_> {
    type Error = StoreError;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, StoreError> {
        self.1.find(self.0, id)
    }

    fn lost_reason(error: &StoreError) -> Option<String> {
        error.is_damage().then(|| error.to_string())
    }
}

impl Base {
    /// Closes a database and notes what it answers to these requests.
    fn new(shop: Shop, commands: Vec<Command>, skus: &[&str], codes: &[&str]) -> Self {
        let Shop { directory, mut store, stock } = shop;
        store.save_high_water_mark(&stock);
        store.close().unwrap();
        let high_water_mark = HighWaterMark::read(directory.path());
        let db = Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
        // One file, which is opened in a moment.
        db.pragma_update(None, "journal_mode", "delete").unwrap();
        drop(db);
        let skus = skus.iter().map(|sku| Sku::parse(sku).unwrap()).collect();
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        let mut base =
            Self { directory, commands, skus, codes, answers: Answers::none(), high_water_mark };
        base.answers = base.ask(&base.path()).unwrap();
        assert!(base.answers.repairs.is_empty(), "{:?}", base.answers.repairs);
        let is_known = |answer: &Answer<CommandAnswer>| {
            answer.as_ref().is_some_and(|it| it.as_ref().is_ok_and(|decided| decided.replayed))
        };
        // What was pruned is decided again, as it should be.
        let known: Vec<bool> = base.answers.replays.iter().map(is_known).collect();
        let mut known = known.iter();
        base.commands.retain(|_| *known.next().unwrap());
        base.answers = base.ask(&base.path()).unwrap();
        base
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(DATABASE_FILE)
    }

    /// Starts on a database, asks everything, and changes nothing of it but by repair.
    fn ask(&self, database: &Path) -> Result<Answers, StoreError> {
        let db = Connection::open(database)?;
        db.pragma_update(None, "synchronous", "off")?;
        add_row_crc_function(&db)?;
        let (row, stock, index, repairs) =
            load_and_repair(&db, "site", "gateway", |origin, end| {
                // The end of the ledger is in no other row, but in a file.
                self.high_water_mark.check_reached(origin, end)
            })?;
        let records = Records(&db, &index);
        let replay = |command: &Command| {
            let now = Now { wall_ms: 0, running_ms: 0, trusted: true };
            let mut draft = Draft::new(&stock, now, 900);
            let answer = draft.decide(command, &records).ok()?;
            answer.is_ok().then_some(answer)
        };
        Ok(Answers {
            origin: row.identity.origin,
            acked_seq: row.positions.progress.acked_seq,
            running_ms: row.positions.progress.running_ms,
            seq: stock.seq(),
            taken: stock.taken(),
            replays: self.commands.iter().map(replay).collect(),
            listings: self.skus.iter().map(|sku| listing(&db, sku).ok()).collect(),
            codes: self.codes.iter().map(|code| find_barcode(&db, code).ok()).collect(),
            entries: read_ledger(&db, row.positions.pruned_seq, 100_000).ok(),
            signed: read_signed(&db, 0)?,
            demand: read_demand(&db)?,
            reports: rows(&db, "signed").len() + rows(&db, "demand").len(),
            stock,
            repairs,
        })
    }

    /// What became of a damaged copy. The doctor must find whatever is not harmless.
    fn judge(&self, database: &Path, what: &str) -> Outcome {
        let is_found = self.is_found_by_doctor(database);
        let outcome = self.start(database, what);
        if is_found || matches!(outcome, Outcome::Harmless | Outcome::Silent) {
            return outcome;
        }
        println!("SILENT {what}: the doctor does not find it, but it is {outcome:?}");
        Outcome::Silent
    }

    fn is_found_by_doctor(&self, database: &Path) -> bool {
        let Ok(db) = Connection::open(database) else { return true };
        let Ok(identity) = read_identity(&db) else { return true };
        let (Ok(_), Ok(end)) = (load_stock(&db), read_end(&db)) else { return true };
        let ends = identity.map(|identity| self.high_water_mark.check_reached(&identity.0, end));
        let is_cut = !matches!(ends, Some(Ok(())));
        is_cut
            || !examine(&db, |_| {}).is_ok_and(|found| found.is_empty())
            || !find_structural_damage(&db).is_ok_and(|found| found.is_empty())
    }

    /// What a start and the answers after it say.
    fn start(&self, database: &Path, what: &str) -> Outcome {
        let Ok(found) = self.ask(database) else { return Outcome::Refused };
        if let Err(difference) = self.compare(&found) {
            println!("SILENT {what}: {difference}");
            return Outcome::Silent;
        }
        if found.repairs.is_empty() {
            return if found.is_whole() { Outcome::Harmless } else { Outcome::Refused };
        }
        match self.ask(database) {
            Ok(again) if again.repairs.is_empty() || !again.stock.lost().is_empty() => {}
            again => {
                let again = again.map(|again| again.repairs);
                println!(
                    "SILENT {what}: not repaired for good: {:?}, then {again:?}",
                    found.repairs
                );
                return Outcome::Silent;
            }
        }
        if found.stock.lost().is_empty() { Outcome::Rebuilt } else { Outcome::Refused }
    }

    /// Finds an answer that differs and is not refused.
    fn compare(&self, found: &Answers) -> Result<(), String> {
        let (before, said) = (&self.answers, !found.repairs.is_empty());
        let same = |what: &str, is_same: bool| if is_same { Ok(()) } else { Err(what.to_owned()) };
        same("origin", before.origin == found.origin)?;
        same("acked_seq", before.acked_seq == found.acked_seq)?;
        same("running_ms", said || before.running_ms == found.running_ms)?;
        same("seq", before.seq == found.seq)?;
        same("checks", before.stock.checks() == found.stock.checks())?;
        let taken = Taken { catalogue: before.taken.catalogue, ..found.taken };
        same("taken", before.taken == taken)?;
        same("catalogue", said || before.taken == found.taken)?;
        let is_same = |sku: &Sku| {
            let items = (before.stock.item(sku.as_str()), found.stock.item(sku.as_str()));
            let hidden = [before, found].map(|it| it.stock.is_hidden(sku.as_str()));
            let is_same = items.0 == items.1 && hidden[0] == hidden[1];
            is_same || (said && found.stock.is_lost(sku.as_str()))
        };
        let different = self.skus.iter().find(|sku| !is_same(sku));
        same(&format!("stock of {different:?}"), different.is_none())?;
        for command in &self.commands {
            let holds = [before, found].map(|it| it.stock.hold(&command.request_id).cloned());
            same("reservation", holds[0] == holds[1] || (said && alike(&holds)))?;
        }
        for (command, replays) in
            self.commands.iter().zip(before.replays.iter().zip(&found.replays))
        {
            let is_same = replays.1.is_none() || replays.0 == replays.1;
            same(&format!("answer to {}: {:?}", command.request_id, replays.1), is_same)?;
        }
        let may_lack = |before: bool, found: bool| !found || before;
        for (before, found) in before.listings.iter().zip(&found.listings) {
            let listed = |it: &Answer<Option<Listing>>| it.as_ref().is_some_and(Option::is_some);
            let lacks = said && may_lack(listed(before), listed(found)) && !listed(found);
            same(&format!("listing {found:?}"), found.is_none() || lacks || before == found)?;
        }
        for (before, found) in before.codes.iter().zip(&found.codes) {
            let lacks = said && *found == Some(None);
            same(&format!("code {found:?}"), found.is_none() || lacks || before == found)?;
        }
        // A report may lack a row, but tells nothing that was not so.
        same("signed", found.signed.iter().all(|row| before.signed.contains(row)))?;
        same("demand", found.demand.iter().all(|row| before.demand.contains(row)))?;
        let read = found.signed.len() + found.demand.len();
        same("a report was left out", said || read == found.reports)?;
        same("entries", found.entries.is_none() || before.entries == found.entries)
    }
}

/// Whether a reservation is the same but for its deadline.
fn alike([one, other]: &[Option<Hold>; 2]) -> bool {
    let parts = |hold: &Hold| (hold.order_id.clone(), hold.lines.clone());
    one.as_ref().map(parts) == other.as_ref().map(parts)
}

impl Answers {
    fn none() -> Self {
        let origin = Origin { site: String::new(), gateway: String::new(), epoch: Uuid::nil() };
        Self {
            origin,
            acked_seq: 0,
            running_ms: 0,
            seq: 0,
            taken: Taken::default(),
            stock: Stock::default(),
            replays: Vec::new(),
            listings: Vec::new(),
            codes: Vec::new(),
            entries: None,
            signed: Vec::new(),
            demand: Vec::new(),
            reports: 0,
            repairs: Vec::new(),
        }
    }

    /// Whether nothing is refused.
    fn is_whole(&self) -> bool {
        self.replays.iter().all(Option::is_some)
            && self.listings.iter().all(Option::is_some)
            && self.codes.iter().all(Option::is_some)
            && self.entries.is_some()
    }
}

/// SKUs with and without listings, some of whose entries are pruned; reservations, one of them
/// older than the ledger, which begins with a refusal; rows of request hashes; transfers; marks.
fn small() -> Base {
    let mut shop = Shop::unsynced();
    let mut commands = Vec::new();
    let mut decide = |shop: &mut Shop, name: &str, action: Action| {
        let changes = shop.draft(name, action.clone());
        shop.commit(&changes);
        commands.push(Command::chosen(id(name), action));
    };
    shop.store.record_retention_mark(0, &shop.stock).unwrap();
    shop.update(0, 3, &[("A", Some("Nail"), "401 402"), ("L", Some("Saw"), "403 402")]);
    for sku in ["A", "B", "C", "D"] {
        decide(&mut shop, &format!("in-{sku}"), restock(&[(sku, 50)]));
    }
    let order_id = OrderId::parse("o1").ok();
    let reserve = |lines| Action::Reserve { order_id: order_id.clone(), lines, ttl_s: Some(7_200) };
    decide(&mut shop, "old-hold", reserve(lines(&[("A", 2), ("D", 3)])));
    let too_many = Action::Deduct { order_id: None, lines: lines(&[("A", 500)]) };
    let refuse = |shop: &mut Shop, name: &str| {
        let refused = Command::chosen(id(name), too_many.clone());
        let mut draft = shop.empty_draft();
        draft.decide(&refused, &shop.store).unwrap().unwrap();
        let changes = draft.finish();
        shop.commit(&changes);
        refused
    };
    decide(&mut shop, "r0", restock(&[("A", 1), ("B", 2)]));
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    let first = refuse(&mut shop, "too-many-at-first");
    for n in 1..9 {
        decide(&mut shop, &format!("r{n}"), restock(&[("A", 1), ("B", 2)]));
    }
    shop.flush_hashes();
    decide(&mut shop, "hold", reserve(lines(&[("B", 4)])));
    decide(&mut shop, "out", Action::Deduct { order_id: None, lines: lines(&[("A", 5)]) });
    decide(&mut shop, "back", Action::Rollback { of: id("out"), lines: None });
    let refused = refuse(&mut shop, "too-many");
    shop.take(&transfer(1, Direction::Grant, 7));
    shop.flush_hashes();
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    while shop.prune(4 * HOUR_MS, 9) {}
    shop.flush_hashes();
    decide(&mut shop, "hold-2", reserve(lines(&[("A", 1)])));
    for sku in ["H", "N"] {
        decide(&mut shop, &format!("in-{sku}"), restock(&[(sku, 1)]));
        let of = Sku::parse(sku).unwrap();
        decide(
            &mut shop,
            &format!("none-{sku}"),
            Action::Count { sku: of, counted: 0, trace: None },
        );
    }
    decide(&mut shop, "hide", Action::Hide { sku: Sku::parse("H").unwrap() });
    decide(&mut shop, "last", restock(&[("A", 3), ("E", 1)]));
    shop.store.record_retention_mark(3 * HOUR_MS, &shop.stock).unwrap();
    shop.add_reports();
    // A record without entries, whose absence only the high-water mark shows.
    let last = refuse(&mut shop, "too-many-again");
    commands.extend([first, refused, last]);
    Base::new(
        shop,
        commands,
        &["A", "B", "C", "D", "E", "H", "L", "N"],
        &["401", "402", "403", "404"],
    )
}

/// The database of the version before, upgraded: its chunks do not cover the columns beside them.
fn upgraded() -> Base {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DATABASE_FILE), super::store_tests::VERSION_3).unwrap();
    let (store, opened) = super::shop::open(&directory).unwrap();
    let shop = Shop { directory, store, stock: opened.stock };
    let restocks = (0..45).map(|n| (format!("r{n}"), restock(&[("A", 3)])));
    let reserve =
        |units| Action::Reserve { order_id: None, lines: lines(&[("A", units)]), ttl_s: None };
    let others = [
        ("held1", reserve(2)),
        ("held2", reserve(5)),
        ("out", Action::Deduct { order_id: None, lines: lines(&[("A", 4)]) }),
        ("last", restock(&[("A", 1)])),
    ];
    let others = others.map(|(name, action)| (name.to_owned(), action));
    let commands = restocks.chain(others).map(|(name, action)| Command::chosen(id(&name), action));
    Base::new(shop, commands.collect(), &["A", "B", "C"], &["401", "402", "403", "405"])
}

fn restock(units: &[(&str, u64)]) -> Action {
    Action::Restock { order_id: None, lines: lines(units) }
}

fn lines(units: &[(&str, u64)]) -> Vec<Line> {
    let line = |(sku, units): &(&str, u64)| {
        Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(*units).unwrap())
    };
    units.iter().map(line).collect()
}

/// Every row of a table, with all its columns.
fn rows(db: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = statement.column_count();
    let row = statement.query_map([], |row| (0..columns).map(|index| row.get(index)).collect());
    row.unwrap().map(Result::unwrap).collect()
}

/// The bits of a value as SQLite stores it.
fn bits(value: &Value) -> usize {
    match value {
        Value::Integer(number) => {
            let bits = 65 - number.unsigned_abs().leading_zeros() as usize;
            [8, 16, 24, 32, 48].into_iter().find(|stored| *stored >= bits).unwrap_or(64)
        }
        Value::Text(text) => text.len() * 8,
        Value::Blob(blob) => blob.len() * 8,
        Value::Null | Value::Real(_) => 0,
    }
}

fn flipped(value: &Value, bit: usize) -> ToSqlOutput<'static> {
    let flip = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    match value {
        Value::Integer(number) => {
            let is_sign = bit + 1 == bits(value);
            let mask = if is_sign { -1 << bit } else { 1 << bit };
            ToSqlOutput::Owned(Value::Integer(number ^ mask))
        }
        // A text that is no valid UTF-8 any more.
        Value::Text(text) => {
            ToSqlOutput::Borrowed(ValueRef::Text(Vec::leak(flip(text.as_bytes()))))
        }
        Value::Blob(blob) => ToSqlOutput::Owned(Value::Blob(flip(blob))),
        Value::Null | Value::Real(_) => unreachable!("there are none"),
    }
}

/// Copies of a database that are damaged one after the other.
struct Damage<'a> {
    base: &'a Base,
    copies: TempDir,
}

impl<'a> Damage<'a> {
    fn of(base: &'a Base) -> Self {
        let copies = tempfile::tempdir_in(shared_memory()).unwrap();
        Self { base, copies }
    }

    fn copy(&self) -> PathBuf {
        let copy = self.copies.path().join("copy.db");
        let _ = std::fs::remove_file(self.copies.path().join("copy.db-journal"));
        std::fs::copy(self.base.path(), &copy).unwrap();
        copy
    }

    /// Runs SQL on a copy. Returns what comes of it.
    fn sql(&self, sql: &str, values: Vec<ToSqlOutput<'_>>, what: &str) -> Outcome {
        let copy = self.copy();
        let db = Connection::open(&copy).unwrap();
        db.pragma_update(None, "synchronous", "off").unwrap();
        db.pragma_update(None, "ignore_check_constraints", true).unwrap();
        let changed = db.execute(sql, params_from_iter(values));
        drop(db);
        match changed {
            Ok(1) => self.base.judge(&copy, what),
            Ok(_) | Err(_) => Outcome::Impossible,
        }
    }

    /// Flips each `step`th bit of each row of a table.
    fn flip(&self, table: &str, step: usize, tally: &mut Tally) {
        let db = Connection::open(self.base.path()).unwrap();
        let mut names =
            db.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut next = 0;
        for row in rows(&db, table) {
            for (name, value) in names.iter().zip(&row) {
                let sql = format!("UPDATE {table} SET {name} = ?2 WHERE {} = ?1", names[0]);
                let count = bits(value);
                while next < count {
                    let values = vec![ToSqlOutput::Owned(row[0].clone()), flipped(value, next)];
                    let what = format!("{table} {:?} {name} bit {next}", row[0]);
                    tally.add(table, self.sql(&sql, values, &what));
                    next += step;
                }
                next -= count;
            }
        }
    }

    /// Deletes each row of a table in turn.
    fn delete(&self, table: &str, tally: &mut Tally) {
        let db = Connection::open(self.base.path()).unwrap();
        for row in rows(&db, table) {
            let sql = format!("DELETE FROM {table} WHERE {} = ?1", key_column(table));
            let what = format!("{table} {:?} deleted", row[0]);
            let outcome = self.sql(&sql, vec![ToSqlOutput::Owned(row[0].clone())], &what);
            tally.add(&format!("{table}, row deleted"), outcome);
        }
    }

    /// Gives each row of a table the values of the next one, all but the key.
    fn swap(&self, table: &str, tally: &mut Tally) {
        let db = Connection::open(self.base.path()).unwrap();
        for pair in rows(&db, table).windows(2) {
            let [one, other] = pair else { continue };
            let copy = self.copy();
            let db = Connection::open(&copy).unwrap();
            let values = vec!["?"; one.len()].join(", ");
            let sql = format!("INSERT OR REPLACE INTO {table} VALUES ({values})");
            for (key, values) in [(one, other), (other, one)] {
                let row = std::iter::once(&key[0]).chain(&values[1..]);
                db.execute(&sql, params_from_iter(row)).unwrap();
            }
            drop(db);
            let what = format!("{table} {:?} and {:?} swapped", one[0], other[0]);
            tally.add(&format!("{table}, rows swapped"), self.base.judge(&copy, &what));
        }
    }

    /// Flips random bits of the file.
    fn flip_file(&self, count: usize, seed: u64, tally: &mut Tally) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let whole = std::fs::read(self.base.path()).unwrap();
        for _ in 0..count {
            let (at, bit) = (rng.usize(..whole.len()), rng.u8(..8));
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let copy = self.copy();
            std::fs::write(&copy, bytes).unwrap();
            let what = format!("byte {at} bit {bit}");
            tally.add("bits of the file", self.base.judge(&copy, &what));
        }
    }
}

fn key_column(table: &str) -> &'static str {
    match table {
        "gateway" => "copy",
        "ledger" | "seen" => "n",
        "stock" | "listing" => "sku",
        "hold" => "id",
        "mark" => "running_ms",
        "signed" => "seq",
        "demand" => "day",
        _ => "code",
    }
}

/// A directory in memory, if there is one: thousands of copies are made.
fn shared_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

fn assert_nothing_silent(tally: &Tally) {
    tally.print();
    let silent = tally.0.iter().filter(|((_, outcome), _)| *outcome == Outcome::Silent);
    assert_eq!(silent.map(|(_, count)| count).sum::<usize>(), 0);
}

/// Flips with these steps through the bits of the large tables and of all others.
fn try_everything(base: &Base, large_step: usize, step: usize, file: usize) {
    let (damage, mut tally) = (Damage::of(base), Tally::default());
    for table in TABLES {
        let is_large = ["ledger", "seen"].contains(&table);
        damage.flip(table, if is_large { large_step } else { step }, &mut tally);
        damage.delete(table, &mut tally);
        damage.swap(table, &mut tally);
    }
    damage.flip_file(file, 1, &mut tally);
    assert_nothing_silent(&tally);
}

#[test]
fn no_flipped_bit_deleted_or_swapped_row_changes_an_answer_silently() {
    try_everything(&small(), 67, 5, 150);
}

#[test]
fn no_flipped_bit_of_an_upgraded_database_changes_an_answer_silently() {
    try_everything(&upgraded(), 197, 23, 50);
}

#[test]
#[ignore = "takes minutes: all bits of all rows; run by scripts/bit-flips"]
fn not_one_bit_of_a_small_database_changes_an_answer_silently() {
    try_everything(&small(), 1, 1, 20_000);
}

#[test]
#[ignore = "takes minutes: all bits of all rows; run by scripts/bit-flips"]
fn not_one_bit_of_an_upgraded_database_changes_an_answer_silently() {
    try_everything(&upgraded(), 1, 1, 20_000);
}

#[test]
fn no_flipped_bit_among_thousands_of_requests_changes_an_answer_silently() {
    sample(8);
}

#[test]
#[ignore = "takes minutes: thousands of bits of a large database; run by scripts/bit-flips"]
fn not_one_of_many_bits_among_thousands_of_requests_changes_an_answer_silently() {
    sample(2_000);
}

fn sample(count: usize) {
    let mut shop = Shop::unsynced();
    let mut commands = Vec::new();
    for first in (0..5_000).step_by(1_000) {
        let action = |n: u64| restock(&[(&format!("S{:03}", n % 400), n % 7 + 1)]);
        let changes = shop.draft_thousand("r", first, action);
        shop.commit(&changes);
        let new = (first..first + 1_000).map(|n| (id(&format!("r{n}")), action(n)));
        commands.extend(new.map(|(request_id, action)| Command::chosen(request_id, action)));
    }
    let skus: Vec<String> = (0..400).map(|n| format!("S{n:03}")).collect();
    let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
    let base = Base::new(shop, commands, &skus, &[]);
    let (damage, mut tally) = (Damage::of(&base), Tally::default());
    damage.flip_file(count, 2, &mut tally);
    assert_nothing_silent(&tally);
}
