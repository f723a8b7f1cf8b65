//! One line of a catalogue.

use super::forms::{doubtful_form, wrong_form};
use super::header::{Header, NAMES};
use super::line_error::{LineError, Warning};
use super::records::Record;
use super::ruined::{
    has_added_decimals, has_direction, has_invisible, is_grouped_number, looks_like_date,
    may_be_scientific, may_be_thousands, may_lack_digits, without_lost_zeros, wrong_gtin,
    wrong_sscc,
};
use crate::barcode::Gtin;
use crate::limits::{
    CATALOGUE_BARCODES_MAX, CATALOGUE_NAME_BYTES_MAX, CATALOGUE_UNIT_BYTES_MAX, ID_BYTES_MAX,
    QUANTITY_MAX,
};
use crate::net::request::check_ends;
use crate::stock::ruined::{looks_misread, ruined, ruined_key};
use crate::stock::{Amount, Barcode, Decimal, Decimals, Listing, Sku};

/// Reads the listing of a line.
pub(super) fn read_listing(
    header: &Header,
    record: &Record,
    warnings: &mut Vec<Warning>,
) -> Result<Listing, LineError> {
    let mut reader = LineReader { line: record.line, warnings };
    reader.check_width(header, record)?;
    reader.listing(header, record).map_err(|what| LineError::at(record.line, what))
}

struct LineReader<'a> {
    line: u64,
    warnings: &'a mut Vec<Warning>,
}

impl LineReader<'_> {
    fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        self.warnings.push(Warning::new(self.line, code, message));
    }

    fn check_width(&mut self, header: &Header, record: &Record) -> Result<(), LineError> {
        let (cells, width) = (record.cells.len(), header.width);
        if cells > width && record.cells[width..].iter().any(|cell| !cell.trim().is_empty()) {
            let what = format!("has {cells} columns instead of {width}");
            return Err(LineError::at(record.line, what));
        }
        if cells < width {
            let message = format!("has {cells} columns instead of {width}; the others are empty");
            self.warn("missing_cells", message);
        }
        Ok(())
    }

    fn listing(&mut self, header: &Header, record: &Record) -> Result<Listing, String> {
        let mut cell = |column| self.cell(NAMES[column], header.cell(record, column));
        let [sku, name, barcodes, unit, decimals] =
            [cell(0)?, cell(1)?, cell(2)?, cell(3)?, cell(4)?];
        let decimals = read_decimals(decimals)?;
        let unit = text("unit", unit, CATALOGUE_UNIT_BYTES_MAX)?;
        if has_direction(name) {
            self.warn(
                "invisible_character",
                format!(
                    "name: {name:?} contains a character that turns the direction of what follows"
                ),
            );
        }
        self.check_encoding("name", name);
        Ok(Listing {
            sku: self.sku(sku)?,
            name: Some(text("name", name, CATALOGUE_NAME_BYTES_MAX)?),
            unit: (!unit.is_empty()).then_some(unit),
            decimals,
            barcodes: self.barcodes(barcodes, decimals)?,
        })
    }

    /// A cell without the blanks around it.
    fn cell<'a>(&mut self, column: &str, cell: &'a str) -> Result<&'a str, String> {
        let trimmed = cell.trim();
        if trimmed.len() < cell.len() {
            self.warn(
                "blanks_trimmed",
                format!("{column}: blanks around {trimmed:?} are left out"),
            );
        }
        match ruined(trimmed) {
            Some(why) => Err(format!("{column}: {trimmed:?} {why}")),
            None => Ok(trimmed),
        }
    }

    fn sku(&mut self, cell: &str) -> Result<Sku, String> {
        if let Some(why) = ruined_key(cell) {
            return Err(format!("sku: {cell:?} {why}"));
        }
        let sku = Sku::parse(cell).map_err(|error| format!("sku: {error}"))?;
        // No request could name it.
        check_ends("sku", cell).map_err(|problem| problem.message)?;
        if looks_like_date(cell) {
            self.warn(
                "looks_like_date",
                format!("sku: {cell} may be what a spreadsheet has made a date of"),
            );
        }
        if cell.starts_with(['=', '@']) {
            self.warn(
                "looks_like_formula",
                format!("sku: {cell} may be a formula of a spreadsheet"),
            );
        }
        if has_invisible(cell) {
            self.warn(
                "invisible_character",
                format!("sku: {cell:?} contains a character that nobody sees"),
            );
        }
        if has_added_decimals(cell) {
            self.warn(
                "added_decimals",
                format!("sku: {cell} may have decimals that a spreadsheet has added"),
            );
        }
        if may_be_scientific(cell) {
            self.warn("looks_scientific", scientific("sku:", cell));
        }
        if let Some(error) = wrong_gtin(cell) {
            self.warn("wrong_check_digit", format!("sku: {error}"));
        }
        self.check_encoding("sku", cell);
        Ok(sku)
    }

    fn check_encoding(&mut self, column: &str, cell: &str) {
        if looks_misread(cell) {
            self.warn(
                "looks_misread",
                format!("{column}: {cell} looks like UTF-8 that was read in another encoding"),
            );
        }
    }

    fn barcodes(&mut self, cell: &str, decimals: Decimals) -> Result<Vec<Barcode>, String> {
        if is_grouped_number(cell) {
            return Err(format!("barcodes: {cell:?} is one number with its digits in groups"));
        }
        let mut barcodes: Vec<Barcode> = Vec::new();
        for written in cell.split_whitespace() {
            let barcode = self.barcode(written, decimals)?;
            match barcodes.iter().find(|known| known.code == barcode.code) {
                None => barcodes.push(barcode),
                Some(known) if known.content == barcode.content => {
                    self.warn("barcode_twice", format!("barcode {written} is there twice"));
                }
                Some(_) => return Err(format!("barcode {written} is there with two contents")),
            }
        }
        if barcodes.len() > CATALOGUE_BARCODES_MAX {
            return Err(format!("barcodes: at most {CATALOGUE_BARCODES_MAX} for one SKU"));
        }
        Ok(barcodes)
    }

    fn barcode(&mut self, written: &str, decimals: Decimals) -> Result<Barcode, String> {
        let (code, content) = match written.rsplit_once('*') {
            None => (written, decimals.one()),
            Some((code, content)) => (code, read_content(written, content, decimals)?),
        };
        if may_be_thousands(&written[code.len()..], decimals) {
            let what = format!("barcode {written}: the point is taken for a decimal point");
            self.warn("content_in_thousands", what);
        }
        if let Some(why) = ruined_key(code) {
            return Err(format!("barcode {code} {why}"));
        }
        if is_grouped_number(code) {
            return Err(format!("barcode {code}: is one number with its digits in groups"));
        }
        if code.is_empty() || code.len() > ID_BYTES_MAX {
            return Err(format!("barcode {code}: must be 1 to {ID_BYTES_MAX} bytes"));
        }
        if code.chars().any(char::is_control) || has_invisible(code) {
            return Err(format!("barcode {code:?}: contains a character that no code has"));
        }
        Gtin::read(code).map_err(|error| format!("barcode {code}: {error}"))?;
        if let Some(expected) = wrong_sscc(code) {
            return Err(format!("barcode {code}: the check digit of this SSCC must be {expected}"));
        }
        if let Some(why) = wrong_form(code) {
            return Err(format!("barcode {code}: {why}"));
        }
        self.doubt(code);
        Ok(Barcode { code: code.into(), content })
    }

    fn doubt(&mut self, code: &str) {
        if let Some((kind, what)) = doubtful_form(code) {
            self.warn(kind, format!("barcode {code}: {what}"));
        }
        if let Some(padded) = without_lost_zeros(code) {
            self.warn(
                "lost_zero",
                format!("barcode {code}: a UPC-A whose zero was lost? {padded}"),
            );
        }
        if may_be_scientific(code) {
            self.warn("looks_scientific", scientific("barcode", code));
        }
        if may_lack_digits(code) {
            self.warn(
                "lost_digits",
                format!("barcode {code}: a spreadsheet keeps 15 digits; were the others lost?"),
            );
        }
    }
}

fn scientific(what: &str, cell: &str) -> String {
    format!("{what} {cell} may be a number whose digits are lost, in scientific notation")
}

fn read_content(written: &str, content: &str, decimals: Decimals) -> Result<u64, String> {
    let is_scientific = content.contains(['e', 'E']);
    let number = Decimal::parse(content).ok().filter(|_| !is_scientific);
    let read = number.and_then(|number| number.units(decimals).ok());
    let wrong = || {
        format!(
            "barcode {written}: after the asterisk stands how much one of them holds, a number above 0 with at most {} decimals and at most {}",
            u8::from(decimals),
            Amount::of(QUANTITY_MAX, decimals)
        )
    };
    // No line of a request takes more.
    read.filter(|content| (1..=QUANTITY_MAX).contains(content)).ok_or_else(wrong)
}

fn read_decimals(cell: &str) -> Result<Decimals, String> {
    let read = match cell {
        "" => Some(0),
        digit if digit.len() == 1 => digit.parse().ok(),
        _ => None,
    };
    let read = read.and_then(|decimals: u8| Decimals::try_from(decimals).ok());
    read.ok_or_else(|| format!("decimals: must be 0 to 6, is {cell:?}"))
}

fn text(column: &str, cell: &str, bytes_max: usize) -> Result<String, String> {
    if cell.len() > bytes_max || cell.chars().any(char::is_control) {
        return Err(format!(
            "{column}: must be at most {bytes_max} bytes without control characters"
        ));
    }
    Ok(cell.into())
}
