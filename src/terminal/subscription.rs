//! What a terminal listens to: a filter and a position.
//!
//! There is no queue per terminal. The stock knows each SKU at the position of its last change,
//! so "what is new" is always a range behind the terminal's own position: a slow terminal skips
//! intermediate versions, costs no memory, and a returning one goes on from the position it has.

use std::collections::HashSet;

use super::message::{Fields, ItemJson, missing};
use crate::json::json;
use crate::limits::{EVENT_ITEMS_MAX, SUBSCRIPTION_SKUS_MAX};
use crate::problem::Problem;
use crate::stock::{Seq, Sku, Stock};

#[derive(Debug)]
pub(super) struct Subscription {
    filter: Filter,
    /// Everything up to here has been sent.
    sent_seq: Seq,
}

#[derive(Debug)]
enum Filter {
    All,
    Prefix(String),
    Skus(HashSet<Sku>),
}

impl Subscription {
    /// Reads what a terminal wants to listen to.
    pub(super) fn read(fields: Fields, stock: &Stock) -> Result<Self, Problem> {
        let filter = match (fields.skus, fields.prefix, fields.all) {
            (Some(skus), None, None) => named(skus)?,
            (None, Some(prefix), None) => Filter::Prefix(prefix),
            (None, None, Some(true)) => Filter::All,
            (None, None, _) => return Err(missing("skus, prefix or all")),
            _ => {
                return Err(Problem::bad_request("subscribe: give one of skus, prefix and all"));
            }
        };
        // A position from another ledger, or from before a restore, is no position of ours.
        let since = fields.since.filter(|&since| since <= stock.seq());
        Ok(Self { filter, sent_seq: since.unwrap_or(0) })
    }

    /// How many of the known SKUs match.
    pub(super) fn matched(&self, stock: &Stock) -> usize {
        match &self.filter {
            Filter::All => stock.sku_count(),
            Filter::Prefix(prefix) => stock.items_after(prefix, None).count(),
            Filter::Skus(skus) => skus.iter().filter(|s| stock.item(s.as_str()).is_some()).count(),
        }
    }

    /// The next event, if anything is new, and whether more is waiting behind it.
    pub(super) fn next_event(&mut self, stock: &Stock) -> (Option<String>, bool) {
        let mut items = Vec::new();
        let mut complete_to = stock.seq();
        for (sku, item) in stock.changed_after(self.sent_seq) {
            if items.len() == EVENT_ITEMS_MAX {
                break;
            }
            if self.filter.matches(sku) {
                items.push(ItemJson::new(sku.as_str(), item));
                complete_to = item.version;
            }
        }
        let more = items.len() == EVENT_ITEMS_MAX;
        if !more {
            complete_to = stock.seq();
        }
        self.sent_seq = complete_to;
        let event = (!items.is_empty()).then(|| {
            format!(r#"{{"event":"stock","seq":{complete_to},"items":{}}}"#, json(&items))
        });
        (event, more)
    }
}

impl Filter {
    fn matches(&self, sku: &Sku) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => sku.as_str().starts_with(prefix.as_str()),
            Self::Skus(skus) => skus.contains(sku),
        }
    }
}

fn named(skus: Vec<Sku>) -> Result<Filter, Problem> {
    if skus.len() > SUBSCRIPTION_SKUS_MAX {
        let message = format!("skus: name at most {SUBSCRIPTION_SKUS_MAX}, or subscribe to all");
        return Err(Problem::bad_request(message));
    }
    Ok(Filter::Skus(skus.into_iter().collect()))
}
