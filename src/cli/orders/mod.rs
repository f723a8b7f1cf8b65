//! Order lines from a CSV file: plain, `.gz` or `.zst`.

mod columns;
mod dialect;
mod quantity;
mod records;
mod row;
mod zst;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;

pub(crate) use self::columns::Columns;
pub(crate) use self::dialect::Dialect;
pub(crate) use self::quantity::{Quantity, in_decimals};
pub(crate) use self::row::{Movement, Row};

use self::columns::Places;
use self::records::Records;
use self::zst::Frames;

/// Reads the rows of a file one by one. Blank ones are left out.
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
    let reader = BufReader::new(reader);
    let has_columns = |header: &[String]| Places::find(header, columns).is_ok();
    let (records, header) = Records::open(reader, has_columns).with_context(|| shown.clone())?;
    let places = Places::find(&header, columns).with_context(|| shown.clone())?;
    Ok(records.map(move |record| {
        let record = record.with_context(|| shown.clone())?;
        Ok(Row::of(&record, &places))
    }))
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    Ok(unpacked(BufReader::new(File::open(path)?), extension.unwrap_or_default()))
}

/// The decompressed content, by the suffix of the file's name.
pub(crate) fn unpacked<'a>(
    file: impl BufRead + Send + 'a,
    extension: &str,
) -> Box<dyn Read + Send + 'a> {
    match extension.to_ascii_lowercase().as_str() {
        "gz" => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        "zst" => Box::new(Frames::new(file)),
        _ => Box::new(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const CSV: &str = "Invoice;SKU ;n;when\nA1;85123A; 6;2010-12-01T08:26:00\n\
                       C2;\"x;y\";-3;soon\nA3;z;1,5;\n";

    fn columns() -> Columns {
        "order=invoice,quantity=N,at=when".parse().unwrap()
    }

    fn read(text: &str, columns: &Columns) -> Vec<Row> {
        let rows = rows_of(text.as_bytes(), "orders.csv".into(), columns).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn columns_are_found_by_name_in_any_case() {
        let rows = read(CSV, &columns());
        let seen: Vec<_> = rows.iter().map(|row| (row.line, row.sku.as_str())).collect();
        assert_eq!(seen, [(2, "85123A"), (3, "x;y"), (4, "z")]);
        assert_eq!(rows[0].at_ms, Ok(Some(1_291_191_960_000)));
        assert!(rows[1].at_ms.as_ref().unwrap_err().contains("\"soon\""), "{rows:?}");
        assert_eq!(rows[2].at_ms, Ok(None));
        let wrong = |row: &Row| row.movement.as_ref().err().map(ToString::to_string);
        assert_eq!((wrong(&rows[0]), wrong(&rows[1])), (None, None));
        assert!(wrong(&rows[2]).unwrap().contains("\"1,5\""));
    }

    #[test]
    fn compressed_files_are_recognized_by_their_suffix() {
        let directory = tempfile::tempdir().unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(CSV.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        let zst = ruzstd::encoding::compress_to_vec(
            CSV.as_bytes(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        for (name, bytes) in
            [("a.csv.gz", &gz), ("A.CSV.GZ", &gz), ("a.zst", &zst), ("A.ZST", &zst)]
        {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(rows(&path, &columns()).unwrap().count(), 3, "{name}");
        }
    }

    #[test]
    fn a_missing_or_doubled_column_is_named() {
        let error = |text: &str| {
            let rows = rows_of(text.as_bytes(), "orders.csv".into(), &Columns::default());
            format!("{:#}", rows.err().expect("a column is wrong"))
        };
        assert!(error(CSV).contains("no column \"order_id\""), "{}", error(CSV));
        assert!(error(CSV).starts_with("orders.csv"), "{}", error(CSV));
        let twice = "order_id,sku,SKU,quantity\n";
        assert!(error(twice).contains("two columns \"sku\""), "{}", error(twice));
    }
}
