//! The names of the files within a data directory.

/// The database. SQLite keeps its `-wal` and `-shm` files beside it.
pub const DATABASE_FILE: &str = "stockgate.db";
/// The file that a running gateway holds locked.
pub const LOCK_FILE: &str = "lock";
/// The disk space that is held back for housekeeping.
pub const RESERVE_FILE: &str = "reserve";
/// The position that the ledger had reached: see [`super::HighWaterMark`].
pub const HIGH_WATER_MARK_FILE: &str = "position";
/// The key with which the device signs its ledger: see [`crate::process::signing_key`].
pub const DEVICE_KEY_FILE: &str = "device.key";
/// What the hub link remembers of the way to the broker: see [`super::LinkFile`].
pub const LINK_FILE: &str = "link";
/// The directory in which a restore builds its target before it is moved into its place.
pub(super) const UNFINISHED_DIR: &str = "restoring";

/// What SQLite appends to the name of a database: nothing for the database itself, which comes
/// first, then its WAL and the WAL's index.
pub(super) const SQLITE_SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The names of the files that make up a database.
pub(super) fn database_files() -> [String; 3] {
    SQLITE_SUFFIXES.map(|suffix| format!("{DATABASE_FILE}{suffix}"))
}
