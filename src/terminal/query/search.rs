//! The search through SKUs, names and barcodes.
//!
//! It runs beside the event loop, a few searches at a time, and in bounded steps: the texts of the
//! catalogue are looked through without a lock, and SKUs that are not listed under short ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::engine::state::CommittedState;
use crate::limits::{SEARCHES_MAX, STOCK_SCAN_MAX};
use crate::net::http::ConnectionPermit;
use crate::stock::{ListedItem, SearchWords, Sku};
use crate::terminal::response::ItemPage;

static SEARCHES: Semaphore = Semaphore::const_new(SEARCHES_MAX);

/// What a cursor begins with that is after a SKU which is the whole search, before everything else.
/// No SKU begins with a blank.
const AFTER_WHOLE: char = ' ';

/// What is searched for.
pub(super) struct Search {
    pub(super) words: SearchWords,
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl Search {
    /// The SKU after which those follow that are the whole search; `None` if the page is after all of
    /// them.
    fn after_whole(&self) -> Option<&str> {
        self.after.as_deref().map_or(Some(""), |after| after.strip_prefix(AFTER_WHOLE))
    }
}

/// A page of what matches: first, on the first page, the SKUs that are the whole search, or have a
/// barcode that is; then the others in their order.
pub(super) async fn page(
    state: &Arc<CommittedState>,
    search: Search,
    client: &ConnectionPermit,
) -> ItemPage {
    client.spend_walk(cost(state, &search.prefix));
    let _permit = SEARCHES.acquire().await;
    let state = Arc::clone(state);
    spawn_blocking(move || Found::new(search).page(&state)).await.expect("a search does not panic")
}

/// What a search costs, in SKUs: a listing's text is passed in a tenth of the time, and if some SKUs are
/// not listed, all with the prefix are looked at.
fn cost(state: &CommittedState, prefix: &str) -> usize {
    let stock = state.stock();
    let listed = stock.catalogue().count();
    let looked_at = match stock.sku_count() > listed {
        true => stock.items_after(prefix, None).len(),
        false => 0,
    };
    looked_at + listed / 10
}

/// What has been found so far.
struct Found {
    search: Search,
    whole: BTreeSet<Sku>,
    /// The first SKUs after the cursor, one more than a page holds.
    others: BTreeSet<Sku>,
}

impl Found {
    fn new(search: Search) -> Self {
        Self { search, whole: BTreeSet::new(), others: BTreeSet::new() }
    }

    fn page(mut self, state: &CommittedState) -> ItemPage {
        let (text, listed) = {
            let stock = state.stock();
            (stock.catalogue().text(), stock.catalogue().count())
        };
        for segment in text {
            let words = std::mem::take(&mut self.search.words);
            segment.search(&words, |sku, is_whole| self.add(sku, is_whole));
            self.search.words = words;
        }
        if state.stock().sku_count() > listed {
            self.search_unlisted(state);
        }
        self.into_page(state)
    }

    /// Looks through the SKUs that are not listed, in steps, because the writer waits for readers.
    fn search_unlisted(&mut self, state: &CommittedState) {
        let mut last: Option<Sku> = None;
        loop {
            let stock = state.stock();
            let rest = stock.items_after(&self.search.prefix, last.as_ref().map(Sku::as_str));
            let (left, mut matches) = (rest.len(), Vec::new());
            for (sku, _) in rest.take(STOCK_SCAN_MAX) {
                if stock.catalogue().label(sku.as_str()).is_none()
                    && let Some(is_whole) = self.search.words.match_sku(sku)
                {
                    matches.push((sku.clone(), is_whole));
                }
                last = Some(sku.clone());
            }
            drop(stock);
            matches.iter().for_each(|(sku, is_whole)| self.add(sku, *is_whole));
            if left <= STOCK_SCAN_MAX {
                return;
            }
        }
    }

    fn add(&mut self, sku: &Sku, is_whole: bool) {
        let text = sku.as_str();
        if !text.starts_with(&self.search.prefix) {
            return;
        }
        if is_whole {
            if self.search.after_whole().is_some_and(|after| text > after) {
                self.whole.insert(sku.clone());
            }
            return;
        }
        let is_first = self.search.after_whole().is_some();
        let is_after = is_first || self.search.after.as_deref().is_none_or(|after| text > after);
        let is_full = self.others.len() > self.search.limit;
        if is_after && !(is_full && self.others.last().is_some_and(|last| last < sku)) {
            self.others.insert(sku.clone());
            if self.others.len() > self.search.limit + 1 {
                self.others.pop_last();
            }
        }
    }

    fn into_page(self, state: &CommittedState) -> ItemPage {
        let Self { search: Search { limit, .. }, whole, others } = self;
        let count = whole.len() + others.len();
        let skus: Vec<Sku> = whole.iter().chain(&others).take(limit).cloned().collect();
        let cursor = |last: &Sku| match whole.contains(last) {
            true => format!("{AFTER_WHOLE}{last}"),
            false => last.as_str().to_owned(),
        };
        let next = skus.last().filter(|_| count > limit).map(cursor);
        let stock = state.stock();
        let item = |sku: Sku| {
            let item = stock.item(sku.as_str())?;
            // The text of one that the catalogue lists no more is still there.
            Some(stock.listed(sku, item)).filter(|item| !item.hidden)
        };
        let items: Vec<ListedItem> = skus.into_iter().filter_map(item).collect();
        ItemPage { items, next }
    }
}
