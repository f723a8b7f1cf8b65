//! `examples/verify_ledger.py` says the same as `verify`, whatever is done to an export.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::format::{CheckpointLine, Head};
use super::tests::{Export, entry, head, parsed, public, signing};
use super::verifier::Verifier;
use crate::hex;
use crate::stock::{Chain, Entry, Origin, Seq, SignedPosition};

/// Reads cases from its standard input, and prints a line for each.
const DRIVER: &str = r#"
import json, sys
sys.path.insert(0, sys.argv[1])
import verify_ledger
while case := sys.stdin.buffer.readline():
    case = json.loads(case)
    lines = [sys.stdin.buffer.readline() for _ in range(case["lines"])]
    try:
        print(verify_ledger.verify(lines, case["key"] and bytes.fromhex(case["key"]), case["later"]))
    except verify_ledger.Wrong as wrong:
        print(wrong)
"#;

/// An export, and what is known from elsewhere.
pub(super) struct Case {
    lines: Vec<String>,
    key: Option<[u8; 32]>,
    later: Option<SignedPosition>,
}

impl Case {
    pub(super) fn of(lines: Vec<String>) -> Self {
        Self { lines, key: None, later: None }
    }

    pub(super) fn with_later(self, later: SignedPosition) -> Self {
        Self { later: Some(later), ..self }
    }

    fn with_key(self, seed: u8) -> Self {
        Self { key: Some(public(&signing(seed))), ..self }
    }

    fn judged(&self) -> String {
        let mut verifier = Verifier::new(self.key, self.later);
        let read = self.lines.iter().try_for_each(|line| verifier.line(line));
        match read.and_then(|()| verifier.end()) {
            Ok(verdict) => verdict.to_string(),
            Err(wrong) => wrong.to_string(),
        }
    }

    fn for_script(&self) -> String {
        let later =
            self.later.map(|later| parsed(&crate::net::json::json(&CheckpointLine::new(&later))));
        let later = later.map_or(Value::Null, |mut line| line["checkpoint"].take());
        let key = self.key.map(|key| hex::encode(&key));
        let case = json!({"lines": self.lines.len(), "key": key, "later": later});
        self.lines.iter().fold(format!("{case}\n"), |text, line| text + line + "\n")
    }
}

/// What the script says of each export.
pub(super) fn judged_by_script(cases: &[Case]) -> Vec<String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut python = Command::new("python3");
    python.args(["-c", DRIVER]).arg(examples).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut input = python.stdin.take().unwrap();
    let text: String = cases.iter().map(Case::for_script).collect();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let lines: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), cases.len(), "{lines:?}");
    lines
}

#[test]
fn both_verifiers_find_the_same_first_entry_of_whatever_was_forged() {
    let export = Export::new(0);
    let mut cases = heads(&export);
    cases.extend(lines(&export));
    cases.extend(checkpoints(&export));
    let scripts =
        judged_by_script(&cases.iter().map(|(_, case, _)| case.copy()).collect::<Vec<_>>());
    for ((what, case, expected), by_script) in cases.iter().zip(scripts) {
        let judged = case.judged();
        assert!(judged.starts_with(expected), "{what}: {judged}");
        let begin = |text: &str| text.split([':', ';']).next().unwrap_or_default().to_owned();
        assert_eq!(begin(&by_script), begin(&judged), "{what}");
    }
}

#[test]
fn the_script_is_short_and_needs_the_standard_library_only() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify_ledger.py");
    let script = std::fs::read_to_string(script).unwrap();
    assert!(script.lines().count() <= 150, "{}", script.lines().count());
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
    let imports: Vec<&str> = script.lines().filter(is_import).collect();
    let library = "import argparse, datetime, hashlib, json, re, struct, unicodedata, uuid";
    assert_eq!(imports, [library]);
}

type Judged = (&'static str, Case, &'static str);

/// What is done to the head of an export.
fn heads(export: &Export) -> Vec<Judged> {
    let with = |name: &str, value: Value| {
        let mut head = parsed(&export.lines[0]);
        head[name] = value;
        Case::of(export.with_line(0, head.to_string()))
    };
    let without = |name: &str| {
        let mut head = parsed(&export.lines[0]);
        head.as_object_mut().unwrap().remove(name);
        Case::of(export.with_line(0, head.to_string()))
    };
    let first = "entry 1 is wrong";
    let repeated = export.lines[0].replacen('{', "{\"after\":0,", 1);
    vec![
        (
            "nothing",
            Case::of(export.lines.clone()),
            "sound up to entry 1000; signed up to entry 1000",
        ),
        ("another gateway", with("gateway", "gw-02".into()), first),
        ("no gateway", with("gateway", "".into()), first),
        ("another site", with("site", "wh-02".into()), first),
        ("a site that is no name", with("site", "wh/01".into()), first),
        ("another epoch", with("epoch", "00000000-0000-0000-0000-000000000001".into()), first),
        (
            "an epoch in other letters",
            with("epoch", "{00000000-0000-0000-0000-000000000000}".into()),
            first,
        ),
        ("another key", with("public_key", hex::encode(&public(&signing(2))).into()), first),
        ("a key that is none", with("public_key", "00".into()), first),
        ("no key", with("public_key", Value::Null), first),
        ("no public_key", without("public_key"), first),
        ("another version", with("stockgate_export", 2.into()), first),
        ("a version that is true", with("stockgate_export", true.into()), first),
        ("no version", without("stockgate_export"), first),
        ("one field more", with("note", "x".into()), first),
        ("another start", with("after", 1.into()), "entry 2 is wrong"),
        ("a start before the first", with("after", (-1).into()), first),
        ("a start out of range", with("after", u64::MAX.into()), first),
        ("a start that is not whole", with("after", json!(0.0)), first),
        ("another chain", with("chain", "11".repeat(32).into()), first),
        ("a short chain", with("chain", "11".into()), first),
        ("more is pruned", with("pruned", 5.into()), first),
        ("nothing is pruned", with("pruned", 0.into()), first),
        ("a name twice", Case::of(export.with_line(0, repeated)), first),
        ("no head", Case::of(export.lines[1..].to_vec()), first),
        ("no lines", Case::of(Vec::new()), first),
        ("the right key", Case::of(export.lines.clone()).with_key(1), "sound"),
        ("another key is known", Case::of(export.lines.clone()).with_key(2), first),
    ]
}

/// What is done to the lines of entries.
fn lines(export: &Export) -> Vec<Judged> {
    let seventh = export.line_of(7);
    let line = export.lines[seventh].clone();
    let as_line = |text: String| Case::of(export.with_line(seventh, text));
    let with = |name: &str, value: Value| {
        let mut line = parsed(&line);
        line[name] = value;
        as_line(line.to_string())
    };
    let repeated = line.replacen("\"change\":-6", "\"change\":-7,\"change\":-6", 1);
    let (wrong, start) = ("entry 7 is wrong", export.line_of(41));
    let mut cut = export.lines.clone();
    cut.drain(1..start);
    let mut forged = cut.clone();
    forged[0] = head(&export.origin, &export.key, (40, export.chain_at(40)));
    let spaced = line.replace("\":", "\" : ");
    vec![
        ("the beginning is cut", Case::of(cut), "entry 1 is wrong"),
        (
            "the beginning is cut, and the head says so",
            Case::of(forged),
            "sound from entry 41 up to entry 1000",
        ),
        ("one field more", with("note", "x".into()), wrong),
        ("a field that is null", with("reason", Value::Null), wrong),
        ("a field that says nothing", with("reserved_change", 0.into()), wrong),
        ("another clock", with("clock", "trusted".into()), wrong),
        ("another kind", with("kind", "x".into()), wrong),
        ("a kind that is no text", with("kind", json!([])), wrong),
        ("a number that is a text", with("change", "-6".into()), wrong),
        ("a number that is not whole", with("change", json!(-6.0)), wrong),
        ("a position that is not whole", with("seq", json!(7.0)), wrong),
        ("a number out of range", with("at_ms", u64::MAX.into()), wrong),
        ("a date in another form", with("expires", "20270131".into()), wrong),
        ("a long text", with("sku", "x".repeat(65).into()), wrong),
        ("an empty text", with("sku", "".into()), wrong),
        ("a control character", with("sku", "\u{7f}".into()), wrong),
        ("a name twice", as_line(repeated), wrong),
        ("an infinite number", as_line(line.replace("-6", "1e999")), wrong),
        ("no number", as_line(line.replace("-6", "NaN")), wrong),
        ("a zero with a sign", as_line(line.replace("-6", "-0")), wrong),
        ("half a character", as_line(line.replace("S0", "\\ud800")), wrong),
        ("half a line", as_line(line[..line.len() / 2].into()), wrong),
        ("two lines in one", as_line(format!("{line}{line}")), wrong),
        ("no object", as_line("[\"checkpoint\"]".into()), wrong),
        ("a text", as_line("\"checkpoint\"".into()), wrong),
        ("a number", as_line("7".into()), wrong),
        ("an empty line", as_line(String::new()), wrong),
        ("many brackets", as_line("[".repeat(100_000)), wrong),
        ("blanks between the fields", as_line(spaced), "sound"),
        ("an empty line at the end", Case::of(export.followed_by("")), "entry 1001 is wrong"),
    ]
}

/// What is done to checkpoints.
fn checkpoints(export: &Export) -> Vec<Judged> {
    let is_checkpoint = |line: &&String| line.contains("checkpoint");
    let bare: Vec<String> =
        export.lines.iter().filter(|line| !is_checkpoint(line)).cloned().collect();
    let mut keyless = bare.clone();
    let origin = export.origin.clone();
    keyless[0] = Head { origin, key: None, pruned: 0, start: (0, export.chain_at(0)) }.line();
    let mut cut = export.lines.clone();
    cut.pop();
    let mut swapped = export.lines.clone();
    swapped.swap(export.line_of(101) - 1, export.line_of(201) - 1);
    let at_100 = export.line_of(101) - 1;
    let foreign = |origin: &Origin, seed: u8| {
        let Chain::Sha256(chain) = export.chain_at(100) else { panic!("it is the newer one") };
        let signed = SignedPosition::new(origin, (100, chain), 7, &signing(seed));
        Case::of(export.with_line(at_100, crate::net::json::json(&CheckpointLine::new(&signed))))
    };
    let elsewhere = Origin { site: "wh-02".into(), ..export.origin.clone() };
    let with = |name: &str, value: Value| {
        let mut line = parsed(&export.lines[at_100]);
        line["checkpoint"][name] = value;
        Case::of(export.with_line(at_100, line.to_string()))
    };
    let beside = export.lines[at_100].replacen('{', "{\"note\":1,", 1);
    let known = |lines: &[String], later| Case::of(lines.to_vec()).with_later(later);
    let later = |seq: Seq| SignedPosition { seq, ..export.later() };
    vec![
        ("none", Case::of(bare.clone()), "entry 1 is not proved"),
        ("none, and the key is known", Case::of(bare.clone()).with_key(1), "entry 1 is not proved"),
        ("none, and no key", Case::of(keyless.clone()), "sound up to entry 1000; not signed"),
        (
            "none, no key, and one is known",
            Case::of(keyless.clone()).with_key(1),
            "entry 1 is not proved",
        ),
        (
            "none, and a later one is known",
            known(&bare, export.later()),
            "sound up to entry 1000; signed up to entry 1000",
        ),
        ("none, and a forged one is known", known(&bare, later(999)), "entry 1 is wrong"),
        (
            "the last one is missing",
            Case::of(cut.clone()),
            "sound up to entry 1000; signed up to entry 900; nothing proves the last 100 entries",
        ),
        ("the end is missing", known(&cut[..cut.len() - 1], export.later()), "entry 1000 is wrong"),
        ("two are exchanged", Case::of(swapped), "entry 101 is wrong"),
        ("one of another device", foreign(&export.origin, 2), "entry 1 is wrong"),
        ("one of another site", foreign(&elsewhere, 1), "entry 1 is wrong"),
        ("another time", with("at_ms", 8.into()), "entry 1 is wrong"),
        ("a position out of range", with("seq", u64::MAX.into()), "entry 101 is wrong"),
        ("a position that is not whole", with("seq", json!(100.0)), "entry 101 is wrong"),
        ("a short signature", with("signature", "00".into()), "entry 101 is wrong"),
        ("one field more", with("note", "x".into()), "entry 101 is wrong"),
        ("one field beside it", Case::of(export.with_line(at_100, beside)), "entry 101 is wrong"),
        ("none for minutes", Case::of(slow(false)), "entry 101 is not proved"),
        ("none for minutes by a clock that is not set", Case::of(slow(true)), "sound"),
    ]
}

/// An export whose last entries came in the course of an hour, and are not signed.
fn slow(is_unset: bool) -> Vec<String> {
    let mut export = Export::new(0);
    let lines = export.line_of(101);
    let (chain, clock_trusted) = (export.chain_at(100), !is_unset);
    export.continue_after(lines, chain);
    for seq in 101..=110 {
        let at_ms = entry(seq, -6).at_ms + 360_000 * (seq.cast_signed() - 100);
        export.add(Entry { at_ms, clock_trusted, ..entry(seq, -6) });
    }
    export.lines
}

#[test]
fn a_device_does_not_leave_more_than_ten_thousand_entries_unsigned() {
    let mut export = Export::new(0);
    let chain = export.chain_at(0);
    let mut verifier = Verifier::new(None, None);
    export.continue_after(0, chain);
    let (origin, start) = (export.origin.clone(), (0, chain));
    let head = Head { origin, key: None, pruned: 0, start }.line();
    verifier.line(&head).unwrap();
    let mut lines = vec![head];
    for seq in 1..=crate::limits::SIGN_EVERY_ENTRIES + 1 {
        export.add(Entry { clock_trusted: false, at_ms: 7, ..entry(seq, -6) });
        if seq == crate::limits::SIGN_EVERY_ENTRIES + 1 {
            assert!(verifier.end().is_ok(), "as many as a device signs at once");
        }
        verifier.line(&export.lines[0]).unwrap();
        lines.push(export.lines.swap_remove(0));
        export.lines.clear();
    }
    assert!(verifier.end().unwrap_err().to_string().starts_with("entry 1 is not proved"));
    let judged = judged_by_script(&[Case::of(lines)]);
    assert!(judged[0].starts_with("entry 1 is not proved"), "{judged:?}");
}

impl Case {
    fn copy(&self) -> Self {
        Self { lines: self.lines.clone(), key: self.key, later: self.later }
    }
}

impl Export {
    fn with_line(&self, at: usize, line: String) -> Vec<String> {
        let mut lines = self.lines.clone();
        lines[at] = line;
        lines
    }

    fn followed_by(&self, line: &str) -> Vec<String> {
        self.lines.iter().cloned().chain([line.to_owned()]).collect()
    }
}
