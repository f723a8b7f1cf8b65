//! Application identifiers: how long each is, and what may stand behind it.
//!
//! The first two digits say how many there are, and whether the value has a predefined length.
//! That list is closed; every other value ends with FNC1, or where the code ends. So what is
//! defined anew some day is skipped rightly today.

use std::ops::RangeInclusive;

/// What stands behind an application identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// So many digits, and no FNC1 needed behind them.
    Digits(usize),
    /// The same, the last one of which checks the others.
    Checked(usize),
    /// `YYMMDD`, and no FNC1 needed behind it.
    Date,
    /// Up to so many digits.
    Number(usize),
    /// Up to so many characters.
    Text(usize),
}

/// A row of the table: application identifiers with these first two digits.
pub(super) struct Row {
    prefixes: RangeInclusive<u8>,
    /// Digits of the identifier itself.
    pub(super) digits: usize,
    /// The format of the value after the identifier.
    pub(super) value: Value,
}

const fn row(from: u8, to: u8, digits: usize, value: Value) -> Row {
    Row { prefixes: from..=to, digits, value }
}

/// By the GS1 General Specifications, figures 3.2-1 and 7.8.5-2 (predefined lengths). Where
/// identifiers of one row differ in their longest value, the longest is taken.
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

/// The row of the application identifier with which a text begins.
pub(super) fn row_of(text: &str) -> Option<&'static Row> {
    let prefix = text.get(..2)?;
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = prefix.parse().ok().filter(|_| digits)?;
    TABLE.iter().find(|row| row.prefixes.contains(&prefix))
}
