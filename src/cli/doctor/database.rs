//! Whether the database is what it must be.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::report::{Check, Report};
use crate::stock::{Checks, Digest, Item, Posted, Seq, Sku, Stock};
use crate::store::{LedgerPart, StoreError, each_part, load_stock, read_identity, version};

const KEEP: &str = "keep a copy of the data directory before anything else; the hub's books hold what was confirmed";

/// Goes through all of it, in one snapshot: a gateway at work goes on, and does not change what is
/// being compared.
pub(super) fn examine(report: &mut Report, db: Result<Connection, StoreError>) {
    if let Err(error) = db.and_then(|db| examined(report, &db)) {
        // The others say themselves what to do.
        let is_damage = matches!(error, StoreError::Damaged(_) | StoreError::Sqlite(_));
        let next = if is_damage { KEEP } else { "" };
        report.wrong(Check::Database, error, next);
    }
}

fn examined(report: &mut Report, db: &Connection) -> Result<(), StoreError> {
    let snapshot = db.unchecked_transaction()?;
    if let Some((origin, position)) = read_identity(&snapshot)? {
        let (site, gateway, epoch) = (&origin.site, &origin.gateway, origin.epoch);
        let acked_seq = position.acked_seq;
        report.ok(
            Check::Database,
            format!("gateway {site}/{gateway}, epoch {epoch}, confirmed up to {acked_seq}"),
        );
    }
    let (found, newest) = version(&snapshot)?;
    report.ok(Check::Schema, format!("schema version {found}, this program knows up to {newest}"));
    let findings = integrity(&snapshot)?;
    if findings.is_empty() {
        report.ok(Check::Integrity, "integrity of the file");
        return ledger_against_stock(report, &snapshot);
    }
    findings.into_iter().for_each(|finding| report.wrong(Check::Integrity, finding, KEEP));
    Ok(())
}

fn integrity(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter(|row| row != "ok").collect())
}

/// A ledger being gone through.
struct Sum {
    first_seq: Seq,
    /// The checks before the first entry.
    opening: Checks,
    /// Position and checks behind the last entry.
    last: (Seq, Checks),
    /// What every SKU's entries add up to.
    moved: BTreeMap<Sku, (i64, i64)>,
    findings: Vec<String>,
}

fn ledger_against_stock(report: &mut Report, db: &Connection) -> Result<(), StoreError> {
    let mut sum: Option<Sum> = None;
    each_part(db, |part| match &mut sum {
        Some(sum) => sum.add(part),
        None => sum = Some(Sum::beginning_with(part)),
    })?;
    let findings = match load_stock(db) {
        Ok(stock) => sum.map_or(Vec::new(), |sum| sum.compared(report, &stock)),
        Err(StoreError::Damaged(why)) => {
            let mut findings = sum.map_or(Vec::new(), |sum| sum.findings);
            findings.push(why);
            findings
        }
        Err(error) => return Err(error),
    };
    findings.into_iter().for_each(|finding| report.wrong(Check::Ledger, finding, KEEP));
    Ok(())
}

impl Sum {
    fn beginning_with(part: &LedgerPart) -> Self {
        let mut sum = Self {
            first_seq: part.base.0 + 1,
            opening: part.base.1,
            last: part.base,
            moved: BTreeMap::new(),
            findings: Vec::new(),
        };
        sum.add(part);
        sum
    }

    fn add(&mut self, part: &LedgerPart) {
        // The first difference tells where it began; the ones behind it only follow from it.
        if part.base != self.last && self.findings.is_empty() {
            let (seq, at) = (part.base.0 + 1, self.last.0);
            self.findings.push(format!(
                "ledger: what begins at entry {seq} does not follow from the entries up to {at}"
            ));
        }
        for Posted { entry, .. } in &part.entries {
            let moved = self.moved.entry(entry.sku.clone()).or_default();
            moved.0 = moved.0.wrapping_add(entry.change);
            moved.1 = moved.1.wrapping_add(entry.reserved_change);
        }
        self.last = part.last();
    }

    /// What is wrong between ledger and stock.
    fn compared(mut self, report: &mut Report, stock: &Stock) -> Vec<String> {
        self.compare(stock);
        if self.findings.is_empty() {
            let (first, last, skus) = (self.first_seq, self.last.0, stock.sku_count());
            let adds_up = format!("ledger {first} to {last} adds up to the stock of {skus} SKUs");
            report.ok(Check::Ledger, adds_up);
            report.ok(Check::Digest, format!("digest {:016x}", stock.checks().digest.0));
        }
        self.findings
    }

    /// What was there before the first entry is the stock less what the ledger adds up to: its
    /// digest must be the one that the ledger began with.
    fn compare(&mut self, stock: &Stock) {
        let mut opening = Digest::default();
        for (sku, item) in stock.items_after("", None) {
            let moved = self.moved.remove(sku).unwrap_or_default();
            let before = (item.on_hand.wrapping_sub(moved.0), item.reserved.wrapping_sub(moved.1));
            opening = opening.moved(sku, (0, 0), before);
            if self.first_seq == 1 && before != (0, 0) {
                let Item { on_hand, reserved, .. } = item;
                self.findings.push(format!(
                    "SKU {sku}: stock says {on_hand} on hand, {reserved} reserved; the ledger adds up to {} and {}",
                    moved.0, moved.1
                ));
            }
        }
        for sku in self.moved.keys() {
            self.findings.push(format!("SKU {sku}: is in the ledger, but not in the stock"));
        }
        if opening != self.opening.digest {
            self.findings.push(format!(
                "ledger: entries {} to {} do not lead from the stock before them to the stock there is",
                self.first_seq, self.last.0
            ));
        }
    }
}
