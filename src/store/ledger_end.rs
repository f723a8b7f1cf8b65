//! Where a ledger ends.

use crate::stock::Seq;

/// The last record and the last entry of a ledger. A refusal is a record without entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerEnd {
    /// The number of the last record.
    pub n: i64,
    /// The position of the last entry.
    pub seq: Seq,
}
