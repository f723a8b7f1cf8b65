//! `backup` and `restore`: copies books in SQLite, and puts a copy in their place.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::cli::{backup, say};
use crate::clock::wall_ms;
use crate::config::BookStore;
use crate::hub::upkeep::{Examination, Replaced, copy_books, examine_copy, replace_books};

/// What is to be done once older books are in place.
const AFTERWARDS: &str = "afterwards: start the hub. Gateways that have taken or confirmed more than these books know are held, and go on selling; GET /api/gateways?state=held lists them, and POST /api/books/recover takes all of them on again. Send receipts and central sales since the copy again with their request ids, and set policies and catalogue as they were";

/// Copies the books while the hub runs.
pub(super) fn back_up(store: &BookStore, to: &Path) -> anyhow::Result<()> {
    match store {
        BookStore::Sqlite(books) => backup::to_new_file(to, |unfinished| {
            copy_books(books, unfinished)
                .with_context(|| format!("{} cannot be copied", books.display()))
        }),
        BookStore::Postgres(url) => bail!(
            "the books are in PostgreSQL, which has its own tools: pg_dump --format=custom {} > FILE, and better continuous archiving or a synchronous replica. After a restore of an older state, POST /api/books/recover at the hub takes on again the gateways that know more",
            url.database
        ),
    }
}

/// Puts a copy in the place of the books.
pub(super) fn restore(store: &BookStore, from: &Path) -> anyhow::Result<()> {
    let books = match store {
        BookStore::Sqlite(books) => books,
        BookStore::Postgres(url) => bail!(
            "the books are in PostgreSQL, which has its own tools: stop every worker; dropdb and createdb {database}, then pg_restore --dbname={database} FILE, or recovery to a point in time, which loses less. {AFTERWARDS}",
            database = url.database
        ),
    };
    let found = checked(from)?;
    ensure!(!is_same(books, from), "{} is what the hub uses already", from.display());
    let replaced = replace_books(books, from, wall_ms()).context("nothing was restored")?;
    tell(books, &found, &replaced);
    Ok(())
}

/// Checks that a copy is whole.
fn checked(from: &Path) -> anyhow::Result<Examination> {
    let shown = from.display();
    let found = examine_copy(from).with_context(|| format!("{shown} cannot be restored"))?;
    if let Some(faults) = &found.structure {
        bail!("{shown} is damaged: {faults}; nothing was changed, use another backup");
    }
    let (named, count) = &found.differing;
    ensure!(
        *count == 0,
        "{shown}: the units of {count} SKUs do not add up ({}); nothing was changed, use another backup",
        named.join(", ")
    );
    Ok(found)
}

fn is_same(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    resolved(one).is_some_and(|one| Some(one) == resolved(other))
}

fn tell(books: &Path, found: &Examination, replaced: &Replaced) {
    match &replaced.kept {
        Some(kept) => say(format!("the books that were there are kept in {}", kept.display())),
        None => say("there were no books"),
    }
    let Examination { gateways, skus, version, newest, .. } = found;
    let held = match version {
        Some(older) if older != newest => {
            format!(", of version {older}; the next start upgrades them to {newest}")
        }
        Some(_) | None => format!(": {gateways} gateways, {skus} SKUs"),
    };
    say(format!("the copy is in their place, {}{held}", books.display()));
    say(AFTERWARDS);
}

/// The file to read or write.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArguments {
    /// The hub's configuration; without it, the built-in defaults
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// The copy, which must not exist
    #[arg(long)]
    pub(super) to: PathBuf,
}

/// The same for a restore.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// The hub's configuration; without it, the built-in defaults
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// The copy to restore; the hub must not run
    #[arg(long)]
    pub(super) from: PathBuf,
}
