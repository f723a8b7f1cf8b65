//! Placement: whether the files that are open are still the ones at their paths.
//!
//! A process does not notice when a file that it has open is removed, or another one is put in its
//! place. It goes on writing into a file without a name, which is gone when the process ends. So
//! nothing is answered before the paths were compared with the open files, and these with what SQLite
//! has written into them.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Stat, StatxFlags, fstat, makedev, stat, statx};
use rustix::io::Errno;

use super::data_dir::DataDir;
use super::displacement::{Change, DisplacedKind, Displacement};
use super::files::{DATABASE_FILE, database_files};
use super::locked_file::LockedFile;
use super::overwrite::OverwriteWatch;

/// What tells one file from every other one. The number of its names does not: a file that was removed
/// here may have another name elsewhere, and some filesystems do not count those of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }

    /// That of the file at a path, without asking for its times: once a program has seen the time of a
    /// file, Linux 6.13 and later write a new one with the next change, which makes each sync of the log
    /// write the filesystem's journal as well.
    fn at(path: &CStr) -> rustix::io::Result<Self> {
        match statx(CWD, path, AtFlags::empty(), StatxFlags::INO) {
            Ok(found) => {
                let device = makedev(found.stx_dev_major, found.stx_dev_minor);
                Ok(Self { device, inode: found.stx_ino })
            }
            Err(Errno::NOSYS) => stat(path).map(|found| Self::of(&found)),
            Err(error) => Err(error),
        }
    }
}

/// Where a database was when it was opened.
#[derive(Debug)]
pub(super) struct Placement {
    directory: FileId,
    /// The database, its WAL and the WAL's index.
    files: [(String, FileId); 3],
    /// The whole paths of the first two, which hold what was committed.
    committed: [CString; 2],
    overwrites: OverwriteWatch,
    /// Locked. It must be closed after the database: see [`DataDir::lock_database`].
    database: LockedFile,
}

impl Placement {
    /// Remembers where an open database is, whose file was locked.
    pub(super) fn of(data_dir: &DataDir, database: LockedFile) -> io::Result<Self> {
        let directory = FileId::of(&fstat(data_dir.handle())?);
        let [db, wal, shm] = database_files();
        let with_id = |name: String| {
            let id = FileId::of(&data_dir.stat(&name)?);
            io::Result::Ok((name, id))
        };
        let files = [(db, FileId::of(&fstat(database.file())?)), with_id(wal)?, with_id(shm)?];
        let path = |(name, _): &(String, FileId)| {
            let path = data_dir.path().join(name).into_os_string().into_vec();
            io::Result::Ok(CString::new(path)?)
        };
        let committed = [path(&files[0])?, path(&files[1])?];
        let mut overwrites = OverwriteWatch::open(data_dir, &files[1].0, &files[2].0)?;
        overwrites.find(database.file());
        Ok(Self { directory, files, committed, overwrites, database })
    }

    /// Whether the paths lead to the files that hold what was committed, and nobody else has written
    /// into these. It is asked for after every commit; whether the directory and the index are the same
    /// is looked at every second.
    pub(super) fn holds_commits(&mut self) -> bool {
        let is_same = |(path, (_, id)): (&CString, &(String, FileId))| FileId::at(path) == Ok(*id);
        self.committed.iter().zip(&self.files).all(is_same)
            && self.overwrites.find(self.database.file()).is_none()
    }

    /// Finds what is no longer in its place, or was written over there.
    pub(super) fn find_displaced(&mut self, data_dir: &DataDir) -> Option<Displacement> {
        let found = stat(data_dir.path()).map_err(io::Error::from);
        if let Some(change) = change(&found, self.directory) {
            return Some(Displacement {
                path: data_dir.path().into(),
                kind: DisplacedKind::Directory,
                change,
                now_at: name_of(data_dir.handle()),
            });
        }
        self.find_file(data_dir).or_else(|| self.find_overwritten(data_dir))
    }

    fn find_overwritten(&mut self, data_dir: &DataDir) -> Option<Displacement> {
        let kind = self.overwrites.find(self.database.file())?;
        let (name, _) = &self.files[usize::from(kind == DisplacedKind::Log)];
        let path = data_dir.path().join(name);
        Some(Displacement { path, kind, change: Change::Overwritten, now_at: None })
    }

    fn find_file(&self, data_dir: &DataDir) -> Option<Displacement> {
        self.files.iter().find_map(|(name, id)| {
            let found = data_dir.stat(name);
            let change = change(&found, *id)?;
            let path = data_dir.path().join(name);
            if name == DATABASE_FILE {
                let (kind, now_at) = (DisplacedKind::Database, name_of(self.database.file()));
                return Some(Displacement { path, kind, change, now_at });
            }
            let is_harmless = found.is_ok_and(|new| is_new_log(name, &new));
            let change = if is_harmless { Change::Gone } else { change };
            Some(Displacement { path, kind: DisplacedKind::Log, change, now_at: None })
        })
    }
}

/// Whether the file in the place of a log is one that the next start begins with: an empty WAL, or
/// an index, which is written from the start in any case. Another program that reads the database
/// creates both.
fn is_new_log(name: &str, found: &Stat) -> bool {
    found.st_size == 0 || name.ends_with("-shm")
}

fn change(found: &io::Result<Stat>, expected: FileId) -> Option<Change> {
    match found {
        Ok(stat) if FileId::of(stat) == expected => None,
        Ok(_) => Some(Change::Replaced),
        Err(error) => {
            let kind = error.kind();
            let is_gone = matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            Some(if is_gone { Change::Gone } else { Change::Unreachable(kind) })
        }
    }
}

/// The path of an open file; `None` if it has none any more.
fn name_of(file: &File) -> Option<PathBuf> {
    let name = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    // The kernel says so. Not every filesystem counts the names of a directory.
    (!name.as_os_str().as_encoded_bytes().ends_with(b" (deleted)")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_with_its_times_and_without() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["one", "other"] {
            let path = dir.path().join(name);
            fs::write(&path, "").unwrap();
            let found = FileId::of(&stat(&path).unwrap());
            let path = CString::new(path.into_os_string().into_vec()).unwrap();
            assert_eq!(FileId::at(&path), Ok(found));
        }
    }
}
