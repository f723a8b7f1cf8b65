//! The content of a disk after a power cut: everything up to the last flush, and some sectors of
//! the rest.
//!
//! The emulator logs writes and flushes in order, in the layout of Linux's dm-log-writes: a first
//! sector that identifies the log, then for each request a sector with its place, length and flags
//! as four little-endian 64-bit numbers, and its data.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const SECTOR: usize = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

struct Write<'a> {
    sector: u64,
    flags: u64,
    data: &'a [u8],
}

/// How much of the unflushed data survives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rest {
    Nothing,
    Everything,
    /// This many sectors of a hundred.
    Some(u8),
}

/// The counts of a replay.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) flushes: usize,
    /// Sectors written after the last flush.
    pub(crate) unflushed: usize,
    /// Those of them that were lost.
    pub(crate) lost: usize,
}

/// Applies a log to the disk as it was before.
pub(crate) fn replay(log: &Path, disk: &Path, rest: Rest, rng: &mut fastrand::Rng) -> Replayed {
    let bytes = fs::read(log).unwrap();
    let writes = parse(&bytes);
    let disk = File::options().write(true).open(disk).unwrap();
    let flushed = writes.iter().rposition(|write| write.flags & FLUSH != 0).unwrap_or(0);
    let flushes = writes.iter().filter(|write| write.flags & FLUSH != 0).count();
    let mut replayed = Replayed { flushes, ..Replayed::default() };
    for (at, write) in writes.iter().enumerate() {
        let is_safe = at < flushed || write.flags & FUA != 0;
        for (sector, data) in (write.sector..).zip(write.data.chunks(SECTOR)) {
            replayed.unflushed += usize::from(!is_safe);
            if is_safe || survives(rest, rng) {
                disk.write_all_at(data, sector * SECTOR as u64).unwrap();
            } else {
                replayed.lost += 1;
            }
        }
    }
    disk.sync_all().unwrap();
    replayed
}

fn survives(rest: Rest, rng: &mut fastrand::Rng) -> bool {
    match rest {
        Rest::Nothing => false,
        Rest::Everything => true,
        Rest::Some(percent) => rng.u8(..100) < percent,
    }
}

fn parse(bytes: &[u8]) -> Vec<Write<'_>> {
    let Some((head, mut rest)) = bytes.split_at_checked(SECTOR) else {
        return Vec::new();
    };
    assert!([0, MAGIC].contains(&number(head, 0)), "this is not a log of writes");
    let mut writes = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(SECTOR) {
        let [sector, sectors, flags] = [0, 1, 2].map(|index| number(head, index));
        if (sectors, flags) == (0, 0) {
            // The cut interrupted the emulator's own log; the missing request was never answered.
            assert!(rest.iter().all(|byte| *byte == 0), "the log has a hole");
            break;
        }
        let is_data = flags & DISCARD == 0;
        let length = if is_data { usize::try_from(sectors).unwrap() * SECTOR } else { 0 };
        let Some((data, after)) = after.split_at_checked(length) else { break };
        writes.push(Write { sector, flags, data });
        rest = after;
    }
    writes
}

fn number(sector: &[u8], index: usize) -> u64 {
    u64::from_le_bytes(sector[index * 8..][..8].try_into().unwrap())
}
