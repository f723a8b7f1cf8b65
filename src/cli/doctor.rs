//! `doctor`: whether the database is what it must be.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use rusqlite::Connection;

use super::say;
use crate::stock::{Checks, Seq, Sku};
use crate::store::{StoreError, load_stock, open_read_only, read_identity, read_ledger};

/// Entries read at a time.
const STEP: usize = 10_000;

pub(super) fn run(data_dir: &Path) -> ExitCode {
    match examine(data_dir) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in findings {
                say(format!("WRONG  {finding}"));
            }
            say(
                "keep a copy of the data directory before anything else; the hub's books hold what was confirmed",
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            say(format!("WRONG  {error}"));
            ExitCode::FAILURE
        }
    }
}

fn examine(data_dir: &Path) -> Result<Vec<String>, StoreError> {
    let db = open_read_only(data_dir)?;
    // One snapshot, so that a gateway at work does not change what is being compared.
    let snapshot = db.unchecked_transaction()?;
    if let Some((origin, position)) = read_identity(&snapshot)? {
        say(format!(
            "ok     gateway {}/{}, epoch {}, confirmed up to {}",
            origin.site, origin.gateway, origin.epoch, position.acked_seq
        ));
    }
    let mut findings = integrity(&snapshot)?;
    if findings.is_empty() {
        say("ok     integrity of the file");
        findings = ledger_against_stock(&snapshot)?;
    }
    Ok(findings)
}

fn integrity(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter(|row| row != "ok").collect())
}

/// What a ledger adds up to.
#[derive(Default)]
struct Sum {
    first_seq: Seq,
    last_seq: Seq,
    stock: BTreeMap<Sku, (i64, i64)>,
    checks: Checks,
    findings: Vec<String>,
}

fn ledger_against_stock(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut sum = Sum { stock: opening(db)?, ..Sum::default() };
    for (sku, figures) in &sum.stock {
        sum.checks.digest = sum.checks.digest.moved(sku, (0, 0), *figures);
    }
    loop {
        let posted = read_ledger(db, sum.last_seq, STEP)?;
        if posted.is_empty() {
            break;
        }
        for posted in posted {
            sum.add(&posted);
        }
    }
    let stock = match load_stock(db) {
        Ok(stock) => stock,
        Err(StoreError::Damaged(why)) => {
            sum.findings.push(why);
            return Ok(sum.findings);
        }
        Err(error) => return Err(error),
    };
    for (sku, item) in stock.items_after("", None) {
        let (on_hand, reserved) = sum.stock.remove(sku).unwrap_or_default();
        if (on_hand, reserved) != (item.on_hand, item.reserved) {
            sum.findings.push(format!(
                "SKU {sku}: stock says {} on hand, {} reserved; the ledger adds up to {on_hand} and {reserved}",
                item.on_hand, item.reserved
            ));
        }
    }
    for sku in sum.stock.keys() {
        sum.findings.push(format!("SKU {sku}: is in the ledger, but not in the stock"));
    }
    if sum.findings.is_empty() {
        let (first, last, skus) = (sum.first_seq, sum.last_seq, stock.sku_count());
        say(format!("ok     ledger {first} to {last} adds up to the stock of {skus} SKUs"));
        say(format!("ok     digest {:016x}", stock.checks().digest.0));
    }
    Ok(sum.findings)
}

impl Sum {
    fn add(&mut self, posted: &crate::stock::Posted) {
        let entry = &posted.entry;
        let is_first = self.first_seq == 0;
        if is_first {
            self.first_seq = entry.seq;
        } else if entry.seq != self.last_seq + 1 {
            self.findings.push(format!("ledger: {} is followed by {}", self.last_seq, entry.seq));
        }
        self.last_seq = entry.seq;
        let figures = self.stock.entry(entry.sku.clone()).or_default();
        let before = *figures;
        figures.0 += entry.change;
        figures.1 += entry.reserved_change;
        self.checks.digest = self.checks.digest.moved(&entry.sku, before, *figures);
        self.checks.chain = self.checks.chain.with(entry);
        if is_first && entry.seq > 1 {
            // What came before has been pruned, and its part of the chain with it.
            self.checks.chain = posted.checks.chain;
        }
        // The first difference tells where it began; the ones behind it only follow from it.
        if self.checks != posted.checks && self.findings.is_empty() {
            self.findings
                .push(format!("ledger: entry {} does not follow from the ones before", entry.seq));
        }
    }
}

fn opening(db: &Connection) -> Result<BTreeMap<Sku, (i64, i64)>, StoreError> {
    let mut statement = db.prepare("SELECT sku, on_hand, reserved FROM opening")?;
    let rows = statement.query_map([], |row| {
        let sku = crate::store::stored(0, Sku::parse(row.get_ref(0)?.as_str()?))?;
        Ok((sku, (row.get(1)?, row.get(2)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
