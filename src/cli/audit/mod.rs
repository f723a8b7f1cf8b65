//! `export` and `verify`: the signed ledger for auditors. docs/EXPORT.md describes the format.

mod export;
mod format;
mod verify;

pub(super) use self::export::run as export;
pub(super) use self::verify::{VerifyArguments, run as verify};

#[cfg(test)]
mod tests;
