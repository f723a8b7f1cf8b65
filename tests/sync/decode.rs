//! `stockgate-hub decode` prints a captured frame as JSON, and so does `tests/golden/decode.py`,
//! which is written from docs/PROTOCOL.md alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate_hub;

#[test]
fn every_golden_frame_is_printed() {
    for file in all_golden_files() {
        assert_eq!(printed(&golden_bytes(&file)), kept_json(&file), "{}", file.display());
    }
}

#[test]
fn a_decoder_written_from_the_protocol_document_prints_the_same() {
    let files = all_golden_files();
    let finished = run_to_end(python().args(&files));

    assert_eq!(finished.code, Some(0), "{finished:?}");
    let printed: Vec<Value> = serde_json::Deserializer::from_str(&finished.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("JSON is printed");
    assert_eq!(printed.len(), files.len());
    for (file, printed) in files.iter().zip(printed) {
        assert_eq!(printed, kept_json(file), "{}", file.display());
    }
}

#[test]
fn bad_frames_are_refused_by_both_decoders() {
    for file in golden_files("bad") {
        for finished in [decode(&golden_bytes(&file)), run_to_end(python().arg(&file))] {
            assert_eq!(finished.code, Some(1), "{}: {finished:?}", file.display());
            assert_eq!(finished.stdout, "");
            assert!(!finished.stderr.contains("Traceback"), "{finished:?}");
        }
    }
}

/// As `mosquitto_sub` writes it, with `-F %p` or without, and as `xxd -p` does.
#[test]
fn a_frame_may_have_a_line_feed_after_it_or_be_a_text_of_digits() {
    for name in ["entries", "hello"] {
        let (bytes, kept) = (golden_bytes(&golden(name)), kept_json(&golden(name)));
        assert_eq!(printed(&[&bytes[..], b"\n"].concat()), kept, "{name}");
        let digits = fs::read_to_string(golden(name)).unwrap();
        let (one, other) = digits.trim().split_at(60);
        for text in [digits.to_uppercase(), format!("{one}\r\n{other}\n")] {
            assert_eq!(printed(text.as_bytes()), kept, "{name}");
        }
    }
    let finished = decode(b"5347\n");
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("truncated"), "{finished:?}");
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
        (with(0, b'X'), "not a stockgate frame"),
        (sound[..sound.len() - 1].to_vec(), "truncated"),
        (Vec::new(), "truncated"),
    ] {
        let finished = decode(&bytes);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(word), "{word}: {finished:?}");
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn a_missing_file_is_a_failure_with_its_name() {
    let finished = run_to_end(stockgate_hub().args(["decode", "no-such-frame.bin"]));

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("no-such-frame.bin"), "{finished:?}");
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

fn python() -> Command {
    let mut python = Command::new("python3");
    python.arg(golden_dir().join("decode.py"));
    python
}

fn golden(name: &str) -> PathBuf {
    golden_dir().join(format!("{name}.hex"))
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden")
}

/// The frames of both versions.
fn all_golden_files() -> Vec<PathBuf> {
    [golden_files(""), golden_files("2")].concat()
}

fn golden_files(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(golden_dir().join(folder)).unwrap().map(|file| file.unwrap().path());
    let is_frame = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "hex");
    let mut files: Vec<PathBuf> = files.filter(is_frame).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn kept_json(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file.with_extension("json")).unwrap()).unwrap()
}

/// The bytes of a file of hexadecimal digits.
fn golden_bytes(file: &Path) -> Vec<u8> {
    let text = fs::read_to_string(file).unwrap();
    let digits = text.trim().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
