//! The working set of a transaction: the rows that it reads and changes, in memory.
//!
//! Rows are read for many keys at once, and all changes are written at the end in one statement, so
//! that the number of statements does not grow with the number of rows. What is not expected in
//! advance is read when it is missed.
//!
//! Several workers may change the books at once. A transaction locks the books of the gateways that
//! it changes, which stand for everything of their databases; and the pools. The order is fixed:
//! books by id, then pools by SKU. What turns out to be needed out of that order is locked without
//! waiting, and if another worker has it, the transaction is repeated with it locked in order. So
//! no two transactions wait for each other.

mod accounts;
mod as_books;
mod as_sinks;
mod asks;
mod books;
mod checkpoints;
mod demand;
mod enrolment;
mod entries;
mod expected;
mod feed;
mod identity;
mod listings;
mod movements;
mod open_orders;
mod policies;
mod pools;
mod requests;
mod reservations;
mod retention;
mod signed_movements;
mod sinks;
mod transaction;
mod transfers;

pub(in crate::hub) use self::expected::Expected;
pub(in crate::hub) use self::feed::OWN_LEDGER;
pub(super) use self::feed::number_feed;
pub(in crate::hub) use self::listings::read_catalogue;
pub(super) use self::movements::ChainedUpTo;
pub(in crate::hub) use self::movements::MovementsEnd;
pub(super) use self::reservations::CountedReserved;
pub(in crate::hub) use self::retention::Prunable;
pub(in crate::hub) use self::signed_movements::SignedMovements;
pub(in crate::hub) use self::transaction::BooksTransaction;

#[cfg(test)]
mod statement_tests;
