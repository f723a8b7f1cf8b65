//! `export`: writes the ledger with its signatures.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use rusqlite::Connection;

use super::format::{CheckpointLine, ExportedEntry, Head};
use crate::net::json::json;
use crate::stock::{Chain, Origin, Posted, Seq, Signed};
use crate::store::{
    open_read_only, read_identity, read_last_seq, read_ledger_range, read_signed, visit_ledger,
};

/// Writes the entries from `from` to `to`, both included.
pub(in crate::cli) fn run(
    data_dir: &Path,
    from: Option<Seq>,
    to: Option<Seq>,
) -> anyhow::Result<()> {
    let db = open_read_only(data_dir)?;
    let (pruned, _) = read_ledger_range(&db)?;
    check_range((from, to), (pruned + 1, read_last_seq(&db)?))?;
    to_stdout(|line| write(&db, (from.unwrap_or(1), to.unwrap_or(Seq::MAX)), line))
}

/// Refuses a part of a ledger that has no entries. The whole of an empty ledger can be exported.
pub(in crate::cli) fn check_range(
    (from, to): (Option<Seq>, Option<Seq>),
    (first, last): (Seq, Seq),
) -> anyhow::Result<()> {
    let part = from.unwrap_or(first).max(first)..=to.unwrap_or(last).min(last);
    if (from, to) == (None, None) || !part.is_empty() {
        return Ok(());
    }
    ensure!(first <= last, "the ledger has no entries yet: export it without --from and --to");
    let named = |name, seq: Option<Seq>| seq.map_or(String::new(), |seq| format!("{name} {seq} "));
    let asked = named("--from", from) + &named("--to", to);
    bail!("{asked}has no entries: the ledger has those from {first} to {last}; choose among them")
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
    (from, to): (Seq, Seq),
    line: impl FnMut(String) -> io::Result<()>,
) -> anyhow::Result<()> {
    let _snapshot = db.unchecked_transaction()?;
    let (origin, _) = read_identity(db)?.context("the database belongs to no gateway")?;
    let (pruned, _) = read_ledger_range(db)?;
    let after = from.saturating_sub(1);
    let signed = read_signed(db, after)?;
    let mut lines = ExportLines::new(origin.clone(), pruned, (signed, to), line);
    visit_ledger(db, after, |start, posted| {
        if let Some((seq, chain)) = start {
            // If more is missing than was pruned, a verifier misses it from here on.
            lines.head((if seq > pruned { pruned.max(after) } else { seq }, chain));
        }
        if let Some(Posted { entry, checks }) = posted.filter(|posted| posted.entry.seq <= to) {
            lines.entry(entry.seq, json(&ExportedEntry::new(&origin, entry, checks.chain)));
        }
        lines.written.is_ok() && posted.is_none_or(|posted| posted.entry.seq < to)
    })?;
    Ok(lines.finish()?)
}

/// Writes the lines of an export, with the signatures in their places.
pub(in crate::cli) struct ExportLines<L> {
    origin: Origin,
    pruned: Seq,
    /// What was signed and is not written yet.
    signed: VecDeque<Signed>,
    /// The last entry that is asked for.
    to: Seq,
    line: L,
    pub(in crate::cli) written: io::Result<()>,
}

impl<L: FnMut(String) -> io::Result<()>> ExportLines<L> {
    pub(in crate::cli) fn new(
        origin: Origin,
        pruned: Seq,
        (signed, to): (Vec<Signed>, Seq),
        line: L,
    ) -> Self {
        Self { origin, pruned, signed: signed.into(), to, line, written: Ok(()) }
    }

    /// The head: the position before the first entry, and the chain there. It names a key only if a
    /// signature of that key follows; so an export without any of them was changed.
    pub(in crate::cli) fn head(&mut self, start: (Seq, Chain)) {
        let part = start.0 + 1..=self.to;
        self.signed.retain(|(signed, _)| part.contains(&signed.seq));
        // Only the present key's signatures can be verified with it.
        let key = self.signed.back().map(|(_, key)| *key);
        self.signed.retain(|(_, by)| Some(*by) == key);
        let head = Head { origin: self.origin.clone(), key, pruned: self.pruned, start };
        self.put(head.line());
    }

    pub(in crate::cli) fn entry(&mut self, seq: Seq, line: String) {
        self.put(line);
        self.put_signed(seq);
    }

    /// Ends the export. What was signed beyond the last entry makes a verifier miss the entries up to
    /// there.
    pub(in crate::cli) fn finish(mut self) -> io::Result<()> {
        self.put_signed(self.to);
        self.written
    }

    /// Writes what was signed up to a position.
    fn put_signed(&mut self, up_to: Seq) {
        while let Some((signed, _)) = self.signed.pop_front_if(|(signed, _)| signed.seq <= up_to) {
            self.put(json(&CheckpointLine::new(&signed)));
        }
    }

    fn put(&mut self, line: String) {
        if self.written.is_ok() {
            self.written = (self.line)(line);
        }
    }
}
