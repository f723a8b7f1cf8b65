//! What the commands do with books while no hub need run: copy, examine, export and replace them.

mod audit;
mod copy;
mod examine;
mod replace;

pub(crate) use self::audit::{AuditedEntry, AuditedLedger, BooksAudit};
pub(crate) use self::copy::copy_books;
pub(crate) use self::examine::{Examination, ServerFacts, examine, examine_copy};
pub(crate) use self::replace::{Replaced, replace_books};
pub(crate) use super::signer::key_file;
