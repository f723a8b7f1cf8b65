//! Bounds of the deletion of old records.

/// Rows of the ledger deleted in one step of pruning.
pub const PRUNE_ROWS_PER_STEP: u64 = 64;
/// Steps of pruning in a second.
pub const PRUNE_STEPS_PER_S_MAX: usize = 10;
/// Lines of open reservations that one step carries forward, if it is more than one row; and in a
/// second, after which no further step begins. A full disk has as much space as is held back for
/// them, [`RESERVE_BYTES`](super::RESERVE_BYTES), and a line is written again in its record and in
/// its reservation, with a few hundred bytes in each.
pub const PRUNE_LINES_PER_STEP: usize = 1_024;
