//! Exports that were changed are found, by their first wrong entry.

use ring::signature::Ed25519KeyPair;
use uuid::Uuid;

use super::format::{CheckpointLine, ExportedEntry, Head};
use super::script_tests::{Case, judged_by_script};
use super::verifier::{Verdict, Verifier, Wrong};
use crate::hex;
use crate::net::json::json;
use crate::stock::{
    Actor, Cause, Chain, Entry, Kind, Lot, Origin, RequestId, Seq, SignedPosition, Sku, Trace,
};

const ENTRIES: u64 = 1_000;
const EVERY: u64 = 100;

/// An export with a checkpoint after every hundred entries, and the line of each entry.
pub(super) struct Export {
    pub(super) lines: Vec<String>,
    pub(super) origin: Origin,
    pub(super) key: Ed25519KeyPair,
    chain: Chain,
    /// The last position.
    end: Seq,
}

#[test]
fn a_sound_export_is_verified_to_its_end() {
    let export = Export::new(0);
    assert_eq!(verified(&export.lines, None), sound(0, ENTRIES, Some(ENTRIES)));
    let from_the_middle = Export::new(500);
    assert_eq!(verified(&from_the_middle.lines, None), sound(500, 1_500, Some(1_500)));
}

fn sound(after: Seq, last: Seq, signed: Option<Seq>) -> Result<Verdict, Wrong> {
    Ok(Verdict { pruned: 0, after, last, signed })
}

/// Each change begins where a verifier of the honest export stands shortly before it: what comes
/// before is the same, and what comes after the first wrong entry is not read. The script gets the part
/// of the export that begins at the checkpoint before the change.
#[test]
fn each_of_a_thousand_changes_of_a_hundred_thousand_entries_is_found_by_its_first() {
    let export = Export::long(100_000);
    let mut random = fastrand::Rng::with_seed(5);
    let mut changes: Vec<(Seq, usize)> =
        (0..1_000).map(|round| (random.u64(2..99_999), round % CHANGES.len())).collect();
    changes.sort_unstable();
    let mut honest = Verifier::new(Some(public(&export.key)), Some(export.later()));
    let (mut read, mut parts, mut expected) = (0, Vec::new(), Vec::new());
    for (seq, change) in changes {
        let before = export.line_of(seq);
        export.lines[read..before].iter().for_each(|line| honest.line(line).unwrap());
        read = before;
        let (lines, first) = CHANGES[change](&export, seq, &mut random);
        let mut verifier = honest.clone();
        let found = lines.iter().try_for_each(|line| verifier.line(line));
        let found = found.and_then(|()| verifier.end()).expect_err("it was changed");
        assert_eq!(found.seq, first, "change {change} at {seq}: {found}");
        expected.push(format!("entry {first} is wrong"));
        parts.push(Case::of(export.part(seq, lines)).with_later(export.later()));
    }
    export.lines[read..].iter().for_each(|line| honest.line(line).unwrap());
    assert_eq!(honest.end(), sound(0, 100_000, Some(100_000)));
    expected.push("sound up to entry 100000; signed up to entry 100000".into());
    parts.push(Case::of(export.lines));
    for (found, expected) in judged_by_script(&parts).into_iter().zip(expected) {
        assert!(found.starts_with(&expected), "{found}, not {expected}");
    }
}

/// What stands where an entry stood, as far as a verifier reads it, and the first wrong entry.
type Change = fn(&Export, Seq, &mut fastrand::Rng) -> (Vec<String>, Seq);

const CHANGES: [Change; 6] = [
    |export, seq, random| (vec![edited(&export.lines[export.line_of(seq)], random)], seq),
    |export, seq, _| (vec![export.lines[export.line_of(seq) + 1].clone()], seq),
    |export, seq, _| (vec![export.lines[export.line_of(seq)].clone(); 2], seq + 1),
    |export, seq, _| (vec![export.lines[export.line_of(seq + 1)].clone()], seq),
    |_, seq, _| (Vec::new(), seq),
    forged,
];

/// Another entry, with what follows chained to it, up to what was signed.
fn forged(export: &Export, seq: Seq, _: &mut fastrand::Rng) -> (Vec<String>, Seq) {
    let chain = export.chain_at(seq - 1);
    let end = seq.next_multiple_of(EVERY);
    let mut again = Export { lines: Vec::new(), chain, end: Seq::MAX, ..export.emptied() };
    for at in seq..=end {
        let change = if at == seq { -7 } else { -6 };
        again.add(entry(at, change));
    }
    // The signature is the honest one.
    again.lines.pop_if(|line| line.contains("checkpoint"));
    again.lines.push(export.lines[export.line_of(end) + 1].clone());
    (again.lines, (seq - 1) / EVERY * EVERY + 1)
}

#[test]
fn a_ledger_that_was_chained_again_differs_from_what_was_signed() {
    let honest = Export::new(0);
    let mut forged = Export::forged(250);
    let checkpoints = honest.lines.iter().filter(|line| line.contains("checkpoint"));
    let checkpoints: Vec<String> = checkpoints.cloned().collect();
    let mut next = checkpoints.into_iter();
    for line in forged.lines.iter_mut().filter(|line| line.contains("checkpoint")) {
        *line = next.next().unwrap();
    }
    forged.lines[0].clone_from(&honest.lines[0]);
    let found = verified(&forged.lines, None).unwrap_err();
    assert_eq!(found.seq, 201, "the last sound checkpoint is at 200: {found}");
    // With a key of its own, a forger is found by anyone who knows the right one.
    let forged = Export::forged(250);
    let key = public(&honest.key);
    let mut verifier = Verifier::new(Some(key), None);
    let found = forged.lines.iter().try_for_each(|line| verifier.line(line)).unwrap_err();
    assert_eq!(found.seq, 1);
}

#[test]
fn a_rollback_of_a_count_is_verified_as_such() {
    let mut export = Export::long(3);
    let first = export.chain;
    let undone = Entry { kind: Kind::CountRollback, ..entry(4, 2) };
    export.add(undone);
    assert!(export.lines.iter().any(|line| line.contains(r#""kind":"rollback","undoes":"count""#)));
    assert!(verified(&export.lines, None).is_ok());
    let last = export.lines.iter().position(|line| line.contains("undoes")).unwrap();
    export.lines[last] = export.lines[last].replace(r#","undoes":"count""#, "");
    assert_eq!(verified(&export.lines, None).unwrap_err().seq, 4, "{first:?}");
}

#[test]
fn what_nobody_has_signed_is_not_called_signed() {
    let export = Export::new(500);
    let head = &export.lines[..1];
    assert_eq!(verified(head, None), sound(500, 500, None));
    // A checkpoint at the export's beginning, or before it, is not passed over.
    for seq in [499, 500] {
        let known = SignedPosition { seq, ..export.later() };
        let found = verified(&export.lines, Some(known)).unwrap_err();
        assert_eq!(found.seq, 501, "{found}");
    }
}

#[test]
fn a_ledger_that_began_with_the_older_chain_is_verified() {
    let export = Export::begun(Chain::Xxh3(7), 41);
    let last = 41 + ENTRIES;
    assert_eq!(verified(&export.lines, None), sound(41, last, Some(last)));
}

fn verified(lines: &[String], later: Option<SignedPosition>) -> Result<Verdict, Wrong> {
    let mut verifier = Verifier::new(None, later);
    lines.iter().try_for_each(|line| verifier.line(line))?;
    verifier.end()
}

pub(super) fn parsed(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

/// The line with one value changed.
fn edited(line: &str, random: &mut fastrand::Rng) -> String {
    let mut line = parsed(line);
    let fields = line.as_object_mut().unwrap();
    let names: Vec<String> = fields.keys().filter(|name| *name != "seq").cloned().collect();
    let value = fields.get_mut(&names[random.usize(..names.len())]).unwrap();
    *value = match value.as_i64() {
        Some(number) => (number + 1).into(),
        None => format!("{}0", value.as_str().unwrap()).into(),
    };
    line.to_string()
}

pub(super) fn public(key: &Ed25519KeyPair) -> [u8; 32] {
    use ring::signature::KeyPair as _;
    key.public_key().as_ref().try_into().unwrap()
}

impl Export {
    pub(super) fn new(after: Seq) -> Self {
        Self::made(Chain::Xxh3(0).upgraded(after), (after, ENTRIES), None, 1)
    }

    fn long(entries: u64) -> Self {
        Self::made(Chain::Xxh3(0).upgraded(0), (0, entries), None, 1)
    }

    /// One without entries, of the same device.
    fn emptied(&self) -> Self {
        let origin = self.origin.clone();
        Self { lines: Vec::new(), origin, key: signing(1), chain: self.chain, end: self.end }
    }

    /// One whose entry at this position was another, with everything after it as it must be then.
    fn forged(at: Seq) -> Self {
        Self::made(Chain::Xxh3(0).upgraded(0), (0, ENTRIES), Some(at), 2)
    }

    fn begun(chain: Chain, after: Seq) -> Self {
        Self::made(chain, (after, ENTRIES), None, 1)
    }

    fn made(chain: Chain, (after, entries): (Seq, u64), other: Option<Seq>, seed: u8) -> Self {
        let origin = Origin { site: "wh-01".into(), gateway: "gw-01".into(), epoch: Uuid::nil() };
        let key = signing(seed);
        let head = head(&origin, &key, (after, chain));
        let mut export = Self { lines: vec![head], origin, key, chain, end: after + entries };
        for seq in after + 1..=after + entries {
            // A ledger of an earlier version goes over to the newer chain after its first half.
            let is_old = matches!(export.chain, Chain::Xxh3(_)) && seq <= after + entries / 2;
            export.chain = if is_old { export.chain } else { export.chain.upgraded(seq - 1) };
            export.add(entry(seq, if other == Some(seq) { -7 } else { -6 }));
        }
        export
    }

    /// The part that begins after the last checkpoint before this entry, with other lines from the
    /// entry on.
    fn part(&self, seq: Seq, lines: Vec<String>) -> Vec<String> {
        let after = (seq - 1) / EVERY * EVERY;
        let part = &self.lines[self.line_of(after + 1)..self.line_of(seq)];
        let start = (after, self.chain_at(after));
        let head = [head(&self.origin, &self.key, start)];
        head.into_iter().chain(part.iter().cloned()).chain(lines).collect()
    }

    /// The chain after an entry, of an export from the first one on.
    pub(super) fn chain_at(&self, seq: Seq) -> Chain {
        let chain = |line: &str| parsed(line)["chain"].as_str().and_then(hex::decode).unwrap();
        Chain::Sha256(chain(&self.lines[if seq == 0 { 0 } else { self.line_of(seq) }]))
    }

    /// Goes on after so many lines, with this chain there.
    pub(super) fn continue_after(&mut self, lines: usize, chain: Chain) {
        self.lines.truncate(lines);
        self.chain = chain;
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.chain = self.chain.with(&entry);
        self.lines.push(json(&ExportedEntry::new(&self.origin, &entry, self.chain)));
        let is_last = entry.seq == self.end;
        if let Chain::Sha256(chain) = self.chain
            && (entry.seq.is_multiple_of(EVERY) || is_last)
        {
            let signed = SignedPosition::new(&self.origin, (entry.seq, chain), 7, &self.key);
            self.lines.push(json(&CheckpointLine::new(&signed)));
        }
    }

    /// The index of the line of an entry, of an export from the first one on.
    pub(super) fn line_of(&self, seq: Seq) -> usize {
        usize::try_from(seq + (seq - 1) / EVERY).unwrap()
    }

    /// A checkpoint at the end.
    pub(super) fn later(&self) -> SignedPosition {
        let Chain::Sha256(chain) = self.chain else { panic!("it is the newer one") };
        SignedPosition::new(&self.origin, (self.end, chain), 8, &self.key)
    }
}

pub(super) fn head(origin: &Origin, key: &Ed25519KeyPair, start: (Seq, Chain)) -> String {
    let key = Some(public(key));
    Head { origin: origin.clone(), key, pruned: 0, start }.line()
}

pub(super) fn signing(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

pub(super) fn entry(seq: Seq, change: i64) -> Entry {
    Entry {
        seq,
        kind: Kind::Deduct,
        sku: Sku::parse(&format!("S{}", seq % 7)).unwrap(),
        change,
        reserved_change: 0,
        order_id: None,
        request_id: RequestId::parse(&format!("r{}", seq / 3)).unwrap(),
        at_ms: 1_700_000_000_000 + seq.cast_signed(),
        clock_trusted: !seq.is_multiple_of(5),
        cause: Cause { actor: Actor::parse("line-3").ok(), reason: None },
        trace: Trace::of(Lot::parse("L1").ok().filter(|_| seq.is_multiple_of(2)), None, None),
    }
}
