//! The text of the catalogue, folded, in segments that a search looks through one by one.
//!
//! A record is the SKU, the barcodes and the name of one listing. Records of one segment lie one
//! after the other in one buffer, so that a search for a part of them is a walk through memory
//! without a jump for each listing. A listing that changes gets a new record, and its old one is
//! blanked; when half of the text is blank, it is packed.

use std::sync::Arc;

use hashbrown::HashMap;
use memchr::memmem::Finder;
use memchr::memrchr;

use super::fold::fold_into;
use super::listing::Listing;
use super::types::Sku;
use crate::limits::CATALOGUE_SEGMENT_BYTES;

/// Ends a SKU, a barcode or a name. No folded text has it.
const END: char = '\u{1}';
/// What a record that is no longer valid is filled with.
const BLANK: u8 = 2;

/// The texts of all listings.
#[derive(Clone, Debug, Default)]
pub(super) struct CatalogueText {
    segments: Vec<Arc<TextSegment>>,
    /// The segment and record of each SKU.
    places: HashMap<Sku, (u32, u32)>,
    bytes: usize,
    blank_bytes: usize,
}

/// Some records.
#[derive(Clone, Debug, Default)]
pub struct TextSegment {
    text: Vec<u8>,
    /// Where each record begins.
    starts: Vec<u32>,
    skus: Vec<Sku>,
}

impl CatalogueText {
    /// Puts the text of a listing in the place of its last one.
    pub(super) fn set(&mut self, listing: &Listing) {
        if let Some((segment, record)) = self.places.remove(&listing.sku) {
            let segment = Arc::make_mut(&mut self.segments[segment as usize]);
            self.blank_bytes += segment.blank(record as usize);
        }
        if let Some(name) = listing.name.as_deref() {
            let barcodes = listing.barcodes.iter().map(|barcode| barcode.code.as_str());
            self.push(listing.sku.clone(), &record(&listing.sku, barcodes, name));
        }
        if self.blank_bytes > self.bytes / 2 && self.blank_bytes > CATALOGUE_SEGMENT_BYTES {
            self.pack();
        }
    }

    pub(super) fn segments(&self) -> Vec<Arc<TextSegment>> {
        self.segments.clone()
    }

    fn push(&mut self, sku: Sku, record: &str) {
        let is_full = |segment: &Arc<TextSegment>| {
            segment.text.len() + record.len() > CATALOGUE_SEGMENT_BYTES
        };
        if self.segments.last().is_none_or(is_full) {
            if let Some(last) = self.segments.last_mut() {
                Arc::make_mut(last).shrink();
            }
            self.segments.push(Arc::default());
        }
        let at = self.segments.len() - 1;
        let segment = Arc::make_mut(&mut self.segments[at]);
        let place = (number(at), number(segment.skus.len()));
        segment.starts.push(number(segment.text.len()));
        segment.text.extend_from_slice(record.as_bytes());
        segment.skus.push(sku.clone());
        self.bytes += record.len();
        self.places.insert(sku, place);
    }

    fn pack(&mut self) {
        let segments = std::mem::take(self).segments;
        for segment in segments {
            for (record, sku) in segment.skus.iter().enumerate() {
                let text = &segment.text[segment.range(record)];
                if !text.contains(&BLANK) {
                    self.push(sku.clone(), std::str::from_utf8(text).unwrap_or_default());
                }
            }
        }
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("memory ends before that")
}

fn record<'a>(sku: &'a Sku, barcodes: impl Iterator<Item = &'a str>, name: &'a str) -> String {
    let mut record = String::new();
    // The name is last: a search for a whole SKU or barcode leaves it out.
    for part in [sku.as_str()].into_iter().chain(barcodes).chain([name]) {
        fold_into(part, &mut record);
        record.push(END);
    }
    record
}

impl TextSegment {
    fn range(&self, record: usize) -> std::ops::Range<usize> {
        let end = self.starts.get(record + 1).map_or(self.text.len(), |end| *end as usize);
        self.starts[record] as usize..end
    }

    fn blank(&mut self, record: usize) -> usize {
        let range = self.range(record);
        self.text[range.clone()].fill(BLANK);
        range.len()
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.skus.shrink_to_fit();
    }

    /// Calls `visit` with each SKU whose listing matches, and whether its SKU or a barcode of it is
    /// the whole search.
    pub fn search(&self, words: &SearchWords, mut visit: impl FnMut(&Sku, bool)) {
        let Some((first, others)) = words.finders.split_first() else { return };
        let (mut from, mut record) = (0, 0);
        while let Some(found) = first.find(&self.text[from..]) {
            // Most often it is the next one or near it.
            let mut range = self.range(record);
            while range.end <= from + found {
                record += 1;
                range = self.range(record);
            }
            from = range.end;
            let text = &self.text[range];
            if others.iter().all(|word| word.find(text).is_some()) {
                visit(&self.skus[record], words.is_whole(text));
            }
            record += 1;
        }
    }
}

/// The words of a search, folded.
#[derive(Debug, Default)]
pub struct SearchWords {
    /// The longest word first: fewest texts have it.
    finders: Vec<Finder<'static>>,
    whole: String,
}

impl SearchWords {
    /// The words of a text; `None` if it has none.
    pub fn of(text: &str) -> Option<Self> {
        let mut whole = String::new();
        fold_into(text.trim(), &mut whole);
        let mut words: Vec<&str> = whole.split_whitespace().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        let finders: Vec<_> =
            words.iter().map(|word| Finder::new(word.as_bytes()).into_owned()).collect();
        (!finders.is_empty()).then_some(Self { finders, whole })
    }

    fn match_text(&self, text: &[u8]) -> bool {
        self.finders.iter().all(|finder| finder.find(text).is_some())
    }

    /// Whether a SKU that is not listed matches, and whether it is the whole search.
    pub fn match_sku(&self, sku: &Sku) -> Option<bool> {
        let mut text = String::new();
        fold_into(sku.as_str(), &mut text);
        self.match_text(text.as_bytes()).then(|| text == self.whole)
    }

    /// Whether the SKU or a barcode of a record is the whole search.
    fn is_whole(&self, text: &[u8]) -> bool {
        // The name is the last part, and ends as the others do.
        let before_name = text.split_last().and_then(|(_, text)| memrchr(END as u8, text));
        let parts = &text[..before_name.unwrap_or(0)];
        parts.len() >= self.whole.len()
            && parts.split(|byte| *byte == END as u8).any(|part| part == self.whole.as_bytes())
    }
}

#[cfg(test)]
#[path = "catalogue_text_tests.rs"]
mod tests;
