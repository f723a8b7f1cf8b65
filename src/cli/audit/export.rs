//! `export`: writes the ledger with its signatures.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use rusqlite::Connection;

use super::format::{CheckpointLine, ExportedEntry, HeadJson};
use crate::net::json::json;
use crate::stock::{Chain, Origin, Posted, Seq, Signed};
use crate::store::{open_read_only, read_identity, read_signed, visit_ledger};

/// Writes the entries from `from` to `to`, both included.
pub(in crate::cli) fn run(
    data_dir: &Path,
    from: Option<Seq>,
    to: Option<Seq>,
) -> anyhow::Result<()> {
    let db = open_read_only(data_dir)?;
    to_stdout(|line| write(&db, from, to, line))
}

/// Prints lines; that the reader has seen enough is no failure.
pub(in crate::cli) fn to_stdout(
    write: impl FnOnce(&mut dyn FnMut(String) -> io::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut |line| writeln!(out, "{line}")) {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        written => written.and_then(|()| Ok(out.flush()?)),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Calls `line` with each line of the export, in one snapshot of the database.
pub(super) fn write(
    db: &Connection,
    from: Option<Seq>,
    to: Option<Seq>,
    line: impl FnMut(String) -> io::Result<()>,
) -> anyhow::Result<()> {
    let _snapshot = db.unchecked_transaction()?;
    let (origin, _) = read_identity(db)?.context("the database belongs to no gateway")?;
    let after = from.unwrap_or(1).saturating_sub(1);
    let to = to.unwrap_or(Seq::MAX);
    let mut lines = ExportLines::new(origin.clone(), read_signed(db, after)?, line);
    visit_ledger(db, after, |base, posted| {
        if let Some(base) = base {
            lines.head(base);
        }
        if let Some(Posted { entry, checks }) = posted.filter(|posted| posted.entry.seq <= to) {
            lines.entry(entry.seq, json(&ExportedEntry::new(&origin, entry, checks.chain)));
        }
        lines.written.is_ok() && posted.is_none_or(|posted| posted.entry.seq < to)
    })?;
    // What was signed beyond the last entry makes a verifier miss the entries up to there.
    lines.put_signed(0, to);
    Ok(lines.written?)
}

/// Writes the lines of an export, with the signatures in their places.
pub(in crate::cli) struct ExportLines<L> {
    origin: Origin,
    key: Option<[u8; 32]>,
    signed: std::iter::Peekable<std::vec::IntoIter<Signed>>,
    line: L,
    pub(in crate::cli) written: io::Result<()>,
}

impl<L: FnMut(String) -> io::Result<()>> ExportLines<L> {
    pub(in crate::cli) fn new(origin: Origin, mut signed: Vec<Signed>, line: L) -> Self {
        // Only the present key's signatures can be verified with it.
        let key = signed.last().map(|(_, key)| *key);
        signed.retain(|(_, by)| Some(*by) == key);
        Self { origin, key, signed: signed.into_iter().peekable(), line, written: Ok(()) }
    }

    /// The head: the position before the first entry, and the chain there.
    pub(in crate::cli) fn head(&mut self, (after, chain): (Seq, Chain)) {
        let head = HeadJson::new(&self.origin, self.key, (after, chain));
        self.put(json(&head));
        self.put_signed(after, after);
    }

    pub(in crate::cli) fn entry(&mut self, seq: Seq, line: String) {
        self.put(line);
        self.put_signed(seq, seq);
    }

    /// Writes what was signed from one position to another one, and passes over what was before.
    fn put_signed(&mut self, from: Seq, to: Seq) {
        while let Some((signed, _)) = self.signed.next_if(|(signed, _)| signed.seq <= to) {
            if signed.seq >= from {
                self.put(json(&CheckpointLine::new(&signed)));
            }
        }
    }

    fn put(&mut self, line: String) {
        if self.written.is_ok() {
            self.written = (self.line)(line);
        }
    }
}
