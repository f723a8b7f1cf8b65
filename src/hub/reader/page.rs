//! Pages of long lists.

use serde::Serialize;

/// A page of a list in a fixed order.
#[derive(Debug, Serialize)]
pub struct BooksPage<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What to ask for as `after` to get the next page, if another one follows.
    pub next: Option<String>,
}

impl<T> BooksPage<T> {
    /// Makes a page of what a query for one item more than `limit` has found.
    pub(super) fn new(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}
