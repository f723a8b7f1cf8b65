//! Copies of a database from before an upgrade of its schema.
//!
//! A copy is kept until the new version has proved itself: by a start that finds the new version
//! and serves for a while. Repeated starts prove nothing, because what fails is started again and
//! again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::data_dir::DataDir;
use super::error::StoreError;
use super::schema;
use crate::limits::UPGRADE_COPY_KEPT_MS;

/// The name of a copy, before its version.
const PREFIX: &str = "stockgate.db.version-";

/// The copies in one data directory.
#[derive(Debug)]
pub(super) struct UpgradeCopies {
    data_dir: Arc<DataDir>,
    /// The running time at which they are removed; `None` if this start does not remove them, or
    /// has done so.
    due_ms: Option<u64>,
}

impl UpgradeCopies {
    /// `started_ms` is the running time of this start.
    pub(super) fn new(data_dir: Arc<DataDir>, started_ms: u64, is_upgraded: bool) -> Self {
        let due_ms = (!is_upgraded).then_some(started_ms + UPGRADE_COPY_KEPT_MS);
        Self { data_dir, due_ms }
    }

    pub(super) fn remove_when_due(&mut self, running_ms: u64) {
        if self.due_ms.take_if(|due_ms| running_ms >= *due_ms).is_none() {
            return;
        }
        for version in schema::OLDEST..schema::newest() {
            let copy = name(version);
            if self.data_dir.remove(&copy).is_ok() {
                tracing::info!(
                    copy,
                    "the copy of the database's older version is no longer needed"
                );
            }
        }
    }
}

/// Copies a database of this version. The copy is on disk when this returns.
pub(super) fn make(db: &Connection, data_dir: &Path, version: i32) -> Result<(), StoreError> {
    let to = path(data_dir, version);
    let directory = |source| StoreError::Directory { path: to.clone(), source };
    // Under another name until it is whole: a part of a copy is none.
    let unfinished = to.with_added_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    db.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(directory)?;
    fs::rename(&unfinished, &to).map_err(directory)?;
    // A power cut must not leave the new version without the copy.
    File::open(data_dir).and_then(|parent| parent.sync_all()).map_err(directory)?;
    tracing::info!(copy = %to.display(), "the database is upgraded to a new version; a copy of it as it was is kept");
    Ok(())
}

/// The copy of the newest version that this program knows, for the database at `database`.
pub(super) fn newest(database: &Path) -> Option<PathBuf> {
    let data_dir = database.parent().unwrap_or(Path::new("."));
    let mut copies =
        (schema::OLDEST..=schema::newest()).rev().map(|version| path(data_dir, version));
    copies.find(|copy| copy.exists())
}

fn path(data_dir: &Path, version: i32) -> PathBuf {
    data_dir.join(name(version))
}

fn name(version: i32) -> String {
    format!("{PREFIX}{version}")
}
