//! Reads a catalogue from CSV with the columns `sku,name,barcodes`.

use std::collections::BTreeMap;

use crate::barcode::canonical;
use crate::limits::{CATALOGUE_BARCODES_MAX, CATALOGUE_NAME_BYTES_MAX, ID_BYTES_MAX};
use crate::problem::Problem;
use crate::stock::{Barcode, Listing, Sku};

/// Reads a whole catalogue; the problem names the first line that is wrong.
pub(crate) fn read_catalogue(bytes: &[u8]) -> Result<Vec<Listing>, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|error| unusable(&error))?;
    if header.iter().collect::<Vec<_>>() != ["sku", "name", "barcodes"] {
        return Err(Problem::bad_request(
            "the first line must be sku,name,barcodes (barcodes are separated by spaces)",
        ));
    }
    let mut first_lines = FirstLines::default();
    let mut listings = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| unusable(&error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let listing =
            listing(&row).map_err(|why| Problem::bad_request(format!("line {line}: {why}")))?;
        first_lines.insert(&listing, line)?;
        listings.push(listing);
    }
    Ok(listings)
}

fn unusable(error: &csv::Error) -> Problem {
    Problem::bad_request(format!("the CSV cannot be used: {error}"))
}

fn listing(row: &csv::StringRecord) -> Result<Listing, String> {
    if row.len() > 3 {
        return Err(format!("has {} columns instead of 3", row.len()));
    }
    let sku =
        Sku::parse(row.get(0).unwrap_or_default()).map_err(|error| format!("sku: {error}"))?;
    let name = row.get(1).unwrap_or_default();
    if name.len() > CATALOGUE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(format!(
            "name: must be at most {CATALOGUE_NAME_BYTES_MAX} bytes without control characters"
        ));
    }
    let barcodes: Vec<String> =
        row.get(2).unwrap_or_default().split_whitespace().map(Into::into).collect();
    if barcodes.len() > CATALOGUE_BARCODES_MAX {
        return Err(format!("barcodes: at most {CATALOGUE_BARCODES_MAX} for one SKU"));
    }
    if let Some(long) = barcodes.iter().find(|code| code.len() > ID_BYTES_MAX) {
        return Err(format!("barcode {long}: must be at most {ID_BYTES_MAX} bytes"));
    }
    let barcodes = barcodes.into_iter().map(Barcode::single).collect();
    Ok(Listing { name: Some(name.into()), barcodes, ..Listing::removed(sku) })
}

/// The line where each SKU and barcode was found, to reject a second one: a barcode must stand for
/// one SKU.
#[derive(Default)]
struct FirstLines {
    skus: BTreeMap<Sku, u64>,
    /// By their canonical form, because one number can be written with leading zeros.
    barcodes: BTreeMap<String, u64>,
}

impl FirstLines {
    fn insert(&mut self, listing: &Listing, line: u64) -> Result<(), Problem> {
        let twice = |what: &str, earlier: u64| {
            Err(Problem::bad_request(format!("line {line}: {what} is in line {earlier} already")))
        };
        if let Some(earlier) = self.skus.insert(listing.sku.clone(), line) {
            return twice(&format!("SKU {}", listing.sku), earlier);
        }
        for Barcode { code, .. } in &listing.barcodes {
            if let Some(earlier) = self.barcodes.insert(canonical(code), line) {
                return twice(&format!("barcode {code}"), earlier);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_is_read_with_names_and_barcodes() {
        let text = "sku,name,barcodes\n85123A,\"Lamp, white\",4006381333931 036000291452\nB,,\n";
        let read = read_catalogue(text.as_bytes()).unwrap();
        assert_eq!(read[0].name.as_deref(), Some("Lamp, white"));
        assert_eq!(Barcode::join(&read[0].barcodes), "4006381333931*1 036000291452*1");
        assert_eq!((read[1].sku.as_str(), read[1].barcodes.len()), ("B", 0));
    }

    #[test]
    fn a_problem_names_its_line() {
        let wrong = [
            ("sku,barcodes\n", "first line"),
            ("sku,name,barcodes\nA,a,1\nA,b,2\n", "line 3: SKU A is in line 2"),
            ("sku,name,barcodes\nA,a,1\nB,b,1\n", "line 3: barcode 1 is in line 2"),
            (
                "sku,name,barcodes\nA,a,036000291452\nB,b,0036000291452\n",
                "line 3: barcode 0036000291452 is in line 2",
            ),
            ("sku,name,barcodes\n,a,1\n", "line 2: sku"),
            ("sku,name,barcodes\nA,a,1,2\n", "line 2: has 4 columns"),
        ];
        for (text, why) in wrong {
            let problem = read_catalogue(text.as_bytes()).unwrap_err();
            assert!(problem.message.contains(why), "{text:?}: {}", problem.message);
        }
    }
}
