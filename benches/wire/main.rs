//! Bytes on the wire to the hub: the cost of a ledger entry by its encoding, on real orders.
//!
//! ```text
//! cargo bench --bench wire
//! STOCKGATE_DATA=directory cargo bench --bench wire
//! cargo bench --bench wire -- said
//! ```
//!
//! Every line of the file is an entry, in three shapes: one mutation an order, one a line with the
//! request ids of `stockgate replay`, and one an order with random UUIDs. The file's times are
//! whole minutes, so each order begins at a millisecond of its own, and where a line is a mutation,
//! lines follow after 0.5 to 4 s, as a picker scans. Binary encodings include what a frame needs
//! besides: header, epoch, position and checks. Times are medians, for 1,000 entries. The columns
//! are decoded and compared.
//!
//! At the end, or alone with `said`: the columns of batches of 1,000 where entries say more. Each order
//! has one of six actors and one of twenty reasons. Lots are of 500 kinds: at random for each entry, or
//! one for each SKU until the next delivery, after some fifty entries. Beside each stands what it may
//! take at most; `tests/end_to_end.rs` holds a part of the orders to that.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod orders;
mod said;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::Serialize;
use stockgate::clock;
use stockgate::net::json::ledger_json;
use stockgate::protocol::columns;
use stockgate::protocol::wire::Version;
use stockgate::stock::{Entry, OrderId, Origin, RequestId, Seq, Sku};
use uuid::Uuid;

use orders::{Line, Shape, read_lines};
use said::{FRAME_BYTES, SAID, Said, bytes_an_entry};

const BATCHES: [usize; 2] = [1_000, 50];

fn main() -> ExitCode {
    let lines = match read_lines() {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} lines", lines.len());
    if std::env::args().any(|argument| argument == "said") {
        return measure_said(&lines);
    }
    println!("bytes an entry, and time to encode and to decode 1,000 entries in ms");
    println!("{:<34} {:>5} {:>8} {:>8} {:>8}", "", "batch", "bytes", "encode", "decode");
    for shape in Shape::ALL {
        let entries = shape.entries(&lines);
        for batch in BATCHES {
            println!("{}", shape.name());
            for coding in &CODINGS {
                coding.measure(&entries, batch);
            }
        }
    }
    measure_said(&lines)
}

/// Fails if entries take more than they may.
fn measure_said(lines: &[Line]) -> ExitCode {
    println!("bytes an entry in frames of 1,000, by what the entries say, and at most");
    let mut fit = true;
    for shape in Shape::ALL {
        println!("{}", shape.name());
        let entries = shape.entries(lines);
        let before = bytes_an_entry(&entries, Version::V1);
        println!("  {:<32} {before:>8.2}", "version 1");
        let nothing = bytes_an_entry(&Said::Nothing.entries(&entries), Version::V2);
        for (name, said, more) in SAID {
            let bytes = bytes_an_entry(&said.entries(&entries), Version::V2);
            let most = more + if let Said::Nothing = said { before } else { nothing };
            println!("  {name:<32} {bytes:>8.2} {most:>8.2}");
            fit &= bytes <= most;
        }
    }
    if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Decodes this many entries, the first at this position.
type Decode = fn(&[u8], Seq, usize) -> Vec<Entry>;

/// An encoding of a batch.
struct Coding {
    name: &'static str,
    frame_bytes: usize,
    timed: bool,
    encode: fn(&[Entry]) -> Vec<u8>,
    /// The decoder, if the benchmark has one.
    decode: Option<Decode>,
}

const CODINGS: [Coding; 7] = [
    Coding { name: "JSON", frame_bytes: 0, timed: true, encode: json, decode: None },
    Coding {
        name: "JSON, zstd (ruzstd, fastest)",
        frame_bytes: 0,
        timed: true,
        encode: json_zstd,
        decode: None,
    },
    Coding {
        name: "JSON, deflate",
        frame_bytes: 0,
        timed: true,
        encode: json_deflate,
        decode: None,
    },
    Coding {
        name: "postcard rows",
        frame_bytes: FRAME_BYTES,
        timed: true,
        encode: rows,
        decode: None,
    },
    Coding {
        name: "postcard rows, deflate",
        frame_bytes: FRAME_BYTES,
        timed: true,
        encode: rows_deflate,
        decode: None,
    },
    Coding {
        name: "columns, plain",
        frame_bytes: FRAME_BYTES,
        timed: false,
        encode: plain_size,
        decode: None,
    },
    Coding {
        name: "columns",
        frame_bytes: FRAME_BYTES,
        timed: true,
        encode: |entries| columns::encode(entries, Version::V2),
        decode: Some(decode),
    },
];

impl Coding {
    fn measure(&self, entries: &[Entry], batch: usize) {
        let mut bytes = 0;
        let mut encoding = Vec::new();
        let mut decoding = Vec::new();
        for batch in entries.chunks(batch) {
            let started = clock::instant();
            let encoded = (self.encode)(batch);
            if self.timed {
                encoding.push(per_thousand(started.elapsed(), batch.len()));
            }
            bytes += self.frame_bytes + encoded.len();
            if let Some(decode) = self.decode {
                let started = clock::instant();
                let decoded = decode(&encoded, batch[0].seq, batch.len());
                decoding.push(per_thousand(started.elapsed(), batch.len()));
                assert!(decoded == batch, "what was encoded comes back");
            }
        }
        println!(
            "  {:<32} {batch:>5} {:>8.2} {:>8} {:>8}",
            self.name,
            bytes as f64 / entries.len() as f64,
            median(encoding),
            median(decoding),
        );
    }
}

fn per_thousand(time: Duration, entries: usize) -> f64 {
    time.as_secs_f64() * 1e6 / entries as f64
}

fn median(mut times_ms: Vec<f64>) -> String {
    times_ms.sort_by(f64::total_cmp);
    times_ms.get(times_ms.len() / 2).map_or("-".into(), |time| format!("{time:.3}"))
}

fn json(entries: &[Entry]) -> Vec<u8> {
    let origin = Origin { site: "oslo".into(), gateway: "gw1".into(), epoch: Uuid::nil() };
    let last_seq = entries.last().map_or(0, |entry| entry.seq);
    ledger_json(&origin, entries, &[], last_seq).into_bytes()
}

fn json_zstd(entries: &[Entry]) -> Vec<u8> {
    compress_to_vec(json(entries).as_slice(), CompressionLevel::Fastest)
}

fn json_deflate(entries: &[Entry]) -> Vec<u8> {
    deflate(&json(entries))
}

fn rows_deflate(entries: &[Entry]) -> Vec<u8> {
    deflate(&rows(entries))
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// An entry as in version 1 of the frames.
#[derive(Serialize)]
struct Row<'a> {
    kind: u8,
    sku: &'a Sku,
    change: i64,
    reserved_change: i64,
    order_id: Option<&'a OrderId>,
    request_id: &'a RequestId,
    at_ms: i64,
}

fn rows(entries: &[Entry]) -> Vec<u8> {
    let row = |entry: &Entry| {
        postcard::to_stdvec(&Row {
            kind: entry.kind.code(),
            sku: &entry.sku,
            change: entry.change,
            reserved_change: entry.reserved_change,
            order_id: entry.order_id.as_ref(),
            request_id: &entry.request_id,
            at_ms: entry.at_ms,
        })
        .expect("plain data always serializes")
    };
    entries.iter().flat_map(row).collect()
}

/// The length of the columns before deflate, which their first number holds.
fn plain_size(entries: &[Entry]) -> Vec<u8> {
    let encoded = columns::encode(entries, Version::V2);
    match postcard::take_from_bytes::<u64>(&encoded) {
        Ok((size @ 1.., _)) => vec![0; 1 + usize::try_from(size).expect("it is small")],
        Ok((0, _)) | Err(_) => encoded,
    }
}

fn decode(bytes: &[u8], first_seq: Seq, count: usize) -> Vec<Entry> {
    columns::decode(bytes, Version::V2, first_seq, count).expect("it was just encoded")
}
