//! The doctor's checks of the machine: free space, file permissions and the clock.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::iter;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::report::{Check, Report};
use crate::clock::{is_believable, is_unset, rfc3339, wall_ms};
use crate::limits::{RESERVE_BYTES, RESERVE_SPARE_BYTES};
use crate::process::signing_key::SigningKey;
use crate::sizes::Bytes;
use crate::store::{
    DATABASE_FILE, DEVICE_KEY_FILE, FreeSpace, HIGH_WATER_MARK_FILE, LINK_FILE, LOCK_FILE,
    RESERVE_FILE, free_pages_bytes, open_read_only,
};

/// Free space below this is reported as low.
const SOON_FULL_BYTES: u64 = 64 << 20;
/// The same for inodes, of which each file takes one.
const SOON_FULL_INODES: u64 = 64;
/// How far the clock may be before the newest entry, which it has labelled.
const CLOCK_LAG_MAX_MS: i64 = 60_000;

pub(super) fn space(report: &mut Report, data_dir: &Path) {
    let shown = data_dir.display();
    let left = FreeSpace::of(data_dir);
    let Some(free) = left.bytes else {
        return report.skipped(
            Check::Space,
            format!("{shown}: free space cannot be determined"),
            "",
        );
    };
    if matches!(access(data_dir, Access::EXEC_OK), Err(Errno::ACCESS)) {
        let message = format!(
            "{} are free on the filesystem of {shown}; what is held back cannot be looked at",
            Bytes(free)
        );
        return report.skipped(Check::Space, message, "run the doctor as root");
    }
    // For housekeeping, either of the two is enough.
    let within = open_read_only(data_dir).and_then(|db| free_pages_bytes(&db)).unwrap_or_default();
    let held = fs::metadata(data_dir.join(RESERVE_FILE)).map_or(0, |file| file.blocks() * 512);
    let held = held.max(within);
    let message = format!(
        "{} are free on the filesystem of {shown}, {} are held back",
        Bytes(free),
        Bytes(held)
    );
    let next = "free space there, or keep the ledger for fewer days (stock.ledger_retention_days)";
    if let Some(inodes @ ..SOON_FULL_INODES) = left.inodes {
        let message = format!(
            "{inodes} inodes are free on the filesystem of {shown}: without any, no file can be made"
        );
        let next = "delete files there; `df -i` counts them";
        match inodes {
            0 => report.wrong(Check::Space, message, next),
            _ => report.note(Check::Space, message, next),
        }
    }
    match free {
        _ if held < RESERVE_BYTES && free < RESERVE_BYTES + RESERVE_SPARE_BYTES => {
            report.wrong(Check::Space, message, next);
        }
        free if free < SOON_FULL_BYTES => report.note(Check::Space, message, next),
        _ => report.ok(Check::Space, message),
    }
}

/// The files of a gateway. Other files in the directory are ignored.
fn files_of_gateway(data_dir: &Path) -> Vec<PathBuf> {
    let logs = ["", "-wal", "-shm"].map(|suffix| format!("{DATABASE_FILE}{suffix}"));
    let others = [LOCK_FILE, RESERVE_FILE, HIGH_WATER_MARK_FILE, LINK_FILE].map(String::from);
    let names = logs.into_iter().chain(others);
    names.map(|name| data_dir.join(name)).filter(|file| file.exists()).collect()
}

/// Checks that the gateway can write its files: they belong to the owner of the directory, who may
/// write them, and neither the filesystem nor a file attribute forbids it.
pub(super) fn permissions(report: &mut Report, data_dir: &Path) {
    let (shown, check) = (data_dir.display(), Check::Permissions);
    let Ok(directory) = fs::metadata(data_dir) else { return };
    if let Err(error) = fs::read_dir(data_dir) {
        let message = format!("the files in {shown} cannot be looked at: {error}");
        return report.skipped(
            check,
            message,
            "run the doctor as the gateway's account, or as root",
        );
    }
    let files = files_of_gateway(data_dir);
    let paths = || iter::once(data_dir).chain(files.iter().map(PathBuf::as_path));
    match paths().find_map(|path| obstacle(path, &directory)) {
        Some((message, next)) => report.wrong(check, message, next),
        None => report.ok(check, format!("the files in {shown} are the gateway's own")),
    }
    if directory.mode() & 0o005 != 0 && files.iter().any(is_open) {
        let message = format!("every account on this machine can read {}", data_dir.display());
        report.note(Check::Permissions, message, "chmod 700, as the unit does");
    }
}

/// Checks the key that signs the ledger: without it, the gateway works and proves nothing. If there is
/// no file, the next start makes one, or the service manager has the key.
pub(super) fn key(report: &mut Report, data_dir: &Path) {
    let (path, check) = (data_dir.join(DEVICE_KEY_FILE), Check::Key);
    let (Ok(file), Ok(directory)) = (fs::metadata(&path), fs::metadata(data_dir)) else { return };
    let shown = path.display();
    if file.uid() != directory.uid() || file.mode() & 0o400 == 0 {
        let message = format!("{shown} is not the gateway's own to read: its ledger is not signed");
        let next = "chown it to the owner of the directory, chmod 600, then restart the gateway";
        return report.wrong(check, message, next);
    }
    match SigningKey::read(&path) {
        Ok(_) => {
            report.ok(check, format!("{shown} holds a key"));
            others_may_read(report, &path);
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let message = format!("{shown} cannot be looked at: {error}");
            report.skipped(check, message, "run the doctor as the gateway's account, or as root");
        }
        Err(error) => {
            let message = format!("the ledger is not signed: {error}");
            report.wrong(check, message, "put back a copy of it; without one, move it away and restart the gateway, which makes a new key, and have the hub accept that");
        }
    }
}

/// Says of a key that more accounts than its owner's may read it.
pub(in crate::cli) fn others_may_read(report: &mut Report, path: &Path) {
    if fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0) {
        let message = format!("other accounts may read {}, and sign with it", path.display());
        report.note(Check::Key, message, "chmod 600");
    }
}

/// What keeps the gateway from writing a file or its directory, and what to do.
fn obstacle(path: &Path, directory: &Metadata) -> Option<(String, &'static str)> {
    let shown = path.display();
    // The kernel answers like this to root, too.
    match access(path, Access::WRITE_OK) {
        Err(Errno::ROFS) => {
            let next = "`dmesg` may say why; make it writable again: mount -o remount,rw";
            return Some((format!("{shown} is on a filesystem that is mounted read-only"), next));
        }
        Err(Errno::PERM) => {
            return Some((format!("{shown} is marked immutable"), "chattr -i on it"));
        }
        // The doctor's own rights do not matter.
        Ok(()) | Err(_) => {}
    }
    let file = fs::metadata(path).ok()?;
    let needed = if file.is_dir() { 0o700 } else { 0o600 };
    let is_its_own = file.uid() == directory.uid() && file.mode() & needed == needed;
    let next = "chown it to the owner of the directory, chmod u+rw (a directory u+rwx)";
    (!is_its_own).then(|| (format!("{shown} is not the gateway's own to read and write"), next))
}

/// Checks that nobody else can read files that hold secrets.
pub(in crate::cli) fn secrets(report: &mut Report, files: &[PathBuf]) {
    // A service that reads the file as one of the others could not start any more without the group.
    const NEXT: &str = "chgrp it to the service's group (stockgate, or stockgate-hub), which must go on reading it, then chmod g+r,o-r";
    for file in files.iter().filter(|file| is_open(file)) {
        let message = format!(
            "{} holds secrets, and every account on this machine can read it",
            file.display()
        );
        report.note(Check::Permissions, message, NEXT);
    }
}

fn is_open(file: impl AsRef<Path>) -> bool {
    fs::metadata(file).is_ok_and(|data| data.mode() & 0o004 != 0)
}

/// Checks the wall clock, also against the newest entry, if it is known. Nothing is decided by it, but it labels entries, and TLS needs it.
pub(in crate::cli) fn clock(report: &mut Report, newest_ms: Option<i64>) {
    let now_ms = wall_ms();
    let message = format!("the clock says {}", rfc3339(now_ms));
    let next =
        "set the clock, or let NTP do it; entries are labelled by it, and TLS fails without it";
    match newest_ms {
        _ if !is_believable(now_ms) => {
            report.wrong(Check::Clock, format!("{message}, before this program was built"), next);
        }
        Some(newest_ms) if now_ms + CLOCK_LAG_MAX_MS < newest_ms => {
            let newest = rfc3339(newest_ms);
            let message = format!("{message}, but the newest entry was made at {newest}");
            report.note(Check::Clock, message, next);
        }
        Some(_) | None => report.ok(Check::Clock, message),
    }
    // systemd-timesyncd leaves a file; without one, nothing is known.
    if is_unset() {
        report.note(
            Check::Clock,
            "the clock has not been set by NTP since the start",
            "timedatectl timesync-status says why",
        );
    }
}

/// The database's files with their sizes, for the bundle.
pub(super) fn listing(data_dir: &Path) -> String {
    let mut lines: Vec<String> = fs::read_dir(data_dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            let (name, mode) = (entry.file_name(), data.mode() & 0o7777);
            let changed = rfc3339(data.mtime().saturating_mul(1_000));
            Some(format!(
                "{mode:04o} {}:{} {:>12} {changed} {}",
                data.uid(),
                data.gid(),
                data.len(),
                name.display()
            ))
        })
        .collect();
    lines.sort();
    format!("{}, database {DATABASE_FILE}\n{}\n", data_dir.display(), lines.join("\n"))
}
