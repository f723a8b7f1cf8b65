//! The verifier of an export: reads its lines, and says how far it is sound.

use std::fmt;

use serde_json::Value;

use super::format::{CheckpointLine, Head, chain_of_entry, repeats_a_name};
#[cfg(feature = "hub")]
use crate::limits::UNSIGNED_IN_BOOKS_MAX;
use crate::limits::{UNSIGNED_ENTRIES_MAX, UNSIGNED_MS_MAX};
use crate::stock::{Chain, Origin, Seq, SignedPosition};

/// The first entry that is wrong or not proved, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} is {what}: {why}")]
pub(in crate::cli) struct Wrong {
    pub(super) seq: Seq,
    what: &'static str,
    why: String,
}

impl Wrong {
    pub(super) fn at(seq: Seq, why: impl Into<String>) -> Self {
        Self { seq, what: "wrong", why: why.into() }
    }

    fn unproved(seq: Seq, why: &str) -> Self {
        Self { seq, what: "not proved", why: format!("{why}; {COMPARE}") }
    }
}

/// What to do about entries that are not signed.
const COMPARE: &str = "export up to the next checkpoint, or give the hub's with --checkpoint";

/// How far a ledger is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Verdict {
    /// The entries up to here were removed because they were old.
    pub(super) pruned: Seq,
    /// What was verified begins after this entry.
    pub(super) after: Seq,
    pub(in crate::cli) last: Seq,
    /// The last signed entry, if any is.
    pub(in crate::cli) signed: Option<Seq>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pruned, after, last, signed } = *self;
        f.write_str("sound ")?;
        if after > 0 {
            write!(f, "from entry {} ", after + 1)?;
        }
        write!(f, "up to entry {last}; ")?;
        match signed {
            Some(seq) => write!(f, "signed up to entry {seq}")?,
            None => f.write_str("not signed")?,
        }
        let first = signed.unwrap_or(after) + 1;
        if first <= last {
            let count = last + 1 - first;
            write!(f, "; nothing proves the last {count} entries, from {first} on, yet")?;
        }
        if pruned > 0 {
            write!(f, "; entries up to {pruned} were removed as old")?;
        }
        if after > pruned {
            write!(f, "; entries {} to {after} are left out", pruned + 1)?;
        }
        Ok(())
    }
}

/// Verifies an export line by line.
#[derive(Clone)]
pub(in crate::cli) struct Verifier {
    key: Option<[u8; 32]>,
    later: Option<SignedPosition>,
    head: Option<Head>,
    chain: Chain,
    last: Seq,
    signed: Option<Seq>,
    /// How many entries that could be signed are not.
    unsigned: u64,
    /// The times of the first and the last one of them, as far as they are trusted.
    unsigned_ms: Option<(i64, i64)>,
}

impl Verifier {
    pub(super) fn new(key: Option<[u8; 32]>, later: Option<SignedPosition>) -> Self {
        let (head, chain, unsigned_ms) = (None, Chain::default(), None);
        Self { key, later, head, chain, last: 0, signed: None, unsigned: 0, unsigned_ms }
    }

    /// The last entry that was read.
    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// The chain at the end.
    #[cfg(feature = "hub")]
    pub(in crate::cli) fn chain(&self) -> Chain {
        self.chain
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Wrong> {
        let value: Value = serde_json::from_str(line).map_err(|_| self.wrong_next())?;
        if repeats_a_name(line, &value) {
            return Err(Wrong::at(self.last + 1, "a name is in the line twice"));
        }
        let Some(head) = self.head.clone() else { return self.head_line(&value) };
        if value.get("checkpoint").is_some() {
            let signed = CheckpointLine::read(&value).ok_or_else(|| self.wrong_next())?;
            return self.checkpoint(&head.origin, &signed);
        }
        self.entry(&head.origin, &value)
    }

    fn head_line(&mut self, value: &Value) -> Result<(), Wrong> {
        let head = Head::read(value).map_err(|why| Wrong::at(1, why))?;
        if self.key.is_some() && head.key.is_some() && self.key != head.key {
            return Err(Wrong::at(1, "another key than --key has signed it, its head says"));
        }
        self.key = self.key.or(head.key);
        (self.last, self.chain) = head.start;
        let head = self.head.insert(head).clone();
        self.later.map_or(Ok(()), |later| self.begin_later(&head.origin, &later))
    }

    /// Looks at the later checkpoint where the export begins.
    fn begin_later(&mut self, origin: &Origin, later: &SignedPosition) -> Result<(), Wrong> {
        self.check_signature(origin, later)?;
        if later.seq < self.last {
            let why = format!("the checkpoint at {} is before the export begins", later.seq);
            return Err(Wrong::at(self.last + 1, why));
        }
        self.reach_later()
    }

    fn reach_later(&mut self) -> Result<(), Wrong> {
        match self.later.filter(|later| later.seq == self.last) {
            Some(later) => self.sign(&later),
            None => Ok(()),
        }
    }

    fn entry(&mut self, origin: &Origin, value: &Value) -> Result<(), Wrong> {
        let seq = self.last + 1;
        if value.get("seq").and_then(Value::as_u64) != Some(seq) {
            return Err(Wrong::at(seq, "it is missing, or not in its place"));
        }
        let end = (self.last, self.chain);
        let chain = match origin.site.is_empty() {
            #[cfg(feature = "hub")]
            true => super::movements::chain_of_movement(origin, end, value),
            #[cfg(not(feature = "hub"))]
            true => return Err(Wrong::at(seq, "it is of a hub: use stockgate-hub verify")),
            false => chain_of_entry(origin, end, value),
        };
        let chain = chain.ok_or_else(|| Wrong::at(seq, "it is not what was entered"))?;
        (self.chain, self.last) = (chain, seq);
        // The older chain cannot be signed.
        if let Chain::Sha256(_) = chain {
            self.note_unsigned(value);
        }
        self.reach_later()
    }

    fn note_unsigned(&mut self, value: &Value) {
        self.unsigned += 1;
        let at_ms = value.get("at_ms").and_then(Value::as_i64);
        if let Some(at_ms) = at_ms.filter(|_| value.get("clock").is_none()) {
            let first_ms = self.unsigned_ms.map_or(at_ms, |(first_ms, _)| first_ms);
            self.unsigned_ms = Some((first_ms, at_ms));
        }
    }

    fn checkpoint(&mut self, origin: &Origin, signed: &SignedPosition) -> Result<(), Wrong> {
        self.check_signature(origin, signed)?;
        if signed.seq > self.last {
            let why = format!("it is missing: the device has signed up to {}", signed.seq);
            return Err(Wrong::at(self.last + 1, why));
        }
        if signed.seq < self.last {
            return Err(Wrong::at(self.last + 1, "a checkpoint is not in its place"));
        }
        self.sign(signed)
    }

    /// Everything up to here is signed, if it is what was signed.
    fn sign(&mut self, signed: &SignedPosition) -> Result<(), Wrong> {
        if !self.chain.agrees(Chain::Sha256(signed.chain), self.last) {
            let why = format!("it, or one up to {}, is not what was signed", signed.seq);
            return Err(Wrong::at(self.first_unsigned(), why));
        }
        (self.signed, self.unsigned, self.unsigned_ms) = (Some(self.last), 0, None);
        Ok(())
    }

    fn check_signature(&self, origin: &Origin, signed: &SignedPosition) -> Result<(), Wrong> {
        let is_signed = self.key.is_some_and(|key| signed.is_signed_by(&key, origin));
        let why = format!("the checkpoint at {} is not signed by this device", signed.seq);
        if is_signed { Ok(()) } else { Err(Wrong::at(self.first_unsigned(), why)) }
    }

    /// Checks that the ledger comes to a position.
    pub(super) fn check_reached(&self, seq: Seq) -> Result<(), Wrong> {
        let why = || format!("it is missing: the ledger had come to {seq}");
        if self.last < seq { Err(Wrong::at(self.last + 1, why())) } else { Ok(()) }
    }

    /// Checks that the ledger is signed up to a position.
    pub(super) fn check_signed(&self, seq: Seq) -> Result<(), Wrong> {
        let first = self.first_unsigned();
        let why = || format!("the device had signed up to {seq}, and the table signed lacks that");
        if first > seq { Ok(()) } else { Err(Wrong::unproved(first, &why())) }
    }

    /// How far the ledger is sound, if signatures are there that prove it as far as a device signs.
    pub(in crate::cli) fn end(&self) -> Result<Verdict, Wrong> {
        let verdict = self.verdict()?;
        let (first, entries) = (self.first_unsigned(), verdict.last - verdict.after);
        if self.key.is_some() && entries > 0 && first == verdict.after + 1 {
            return Err(Wrong::unproved(first, "nothing from it on is signed"));
        }
        if self.is_overdue() {
            let why = "it and what follows is not signed, for longer than a device leaves it so";
            return Err(Wrong::unproved(first, why));
        }
        Ok(verdict)
    }

    /// How far the ledger of a gateway with a key is sound in the books of a hub. It sends what it has
    /// signed at the end of its entries, so it is the number of them that counts, and not the time.
    #[cfg(feature = "hub")]
    pub(in crate::cli) fn end_in_books(&self) -> Result<Verdict, Wrong> {
        let verdict = self.verdict()?;
        if self.unsigned > UNSIGNED_IN_BOOKS_MAX {
            let why = "it and what follows is not signed, though the gateway has a key";
            return Err(Wrong::unproved(self.first_unsigned(), why));
        }
        Ok(verdict)
    }

    /// How far the ledger is sound, signed or not.
    pub(in crate::cli) fn verdict(&self) -> Result<Verdict, Wrong> {
        let Some(head) = &self.head else {
            return Err(Wrong::at(1, "there is nothing to verify"));
        };
        if let Some(later) = self.later {
            self.check_reached(later.seq)?;
        }
        let (pruned, after) = (head.pruned, head.start.0);
        let signed = self.signed.filter(|signed| *signed > after);
        Ok(Verdict { pruned, after, last: self.last, signed })
    }

    /// Whether more is not signed than a device leaves unsigned.
    fn is_overdue(&self) -> bool {
        let (first_ms, last_ms) = self.unsigned_ms.unwrap_or_default();
        let is_long = last_ms.saturating_sub(first_ms) > UNSIGNED_MS_MAX.cast_signed();
        is_long || self.unsigned > UNSIGNED_ENTRIES_MAX
    }

    fn first_unsigned(&self) -> Seq {
        let after = self.head.as_ref().map_or(self.last, |head| head.start.0);
        self.signed.unwrap_or(after) + 1
    }

    pub(super) fn wrong_next(&self) -> Wrong {
        Wrong::at(self.last + 1, "the line cannot be read")
    }
}
