//! Which column of a file holds what.

use std::str::FromStr;

use anyhow::bail;

/// The name of the column with orders, where none is given.
const ORDER: &str = "order_id";
/// The name of the column with times, where none is given.
const AT: &str = "timestamp";

/// The names of the columns in the header of the file. Letter case and the blanks around a name make
/// no difference. A column whose name is given must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    order: Option<String>,
    sku: String,
    quantity: String,
    at: Option<String>,
    /// The request id of each row; without it, one is made of order and SKU.
    id: Option<String>,
}

impl Columns {
    /// The name of the column with quantities.
    pub(crate) fn quantity(&self) -> &str {
        &self.quantity
    }

    /// Whether the file has a column with request ids.
    pub(crate) fn has_ids(&self) -> bool {
        self.id.is_some()
    }

    /// These columns, and the one with times must be there.
    pub(crate) fn with_times(mut self) -> Self {
        self.at.get_or_insert_with(|| AT.into());
        self
    }
}

impl Default for Columns {
    fn default() -> Self {
        Self { order: None, sku: "sku".into(), quantity: "quantity".into(), at: None, id: None }
    }
}

impl FromStr for Columns {
    type Err = String;

    /// Parses `order=…,sku=…,quantity=…,at=…,id=…`; a column that is not given keeps its default.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for part in text.split(',') {
            let Some((key, name)) = part.split_once('=') else { return Err(wrong(part)) };
            let place = match key.trim() {
                "order" => columns.order.get_or_insert_default(),
                "sku" => &mut columns.sku,
                "quantity" => &mut columns.quantity,
                "at" => columns.at.get_or_insert_default(),
                "id" => columns.id.get_or_insert_default(),
                _ => return Err(wrong(part)),
            };
            name.trim().clone_into(place);
        }
        Ok(columns)
    }
}

fn wrong(part: &str) -> String {
    format!("{part:?} is not one of order=, sku=, quantity=, at=, id=")
}

/// Where the columns are in each row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Columns of the file.
    pub(super) count: usize,
    /// `None` if rows have ids of their own and the file names no orders.
    pub(super) order: Option<usize>,
    pub(super) sku: usize,
    pub(super) quantity: usize,
    pub(super) at: Option<usize>,
    pub(super) id: Option<usize>,
}

impl Places {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// Names a column that is missing, or that is there twice.
    pub(super) fn find(header: &[String], columns: &Columns) -> anyhow::Result<Self> {
        let place = |name: &str| {
            let mut named = (0..).zip(header).filter(|(_, header)| is_same(header, name));
            match (named.next(), named.next()) {
                (Some(_), Some(_)) => bail!("has two columns {name:?}"),
                (place, _) => Ok(place.map(|(place, _)| place)),
            }
        };
        let needed = |name: &str| match place(name)? {
            Some(place) => Ok(place),
            None => bail!("has no column {name:?}; say which are which with --columns"),
        };
        Ok(Self {
            count: header.len(),
            order: match (&columns.order, &columns.id) {
                (None, Some(_)) => place(ORDER)?,
                (name, _) => Some(needed(name.as_deref().unwrap_or(ORDER))?),
            },
            sku: needed(&columns.sku)?,
            quantity: needed(&columns.quantity)?,
            at: match &columns.at {
                Some(name) => Some(needed(name)?),
                None => place(AT)?,
            },
            id: columns.id.as_deref().map(needed).transpose()?,
        })
    }
}

fn is_same(header: &str, name: &str) -> bool {
    header.to_lowercase() == name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_on_the_command_line() {
        let columns: Columns = "order=invoice, id = Line ".parse().unwrap();
        assert_eq!(
            (columns.order.as_deref(), columns.id.as_deref()),
            (Some("invoice"), Some("Line"))
        );
        assert!("order=a,colour=b".parse::<Columns>().is_err());
        assert!("order".parse::<Columns>().is_err());
    }

    #[test]
    fn rows_with_ids_need_no_orders() {
        let header = ["id", "sku", "quantity"].map(String::from);
        assert!(Places::find(&header, &Columns::default()).is_err());
        let places = Places::find(&header, &"id=ID".parse().unwrap()).unwrap();
        assert_eq!((places.id, places.order), (Some(0), None));
    }

    #[test]
    fn a_column_that_is_named_must_be_there() {
        let header = ["order_id", "sku", "quantity", "id"].map(String::from);
        let error =
            |columns: Columns| Places::find(&header, &columns).map_err(|why| why.to_string());
        assert!(error(Columns::default()).is_ok());
        for (columns, name) in
            [("at=nope", "nope"), ("at=timestamp", "timestamp"), ("id=id,order=A", "A")]
        {
            let why = error(columns.parse().unwrap()).unwrap_err();
            assert!(why.contains(&format!("no column {name:?}")), "{columns}: {why}");
        }
        assert!(error(Columns::default().with_times()).unwrap_err().contains("timestamp"));
    }
}
