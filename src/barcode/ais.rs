//! The GS1 application identifiers: their lengths, and the formats of their values.
//!
//! The first two digits determine the length of the identifier and whether the value has a
//! predefined length. The list of predefined lengths is closed: every other value ends with FNC1 or
//! at the end of the code. Identifiers that are defined in future are therefore skipped correctly.

use std::ops::RangeInclusive;

/// The format of the value of an application identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This many digits; no FNC1 follows.
    Digits(usize),
    /// This many digits, of which the last is a check digit; no FNC1 follows.
    Checked(usize),
    /// `YYMMDD`; no FNC1 follows.
    Date,
    /// Up to this many digits.
    Number(usize),
    /// Up to this many characters.
    Text(usize),
}

/// A row of the table: the application identifiers with these first two digits.
pub(super) struct Row {
    prefixes: RangeInclusive<u8>,
    /// The number of digits of the identifier.
    pub(super) digits: usize,
    /// The format of the value after the identifier.
    pub(super) value: Value,
}

const fn row(from: u8, to: u8, digits: usize, value: Value) -> Row {
    Row { prefixes: from..=to, digits, value }
}

/// From the GS1 General Specifications, figures 3.2-1 and 7.8.5-2 (predefined lengths). Where the
/// identifiers of a row differ in maximum length, the row has the longest.
static TABLE: &[Row] = &[
    row(0, 0, 2, Value::Checked(18)),   // SSCC
    row(1, 3, 2, Value::Checked(14)),   // GTIN, CONTENT, MTO GTIN
    row(4, 4, 2, Value::Digits(16)),    // not allotted
    row(10, 10, 2, Value::Text(20)),    // BATCH
    row(11, 19, 2, Value::Date),        // PROD DATE … EXPIRY
    row(20, 20, 2, Value::Digits(2)),   // VARIANT
    row(21, 22, 2, Value::Text(20)),    // SERIAL, CPV
    row(23, 23, 3, Value::Text(28)),    // TPX
    row(24, 25, 3, Value::Text(30)),    // ADDITIONAL ID … GCN
    row(30, 30, 2, Value::Number(8)),   // VAR. COUNT
    row(31, 36, 4, Value::Digits(6)),   // weights and measures
    row(37, 37, 2, Value::Number(8)),   // COUNT
    row(39, 39, 4, Value::Number(18)),  // amounts and prices
    row(40, 40, 3, Value::Text(30)),    // ORDER NUMBER … ROUTE
    row(41, 41, 3, Value::Checked(13)), // places
    row(42, 42, 3, Value::Text(20)),    // SHIP TO POST … ORIGIN
    row(43, 43, 4, Value::Text(70)),    // transport
    row(70, 70, 4, Value::Text(30)),    // NSN … PROCESSOR
    row(71, 71, 3, Value::Text(20)),    // NHRN
    row(72, 72, 4, Value::Text(30)),    // CERT
    row(80, 82, 4, Value::Text(90)),    // DIMENSIONS … PRODUCT URL
    row(90, 99, 2, Value::Text(90)),    // INTERNAL
];

/// The row of the application identifier at the start of a text.
pub(super) fn row_of(text: &str) -> Option<&'static Row> {
    let prefix = text.get(..2)?;
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = prefix.parse().ok().filter(|_| digits)?;
    TABLE.iter().find(|row| row.prefixes.contains(&prefix))
}
