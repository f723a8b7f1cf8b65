//! The doctor's checks of the database.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::report::{Check, Report};
use crate::config::GatewayConfig;
use crate::process::signing_key::SigningKey;
use crate::stock::{Checks, Digest, Item, Origin, Posted, Seq, Sku, Stock};
use crate::store::{
    DEVICE_KEY_FILE, HighWaterMark, LedgerChunk, Repair, StoreError, check_owner,
    examine as examine_rows, find_structural_damage, last_signed, load_stock, open_file_read_only,
    open_with_high_water_mark, read_end, read_identity, schema_version,
};

const KEEP: &str = "keep a copy of the data directory before anything else; then stop the gateway and bring the database back with `stockgate restore --from-damaged --data-dir DIR`, or with --from and a backup; the hub's books hold what was confirmed";

const OUT_OF_REACH: &str = "it is not known to be damaged: let the gateway's account read and write its files and their directory, and run the doctor as that account or as root";

/// Checks a gateway's database: also whether it is the one that was there before, and whether it
/// belongs to the configuration, if one is given.
pub(super) fn examine(report: &mut Report, data_dir: &Path, config: Option<&GatewayConfig>) {
    let examined = open_with_high_water_mark(data_dir).and_then(|(db, high_water_mark)| {
        compare_key(report, data_dir, &db)?;
        Examination { report, high_water_mark: Some(high_water_mark), config }.examine(&db)
    });
    tell(report, examined);
}

/// Checks a backup.
pub(super) fn examine_copy(report: &mut Report, file: &Path) {
    let examined = open_file_read_only(file)
        .and_then(|db| Examination { report, high_water_mark: None, config: None }.examine(&db));
    tell(report, examined);
}

fn tell(report: &mut Report, examined: Result<(), StoreError>) {
    if let Err(error) = examined {
        // Other errors say themselves what to do.
        let is_damage = matches!(error, StoreError::Damaged(_) | StoreError::Sqlite(_));
        let next = match is_damage {
            true if error.is_out_of_reach() => OUT_OF_REACH,
            true => KEEP,
            false => "",
        };
        report.wrong(Check::Database, error, next);
    }
}

/// Compares the key of the device, if it can be read, with the one that has signed last: a gateway signs
/// with whatever key there is.
fn compare_key(report: &mut Report, data_dir: &Path, db: &Connection) -> Result<(), StoreError> {
    let path = data_dir.join(DEVICE_KEY_FILE);
    let Ok(key) = SigningKey::read(&path) else { return Ok(()) };
    if last_signed(db)?.is_some_and(|(_, signed_with)| signed_with != key.public()) {
        let told = format!("{} is another key than the one that has signed last", path.display());
        report.note(
            Check::Database,
            told,
            "if nobody has replaced it, put it back from a copy; otherwise accept it at the hub",
        );
    }
    Ok(())
}

/// What to compare a database with, and where to report it.
struct Examination<'a> {
    report: &'a mut Report,
    high_water_mark: Option<HighWaterMark>,
    config: Option<&'a GatewayConfig>,
}

impl Examination<'_> {
    /// Checks the whole database in one snapshot, so a running gateway goes on and changes nothing
    /// of what is compared.
    fn examine(mut self, db: &Connection) -> Result<(), StoreError> {
        let snapshot = db.unchecked_transaction()?;
        let identity = read_identity(&snapshot)?;
        let origin = identity.as_ref().map(|(origin, _)| origin);
        if let Some((origin, progress)) = &identity {
            self.whose(origin, progress.acked_seq);
        }
        let (found, newest) = schema_version(&snapshot)?;
        let known = format!("schema version {found}, this program knows up to {newest}");
        self.report.ok(Check::Schema, known);
        let findings = find_structural_damage(&snapshot)?;
        if findings.is_empty() {
            self.report.ok(Check::Integrity, "integrity of the file");
        }
        let is_whole = findings.is_empty();
        findings.into_iter().for_each(|finding| self.report.wrong(Check::Integrity, finding, KEEP));
        match self.rows_and_stock(&snapshot, origin) {
            // What else there is follows from the damage of the file.
            Err(_) if !is_whole => Ok(()),
            examined => examined,
        }
    }

    fn whose(&mut self, origin: &Origin, acked_seq: Seq) {
        let (site, gateway, epoch) = (&origin.site, &origin.gateway, origin.epoch);
        let is_its = |config: &GatewayConfig| check_owner(origin, &config.site, &config.id);
        match self.config.map_or(Ok(()), is_its) {
            Ok(()) => self.report.ok(
                Check::Database,
                format!("gateway {site}/{gateway}, epoch {epoch}, confirmed up to {acked_seq}"),
            ),
            Err(error) => self.report.wrong(Check::Database, error, ""),
        }
    }

    /// Checks every row, and the ledger against the stock.
    fn rows_and_stock(
        &mut self,
        db: &Connection,
        origin: Option<&Origin>,
    ) -> Result<(), StoreError> {
        let mut sum: Option<Sum> = None;
        let faults = examine_rows(db, |part| match &mut sum {
            Some(sum) => sum.add(part),
            None => sum = Some(Sum::beginning_with(part)),
        })?;
        if faults.is_empty() {
            self.report.ok(Check::Rows, "every row is as it was written");
        }
        let is_lost = faults.iter().any(|fault| fault.is_lost);
        faults.iter().for_each(|fault| self.tell_row(fault));
        let stock = load_stock(db);
        if let (Ok(_), Some(high_water_mark), Some(origin)) =
            (&stock, &self.high_water_mark, origin)
        {
            high_water_mark.check_reached(origin, read_end(db)?)?;
        }
        let findings = match stock {
            // The ledger was not read in full, or does not tell the stock of all SKUs.
            Ok(_) if is_lost => sum.map_or(Vec::new(), |sum| sum.findings),
            Ok(stock) => sum.map_or(Vec::new(), |sum| sum.compared(self.report, &stock)),
            Err(StoreError::Damaged(why)) => {
                let mut findings = sum.map_or(Vec::new(), |sum| sum.findings);
                findings.push(why);
                findings
            }
            Err(error) => return Err(error),
        };
        findings.into_iter().for_each(|finding| self.report.wrong(Check::Ledger, finding, KEEP));
        Ok(())
    }
}

impl Examination<'_> {
    /// Reports what is damaged. A backup with damage that a start repairs can still be restored.
    fn tell_row(&mut self, fault: &Repair) {
        let Repair { fault, remedy, is_lost } = fault;
        match (is_lost, &self.high_water_mark) {
            (true, _) => self.report.wrong(Check::Rows, format!("{fault}: {remedy}"), KEEP),
            (false, Some(_)) => {
                let next = format!("start the gateway again: {remedy}");
                self.report.wrong(Check::Rows, fault, &next);
            }
            (false, None) => self.report.note(Check::Rows, fault, "it is not restored"),
        }
    }
}

/// The state of a pass over the ledger.
struct Sum {
    first_seq: Seq,
    /// The checks before the first entry.
    opening: Checks,
    /// Position and checks after the last entry.
    last: (Seq, Checks),
    /// The sum of the entries of each SKU.
    moved: BTreeMap<Sku, (i64, i64)>,
    findings: Vec<String>,
}

impl Sum {
    fn beginning_with(part: &LedgerChunk) -> Self {
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

    fn add(&mut self, part: &LedgerChunk) {
        // Only the first difference is reported; later ones follow from it.
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

    /// The difference between ledger and stock, if any.
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

    /// The stock before the first entry is the stock minus the sum of the ledger. Its digest must
    /// be the one from which the ledger starts.
    fn compare(&mut self, stock: &Stock) {
        let mut opening = Digest::default();
        for (sku, item) in stock.items() {
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
