//! Where a request may be remembered: a hash of its id for each, in memory.
//!
//! A new request must cost nothing but this look: a table of ids on disk would dirty a page of
//! its own for nearly every one. Eight bytes a request: in which shard it lies and 28 bits more
//! are its hash, the rest is the number of its fact. What is found here is then read from the
//! ledger and compared in full, so a collision costs a look and nothing else.

use std::ops::Range;

/// 2^12 shards: a small database has little to allocate, and of ten million requests a shard holds
/// some 2,400.
const SHARD_BITS: u32 = 12;
/// Entries at a shard's end that wait to be sorted in: keeping all in order at once would move half
/// of the shard for each.
const UNSORTED_MAX: usize = 32;
/// Hashes are spread evenly, so an entry lies about this far from where it should, at most.
const NEAR: usize = 96;
/// Bits of a fact's number: decades at a thousand requests a second.
const NUMBER_BITS: u32 = 36;
const KEY_BITS: u32 = 64 - NUMBER_BITS;

/// A hash that is never stored: the fact has nothing to remember.
pub(super) const NOTHING: u64 = 0;

/// Numbers of facts by the hash of their request.
#[derive(Debug)]
pub(super) struct Seen {
    shards: Vec<Shard>,
    /// Facts before this one are forgotten; what is left of them goes when its shard grows.
    floor: u64,
}

/// Entries with the key in the upper bits and the number in the lower.
#[derive(Clone, Debug, Default)]
struct Shard {
    entries: Vec<u64>,
    /// How many of them are in order; the others are the newest.
    sorted: usize,
}

impl Seen {
    pub(super) fn new(floor: u64) -> Self {
        Self { shards: vec![Shard::default(); 1 << SHARD_BITS], floor }
    }

    /// Makes room for so many.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.shards.len();
        // A little more than the mean suits nearly all shards.
        self.shards.iter_mut().for_each(|shard| shard.entries.reserve_exact(each + each / 4));
    }

    /// Adds many in the order of their numbers, beginning with `first`.
    pub(super) fn load(&mut self, first: u64, hashes: impl Iterator<Item = u64>) {
        for (number, hash) in (first..).zip(hashes) {
            if hash != NOTHING {
                let (shard, key) = place(hash);
                self.shards[shard].entries.push(key | number);
            }
        }
    }

    /// Puts in order what was loaded.
    pub(super) fn loaded(&mut self) {
        self.shards.iter_mut().for_each(Shard::sort);
    }

    /// Adds one with a number above all before it.
    pub(super) fn insert(&mut self, hash: u64, number: u64) {
        let (shard, key) = place(hash);
        self.shards[shard].insert(key | number, self.floor);
    }

    /// The facts that may be of a request with this hash, the newest first.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u64> {
        let (shard, key) = place(hash);
        self.shards[shard].of_key(key).map(number_of).take_while(|n| *n >= self.floor)
    }

    /// Forgets what comes before this fact.
    pub(super) fn forget_before(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
    }
}

impl Shard {
    fn insert(&mut self, entry: u64, floor: u64) {
        if self.entries.len() == self.entries.capacity() {
            self.sort();
            self.entries.retain(|entry| number_of(*entry) >= floor);
            self.sorted = self.entries.len();
            // A quarter at a time: doubling would leave half of a large table empty.
            self.entries.reserve_exact(4 + self.entries.len() / 4);
        }
        self.entries.push(entry);
        if self.entries.len() - self.sorted > UNSORTED_MAX {
            self.sort();
        }
    }

    /// The stable sort takes what is in order as it is and merges the rest into it.
    fn sort(&mut self) {
        self.entries.sort();
        self.sorted = self.entries.len();
    }

    /// The entries with this key, the newest first.
    fn of_key(&self, key: u64) -> impl Iterator<Item = u64> {
        let (sorted, newest) = self.entries.split_at(self.sorted);
        let is_it = move |entry: &u64| entry >> NUMBER_BITS == key >> NUMBER_BITS;
        let newest = newest.iter().rev().copied().filter(is_it);
        newest.chain(sorted[range(sorted, key)].iter().rev().copied())
    }
}

fn place(hash: u64) -> (usize, u64) {
    let shard = usize::try_from(hash >> (64 - SHARD_BITS)).expect("12 bits fit");
    (shard, (hash << SHARD_BITS) >> (64 - KEY_BITS) << NUMBER_BITS)
}

fn number_of(entry: u64) -> u64 {
    entry & ((1 << NUMBER_BITS) - 1)
}

/// Where the entries with this key are.
fn range(sorted: &[u64], key: u64) -> Range<usize> {
    let near = near(sorted, key);
    let start = near.start + sorted[near].partition_point(|entry| *entry < key);
    let is_it = |entry: &&u64| **entry >> NUMBER_BITS == key >> NUMBER_BITS;
    start..start + sorted[start..].iter().take_while(is_it).count()
}

/// Where the first entry of this key should be, by its place among all keys: a look there touches
/// less memory than one that halves the whole shard.
fn near(sorted: &[u64], key: u64) -> Range<usize> {
    let guess = ((u128::from(key) * sorted.len() as u128) >> u64::BITS) as usize;
    let (from, to) = (guess.saturating_sub(NEAR), (guess + NEAR).min(sorted.len()));
    let is_behind = |at: usize| sorted.get(at).is_none_or(|entry| *entry >= key);
    let starts = from == 0 || !is_behind(from - 1);
    if starts && is_behind(to) { from..to } else { 0..sorted.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_number_of_a_hash_the_newest_first_and_nothing_else() {
        let mut seen = Seen::new(1);
        for number in 1..=50_000_u64 {
            seen.insert(hash(number % 40_000), number);
        }
        let found = |of| seen.candidates(hash(of)).collect::<Vec<_>>();
        assert_eq!(found(7), [40_007, 7]);
        assert_eq!(found(39_999), [39_999]);
        assert!(found(123_456).is_empty());
    }

    /// Shards of every size, with keys that are spread evenly and keys that are not.
    #[test]
    fn a_look_where_a_key_should_lie_finds_what_a_look_at_all_finds() {
        for (count, bits) in [(0, 28), (1, 28), (190, 28), (5_000, 28), (5_000, 8), (5_000, 20)] {
            let key = |n| (hash(n) >> (64 - bits)) << NUMBER_BITS;
            let mut sorted: Vec<u64> = (0..count).map(|n| key(n) | n).collect();
            sorted.sort_unstable();
            for key in (0..2 * count + 9).map(key).chain([0, u64::MAX << NUMBER_BITS]) {
                let start = sorted.partition_point(|entry| *entry < key);
                let end =
                    sorted.partition_point(|entry| entry >> NUMBER_BITS <= key >> NUMBER_BITS);
                assert_eq!(range(&sorted, key), start..end, "{count} entries, {bits} bits");
            }
        }
    }

    #[test]
    fn what_was_loaded_is_what_was_inserted() {
        let (mut loaded, mut inserted) = (Seen::new(1), Seen::new(1));
        loaded.load(1, (1..=1_000).map(hash));
        loaded.loaded();
        (1..=1_000).for_each(|number| inserted.insert(hash(number), number));
        inserted.loaded();
        let entries = |seen: Seen| seen.shards.into_iter().map(|s| s.entries).collect::<Vec<_>>();
        assert_eq!(entries(loaded), entries(inserted));
    }

    #[test]
    fn what_is_forgotten_is_not_found_and_makes_room() {
        let mut seen = Seen::new(1);
        for number in 1..=400_000_u64 {
            seen.forget_before(number.saturating_sub(10_000));
            seen.insert(hash(number), number);
        }
        assert_eq!(seen.candidates(hash(300_000)).count(), 0);
        assert_eq!(seen.candidates(hash(395_000)).count(), 1);
        let kept: usize = seen.shards.iter().map(|shard| shard.entries.len()).sum();
        assert!(kept < 200_000, "{kept} of 10,000 are kept");
    }

    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }
}
