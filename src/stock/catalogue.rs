//! The catalogue in memory: what SKUs are called, and their units, for every item that is shown;
//! and the texts that a search looks through.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Item;
use super::catalogue_text::{CatalogueText, TextSegment};
use super::decimals::Decimals;
use super::listing::Listing;
use super::types::Sku;

/// The names and units of listed SKUs.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    labels: HashMap<Sku, Label>,
    /// How many SKUs have decimals.
    with_decimals: usize,
    /// How many of the labels are those of listed SKUs.
    listed: usize,
    /// Whether listings were lost to damage and the hub has to send them again.
    has_gaps: bool,
    text: CatalogueText,
}

/// What is shown of a SKU beside its stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The unit, then the name: one allocation for both.
    text: Arc<str>,
    unit_bytes: u32,
    decimals: Decimals,
}

impl Label {
    pub(super) fn new(listing: &Listing) -> Self {
        let unit = listing.unit.as_deref().unwrap_or_default();
        let name = listing.name.as_deref().unwrap_or_default();
        let unit_bytes = u32::try_from(unit.len()).expect("units are short");
        let text = [unit, name].concat().into();
        Self { text, unit_bytes, decimals: listing.decimals }
    }

    /// Whether the catalogue lists the SKU. One that it lists no more keeps the decimals of its
    /// entries, and nothing else.
    pub(crate) fn is_listed(&self) -> bool {
        !self.text.is_empty() || self.decimals == Decimals::default()
    }

    /// The name; `None` if the SKU was removed from the catalogue, but keeps its decimals.
    pub fn name(&self) -> Option<&str> {
        Some(&self.text[self.unit_bytes as usize..]).filter(|name| !name.is_empty())
    }

    /// What a quantity counts, such as `kg`.
    pub fn unit(&self) -> Option<&str> {
        Some(&self.text[..self.unit_bytes as usize]).filter(|unit| !unit.is_empty())
    }

    pub fn decimals(&self) -> Decimals {
        self.decimals
    }
}

/// The stock of a SKU with its label, as terminals see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedItem {
    pub sku: Sku,
    pub item: Item,
    /// `None` if the catalogue does not list the SKU.
    pub label: Option<Label>,
    /// Whether it is in no list.
    pub hidden: bool,
}

impl ListedItem {
    pub fn name(&self) -> Option<&str> {
        self.label.as_ref().and_then(Label::name)
    }

    pub fn unit(&self) -> Option<&str> {
        self.label.as_ref().and_then(Label::unit)
    }

    pub fn decimals(&self) -> Decimals {
        self.label.as_ref().map(Label::decimals).unwrap_or_default()
    }
}

impl Catalogue {
    /// Takes over listings, the newest last.
    pub fn apply<'a>(&mut self, listings: impl IntoIterator<Item = &'a Listing>) {
        for listing in listings {
            let label = listing.name.is_some().then(|| Label::new(listing));
            self.text.set(listing);
            self.with_decimals += usize::from(has_decimals(label.as_ref()));
            self.listed += usize::from(label.as_ref().is_some_and(Label::is_listed));
            let before = match label {
                Some(label) => self.labels.insert(listing.sku.clone(), label),
                None => self.labels.remove(&listing.sku),
            };
            self.with_decimals -= usize::from(has_decimals(before.as_ref()));
            self.listed -= usize::from(before.as_ref().is_some_and(Label::is_listed));
        }
    }

    /// The SKUs whose items these listings change: what is called, counted or written in another way.
    pub fn relisted_by(&self, listings: &[Listing]) -> Vec<Sku> {
        let relisted = listings.iter().filter(|listing| !self.shows(listing));
        relisted.map(|listing| listing.sku.clone()).collect()
    }

    fn shows(&self, listing: &Listing) -> bool {
        let label = self.label(listing.sku.as_str());
        let name = listing.name.as_deref().filter(|name| !name.is_empty());
        label.and_then(Label::name) == name
            && label.and_then(Label::unit) == listing.unit.as_deref()
            && label.map(Label::decimals).unwrap_or_default() == listing.decimals
    }

    /// The same catalogue, of which listings were lost.
    #[must_use]
    pub fn with_gaps(mut self) -> Self {
        self.has_gaps = true;
        self
    }

    /// Whether the decimals of a SKU are known: it is listed, or has none.
    pub(super) fn knows_decimals(&self, sku: &str) -> bool {
        !self.has_gaps || self.labels.contains_key(sku)
    }

    pub fn label(&self, sku: &str) -> Option<&Label> {
        self.labels.get(sku)
    }

    /// The decimals of a SKU; 0 without a listing.
    pub fn decimals(&self, sku: &str) -> Decimals {
        if self.with_decimals == 0 {
            return Decimals::default();
        }
        self.label(sku).map(Label::decimals).unwrap_or_default()
    }

    /// Those of the SKUs that have decimals, each once, with these; `None` if listings are lost that
    /// may say so.
    pub fn decimals_among<'a>(
        &self,
        skus: impl Iterator<Item = &'a Sku>,
    ) -> Option<Vec<(Sku, Decimals)>> {
        let mut found = Vec::new();
        if self.has_decimals() {
            let decimals = skus.map(|sku| (sku, self.decimals(sku.as_str())));
            found.extend(decimals.filter(|(_, decimals)| *decimals != Decimals::default()));
            found.sort_unstable();
            found.dedup();
        }
        let found = found.into_iter().map(|(sku, decimals)| (sku.clone(), decimals));
        (!self.has_gaps).then(|| found.collect())
    }

    /// Whether any SKU has decimals.
    pub fn has_decimals(&self) -> bool {
        self.with_decimals > 0
    }

    /// The number of listed SKUs.
    pub fn count(&self) -> usize {
        self.listed
    }

    /// Whether it holds nothing, not even the decimals of SKUs that it lists no more.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The texts as they are now, for a search that holds no lock.
    pub fn text(&self) -> Vec<Arc<TextSegment>> {
        self.text.segments()
    }
}

/// Two catalogues are equal if they list the same, whatever their texts have been through.
impl PartialEq for Catalogue {
    fn eq(&self, other: &Self) -> bool {
        self.labels == other.labels
    }
}

impl Eq for Catalogue {}

fn has_decimals(label: Option<&Label>) -> bool {
    label.is_some_and(|label| label.decimals != Decimals::default())
}
