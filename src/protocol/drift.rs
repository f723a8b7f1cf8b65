//! Finding the SKUs in which two stocks differ, in a logarithmic number of steps.
//!
//! Gateway and hub keep a digest of the same stock. At the same ledger position the digests must be
//! equal. If they are not, the hub asks for the digests of sixteen parts of the stock, then of the
//! sixteen sub-parts of each part that differs, until a part is small enough to list its SKUs in
//! one frame. Parts are defined by the hash of the SKU, so both sides divide the stock in the same
//! way.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::limits::{DRIFT_FIGURES_MAX, FRAME_BYTES_MAX};
use crate::stock::{Digest, Sku};

/// The hash bits that one step adds.
const STEP_BITS: u8 = 4;
/// The number of sub-parts that one part is split into.
const PARTS: usize = 1 << STEP_BITS;
/// The hash bits of the smallest part, which is not divided however many SKUs it has.
const BITS_MAX: u8 = 60;
/// The most bytes of an answer's frame beside the figures.
const HEAD_BYTES_MAX: usize = 64;
/// The most bytes of the figures of a SKU, and of the length of its name.
const FIGURES_BYTES_MAX: usize = 21;

/// A part of a stock: the SKUs whose xxh3-64 begins with these bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The number of hash bits that all SKUs of the part share.
    pub bits: u8,
    /// The shared bits, as the lowest bits of a number.
    pub prefix: u64,
}

/// The digests of the sub-parts of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub part: Part,
    /// The digest of each sub-part, in order.
    pub sums: Vec<Digest>,
}

/// The stock of each SKU of a part, except SKUs whose stock is all zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub part: Part,
    /// SKU, on hand and reserved, in units.
    pub figures: Vec<(Sku, i64, i64)>,
}

/// The content of a part on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The part has too many SKUs to list, so its sub-parts are summed.
    Sums(Sums),
    /// All stock figures of the part.
    Figures(Figures),
}

impl Sums {
    /// Whether a search can ask for this part.
    pub fn is_valid(&self) -> bool {
        self.part.is_valid() && self.part.bits < BITS_MAX && self.sums.len() == PARTS
    }
}

impl Part {
    /// Whether a search can ask for this part.
    pub fn is_valid(&self) -> bool {
        self.bits <= BITS_MAX
            && self.bits.is_multiple_of(STEP_BITS)
            && self.prefix >> self.bits == 0
    }

    fn has(&self, hash: u64) -> bool {
        self.bits == 0 || hash >> (64 - u32::from(self.bits)) == self.prefix
    }

    /// The index of the sub-part that a hash belongs to.
    fn step(&self, hash: u64) -> usize {
        let left = 64 - u32::from(self.bits) - u32::from(STEP_BITS);
        usize::try_from(hash >> left & (PARTS as u64 - 1)).expect("a number below 16")
    }

    fn child(&self, number: u64) -> Self {
        Self { bits: self.bits + STEP_BITS, prefix: self.prefix << STEP_BITS | number }
    }

    /// The content of this part in a stock, which may be given in any order, for a frame of the
    /// largest size.
    pub fn content<'a>(&self, stock: impl Iterator<Item = (&'a Sku, (i64, i64))>) -> Content {
        self.content_of(FRAME_BYTES_MAX, |visit| {
            stock.for_each(|(sku, figures)| visit(sku, figures));
        })
    }

    /// The same for a frame of so many bytes; `visit_all` calls what it is given with every SKU.
    pub fn content_of(
        &self,
        bytes: usize,
        visit_all: impl FnOnce(&mut dyn FnMut(&Sku, (i64, i64))),
    ) -> Content {
        let mut left = bytes.saturating_sub(HEAD_BYTES_MAX);
        let mut sums = vec![Digest::default(); PARTS];
        let (mut figures, mut is_small) = (Vec::new(), true);
        visit_all(&mut |sku, (on_hand, reserved)| {
            let hash = xxh3_64(sku.as_str().as_bytes());
            if !self.has(hash) || (on_hand, reserved) == (0, 0) {
                return;
            }
            let sum = &mut sums[self.step(hash)];
            *sum = sum.moved(sku, (0, 0), (on_hand, reserved));
            let size = sku.as_str().len() + FIGURES_BYTES_MAX;
            is_small &= figures.len() < DRIFT_FIGURES_MAX && size <= left;
            if is_small {
                left -= size;
                figures.push((sku.clone(), on_hand, reserved));
            }
        });
        figures.sort();
        match is_small || self.bits >= BITS_MAX {
            true => Content::Figures(Figures { part: *self, figures }),
            false => Content::Sums(Sums { part: *self, sums }),
        }
    }
}

/// The hub's search for the SKUs that differ.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Parts that differ and are still to be examined.
    open: Vec<Part>,
    /// The SKUs found to differ so far.
    found: Vec<Sku>,
}

impl Search {
    /// Starts with the whole stock.
    pub fn new() -> Self {
        Self { open: vec![Part::default()], found: Vec::new() }
    }

    /// The part to ask for next; `None` at the end of the search.
    pub fn next(&self) -> Option<Part> {
        self.open.last().copied()
    }

    /// The SKUs found so far, in ascending order.
    pub fn found(&self) -> &[Sku] {
        &self.found
    }

    /// Compares the gateway's answer with the hub's stock at the same position. An answer to
    /// another question is ignored.
    pub fn compare<'a>(
        &mut self,
        theirs: &Content,
        ours: impl Iterator<Item = (&'a Sku, (i64, i64))> + Clone,
    ) {
        let part = match theirs {
            Content::Sums(sums) => sums.part,
            Content::Figures(figures) => figures.part,
        };
        if self.next() != Some(part) {
            return;
        }
        self.open.pop();
        match theirs {
            Content::Sums(sums) => self.descend(sums, ours),
            Content::Figures(figures) => self.list(figures, ours),
        }
        if self.found.len() >= DRIFT_FIGURES_MAX {
            self.open.clear();
        }
    }

    fn descend<'a>(&mut self, theirs: &Sums, ours: impl Iterator<Item = (&'a Sku, (i64, i64))>) {
        let mut sums = [Digest::default(); PARTS];
        for (sku, figures) in ours {
            let hash = xxh3_64(sku.as_str().as_bytes());
            if theirs.part.has(hash) {
                let sum = &mut sums[theirs.part.step(hash)];
                *sum = sum.moved(sku, (0, 0), figures);
            }
        }
        let differing = sums.iter().zip(&theirs.sums).zip(0..).filter(|((a, b), _)| a != b);
        self.open.extend(differing.map(|(_, number)| theirs.part.child(number)));
    }

    fn list<'a>(&mut self, theirs: &Figures, ours: impl Iterator<Item = (&'a Sku, (i64, i64))>) {
        let mut left: std::collections::BTreeMap<&Sku, (i64, i64)> = theirs
            .figures
            .iter()
            .map(|(sku, on_hand, reserved)| (sku, (*on_hand, *reserved)))
            .collect();
        let mut found = Vec::new();
        for (sku, figures) in ours {
            if theirs.part.has(xxh3_64(sku.as_str().as_bytes()))
                && left.remove(sku).unwrap_or_default() != figures
            {
                found.push(sku.clone());
            }
        }
        found.extend(left.into_keys().cloned());
        self.found.extend(found);
        self.found.sort();
        self.found.dedup();
        self.found.truncate(DRIFT_FIGURES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::limits::FRAME_BYTES_SMALL;
    use crate::protocol::frame::{Epoch, Frame, ProbeAnswer};
    use crate::protocol::wire::Wire;

    type Held = BTreeMap<Sku, (i64, i64)>;

    #[test]
    fn the_skus_that_differ_are_found_in_few_probes() {
        let ours: Held = (0..50_000).map(|n| (sku(n), (n + 1, 0))).collect();
        let mut theirs = ours.clone();
        theirs.insert(sku(7), (1_000, 3));
        theirs.remove(&sku(30_000));
        theirs.insert(sku(60_000), (5, 0));
        let (found, questions) = search(&theirs, &ours, FRAME_BYTES_MAX);
        assert_eq!(found, vec![sku(30_000), sku(60_000), sku(7)]);
        assert!(questions <= 1 + 3 * 4, "{questions} questions");
    }

    #[test]
    fn a_search_by_small_frames_finds_the_same() {
        let ours: Held = (0..25_000).map(|n| (sku(n), (n + 1, 0))).collect();
        let mut theirs = ours.clone();
        theirs.insert(sku(7), (1_000, 3));
        theirs.remove(&sku(3_000));
        let (found, questions) = search(&theirs, &ours, FRAME_BYTES_SMALL);
        assert_eq!(found, vec![sku(3_000), sku(7)]);
        assert!(questions <= 1 + 2 * 5, "{questions} questions");
    }

    #[test]
    fn equal_stocks_take_one_probe() {
        let ours: Held = (0..1_000).map(|n| (sku(n), (n, 0))).collect();
        assert_eq!(search(&ours, &ours, FRAME_BYTES_MAX), (Vec::new(), 1));
        assert_eq!(search(&Held::new(), &Held::new(), FRAME_BYTES_MAX), (Vec::new(), 1));
    }

    #[test]
    fn an_answer_to_another_probe_changes_nothing() {
        let mut search = Search::new();
        let other = Part { bits: 4, prefix: 3 };
        search.compare(&other.content(std::iter::empty()), std::iter::empty());
        assert_eq!(search.next(), Some(Part::default()));
    }

    /// Every answer fits in a frame of so many bytes.
    fn search(theirs: &Held, ours: &Held, bytes: usize) -> (Vec<Sku>, usize) {
        let mut search = Search::new();
        let mut questions = 0;
        while let Some(part) = search.next() {
            questions += 1;
            assert!(questions < 50, "the search does not end");
            let answer = part.content_of(bytes, |visit| {
                theirs.iter().for_each(|(sku, figures)| visit(sku, *figures));
            });
            assert!(length(&answer) <= bytes, "{answer:?}");
            search.compare(&answer, ours.iter().map(|(sku, figures)| (sku, *figures)));
        }
        (search.found().to_vec(), questions)
    }

    fn length(answer: &Content) -> usize {
        let (epoch, seq) = (Epoch::NIL, u64::MAX / 2);
        let frame = match answer.clone() {
            Content::Sums(content) => Frame::Sums(ProbeAnswer { epoch, seq, content }),
            Content::Figures(content) => Frame::Figures(ProbeAnswer { epoch, seq, content }),
        };
        frame.encode(Wire::UP).len()
    }

    fn sku(n: i64) -> Sku {
        Sku::parse(&format!("{n}")).unwrap()
    }
}
