//! `stockgate-hub decode`: a captured frame as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate_hub;

const EPOCH: &str = "00112233-4455-6677-8899-aabbccddeeff";

#[test]
fn every_golden_frame_is_printed() {
    let taken = json!({"transfer": 3, "at_seq": 299, "catalogue": 12});
    for (name, expected) in [
        (
            "hello",
            json!({"ledger_seq": 541_909, "digest": "0123456789abcdef", "chain": "0123456789abcd10", "nonce": 86_400_000,
                "software": "0.1.0", "taken": taken}),
        ),
        ("resume", json!({"acked_seq": 300, "nonce": 86_400_000})),
        ("ack", json!({"acked_seq": 300})),
        ("behind", json!({"acked_seq": 300, "ledger_seq": 7})),
        ("taken", json!({"taken": taken})),
        ("refused", json!({"reason": "an older copy was put back"})),
        (
            "entries",
            json!({"digest": "0000000000000007", "chain": "00000000000000f8", "taken": taken, "entries": [
                {"seq": 301, "kind": "commit", "sku": "85123A", "change": -6,
                    "reserved_change": -6, "order_id": null, "request_id": "536365:1",
                    "at": "2010-12-01T08:26:00.123Z"},
                {"seq": 302, "kind": "deduct", "sku": "Grün", "change": -6,
                    "reserved_change": 0, "order_id": "536365", "request_id": "536365:1",
                    "at": "2010-12-01T08:26:00.123Z"}]}),
        ),
    ] {
        assert_eq!(printed(&golden_bytes(&golden(name))), whole(name, expected), "{name}");
    }
}

#[test]
fn every_file_of_golden_frames_can_be_read() {
    let files = fs::read_dir(golden_dir()).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "hex")) {
        let printed = printed(&golden_bytes(&file));
        assert_eq!(printed["kind"], file.file_stem().unwrap().to_str().unwrap());
        assert_eq!(printed["epoch"], EPOCH);
    }
}

#[test]
fn a_damaged_frame_is_refused_with_a_reason() {
    let sound = golden_bytes(&golden("entries"));
    let with = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, word) in [
        (with(40, !sound[40]), "checksum"),
        (with(2, 9), "version"),
        (with(0, b'X'), "no stockgate frame"),
        (sound[..sound.len() - 1].to_vec(), "cut"),
        (Vec::new(), "cut"),
    ] {
        let finished = decode(&bytes);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(word), "{word}: {finished:?}");
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_failure_with_its_name() {
    let finished = run_to_end(stockgate_hub().args(["decode", "no-such-frame.bin"]));

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("no-such-frame.bin"), "{finished:?}");
}

/// The expected JSON with what all frames have.
fn whole(name: &str, mut fields: Value) -> Value {
    fields["kind"] = json!(name);
    fields["epoch"] = json!(EPOCH);
    fields
}

fn printed(bytes: &[u8]) -> Value {
    let finished = decode(bytes);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).expect("JSON is printed")
}

fn decode(bytes: &[u8]) -> Finished {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("frame.bin");
    fs::write(&file, bytes).unwrap();
    run_to_end(stockgate_hub().arg("decode").arg(file))
}

fn golden(name: &str) -> PathBuf {
    golden_dir().join(format!("{name}.hex"))
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden")
}

/// The bytes that a file names in hexadecimal digits.
fn golden_bytes(file: &Path) -> Vec<u8> {
    let text = fs::read_to_string(file).unwrap();
    let digits = text.trim().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
