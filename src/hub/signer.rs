//! Signing of the hub's own ledger: at least every minute with new movements. Every ten thousandth is
//! signed by the transaction that enters it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::core::{Books as _, Movement};
use super::db::{BooksDatabase, BooksError, MovementsEnd};
use super::failures::BooksFailures;
use crate::config::{BookStore, state_directory};
use crate::limits::{HUB_SIGN_LOOK_MS, SIGN_AFTER_MS};
use crate::process::signing_key::SigningKey;
use crate::stock::SignedPosition;

/// The file of the hub's key.
const KEY_FILE: &str = "hub.key";

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
}

impl BooksSigner {
    /// Opens the key: the credential `hub.key`, or a file beside books in SQLite or in the state
    /// directory.
    pub(super) fn of(store: &BookStore) -> Self {
        let key = open_key(store);
        if let Err(error) = &key {
            tracing::warn!(
                %error, next = "give the hub a state directory, or the credential hub.key",
                "the hub has no key, and its own ledger is not signed"
            );
        }
        Self { key: key.ok().map(Arc::new), is_news: true, ..Self::default() }
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

fn open_key(store: &BookStore) -> io::Result<SigningKey> {
    let directory = match store {
        BookStore::Sqlite(path) => path.parent().map(PathBuf::from),
        BookStore::Postgres(_) => state_directory(),
    };
    match directory {
        Some(directory) => SigningKey::open(&directory, KEY_FILE),
        None => SigningKey::credential(KEY_FILE)
            .unwrap_or_else(|| Err(io::Error::other("there is no directory to keep it in"))),
    }
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
