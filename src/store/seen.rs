//! Where a request may be remembered: a hash of its id for each, in memory.
//!
//! A new request must cost nothing but this look: a table of ids on disk would dirty a page of
//! its own for nearly every one. Eight bytes a request: in which shard it lies and 28 bits more
//! are its hash, the rest is the number of its fact. What is found here is then read from the
//! ledger and compared in full, so a collision costs a look and nothing else.

use std::ops::Range;

/// 2^12 shards: at ten million requests an insertion moves some ten kilobytes.
const SHARD_BITS: u32 = 12;
/// Bits of a fact's number: decades at a thousand requests a second.
const NUMBER_BITS: u32 = 36;
const KEY_BITS: u32 = 64 - NUMBER_BITS;

/// A hash that is never stored: the fact has nothing to remember.
pub(super) const NOTHING: u64 = 0;

/// Numbers of facts by the hash of their request.
#[derive(Debug)]
pub(super) struct Seen {
    /// Sorted: the key in the upper bits, the number in the lower.
    shards: Vec<Vec<u64>>,
    /// Facts before this one are forgotten; what is left of them goes when its shard grows.
    floor: u64,
}

impl Seen {
    pub(super) fn new(floor: u64) -> Self {
        Self { shards: vec![Vec::new(); 1 << SHARD_BITS], floor }
    }

    /// Makes room for so many.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.shards.len();
        // A little more than the mean suits nearly all shards.
        self.shards.iter_mut().for_each(|shard| shard.reserve_exact(each + each / 4));
    }

    /// Adds many in the order of their numbers, beginning with `first`.
    pub(super) fn load(&mut self, first: u64, hashes: impl Iterator<Item = u64>) {
        for (number, hash) in (first..).zip(hashes) {
            if hash != NOTHING {
                let (shard, key) = place(hash);
                self.shards[shard].push(key | number);
            }
        }
    }

    /// Puts in order what was loaded.
    pub(super) fn loaded(&mut self) {
        for shard in &mut self.shards {
            shard.sort_unstable();
        }
    }

    pub(super) fn insert(&mut self, hash: u64, number: u64) {
        let (shard, key) = place(hash);
        let (shard, floor) = (&mut self.shards[shard], self.floor);
        if shard.len() == shard.capacity() {
            shard.retain(|entry| number_of(*entry) >= floor);
            // A quarter at a time: doubling would leave half of a large table empty.
            shard.reserve_exact(4 + shard.len() / 4);
        }
        let at = shard.partition_point(|entry| *entry < key | number);
        shard.insert(at, key | number);
    }

    /// The facts that may be of a request with this hash, the newest first.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u64> {
        let (shard, key) = place(hash);
        let shard = &self.shards[shard];
        let found = range(shard, key);
        shard[found].iter().rev().map(|entry| number_of(*entry)).take_while(|n| *n >= self.floor)
    }

    /// Forgets what comes before this fact.
    pub(super) fn forget_before(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
    }
}

fn place(hash: u64) -> (usize, u64) {
    let shard = usize::try_from(hash >> (64 - SHARD_BITS)).expect("12 bits fit");
    (shard, (hash << SHARD_BITS) >> (64 - KEY_BITS) << NUMBER_BITS)
}

fn number_of(entry: u64) -> u64 {
    entry & ((1 << NUMBER_BITS) - 1)
}

fn range(shard: &[u64], key: u64) -> Range<usize> {
    let start = shard.partition_point(|entry| *entry < key);
    let count = shard[start..].partition_point(|entry| entry >> NUMBER_BITS == key >> NUMBER_BITS);
    start..start + count
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

    #[test]
    fn what_was_loaded_is_what_was_inserted() {
        let (mut loaded, mut inserted) = (Seen::new(1), Seen::new(1));
        loaded.load(1, (1..=1_000).map(hash));
        loaded.loaded();
        (1..=1_000).for_each(|number| inserted.insert(hash(number), number));
        assert_eq!(loaded.shards, inserted.shards);
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
        let kept: usize = seen.shards.iter().map(Vec::len).sum();
        assert!(kept < 200_000, "{kept} of 10,000 are kept");
    }

    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }
}
