//! The hash table of the request index: the hash of each request id, and the number of its record.
//!
//! For a new request this lookup is all that it costs to know that it is new. A table of ids on
//! disk would dirty a page of its own for nearly every request. An entry takes eight bytes, and
//! about two more for gaps: 12 bits of the hash choose the shard, 28 more are in the entry, and
//! the rest of the entry is the record's number. What is found is then read from the ledger and
//! compared in full, so a collision costs a read and nothing else.
//!
//! With ten million requests nothing is in the processor's cache, so a lookup should touch one
//! place in memory. The entries of a shard are sorted, and each is where its hash says, or right
//! after the smaller ones that are there already. Gaps lie between them.

/// 2^12 shards. A small database has little to allocate, and with ten million requests a shard
/// holds some 2,400, which are quickly laid out again when it grows.
const SHARD_BITS: u32 = 12;
/// Bits of a record's number: see [`crate::limits::RECORD_NUMBER_MAX`].
const NUMBER_BITS: u32 = 36;
const KEY_BITS: u32 = 64 - NUMBER_BITS;

/// The hash of a record that remembers no request. It is never stored.
pub(super) const NO_REQUEST: u64 = 0;

/// Numbers of records by the hash of their request id.
#[derive(Debug)]
pub(super) struct RequestHashes {
    shards: Vec<Shard>,
    /// Records before this one are removed. Their entries go when their shard is laid out again.
    floor: u64,
}

/// Slots after the homes that are allocated at once.
const OVERFLOW: usize = 4;
/// An empty slot: no record has the number 0.
const GAP: u64 = 0;

/// Sorted entries, each with its key in the upper bits and the record's number in the lower ones.
#[derive(Clone, Debug, Default)]
struct Shard {
    /// Entries and gaps. There is no gap between an entry and its home.
    slots: Vec<u64>,
    /// How many of the slots are homes. The slots after them hold entries that were pushed out.
    homes: usize,
    /// How many entries may be inserted before there are too few gaps.
    left: usize,
}

impl RequestHashes {
    pub(super) fn new(floor: u64) -> Self {
        Self { shards: vec![Shard::default(); 1 << SHARD_BITS], floor }
    }

    /// Allocates for `count` entries.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.shards.len();
        // A little more than the mean is enough for nearly all shards.
        let slots = if each == 0 { 0 } else { homes_for(each + each / 16) + OVERFLOW };
        self.shards.iter_mut().for_each(|shard| shard.slots.reserve_exact(slots));
    }

    /// Adds the hashes of consecutive records from `first` on. Nothing is found until
    /// [`RequestHashes::finish_load`].
    pub(super) fn load(&mut self, first: u64, hashes: impl Iterator<Item = u64>) {
        for (number, hash) in (first..).zip(hashes) {
            if hash != NO_REQUEST {
                let (shard, key) = split(hash);
                self.shards[shard].slots.push(key | number);
            }
        }
    }

    /// Sorts and lays out what was loaded.
    pub(super) fn finish_load(&mut self) {
        let mut entries = Vec::new();
        for shard in self.shards.iter_mut().filter(|shard| !shard.slots.is_empty()) {
            entries.clone_from(&shard.slots);
            entries.sort_unstable();
            shard.lay_out(&entries, self.floor);
        }
    }

    /// Adds one hash. The record's number must be greater than all before.
    pub(super) fn insert(&mut self, hash: u64, number: u64) {
        let (shard, key) = split(hash);
        self.shards[shard].insert(key | number, self.floor);
    }

    /// The records that may be of a request with this hash, the newest first.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u64> {
        let (shard, key) = split(hash);
        self.shards[shard].of_key(key).map(number_of).take_while(|n| *n >= self.floor)
    }

    /// The first record that is not removed.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Removes every record before this one.
    pub(super) fn remove_before(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
    }
}

impl Shard {
    fn insert(&mut self, entry: u64, floor: u64) {
        if self.left == 0 {
            let slots = std::mem::take(&mut self.slots);
            self.lay_out(&slots, floor);
        }
        self.left -= 1;
        let at = self.first_from(entry);
        let distance = self.slots[at..].iter().position(|slot| *slot == GAP);
        let gap = distance.map_or(self.slots.len(), |distance| at + distance);
        if gap == self.slots.len() {
            self.push(GAP);
        }
        self.slots.copy_within(at..gap, at + 1);
        self.slots[at] = entry;
    }

    /// Adds a slot at the end, and allocates a few more. A vector would double its size.
    fn push(&mut self, slot: u64) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(OVERFLOW);
        }
        self.slots.push(slot);
    }

    /// Where the first entry is, or would be, that is not smaller.
    fn first_from(&self, entry: u64) -> usize {
        let home = home(entry, self.homes);
        let is_smaller = |slot: &&u64| **slot != GAP && **slot < entry;
        home + self.slots[home..].iter().take_while(is_smaller).count()
    }

    /// The entries with this key, the newest first.
    fn of_key(&self, key: u64) -> impl Iterator<Item = u64> {
        let found = &self.slots[self.first_from(key)..];
        let has_key = |slot: &&u64| **slot != GAP && **slot >> NUMBER_BITS == key >> NUMBER_BITS;
        found[..found.iter().take_while(has_key).count()].iter().rev().copied()
    }

    /// Takes the sorted entries of `slots` without those below the floor, with new gaps.
    fn lay_out(&mut self, slots: &[u64], floor: u64) {
        let is_kept = |slot: &u64| *slot != GAP && number_of(*slot) >= floor;
        let entries = || slots.iter().copied().filter(is_kept);
        let count = entries().count();
        self.homes = homes_for(count);
        self.left = entries_max(self.homes) - count;
        self.slots.clear();
        self.slots.reserve_exact(self.homes + OVERFLOW);
        self.slots.resize(self.homes, GAP);
        let mut next = 0;
        for entry in entries() {
            next = home(entry, self.homes).max(next);
            match self.slots.get_mut(next) {
                Some(slot) => *slot = entry,
                None => self.push(entry),
            }
            next += 1;
        }
    }
}

/// A fifth of the homes are gaps when a shard was laid out.
fn homes_for(count: usize) -> usize {
    count + count / 4 + 4
}

/// A shard is laid out again when an eighth are gaps. With fewer, entries lie far from home.
fn entries_max(homes: usize) -> usize {
    homes - homes / 8
}

/// The slot of an entry in an empty shard. Hashes are spread evenly, so homes are, too.
fn home(entry: u64, homes: usize) -> usize {
    (((entry >> NUMBER_BITS) * homes as u64) >> KEY_BITS) as usize
}

/// The shard of a hash, and its key in the upper bits of an entry.
fn split(hash: u64) -> (usize, u64) {
    let shard = usize::try_from(hash >> (64 - SHARD_BITS)).expect("12 bits fit");
    (shard, (hash << SHARD_BITS) >> (64 - KEY_BITS) << NUMBER_BITS)
}

/// Whether two hashes look the same in the table.
pub(super) fn is_alike(one: u64, other: u64) -> bool {
    one != NO_REQUEST && split(one) == split(other)
}

fn number_of(entry: u64) -> u64 {
    entry & ((1 << NUMBER_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_finds_all_its_records_newest_first_and_no_others() {
        let mut hashes = RequestHashes::new(1);
        for number in 1..=50_000_u64 {
            hashes.insert(hash(number % 40_000), number);
        }
        let found = |of| hashes.candidates(hash(of)).collect::<Vec<_>>();
        assert_eq!(found(7), [40_007, 7]);
        assert_eq!(found(39_999), [39_999]);
        assert!(found(123_456).is_empty());
    }

    /// Shards of every size, with keys that are spread evenly, crowded together, and all the same.
    #[test]
    fn a_shard_finds_what_a_full_scan_finds() {
        for (count, bits) in [(0, 28), (1, 28), (190, 28), (1_500, 28), (1_000, 8), (400, 0)] {
            for crowd in [0, u64::MAX >> 4, u64::MAX << 60] {
                let keys: Vec<u64> = (0..2 * count + 9).map(|n| crowded(n, bits, crowd)).collect();
                let entries = || (1..=count).map(|n| (keys[n as usize], n));
                let mut shard = Shard::default();
                entries().for_each(|(key, n)| shard.insert(key | n, 0));
                for asked in keys.iter().copied().chain([0, u64::MAX << NUMBER_BITS]) {
                    let mut all: Vec<u64> =
                        entries().filter(|(key, _)| *key == asked).map(|(_, n)| n).collect();
                    all.reverse();
                    let found: Vec<u64> = shard.of_key(asked).map(number_of).collect();
                    assert_eq!(found, all, "{count} entries, {bits} bits, {crowd:x}");
                }
            }
        }
    }

    /// A key of so many bits, with these set besides.
    fn crowded(n: u64, bits: u32, set: u64) -> u64 {
        let key = hash(n).checked_shr(64 - bits).unwrap_or(0) << NUMBER_BITS;
        key | (set >> NUMBER_BITS << NUMBER_BITS)
    }

    #[test]
    fn loading_and_inserting_make_the_same_table() {
        let (mut loaded, mut inserted) = (RequestHashes::new(1), RequestHashes::new(1));
        loaded.load(1, (1..=10_000).map(hash));
        loaded.finish_load();
        (1..=10_000).for_each(|number| inserted.insert(hash(number), number));
        assert_eq!(loaded.entries(), inserted.entries());
        (10_001..=30_000).for_each(|number| loaded.insert(hash(number), number));
        assert!((1..=30_000).all(|number| loaded.candidates(hash(number)).eq([number])));
    }

    #[test]
    fn removed_records_are_not_found_and_free_their_slots() {
        let mut hashes = RequestHashes::new(1);
        for number in 1..=400_000_u64 {
            hashes.remove_before(number.saturating_sub(10_000));
            hashes.insert(hash(number), number);
        }
        assert_eq!(hashes.candidates(hash(300_000)).count(), 0);
        assert_eq!(hashes.candidates(hash(395_000)).count(), 1);
        let kept = hashes.entries().len();
        assert!(kept < 200_000, "{kept} of 10,000 are kept");
    }

    impl RequestHashes {
        fn entries(&self) -> Vec<u64> {
            let slots = self.shards.iter().flat_map(|shard| &shard.slots);
            slots.copied().filter(|slot| *slot != GAP).collect()
        }
    }

    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }
}
