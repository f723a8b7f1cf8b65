//! The doctor's check of who else uses the database.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::report::{Check, Report};
use crate::limits::WAL_LARGE_BYTES;
use crate::sizes::Bytes;
use crate::store::{DATABASE_FILE, LockHolder, lock_holders, wal_bytes};

/// A gateway holds its locks for moments, and may hide another process meanwhile.
const SAMPLES: usize = 10;
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// Checks that no other program keeps the gateway from writing, or its write-ahead log from
/// starting over.
pub(super) fn locks(report: &mut Report, data_dir: &Path) {
    let shared = data_dir.join(format!("{DATABASE_FILE}-shm"));
    if matches!(access(&shared, Access::READ_OK), Err(Errno::ACCESS)) {
        let message =
            format!("who uses the database in {} cannot be looked at", data_dir.display());
        return report.skipped(Check::Locks, message, "run the doctor as root");
    }
    let (early, late) = (Sample::take(data_dir), Sample::take(data_dir));
    let mut is_free = true;
    for writer in early.writers.iter().filter(|writer| late.writers.contains(writer)) {
        is_free = false;
        report.wrong(
            Check::Locks,
            format!("{writer} has locked the database; no mutation is decided meanwhile"),
            "end it, or wait for it; the gateway continues by itself",
        );
    }
    let (bytes, shown) = (wal_bytes(data_dir), Bytes(wal_bytes(data_dir)));
    for reader in early.readers.iter().filter(|reader| late.readers.contains(reader)) {
        is_free = false;
        let message =
            format!("{reader} reads the database, whose log has {shown} and grows until that ends");
        let next = "end it if it hangs; a backup is made with `stockgate backup`";
        match bytes {
            WAL_LARGE_BYTES.. => report.wrong(Check::Locks, message, next),
            _ => report.note(Check::Locks, message, next),
        }
    }
    if is_free {
        report
            .ok(Check::Locks, format!("no other program holds the database, its log has {shown}"));
    }
}

/// The processes, beside the gateway, that held a lock at some moment.
#[derive(Default)]
struct Sample {
    writers: Vec<LockHolder>,
    readers: Vec<LockHolder>,
}

impl Sample {
    fn take(data_dir: &Path) -> Self {
        let mut sample = Self::default();
        for _ in 0..SAMPLES / 2 {
            add(&mut sample.writers, lock_holders::writer(data_dir));
            add(&mut sample.readers, lock_holders::readers(data_dir));
            sleep(SAMPLE_EVERY);
        }
        sample
    }
}

fn add(all: &mut Vec<LockHolder>, found: impl IntoIterator<Item = LockHolder>) {
    for holder in found {
        if !holder.is_gateway() && !all.contains(&holder) {
            all.push(holder);
        }
    }
}
