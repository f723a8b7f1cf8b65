//! A chunk: consecutive ledger records, encoded into the blob of one row of the ledger.
//!
//! A ledger record is one decision with the entries it made and what is remembered of its request,
//! so a deduction is written once and in one place. Rows are appended and never changed: a commit
//! dirties the end of one table, whatever its requests are called. Digest and chain are stored
//! once, before the first record; those after each entry follow from it. A CRC at the end finds
//! what a bad disk does to the blob or to the columns beside it.
//!
//! This folder owns the format. It reads and writes bytes, not the database.

mod decode;
mod encode;
mod format;

pub(super) use self::decode::ChunkSpan;
pub use self::decode::LedgerChunk;
pub(super) use self::encode::ChunkEncoder;
pub(super) use self::format::ChunkKey;
#[cfg(test)]
pub(super) use self::format::crc;
