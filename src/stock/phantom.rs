//! Phantom SKUs: what a misread or a typing error has made. Their units are merged into the SKU that
//! was meant, and then they are hidden. Their entries stay in the ledger.

use smallvec::smallvec;

use super::answer::Undecided;
use super::catalogue::Label;
use super::decision::{Decision, Effect, Movement};
use super::draft::Draft;
use super::entry::Kind;
use super::record::Refusal;
use super::rules::NoDecision;
use super::types::Sku;
use crate::limits::STOCK_MAX;

impl Draft<'_> {
    /// Two counts: nothing is left of one SKU, and as much more is there of the other.
    pub(super) fn merge<E>(&self, from: &Sku, into: &Sku) -> Result<Decision, NoDecision<E>> {
        let (source, target) = (self.countable(from, 0)?, self.countable(into, STOCK_MAX)?);
        if self.is_listed(from) {
            return Err(Refusal::IsListed { sku: from.clone() }.into());
        }
        if self.decimals(from) != self.decimals(into) {
            let why = format!("has other decimals than {into}; count both SKUs instead");
            return Err(Undecided::Impossible { sku: from.clone(), why }.into());
        }
        let Some(sum) = target.on_hand.checked_add(source.on_hand).filter(|sum| *sum <= STOCK_MAX)
        else {
            return Err(Undecided::StockTooLarge { sku: into.clone() }.into());
        };
        let movements = smallvec![
            Movement::count(from.clone(), source.on_hand, 0, None),
            Movement::count(into.clone(), target.on_hand, sum, None),
        ];
        Ok(Decision::plain(Kind::Count, None, movements))
    }

    /// A count of nothing, which takes the SKU out of the lists.
    pub(super) fn hide<E>(&self, sku: &Sku) -> Result<Decision, NoDecision<E>> {
        let item = self.countable(sku, 0)?;
        let of = sku.clone();
        if self.is_listed(sku) {
            return Err(Refusal::IsListed { sku: of }.into());
        }
        if item.on_hand > 0 {
            return Err(Refusal::HasStock { sku: of, on_hand: item.on_hand }.into());
        }
        let movements = smallvec![Movement::count(of.clone(), 0, 0, None)];
        Ok(Decision { effect: Effect::Hide(of), ..Decision::plain(Kind::Count, None, movements) })
    }

    /// Takes a SKU whose stock has just been set out of the lists.
    pub(super) fn set_hidden(&mut self, sku: Sku) {
        self.changes.hidden.insert(sku);
    }

    /// Whether a SKU is hidden, this batch included.
    pub(super) fn is_hidden(&self, sku: &Sku) -> bool {
        match self.changes.items.contains_key(sku) {
            true => self.changes.hidden.contains(sku),
            false => self.stock.is_hidden(sku.as_str()),
        }
    }

    /// Whether the catalogue lists a SKU, this batch included.
    fn is_listed(&self, sku: &Sku) -> bool {
        match self.changes.listings.iter().rfind(|listing| listing.sku == *sku) {
            Some(listing) => listing.is_listed(),
            None => self.stock.catalogue.label(sku.as_str()).is_some_and(Label::is_listed),
        }
    }
}

#[cfg(test)]
#[path = "phantom_tests.rs"]
mod tests;
