//! One row of a file of orders, and what it says.

use super::columns::Places;
use super::quantity::Quantity;
use super::records::Record;
use crate::stock::ruined::{ruined, ruined_key};
use crate::stock::{OrderId, RequestId, Sku};

/// One order line, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line of the file where it begins.
    pub(crate) line: u64,
    pub(crate) order: String,
    pub(crate) sku: String,
    pub(crate) quantity: String,
    /// Milliseconds since 1970, if the row has a time, or why it cannot be read.
    pub(crate) at_ms: Result<Option<i64>, String>,
    /// What it asks for, or why it cannot be used.
    pub(crate) movement: Result<Movement, String>,
}

/// What a row asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    /// The request id, if the file has ids.
    pub(crate) id: Option<RequestId>,
    pub(crate) order: Option<OrderId>,
    pub(crate) sku: Sku,
    /// Negative for a return.
    pub(crate) quantity: Quantity,
}

impl Row {
    pub(super) fn of(record: &Record, places: &Places) -> Self {
        let cell = |place: usize| record.cells.get(place).map(String::as_str).unwrap_or_default();
        let order = places.order.map(cell).unwrap_or_default();
        let (sku, quantity) = (cell(places.sku), cell(places.quantity));
        Self {
            line: record.line,
            order: order.into(),
            sku: sku.into(),
            quantity: quantity.into(),
            at_ms: time_ms(places.at.map(cell).unwrap_or_default()),
            movement: check_cells(record, places)
                .and_then(|()| movement(places.id.map(cell), order, sku, quantity)),
        }
    }
}

/// A row with other cells than the header may have been cut off, or hold an unquoted delimiter.
fn check_cells(record: &Record, places: &Places) -> Result<(), String> {
    let (cells, columns) = (record.cells.len(), places.count);
    let is_blank_beyond = || record.cells[columns..].iter().all(String::is_empty);
    if cells == columns || (cells > columns && is_blank_beyond()) {
        return Ok(());
    }
    Err(format!("the row has {cells} cells, and the header {columns}"))
}

fn movement(id: Option<&str>, order: &str, sku: &str, quantity: &str) -> Result<Movement, String> {
    check_text("sku", sku)?;
    check_text("order", order)?;
    check_text("id", id.unwrap_or_default())?;
    let order = match (order, id) {
        ("", Some(_)) => None,
        ("", None) => return Err("the order is missing, and there is no column with ids".into()),
        (order, _) => Some(OrderId::parse(order).map_err(|error| format!("order: {error}"))?),
    };
    Ok(Movement {
        id: id
            .map(|id| RequestId::chosen(id).map_err(|error| format!("id: {error}")))
            .transpose()?,
        order,
        sku: Sku::parse(sku).map_err(|error| format!("sku: {error}"))?,
        quantity: Quantity::read(quantity)?,
    })
}

/// Refuses what a program on the way has ruined.
fn check_text(name: &str, text: &str) -> Result<(), String> {
    match ruined(text).or_else(|| ruined_key(text)) {
        Some(why) => Err(format!("{name}: {text:?} {why}")),
        None => Ok(()),
    }
}

fn time_ms(text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = humantime::parse_rfc3339_weak(text).ok();
    let since_1970 = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let time_ms = since_1970.and_then(|since| i64::try_from(since.as_millis()).ok());
    time_ms.map(Some).ok_or_else(|| format!("the time {text:?} is not like 2010-12-01T08:26:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(id: Option<&str>, order: &str, sku: &str, quantity: &str) -> Option<String> {
        movement(id, order, sku, quantity).err()
    }

    #[test]
    fn a_row_says_what_it_moves() {
        let moved = movement(None, "A1", "s", "-2").unwrap();
        assert_eq!((moved.id, moved.sku.as_str()), (None, "s"));
        assert!(!moved.quantity.is_positive());
        assert_eq!(wrong(Some("id-1"), "", "s", "1"), None);
    }

    #[test]
    fn a_row_that_is_wrong_says_why() {
        for (id, order, sku, quantity, part) in [
            (None, "", "s", "1", "order is missing"),
            (None, "A", "", "1", "sku: must not be empty"),
            (None, "A", "s", "", "quantity is missing"),
            (None, "A", "8.51E+12", "1", "spreadsheet"),
            (None, "8,5E+4", "s", "1", "spreadsheet"),
            (None, "A", "4.00638e+12", "1", "scientific notation"),
            (None, "A", "4006381333931.0", "1", "with decimals"),
            (None, "536365.0", "s", "1", "order: \"536365.0\" is a number with decimals"),
            (None, "A", "#N/A", "1", "error of a spreadsheet"),
            (None, "A", "'401", "1", "mark for text"),
            (None, "=\"401\"", "s", "1", "mark for text"),
            (Some("5.36E+05"), "A", "s", "1", "id: \"5.36E+05\""),
            (None, "A", "CAF\u{fffd}", "1", "U+FFFD"),
            (None, "A", "a\nb", "1", "control"),
            (Some(""), "A", "s", "1", "id: must not be empty"),
        ] {
            let why = wrong(id, order, sku, quantity).unwrap_or_default();
            assert!(why.contains(part), "{order} {sku} {quantity}: {why}");
        }
        assert_eq!(wrong(None, "A", "LE+7", "1"), None, "that is no number");
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_header() {
        let check = |cells: &[&str]| {
            let cells = cells.iter().map(ToString::to_string).collect();
            let places =
                Places { count: 2, order: None, sku: 0, quantity: 1, at: None, id: Some(0) };
            check_cells(&Record { line: 2, cells }, &places)
        };
        assert!(check(&["a", "1"]).is_ok() && check(&["a", "1", "", ""]).is_ok());
        assert!(check(&["a"]).is_err() && check(&["a", "1", "2"]).is_err());
    }
}
