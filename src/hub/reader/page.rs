//! Pages of long lists.

use serde::Serialize;

/// A page of a list by SKU.
#[derive(Debug, Serialize)]
pub struct BooksPage<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The last SKU of this page, if another page follows: it is the cursor for that one.
    pub next: Option<String>,
}

impl<T> BooksPage<T> {
    /// Makes a page of what a query for one item more than `limit` has found.
    pub(super) fn new(mut items: Vec<T>, limit: usize, sku: impl Fn(&T) -> &String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|item| sku(item).clone());
        Self { items, next }
    }
}
