//! `export`: writes the ledger with its signatures.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use rusqlite::Connection;

use super::format::{CheckpointLine, ExportedEntry, HeadJson};
use crate::net::json::json;
use crate::stock::{Chain, Origin, Posted, Seq, SignedPosition};
use crate::store::{open_read_only, read_identity, read_signed, visit_ledger};

/// Writes the entries from `from` to `to`, both included.
pub(in crate::cli) fn run(
    data_dir: &Path,
    from: Option<Seq>,
    to: Option<Seq>,
) -> anyhow::Result<()> {
    let db = open_read_only(data_dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&db, from, to, |line| writeln!(out, "{line}")) {
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
    let signed = read_signed(db, after)?;
    // Only the present key's signatures can be verified with it.
    let key = signed.last().map(|(_, key)| *key);
    let signed = signed.into_iter().filter(|(_, by)| Some(*by) == key);
    let mut exporter = Exporter {
        origin,
        key,
        signed: signed.map(|(signed, _)| signed).peekable(),
        line,
        written: Ok(()),
        to: to.unwrap_or(Seq::MAX),
    };
    visit_ledger(db, after, |base, posted| exporter.entry(base, posted))?;
    Ok(exporter.written?)
}

struct Exporter<S: Iterator<Item = SignedPosition>, L> {
    origin: Origin,
    key: Option<[u8; 32]>,
    signed: std::iter::Peekable<S>,
    line: L,
    written: io::Result<()>,
    to: Seq,
}

impl<S: Iterator<Item = SignedPosition>, L: FnMut(String) -> io::Result<()>> Exporter<S, L> {
    /// Writes the next entry, after the head if `base` says where the export begins. Returns
    /// whether to go on.
    fn entry(&mut self, base: Option<(Seq, Chain)>, posted: Option<&Posted>) -> bool {
        if let Some((after, chain)) = base {
            let head = HeadJson::new(&self.origin, self.key, (after, chain));
            self.put(json(&head));
            self.put_signed(after);
        }
        if let Some(Posted { entry, checks }) = posted.filter(|posted| posted.entry.seq <= self.to)
        {
            let line = json(&ExportedEntry::new(&self.origin, entry, checks.chain));
            self.put(line);
            self.put_signed(entry.seq);
        }
        self.written.is_ok() && posted.is_none_or(|posted| posted.entry.seq < self.to)
    }

    /// Writes what was signed at this position.
    fn put_signed(&mut self, seq: Seq) {
        while let Some(signed) = self.signed.next_if(|signed| signed.seq <= seq) {
            if signed.seq == seq {
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
