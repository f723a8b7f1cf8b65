//! Where a request may be remembered: a hash of its id for each, in memory.
//!
//! A new request must cost nothing but this look: a table of ids on disk would dirty a page of
//! its own for nearly every one. Eight bytes a request, and about two more for room: in which shard
//! it lies and 28 bits more are its hash, the rest is the number of its fact. What is found here is
//! then read from the ledger and compared in full, so a collision costs a look and nothing else.
//!
//! Of ten million requests nothing is in a cache, so what counts is how many places in memory a
//! look touches: one. Entries stand in their order, each where its hash says or right behind the
//! smaller ones that stand there already, with gaps between.

/// 2^12 shards: a small database has little to allocate, and of ten million requests a shard holds
/// some 2,400, which are quickly laid out anew when it grows.
const SHARD_BITS: u32 = 12;
/// Bits of a fact's number: decades at a thousand requests a second.
const NUMBER_BITS: u32 = 36;
const KEY_BITS: u32 = 64 - NUMBER_BITS;

/// A hash that is never stored: the fact has nothing to remember.
pub(super) const NO_REQUEST: u64 = 0;

/// Numbers of facts by the hash of their request.
#[derive(Debug)]
pub(super) struct RequestHashes {
    shards: Vec<Shard>,
    /// Facts before this one are forgotten; what is left of them goes when its shard grows.
    floor: u64,
}

/// Slots behind the homes that there is room for at once.
const BEYOND: usize = 4;
/// What stands in a gap: no fact has the number 0.
const GAP: u64 = 0;

/// Entries with the key in the upper bits and the number in the lower, in their order.
#[derive(Clone, Debug, Default)]
struct Shard {
    /// Entries and gaps; there is no gap between an entry and its home.
    slots: Vec<u64>,
    /// Slots in which keys are at home; behind them is only what was pushed beyond.
    homes: usize,
    /// Entries to come until the gaps are too few.
    left: usize,
}

impl RequestHashes {
    pub(super) fn new(floor: u64) -> Self {
        Self { shards: vec![Shard::default(); 1 << SHARD_BITS], floor }
    }

    /// Makes room for so many.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.shards.len();
        // A little more than the mean suits nearly all shards.
        let slots = if each == 0 { 0 } else { homes_for(each + each / 16) + BEYOND };
        self.shards.iter_mut().for_each(|shard| shard.slots.reserve_exact(slots));
    }

    /// Adds many in the order of their numbers, beginning with `first`. They are found when all are
    /// [`RequestHashes::loaded`].
    pub(super) fn load(&mut self, first: u64, hashes: impl Iterator<Item = u64>) {
        for (number, hash) in (first..).zip(hashes) {
            if hash != NO_REQUEST {
                let (shard, key) = place(hash);
                self.shards[shard].slots.push(key | number);
            }
        }
    }

    /// Puts in order what was loaded.
    pub(super) fn loaded(&mut self) {
        let mut entries = Vec::new();
        for shard in self.shards.iter_mut().filter(|shard| !shard.slots.is_empty()) {
            entries.clone_from(&shard.slots);
            entries.sort_unstable();
            shard.lay_out(&entries, self.floor);
        }
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
        if self.left == 0 {
            let slots = std::mem::take(&mut self.slots);
            self.lay_out(&slots, floor);
        }
        self.left -= 1;
        let at = self.first_from(entry);
        let gap = self.slots[at..].iter().position(|slot| *slot == GAP);
        let gap = gap.map_or(self.slots.len(), |behind| at + behind);
        if gap == self.slots.len() {
            self.push(GAP);
        }
        self.slots.copy_within(at..gap, at + 1);
        self.slots[at] = entry;
    }

    /// Adds a slot at the end, and room for a few more: a vector by itself would take twice as much.
    fn push(&mut self, slot: u64) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(BEYOND);
        }
        self.slots.push(slot);
    }

    /// Where the first stands that is not smaller, or would stand.
    fn first_from(&self, entry: u64) -> usize {
        let home = home(entry, self.homes);
        let is_before = |slot: &&u64| **slot != GAP && **slot < entry;
        home + self.slots[home..].iter().take_while(is_before).count()
    }

    /// The entries with this key, the newest first.
    fn of_key(&self, key: u64) -> impl Iterator<Item = u64> {
        let found = &self.slots[self.first_from(key)..];
        let is_it = |slot: &&u64| **slot != GAP && **slot >> NUMBER_BITS == key >> NUMBER_BITS;
        found[..found.iter().take_while(is_it).count()].iter().rev().copied()
    }

    /// Takes what stands here in its order, with gaps anew, and leaves out what is forgotten.
    fn lay_out(&mut self, slots: &[u64], floor: u64) {
        let is_known = |slot: &u64| *slot != GAP && number_of(*slot) >= floor;
        let entries = || slots.iter().copied().filter(is_known);
        let count = entries().count();
        self.homes = homes_for(count);
        self.left = most_in(self.homes) - count;
        self.slots.clear();
        self.slots.reserve_exact(self.homes + BEYOND);
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

/// A fifth are gaps when a shard has been laid out …
fn homes_for(count: usize) -> usize {
    count + count / 4 + 4
}

/// … and an eighth when it is laid out anew: fewer, and entries stand far from home.
fn most_in(homes: usize) -> usize {
    homes - homes / 8
}

/// Where an entry stands if it finds the place free: hashes are spread evenly.
fn home(entry: u64, homes: usize) -> usize {
    (((entry >> NUMBER_BITS) * homes as u64) >> KEY_BITS) as usize
}

fn place(hash: u64) -> (usize, u64) {
    let shard = usize::try_from(hash >> (64 - SHARD_BITS)).expect("12 bits fit");
    (shard, (hash << SHARD_BITS) >> (64 - KEY_BITS) << NUMBER_BITS)
}

fn number_of(entry: u64) -> u64 {
    entry & ((1 << NUMBER_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_number_of_a_hash_the_newest_first_and_nothing_else() {
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
    fn a_shard_finds_what_a_look_at_all_finds() {
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
    fn what_was_loaded_is_what_was_inserted() {
        let (mut loaded, mut inserted) = (RequestHashes::new(1), RequestHashes::new(1));
        loaded.load(1, (1..=10_000).map(hash));
        loaded.loaded();
        (1..=10_000).for_each(|number| inserted.insert(hash(number), number));
        assert_eq!(loaded.entries(), inserted.entries());
        (10_001..=30_000).for_each(|number| loaded.insert(hash(number), number));
        assert!((1..=30_000).all(|number| loaded.candidates(hash(number)).eq([number])));
    }

    #[test]
    fn what_is_forgotten_is_not_found_and_makes_room() {
        let mut hashes = RequestHashes::new(1);
        for number in 1..=400_000_u64 {
            hashes.forget_before(number.saturating_sub(10_000));
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
