//! Order lines from a CSV file: plain, `.gz` or `.zst`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};

/// The names of the columns in the header of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    order: String,
    sku: String,
    quantity: String,
    at: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            order: "order_id".into(),
            sku: "sku".into(),
            quantity: "quantity".into(),
            at: "timestamp".into(),
        }
    }
}

impl FromStr for Columns {
    type Err = String;

    /// Parses `order=…,sku=…,quantity=…,at=…`; a column that is not given keeps its default.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for part in text.split(',') {
            let place = match part.split_once('=') {
                Some(("order", _)) => &mut columns.order,
                Some(("sku", _)) => &mut columns.sku,
                Some(("quantity", _)) => &mut columns.quantity,
                Some(("at", _)) => &mut columns.at,
                Some(_) | None => {
                    return Err(format!("{part:?} is not one of order=, sku=, quantity=, at="));
                }
            };
            *place = part.split_once('=').map(|(_, name)| name.to_owned()).unwrap_or_default();
        }
        Ok(columns)
    }
}

/// One order line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number of the row, starting at 1 after the header.
    pub(crate) number: u64,
    pub(crate) order: String,
    pub(crate) sku: String,
    /// Negative for a return; `None` if it is not a whole number.
    pub(crate) quantity: Option<i64>,
    /// Milliseconds since 1970, if the file has a time that can be parsed.
    pub(crate) at_ms: Option<i64>,
}

/// Reads the rows of a file one by one.
///
/// # Errors
/// If the file cannot be opened or lacks a column.
pub(crate) fn rows(
    path: &Path,
    columns: &Columns,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<>> {
    let shown = path.display().to_string();
    let reader = open(path).with_context(|| format!("{shown} cannot be read"))?;
    rows_of(reader, shown, columns)
}

/// Reads rows from any source; `shown` is its name in messages.
pub(crate) fn rows_of<R: Read>(
    reader: R,
    shown: String,
    columns: &Columns,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<R>> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let headers = csv.headers().with_context(|| format!("{shown} is not a CSV file"))?.clone();
    let place = |name: &str| headers.iter().position(|header| header == name);
    let needed = |name: &str| match place(name) {
        Some(place) => Ok(place),
        None => bail!("{shown} has no column {name:?}; say which are which with --columns"),
    };
    let (order, sku, quantity) =
        (needed(&columns.order)?, needed(&columns.sku)?, needed(&columns.quantity)?);
    let at = place(&columns.at);
    Ok((1..).zip(csv.into_records()).map(move |(number, record)| {
        let record = record.with_context(|| format!("{shown}: row {number}"))?;
        let field = |place: usize| record.get(place).unwrap_or_default();
        Ok(Row {
            number,
            order: field(order).to_owned(),
            sku: field(sku).to_owned(),
            quantity: field(quantity).parse().ok(),
            at_ms: at.and_then(|at| time_ms(field(at))),
        })
    }))
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    unpacked(BufReader::new(File::open(path)?), extension.unwrap_or_default())
}

/// The decompressed content, by the suffix of the file's name.
pub(crate) fn unpacked<'a>(
    file: impl BufRead + Send + 'a,
    extension: &str,
) -> anyhow::Result<Box<dyn Read + Send + 'a>> {
    Ok(match extension {
        "gz" => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        "zst" => Box::new(ruzstd::decoding::StreamingDecoder::new(file)?),
        _ => Box::new(file),
    })
}

fn time_ms(text: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    let since_epoch = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const CSV: &str = "invoice,sku,n,when\nA1,85123A,6,2010-12-01T08:26:00\n\
                       C2,\"x,y\",-3,soon\nA3,z,1.5,\n";

    fn columns() -> Columns {
        "order=invoice,quantity=n,at=when".parse().unwrap()
    }

    #[test]
    fn columns_are_found_by_name_and_invalid_rows_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.csv");
        std::fs::write(&path, CSV).unwrap();
        let rows: Vec<Row> = rows(&path, &columns()).unwrap().collect::<Result<_, _>>().unwrap();
        let seen: Vec<_> = rows.iter().map(|r| (r.number, r.sku.as_str(), r.quantity)).collect();
        assert_eq!(seen, [(1, "85123A", Some(6)), (2, "x,y", Some(-3)), (3, "z", None)]);
        assert_eq!(rows[0].at_ms, Some(1_291_191_960_000));
        assert_eq!(rows[1].at_ms, None);
    }

    #[test]
    fn compressed_files_are_recognized_by_their_suffix() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.csv.gz");
        let mut gz = flate2::write::GzEncoder::new(
            File::create(&path).unwrap(),
            flate2::Compression::default(),
        );
        gz.write_all(CSV.as_bytes()).unwrap();
        gz.finish().unwrap();
        assert_eq!(rows(&path, &columns()).unwrap().count(), 3);
    }

    #[test]
    fn a_missing_column_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.csv");
        std::fs::write(&path, CSV).unwrap();
        let Err(error) = rows(&path, &Columns::default()) else { panic!("it has no order_id") };
        assert!(error.to_string().contains("\"order_id\""), "{error}");
        assert!("order=a,colour=b".parse::<Columns>().is_err());
    }
}
