//! Signing of the hub's own ledger: at least every minute with new movements. Every ten thousandth is
//! signed by the transaction that enters it.
//!
//! Nothing is signed as long as the ledger is not what was signed of it before, or the key is gone that
//! has signed it: the hub goes on, because the goods do, and says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::core::{Books as _, Movement};
use super::db::{BooksDatabase, BooksError, MovementsEnd, SignedMovements};
use super::failures::BooksFailures;
use crate::config::{BookStore, state_directory};
use crate::hex;
use crate::limits::{HUB_SIGN_LOOK_MS, SIGN_AFTER_MS};
use crate::process::signing_key::SigningKey;
use crate::stock::SignedPosition;

/// The file of the hub's key.
const KEY_FILE: &str = "hub.key";
/// What to do about a ledger that was changed.
const RESTORE: &str = "stockgate-hub verify says more; keep a copy of the books, find out who has changed them, restore a backup, and start the hub again";
/// What to do about books that could not be read.
const START_AGAIN: &str =
    "start the hub again; if that does not help, stockgate-hub verify says more";
/// What to do about a key that is missing.
const PUT_BACK: &str = "put the key back and start the hub again; only if it is lost, make a new one: head -c 32 /dev/urandom > hub.key, chmod 600";
/// What to do without a place for a key.
const GIVE_PLACE: &str = "give the hub a state directory, or the credential hub.key";

/// When the ledger was signed last, and with which key. Times are running time.
#[derive(Debug, Default)]
pub(super) struct BooksSigner {
    /// `None` if there is no key: the ledger is not signed then.
    key: Option<Arc<SigningKey>>,
    /// Something was written since it was looked for movements.
    is_news: bool,
    looked_at_ms: u64,
    /// `None` before this process has signed anything: what another one has left is not kept waiting.
    signed_at_ms: Option<u64>,
    /// Why the ledger is not signed, if it is not.
    problem: Option<String>,
}

impl BooksSigner {
    /// Looks at the ledger, and opens the key: the credential `hub.key`, or a file beside books in
    /// SQLite or in the state directory.
    pub(super) fn of(store: &BookStore, database: &mut BooksDatabase) -> Self {
        let signed = database.read(SignedMovements::read);
        match key_for(store, signed) {
            Ok(key) => Self { key: Some(Arc::new(key)), is_news: true, ..Self::default() },
            Err((problem, next)) => {
                tracing::error!(problem, next, "the hub's own ledger is not signed");
                Self { problem: Some(format!("{problem}; {next}")), ..Self::default() }
            }
        }
    }

    /// Why the ledger is not signed, if it is not.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    /// The key, for transactions.
    pub(super) fn key(&self) -> Option<Arc<SigningKey>> {
        self.key.clone()
    }

    /// Something was written.
    pub(super) fn note(&mut self) {
        self.is_news = true;
    }

    /// Signs the end of the ledger if it is time; at a stop, it is.
    pub(super) fn sign_if_due(
        &mut self,
        database: &mut BooksDatabase,
        (wall_ms, running_ms): (i64, u64),
        is_stop: bool,
        failures: &BooksFailures,
    ) {
        let is_late = |signed_ms: u64| running_ms >= signed_ms + SIGN_AFTER_MS;
        let is_time = self.signed_at_ms.is_none_or(is_late)
            && (self.looked_at_ms == 0 || running_ms >= self.looked_at_ms + HUB_SIGN_LOOK_MS);
        let is_due = self.is_news && (is_stop || is_time);
        let Some(key) = self.key.as_ref().filter(|_| is_due) else { return };
        self.looked_at_ms = running_ms;
        match sign(database, key, wall_ms) {
            Ok(is_signed) => {
                self.is_news = false;
                if is_signed {
                    self.signed_at_ms = Some(running_ms);
                }
            }
            Err(error) => failures.record("the hub's own ledger cannot be signed", &error),
        }
    }
}

/// The key to sign with. Otherwise why nothing is signed, and what to do.
fn key_for(
    store: &BookStore,
    signed: Result<SignedMovements, BooksError>,
) -> Result<SigningKey, (String, &'static str)> {
    let SignedMovements { key: last, fault } =
        signed.map_err(|error| (format!("the books cannot be examined: {error}"), START_AGAIN))?;
    if let Some(fault) = fault {
        return Err((format!("the books were changed while no hub ran: {fault}"), RESTORE));
    }
    let key = match last {
        None => open_key(store).map_err(|error| (error.to_string(), GIVE_PLACE))?,
        Some(last) => known_key(store).map_err(|error| {
            let last = hex::encode(&last);
            (format!("the books are signed with the key {last}, and {error}"), PUT_BACK)
        })?,
    };
    if let Some(last) = last.filter(|last| *last != key.public()) {
        let (now, before) = (hex::encode(&key.public()), hex::encode(&last));
        tracing::warn!(now, before, "the hub signs with another key than before");
    }
    Ok(key)
}

/// Where the key is, if it is no credential.
pub(crate) fn key_file(store: &BookStore) -> Option<PathBuf> {
    let directory = match store {
        BookStore::Sqlite(path) => path.parent().map(Path::to_path_buf),
        BookStore::Postgres(_) => state_directory(),
    };
    Some(directory?.join(KEY_FILE))
}

/// Opens the key, or makes one.
fn open_key(store: &BookStore) -> io::Result<SigningKey> {
    match key_file(store).as_deref().and_then(Path::parent) {
        Some(directory) => SigningKey::open(directory, KEY_FILE),
        None => credential(),
    }
}

/// Opens the key that has signed before, and makes none.
fn known_key(store: &BookStore) -> io::Result<SigningKey> {
    match (SigningKey::credential(KEY_FILE), key_file(store)) {
        (None, Some(file)) => SigningKey::read(&file).map_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return error;
            }
            io::Error::other(format!("{} is missing", file.display()))
        }),
        _ => credential(),
    }
}

fn credential() -> io::Result<SigningKey> {
    let missing = || Err(io::Error::other("there is no directory to keep the key in"));
    SigningKey::credential(KEY_FILE).unwrap_or_else(missing)
}

/// Signs the end of the ledger; returns whether that was not signed yet. If it was, nothing is locked or
/// written.
fn sign(database: &mut BooksDatabase, key: &SigningKey, wall_ms: i64) -> Result<bool, BooksError> {
    let is_new = |end: &MovementsEnd| end.seq > end.signed_seq;
    if !database.read(MovementsEnd::read)?.as_ref().is_some_and(is_new) {
        return Ok(false);
    }
    database.change(|books| {
        let Some(MovementsEnd { seq, chain, .. }) = books.movements_end()?.filter(is_new) else {
            return Ok(false);
        };
        let origin = Movement::origin(books.identity()?.books);
        let signed = SignedPosition::new(&origin, (seq, chain), wall_ms, key.pair());
        books.sign_movements(signed, key.public());
        Ok(true)
    })
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
