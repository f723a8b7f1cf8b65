//! `export` and `verify`: the signed ledger for auditors. docs/EXPORT.md describes the format.

mod export;
mod format;
#[cfg(feature = "hub")]
mod movements;
mod verifier;
mod verify;

pub(super) use self::export::run as export;
#[cfg(feature = "hub")]
pub(super) use self::export::{ExportLines, check_range, to_stdout};
#[cfg(feature = "hub")]
pub(super) use self::format::ExportedEntry;
#[cfg(feature = "hub")]
pub(super) use self::movements::ExportedMovement;
#[cfg(feature = "hub")]
pub(super) use self::verify::{KnownArguments, verify_file, verify_lines};
pub(super) use self::verify::{VerifyArguments, run as verify};

#[cfg(test)]
mod script_tests;
#[cfg(test)]
mod tests;
