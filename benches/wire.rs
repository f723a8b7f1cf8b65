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
//! one for each SKU until the next delivery, after some fifty entries.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
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
use stockgate::stock::{
    Actor, Cause, Entry, Kind, Lot, OrderId, Origin, Reason, RequestId, Seq, Sku, Trace,
};
use uuid::Uuid;

const NAME: &str = "online-retail-2010-2011-lines.csv.zst";
const BATCHES: [usize; 2] = [1_000, 50];
/// Header, epoch, digest, chain, first position and number of entries.
const FRAME_BYTES: usize = 12 + 16 + 8 + 32 + 8;

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
        measure_said(&lines);
        return ExitCode::SUCCESS;
    }
    println!("bytes an entry, and time to encode and to decode 1,000 entries in ms");
    println!("{:<34} {:>5} {:>8} {:>8} {:>8}", "", "batch", "bytes", "encode", "decode");
    for shape in [Shape::Orders, Shape::Lines, Shape::Uuids] {
        let entries = shape.entries(&lines);
        for batch in BATCHES {
            println!("{}", shape.name());
            for coding in &CODINGS {
                coding.measure(&entries, batch);
            }
        }
    }
    measure_said(&lines);
    ExitCode::SUCCESS
}

/// What entries say beside their units.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    Actor,
    ActorAndReason,
    RandomLots,
    LotsBySku,
}

fn measure_said(lines: &[Line]) {
    const SAID: [(&str, Said); 5] = [
        ("nothing", Said::Nothing),
        ("an actor", Said::Actor),
        ("an actor and a reason", Said::ActorAndReason),
        ("a lot at random", Said::RandomLots),
        ("a lot by SKU and delivery", Said::LotsBySku),
    ];
    println!("bytes an entry in columns of 1,000, by what the entries say");
    for shape in [Shape::Orders, Shape::Lines, Shape::Uuids] {
        println!("{}", shape.name());
        let entries = shape.entries(lines);
        println!("  {:<32} {:>8.2}", "version 1", bytes_an_entry(&entries, Version::V1));
        for (name, said) in SAID {
            let entries = said.entries(&entries);
            println!("  {name:<32} {:>8.2}", bytes_an_entry(&entries, Version::V2));
        }
    }
}

fn bytes_an_entry(entries: &[Entry], version: Version) -> f64 {
    let head = if version == Version::V1 { FRAME_BYTES - 24 } else { FRAME_BYTES };
    let frames = entries.chunks(1_000);
    let bytes: usize = frames.map(|batch| head + columns::encode(batch, version).len()).sum();
    bytes as f64 / entries.len() as f64
}

impl Said {
    fn entries(self, entries: &[Entry]) -> Vec<Entry> {
        let mut random = fastrand::Rng::with_seed(11);
        let mut deliveries = std::collections::HashMap::new();
        let (mut order, mut actor, mut reason) = (None, 0, 0);
        let said = entries.iter().map(|entry| {
            if order != entry.order_id {
                (actor, reason) = (random.u32(0..6), random.u32(0..20));
                order.clone_from(&entry.order_id);
            }
            let mut entry = entry.clone();
            let lot = match self {
                Self::Nothing => None,
                Self::Actor | Self::ActorAndReason => {
                    entry.cause.actor = Actor::parse(&format!("line-{actor}")).ok();
                    if let Self::ActorAndReason = self {
                        entry.cause.reason = Reason::parse(&format!("reason {reason}")).ok();
                    }
                    None
                }
                Self::RandomLots => Some(random.u32(0..500)),
                Self::LotsBySku => {
                    let lot = deliveries.entry(entry.sku.clone()).or_insert(0);
                    if random.u32(0..50) == 0 {
                        *lot = random.u32(0..500);
                    }
                    Some(*lot)
                }
            };
            let lot = lot.map(|lot| Lot::parse(&format!("L26{lot:04}")).expect("it is an id"));
            entry.trace = Trace::of(lot, None, None);
            entry
        });
        said.collect()
    }
}

/// A line of an order.
struct Line {
    order: String,
    sku: String,
    quantity: i64,
    minute_ms: i64,
}

fn read_lines() -> Result<Vec<Line>, String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let directory = std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into());
    let path = PathBuf::from(directory).join(NAME);
    let file = File::open(&path).map_err(|error| {
        format!(
            "{}: {error}. It is the \"Online Retail\" data set (UCI Machine Learning Repository, \
             doi:10.24432/C5BW33) as a CSV file with the columns order_id, sku, quantity and \
             timestamp, compressed with zstd; put it there, or name its directory in \
             STOCKGATE_DATA",
            path.display()
        )
    })?;
    let plain = ruzstd::decoding::StreamingDecoder::new(file).map_err(|error| error.to_string())?;
    let records = csv::Reader::from_reader(plain).into_records();
    records.map(|record| line(&record.map_err(|error| error.to_string())?)).collect()
}

fn line(record: &csv::StringRecord) -> Result<Line, String> {
    let time = humantime::parse_rfc3339_weak(&record[3]).map_err(|error| error.to_string())?;
    let since_1970 = time.duration_since(std::time::UNIX_EPOCH).map_err(|e| e.to_string())?;
    Ok(Line {
        order: record[0].into(),
        sku: record[1].into(),
        quantity: record[2].parse().map_err(|_| format!("{record:?} has no quantity"))?,
        minute_ms: i64::try_from(since_1970.as_millis()).map_err(|error| error.to_string())?,
    })
}

/// The shape of the requests that the gateway got for these orders.
#[derive(Clone, Copy)]
enum Shape {
    Orders,
    Lines,
    Uuids,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "a mutation an order, ids by number",
            Self::Lines => "a mutation a line, as replay asks",
            Self::Uuids => "a mutation an order, random UUIDs",
        }
    }

    fn entries(self, lines: &[Line]) -> Vec<Entry> {
        let mut random = fastrand::Rng::with_seed(7);
        let mut seq = 0;
        let orders = lines.chunk_by(|one, next| one.order == next.order);
        let entries = orders.flat_map(|order| {
            let uuid = uuid::Builder::from_random_bytes(random.u128(..).to_le_bytes()).into_uuid();
            let mut offset_ms = random.i64(0..60_000);
            let entries = order.iter().map(|line| {
                seq += 1;
                let request_id = match self {
                    Self::Orders => line.order.clone(),
                    Self::Lines => format!("{}:{seq}", line.order),
                    Self::Uuids => uuid.to_string(),
                };
                if let Self::Lines = self {
                    offset_ms += random.i64(500..4_000);
                }
                entry(seq, line, &request_id, line.minute_ms + offset_ms)
            });
            entries.collect::<Vec<Entry>>()
        });
        entries.collect()
    }
}

fn entry(seq: Seq, line: &Line, request_id: &str, at_ms: i64) -> Entry {
    Entry {
        seq,
        kind: if line.quantity > 0 { Kind::Deduct } else { Kind::Restock },
        sku: Sku::parse(&line.sku).expect("the file's SKUs are ids"),
        change: -line.quantity,
        reserved_change: 0,
        order_id: Some(OrderId::parse(&line.order).expect("the file's orders are ids")),
        request_id: RequestId::parse(request_id).expect("it is made from an order's id"),
        at_ms,
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
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
