//! Real orders as ledger entries.

use std::fs::File;
use std::path::PathBuf;

use stockgate::stock::{Cause, Entry, Kind, OrderId, RequestId, Seq, Sku};

const NAME: &str = "online-retail-2010-2011-lines.csv.zst";

/// A line of an order.
pub(crate) struct Line {
    order: String,
    sku: String,
    quantity: i64,
    minute_ms: i64,
}

pub(crate) fn read_lines() -> Result<Vec<Line>, String> {
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
pub(crate) enum Shape {
    Orders,
    Lines,
    Uuids,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Orders, Self::Lines, Self::Uuids];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Orders => "a mutation an order, ids by number",
            Self::Lines => "a mutation a line, as replay asks",
            Self::Uuids => "a mutation an order, random UUIDs",
        }
    }

    pub(crate) fn entries(self, lines: &[Line]) -> Vec<Entry> {
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
