//! Signing of the hub's own ledger: at least every minute with new movements, and every ten thousand.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use super::core::Books as _;
use super::db::{BooksDatabase, BooksError, MovementsEnd};
use super::failures::BooksFailures;
use crate::config::BookStore;
use crate::limits::{HUB_SIGN_LOOK_MS, SIGN_EVERY_ENTRIES, SIGN_EVERY_MS};
use crate::process::signing_key::SigningKey;
use crate::stock::{Origin, SignedPosition};

/// The file of the hub's key.
const KEY_FILE: &str = "hub.key";

/// When the ledger was signed last, and with which key. Times are running time.
#[derive(Debug, Default)]
pub(super) struct BooksSigner {
    /// `None` if there is no key: the ledger is not signed then.
    key: Option<SigningKey>,
    /// Something was written since it was looked for movements.
    is_news: bool,
    looked_at_ms: u64,
    signed_at_ms: u64,
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
        Self { key: key.ok(), is_news: true, ..Self::default() }
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
        let is_time = is_stop || running_ms >= self.looked_at_ms + HUB_SIGN_LOOK_MS;
        let Some(key) = self.key.as_ref().filter(|_| self.is_news && is_time) else { return };
        self.looked_at_ms = running_ms;
        let is_long_ago = is_stop || running_ms >= self.signed_at_ms + SIGN_EVERY_MS;
        match sign(database, key, wall_ms, is_long_ago) {
            Ok(Signed::Not) => {}
            Ok(Signed::Now) => (self.signed_at_ms, self.is_news) = (running_ms, false),
            Ok(Signed::Before) => self.is_news = false,
            Err(error) => failures.record("the hub's own ledger cannot be signed", &error),
        }
    }
}

fn open_key(store: &BookStore) -> io::Result<SigningKey> {
    let directory = match store {
        BookStore::Sqlite(path) => path.parent().map(PathBuf::from),
        BookStore::Postgres(_) => std::env::var_os("STATE_DIRECTORY").map(PathBuf::from),
    };
    match directory {
        Some(directory) => SigningKey::open(&directory, KEY_FILE),
        None => SigningKey::credential(KEY_FILE)
            .unwrap_or_else(|| Err(io::Error::other("there is no directory to keep it in"))),
    }
}

/// Whether the end of the ledger is signed.
enum Signed {
    Not,
    Now,
    Before,
}

fn sign(
    database: &mut BooksDatabase,
    key: &SigningKey,
    wall_ms: i64,
    is_long_ago: bool,
) -> Result<Signed, BooksError> {
    database.change(|books| {
        let Some(MovementsEnd { seq, chain, signed_seq }) = books.movements_end()? else {
            return Ok(Signed::Before);
        };
        if seq == signed_seq {
            return Ok(Signed::Before);
        }
        if !is_long_ago && seq < signed_seq + SIGN_EVERY_ENTRIES {
            return Ok(Signed::Not);
        }
        let origin = origin(books.identity()?.books);
        let signed = SignedPosition::new(&origin, (seq, chain), wall_ms, key.pair());
        books.sign_movements(signed, key.public());
        Ok(Signed::Now)
    })
}

/// The origin of the hub's own ledger: no gateway of no site, and the identity of the books.
pub(super) fn origin(books: Uuid) -> Origin {
    Origin { site: String::new(), gateway: String::new(), epoch: books }
}
