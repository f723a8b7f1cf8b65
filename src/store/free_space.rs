//! What a filesystem has left: bytes, and inodes, without which no file can be made however many
//! bytes are free.

use std::fmt::{Display, Formatter, Result};
use std::path::Path;

use rustix::fs::{StatVfs, statvfs};

use crate::sizes::Bytes;

/// What the filesystem of a directory has left for this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreeSpace {
    /// `None` if it cannot be determined.
    pub bytes: Option<u64>,
    /// Files that can still be made; `None` if the filesystem has no limit to them.
    pub inodes: Option<u64>,
}

impl FreeSpace {
    /// Asks the filesystem.
    pub fn of(directory: &Path) -> Self {
        statvfs(directory).map_or_else(|_| Self::default(), |filesystem| Self::new(&filesystem))
    }

    pub(super) fn new(filesystem: &StatVfs) -> Self {
        Self {
            bytes: Some(filesystem.f_bavail.saturating_mul(filesystem.f_frsize)),
            inodes: (filesystem.f_files > 0).then_some(filesystem.f_favail),
        }
    }

    /// Whether no file can be made for want of inodes.
    pub fn is_out_of_inodes(&self) -> bool {
        self.inodes == Some(0)
    }
}

/// What to do on a filesystem without space.
pub(super) struct Shortage<'a>(pub(super) &'a Path, pub(super) FreeSpace);

impl Display for Shortage<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let Self(directory, free) = self;
        let directory = directory.display();
        let bytes = match free.bytes {
            Some(bytes) => format!("{} are free", Bytes(bytes)),
            None => "an unknown number of bytes is free".into(),
        };
        if free.is_out_of_inodes() {
            return write!(
                to,
                "the filesystem of {directory} is out of inodes, though {bytes}: delete files there, `df -i` counts them"
            );
        }
        write!(to, "free space on the filesystem of {directory}: {bytes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_inodes_is_told_apart_from_out_of_space() {
        let told =
            |bytes, inodes| Shortage(Path::new("/data"), FreeSpace { bytes, inodes }).to_string();
        let full = "free space on the filesystem of /data: 3 MiB are free";
        for inodes in [None, Some(9)] {
            assert_eq!(told(Some(3 << 20), inodes), full);
        }
        let out = told(Some(3 << 30), Some(0));
        assert!(out.contains("out of inodes, though 3 GiB are free"), "{out}");
        assert!(told(None, None).contains("unknown"));
    }
}
