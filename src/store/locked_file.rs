//! A file that is locked for as long as a value lives.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::StoreError;

/// A file whose lock ends with this value.
///
/// Closing the file would end it, too, but not while another process has a copy of the descriptor:
/// one that was forked and has not yet begun its program.
#[derive(Debug)]
pub(super) struct LockedFile(File);

impl LockedFile {
    /// Locks a file at a path.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has the lock.
    pub(super) fn lock(file: File, path: &Path) -> Result<Self, StoreError> {
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Self::with(file, locked, path)
    }

    /// The same for what not every filesystem can lock, as directories.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has the lock.
    pub(super) fn lock_if_supported(file: File, path: &Path) -> Result<Self, StoreError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL | Errno::BADF | Errno::NOSYS) => {
                Ok(Self(file))
            }
            locked => Self::with(file, locked, path),
        }
    }

    fn with(file: File, locked: Result<(), Errno>, path: &Path) -> Result<Self, StoreError> {
        match locked {
            Ok(()) => Ok(Self(file)),
            Err(Errno::WOULDBLOCK) => Err(StoreError::InUse(path.into())),
            Err(error) => Err(StoreError::Directory { path: path.into(), source: error.into() }),
        }
    }

    /// A file that must not be locked.
    pub(super) fn without_lock(file: File) -> Self {
        Self(file)
    }

    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // A file that is not locked stays as it is.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let lock = || LockedFile::lock(File::open(path).unwrap(), path);
        let first = lock().unwrap();
        assert!(matches!(lock(), Err(StoreError::InUse(in_use)) if in_use == path));
        let inherited = first.file().try_clone().unwrap();
        drop(first);
        lock().unwrap();
        drop(inherited);
    }
}
