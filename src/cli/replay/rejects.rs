//! The rows that changed nothing, and why.

use std::cmp::Ordering;
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::cli::orders::Row;

/// Rows that the summary lists; stderr and the file of rejects have all of them. And times, and rows without
/// stock, that are told.
const LISTED_MAX: usize = 50;

/// The code of a row that is not sent.
pub(super) const UNREADABLE: &str = "unreadable";

/// A row as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RowText {
    pub(super) line: u64,
    pub(super) order_id: String,
    pub(super) sku: String,
    pub(super) quantity: String,
}

impl RowText {
    pub(super) fn of(row: &Row) -> Self {
        let Row { line, order, sku, quantity, .. } = row.clone();
        Self { line, order_id: order, sku, quantity }
    }

    /// Where it stands, for messages.
    pub(super) fn place(&self) -> String {
        printable(&format!("line {}: {}", self.line, self.sku))
    }
}

/// A row that changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reject {
    #[serde(flatten)]
    pub(super) row: RowText,
    pub(super) code: String,
    pub(super) reason: String,
}

impl Reject {
    /// Whether something is wrong with the row. A row without stock is right, and comes to nothing.
    fn is_wrong(&self) -> bool {
        self.code != "insufficient_stock"
    }

    fn line(&self) -> String {
        format!("{}: {} ({})", self.row.place(), self.reason, self.code)
    }
}

/// Gathers the rejects of a replay, and writes those in which something is wrong to stderr.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    /// The name of the file of orders.
    orders: String,
    file: Option<csv::Writer<File>>,
    /// The times that could not be read.
    warned: usize,
    /// The rows that the stock did not cover.
    short: usize,
    /// Those in which something is wrong: how many, and the first of them.
    pub(super) wrong: u64,
    pub(super) listed: Vec<Reject>,
}

impl Rejects {
    /// Opens the file that keeps them, if there is to be one.
    pub(super) fn open(file: Option<&Path>, orders: &Path) -> anyhow::Result<Self> {
        let rejects = Self { orders: orders.display().to_string(), ..Self::default() };
        let Some(path) = file else {
            return Ok(rejects);
        };
        let is_orders = || Some(path.canonicalize().ok()? == orders.canonicalize().ok()?);
        ensure!(is_orders() != Some(true), "--rejects {}: is the file of orders", path.display());
        let open = || -> anyhow::Result<_> {
            let mut file = csv::Writer::from_path(path)?;
            file.write_record(["line", "order_id", "sku", "quantity", "code", "reason"])?;
            file.flush()?;
            Ok(file)
        };
        let file = open().with_context(|| format!("--rejects {}", path.display()))?;
        Ok(Self { file: Some(file), ..rejects })
    }

    pub(super) fn add(&mut self, reject: Reject) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let Reject { row, code, reason } = &reject;
            let line = row.line.to_string();
            file.write_record([&line, &row.order_id, &row.sku, &row.quantity, code, reason])?;
        }
        if reject.is_wrong() {
            self.wrong += 1;
            self.say(&reject.line());
            if self.listed.len() < LISTED_MAX {
                self.listed.push(reject);
            }
        } else if self.file.is_none() {
            self.short += 1;
            self.say_first(self.short, reject.line(), "rows are listed; --rejects keeps all");
        }
        Ok(())
    }

    /// Writes what is not written yet.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => Ok(file.flush()?),
            None => Ok(()),
        }
    }

    /// Warns of a row that is replayed, although its time cannot be read. A file that writes all times
    /// in another way is told of the first ones.
    pub(super) fn warn(&mut self, row: &Row) {
        let Err(why) = &row.at_ms else { return };
        self.warned += 1;
        let place = RowText::of(row).place();
        let line = format!("{place}: {why}; the row counts without it");
        self.say_first(self.warned, line, "times are listed");
    }

    /// Says a line, the `n`th of its kind, if it is one of the first.
    fn say_first(&self, n: usize, line: String, kind: &str) {
        match n.cmp(&LISTED_MAX) {
            Ordering::Less => self.say(&line),
            Ordering::Equal => self.say(&format!("{line}; no more such {kind}")),
            Ordering::Greater => {}
        }
    }

    /// Writes a line, on a terminal in the place of the progress bar.
    fn say(&self, line: &str) {
        let cleared = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        crate::process::logs::report(&format!("{cleared}{}", self.orders), &printable(line));
    }
}

/// A line with its control characters escaped: those of a file would move the cursor of a terminal, or
/// make lines of their own.
pub(super) fn printable(line: &str) -> String {
    let shown = |char: char| match char.is_control() {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64, code: &str) -> Reject {
        let text = RowText { line, order_id: "A".into(), sku: "s".into(), quantity: "1,0".into() };
        Reject { row: text, code: code.into(), reason: "why".into() }
    }

    #[test]
    fn the_file_keeps_all_and_the_list_has_the_first_wrong_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.csv");
        let mut rejects = Rejects::open(Some(&path), Path::new("orders.csv")).unwrap();
        rejects.add(reject(1, "insufficient_stock")).unwrap();
        for line in 2..=100 {
            rejects.add(reject(line, UNREADABLE)).unwrap();
        }
        rejects.flush().unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept.lines().count(), 101, "with a header");
        assert_eq!(kept.lines().nth(1), Some("1,A,s,\"1,0\",insufficient_stock,why"));
        assert_eq!((rejects.wrong, rejects.listed.len()), (99, LISTED_MAX));
        assert_eq!(rejects.listed[0].line(), "line 2: s: why (unreadable)");
    }

    #[test]
    fn the_file_of_orders_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.csv");
        std::fs::write(&path, "orders").unwrap();
        assert!(Rejects::open(Some(&path), &path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "orders");
    }
}
