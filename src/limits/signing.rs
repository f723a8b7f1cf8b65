//! When a ledger is signed.

/// A position of a ledger that is a multiple of this is signed with the entry there.
pub const SIGN_EVERY_ENTRIES: u64 = 10_000;
/// Milliseconds within which new entries are signed.
pub const SIGN_EVERY_MS: u64 = 60_000;
/// Milliseconds after which it is tried, so that a large batch or a slow disk leaves enough time.
pub const SIGN_AFTER_MS: u64 = SIGN_EVERY_MS - 10_000;
/// Entries at the end of a ledger that an audit takes as not signed yet: a device leaves no more, because
/// it signs by their number in the transaction that enters them.
pub const UNSIGNED_ENTRIES_MAX: u64 = SIGN_EVERY_ENTRIES;
/// The same in the books of a hub: one of the signatures of a gateway may not have arrived.
pub const UNSIGNED_IN_BOOKS_MAX: u64 = 2 * SIGN_EVERY_ENTRIES;
/// Milliseconds from the first of the entries that are not signed to the last one: by the time, a device
/// may be late.
pub const UNSIGNED_MS_MAX: u64 = 10 * SIGN_EVERY_MS;
/// Milliseconds from one look for movements of the hub that are not signed to the next.
pub const HUB_SIGN_LOOK_MS: u64 = 1_000;
