//! Writing a catalogue as CSV.

use crate::stock::{Amount, Barcode, Decimals, Listing};

/// Writes the listings that are not removed. Reading the text gives the same listings again.
pub(crate) fn write_catalogue(listings: &[Listing]) -> String {
    let mut csv = "sku,name,barcodes,unit,decimals\n".to_owned();
    for Listing { sku, name, unit, decimals, barcodes } in listings {
        let Some(name) = name else { continue };
        let barcodes: Vec<String> =
            barcodes.iter().map(|barcode| written(barcode, *decimals)).collect();
        let decimals = match u8::from(*decimals) {
            0 => String::new(),
            decimals => decimals.to_string(),
        };
        let cells =
            [sku.as_str(), name, &barcodes.join(" "), unit.as_deref().unwrap_or(""), &decimals];
        csv.push_str(&cells.map(quoted).join(","));
        csv.push('\n');
    }
    csv
}

fn written(Barcode { code, content }: &Barcode, decimals: Decimals) -> String {
    // A code that contains an asterisk is written with its content, which is what follows the last.
    if *content == decimals.one() && !code.contains('*') {
        return code.clone();
    }
    format!("{code}*{}", Amount::of(*content, decimals))
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r', ';', '\t']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
