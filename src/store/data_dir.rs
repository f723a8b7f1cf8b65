//! The data directory, open and locked.
//!
//! The directory itself is locked and not only a file in it: a file may be removed, and the next
//! gateway would make and lock another one. What lies beside the database is reached through the
//! open directory and not by path, so it is never written into a directory that was put in the
//! place of this one.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstatfs, fstatvfs, openat, statat, unlinkat};

use super::directories::create_directory;
use super::error::StoreError;
use super::files::{DATABASE_FILE, LOCK_FILE, RESERVE_FILE};
use super::free_space::FreeSpace;
use super::locked_file::LockedFile;

/// The filesystems on which a lock of a whole file is one of its bytes, and would keep SQLite from
/// locking them: NFS and two kinds of SMB.
const SHARED_FILESYSTEMS: [u32; 3] = [0x6969, 0xff53_4d42, 0xfe53_4d42];

/// A data directory, which is this process's alone.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    handle: LockedFile,
    /// Whether a gateway has used the directory before.
    was_used: bool,
    /// Locked for gateways of earlier versions, which lock nothing else.
    _lock_file: LockedFile,
}

impl DataDir {
    /// Opens a data directory, which is created if need be, and locks it against every other
    /// gateway. The lock lasts as long as this value.
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Directory { path: path.into(), source };
        create_directory(path).map_err(failed)?;
        let handle = File::open(path).map_err(failed)?;
        let handle = LockedFile::lock_if_supported(handle, path)?;
        let was_used = was_used(path);
        let flags = OFlags::WRONLY | OFlags::CREATE;
        let lock_file = open_in(handle.file(), LOCK_FILE, flags).map_err(failed)?;
        // In any case: a directory cannot be locked everywhere.
        let lock_file = LockedFile::lock(lock_file, path)?;
        Ok(Self { path: path.into(), handle, was_used, _lock_file: lock_file })
    }

    /// Locks the database file, which may have been moved here from the directory of a gateway
    /// that has it open.
    ///
    /// The file must stay open until SQLite has closed the database: closing any of a process's
    /// files drops the locks that the process has on it, SQLite's too.
    pub(super) fn lock_database(&self) -> Result<LockedFile, StoreError> {
        let path = self.path.join(DATABASE_FILE);
        let file = match self.open(DATABASE_FILE, OFlags::RDWR) {
            // SQLite reports what it may not write.
            Err(error) if is_forbidden(&error) => self.open(DATABASE_FILE, OFlags::RDONLY),
            opened => opened,
        };
        let file = file.map_err(|source| StoreError::Directory { path: path.clone(), source })?;
        if is_on_shared_filesystem(&file) {
            Ok(LockedFile::without_lock(file))
        } else {
            LockedFile::lock_if_supported(file, &path)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn handle(&self) -> &File {
        self.handle.file()
    }

    pub(super) fn was_used(&self) -> bool {
        self.was_used
    }

    /// Opens a file in it.
    pub(super) fn open(&self, name: &str, flags: OFlags) -> io::Result<File> {
        open_in(self.handle.file(), name, flags)
    }

    pub(super) fn stat(&self, name: &str) -> io::Result<Stat> {
        Ok(statat(self.handle.file(), name, AtFlags::empty())?)
    }

    pub(super) fn metadata(&self, name: &str) -> io::Result<Metadata> {
        self.open(name, OFlags::PATH)?.metadata()
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.stat(name).is_ok()
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(self.handle.file(), name, AtFlags::empty())?)
    }

    /// Makes what was created in it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.handle.file().sync_all()
    }

    /// What its filesystem has left for this process.
    pub(super) fn free_space(&self) -> FreeSpace {
        fstatvfs(self.handle.file())
            .map_or_else(|_| FreeSpace::default(), |left| FreeSpace::new(&left))
    }
}

/// Whether a gateway has used this directory.
pub(super) fn was_used(path: &Path) -> bool {
    [LOCK_FILE, RESERVE_FILE].iter().any(|file| path.join(file).exists())
}

/// Whether another machine may keep this file.
pub(super) fn is_on_shared_filesystem(file: &File) -> bool {
    fstatfs(file).is_ok_and(|kind| SHARED_FILESYSTEMS.contains(&(kind.f_type as u32)))
}

fn open_in(directory: &File, name: &str, flags: OFlags) -> io::Result<File> {
    let mode = Mode::from_raw_mode(0o666);
    Ok(openat(directory, name, flags | OFlags::CLOEXEC, mode)?.into())
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
