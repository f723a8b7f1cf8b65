//! What lines of a catalogue say about each other.

use std::collections::{BTreeMap, HashMap};

use super::forms::YEAR;
use super::line_error::{LineError, Warning};
use crate::barcode::{Gtin, canonical, read};
use crate::stock::{Barcode, Listing, LookAlike, Sku};

/// Warnings of SKUs that are an EAN-8 or a UPC-E, too: of all numbers every tenth is by chance.
const SHORT_GTINS_MAX: usize = 20;

/// The lines that were read.
#[derive(Default)]
pub(super) struct Lines {
    listings: Vec<(u64, Listing)>,
    /// The index of each SKU's listing.
    skus: BTreeMap<Sku, usize>,
    /// The index of the listing that has a barcode, by its canonical form, because one number can be written in
    /// several forms.
    barcodes: HashMap<String, usize>,
}

impl Lines {
    /// Adds a line. One that repeats another is left out with a warning.
    pub(super) fn add(
        &mut self,
        line: u64,
        listing: Listing,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), LineError> {
        if let Some(&first) = self.skus.get(&listing.sku) {
            return self.repeat(line, first, &listing, warnings);
        }
        let index = self.listings.len();
        let mut contents = BTreeMap::new();
        for Barcode { code, content } in &listing.barcodes {
            let form = canonical(code, YEAR);
            if let Some(&other) = self.barcodes.get(&form) {
                let (earlier, Listing { sku, .. }) = &self.listings[other];
                let what =
                    format!("barcode {code} stands for SKU {sku} already, in line {earlier}");
                return Err(LineError::at(line, what));
            }
            match contents.insert(form, content) {
                None => {}
                Some(other) if other == content => {
                    let message = format!("barcode {code} is there in another form");
                    warnings.push(Warning::new(line, "barcode_twice", message));
                }
                Some(_) => {
                    let what = format!("barcode {code} is there with two contents");
                    return Err(LineError::at(line, what));
                }
            }
        }
        self.barcodes.extend(contents.into_keys().map(|form| (form, index)));
        self.skus.insert(listing.sku.clone(), index);
        self.listings.push((line, listing));
        Ok(())
    }

    /// A line whose SKU is an earlier line's, at the latest without the blanks around it.
    fn repeat(
        &self,
        line: u64,
        first: usize,
        listing: &Listing,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), LineError> {
        let (earlier, known) = &self.listings[first];
        let sku = &listing.sku;
        let adds_nothing = listing.barcodes.is_empty() || listing.barcodes == known.barcodes;
        let has_blanks = warnings.iter().rev().take_while(|warning| warning.line == line);
        let has_blanks = has_blanks.into_iter().any(|warning| warning.message.starts_with("sku: "));
        let is_counted_alike = listing.unit == known.unit && listing.decimals == known.decimals;
        let is_same = has_blanks || listing.name == known.name;
        if !adds_nothing || !is_counted_alike || !is_same {
            return Err(LineError::at(line, format!("SKU {sku} is in line {earlier} already")));
        }
        let what = if has_blanks { " with blanks around its SKU" } else { "" };
        let message = format!("is line {earlier}, SKU {sku},{what} again; line {earlier} counts");
        warnings.push(Warning::new(line, "duplicate_sku", message));
        Ok(())
    }

    /// The listings, after those checks that need all of them.
    pub(super) fn finish(
        self,
        warnings: &mut Vec<Warning>,
        errors: &mut Vec<LineError>,
    ) -> Vec<(u64, Listing)> {
        self.check_barcodes(warnings, errors);
        self.warn_of_similar(warnings);
        self.warn_of_letter_case(warnings);
        self.warn_of_short_gtins(warnings);
        self.warn_of_short_upcs(warnings);
        self.listings
    }

    /// The index of each SKU's listing, by what a scan of its text is.
    fn scanned_skus(&self) -> HashMap<String, usize> {
        self.skus.iter().map(|(sku, index)| (canonical(sku.as_str(), YEAR), *index)).collect()
    }

    /// A barcode must not be another line's SKU, as it is scanned; and a carton should say what it
    /// holds.
    fn check_barcodes(&self, warnings: &mut Vec<Warning>, errors: &mut Vec<LineError>) {
        let skus = self.scanned_skus();
        for (index, (line, listing)) in self.listings.iter().enumerate() {
            let one = listing.decimals.one();
            for Barcode { code, content } in &listing.barcodes {
                if let Some(&other) =
                    skus.get(&canonical(code, YEAR)).filter(|other| **other != index)
                {
                    let (other, _) = &self.listings[other];
                    let what = format!("barcode {code} is the SKU of line {other}");
                    errors.push(LineError::at(*line, what));
                }
                if *content == one && self.is_carton(code) {
                    let message = format!(
                        "barcode {code} is a carton's, and its unit is listed; how many it holds is missing: {code}*12"
                    );
                    warnings.push(Warning::new(*line, "carton_without_content", message));
                }
            }
        }
    }

    fn is_carton(&self, code: &str) -> bool {
        let unit = Gtin::read(code).ok().flatten().and_then(|(_, gtin)| gtin.unit());
        unit.is_some_and(|unit| self.barcodes.contains_key(&unit.to_string()))
    }

    /// Numbers of 8 digits may be a SKU and the number of another article.
    fn warn_of_short_gtins(&self, warnings: &mut Vec<Warning>) {
        let is_doubtful = |(_, listing): &&(u64, Listing)| {
            let sku = listing.sku.as_str();
            let is_gtin = sku.len() == 8 && matches!(Gtin::read(sku), Ok(Some(_)));
            is_gtin && !self.barcodes.contains_key(&canonical(sku, YEAR))
        };
        let mut doubtful = self.listings.iter().filter(is_doubtful);
        for (line, Listing { sku, .. }) in doubtful.by_ref().take(SHORT_GTINS_MAX) {
            let what = format!(
                "SKU {sku} is the number of an article, too, by its check digit: a scan of that article finds this SKU"
            );
            warnings.push(Warning::new(*line, "short_gtin", what));
        }
        if let Some((line, _)) = doubtful.next() {
            let what = format!("{} more SKUs are numbers of articles, too", 1 + doubtful.count());
            warnings.push(Warning::new(*line, "short_gtin", what));
        }
    }

    /// Numbers of 6 or 7 digits, which a scanner may send for a UPC-E of another article.
    fn warn_of_short_upcs(&self, warnings: &mut Vec<Warning>) {
        let skus = self.scanned_skus();
        for (index, (line, listing)) in self.listings.iter().enumerate() {
            let codes = listing.barcodes.iter().map(|barcode| barcode.code.as_str());
            let sku = listing.sku.as_str();
            for text in codes.chain([sku]).filter(|text| matches!(text.len(), 6 | 7)) {
                let names = read(text, YEAR).map(|reading| reading.names).unwrap_or_default();
                let listed = |name: &String| self.barcodes.get(name).or(skus.get(name)).copied();
                let others = names.iter().filter_map(listed).filter(|other| *other != index);
                if let Some(other) = { others }.next() {
                    let (other, Listing { sku: upc, .. }) = &self.listings[other];
                    let what = format!(
                        "{text} may be a UPC-E of SKU {upc} in line {other} without all its digits: a scan of it finds SKU {sku}"
                    );
                    warnings.push(Warning::new(*line, "short_upc", what));
                }
            }
        }
    }

    /// Barcodes that differ only by letter case from a SKU or barcode of another line. A scan never finds
    /// the other one, and people take them for the same.
    fn warn_of_letter_case(&self, warnings: &mut Vec<Warning>) {
        let skus = self.skus.iter().map(|(sku, index)| (sku.as_str(), *index));
        let mut known: HashMap<String, (&str, usize)> =
            skus.map(|(sku, index)| (sku.to_lowercase(), (sku, index))).collect();
        for (index, (line, listing)) in self.listings.iter().enumerate() {
            for Barcode { code, .. } in &listing.barcodes {
                let (other, place) =
                    *known.entry(code.to_lowercase()).or_insert((code.as_str(), index));
                if place != index {
                    let (earlier, _) = self.listings[place];
                    let message = format!(
                        "barcode {code} differs from {other} of line {earlier} only by letter case"
                    );
                    warnings.push(Warning::new(*line, "similar_barcode", message));
                }
            }
        }
    }

    fn warn_of_similar(&self, warnings: &mut Vec<Warning>) {
        let mut known: HashMap<LookAlike, (u64, &Sku)> = HashMap::new();
        for (line, listing) in &self.listings {
            let folded = folded(listing.sku.as_str());
            if let Some((earlier, other)) = known.get(&folded) {
                let sku = &listing.sku;
                let message = format!(
                    "SKU {sku} differs from SKU {other} of line {earlier} only by letter case, blanks, punctuation, leading zeros or characters that look alike"
                );
                warnings.push(Warning::new(*line, "similar_sku", message));
            }
            known.entry(folded).or_insert((*line, &listing.sku));
        }
    }
}

/// What of a SKU people read: no letter case, blanks, punctuation and leading zeros.
fn folded(sku: &str) -> LookAlike {
    let read: String =
        sku.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is_zero = read.bytes().all(|byte| byte == b'0');
    LookAlike::of(if is_zero { sku } else { &read }).without_leading_zeros()
}
