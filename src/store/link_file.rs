//! A line beside the database that the hub link remembers. Losing it costs no more than finding it
//! out again, so it is not synced, and a line that cannot be read counts as none.

use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::data_dir::DataDir;
use super::database::Store;
use super::files::LINK_FILE;

/// The most that is read of it.
const LINE_BYTES_MAX: u64 = 1_024;

/// The file of one data directory.
#[derive(Clone, Debug)]
pub struct LinkFile {
    data_dir: Arc<DataDir>,
}

impl Store {
    /// The file in which the hub link keeps a line.
    pub fn link_file(&self) -> LinkFile {
        LinkFile { data_dir: Arc::clone(&self.data_dir) }
    }
}

impl LinkFile {
    /// The line, if there is one.
    pub fn read(&self) -> Option<String> {
        let mut bytes = Vec::new();
        let file = self.data_dir.open(LINK_FILE, OFlags::RDONLY).ok()?;
        file.take(LINE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (line, checksum) = text.strip_suffix('\n')?.rsplit_once(' ')?;
        (checksum == checksum_of(line)).then(|| line.to_owned())
    }

    /// Replaces the line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, line: &str) -> io::Result<()> {
        let text = format!("{line} {}\n", checksum_of(line));
        let file = self.data_dir.open(LINK_FILE, OFlags::WRONLY | OFlags::CREATE)?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        match self.data_dir.remove(LINK_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn checksum_of(line: &str) -> String {
    format!("{:08x}", crc32fast::hash(line.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_line_is_kept_until_it_is_replaced_removed_or_damaged() {
        let dir = TempDir::new().unwrap();
        let file = LinkFile { data_dir: Arc::new(DataDir::lock(dir.path()).unwrap()) };
        assert_eq!(file.read(), None);
        file.write("broker:1883 3840 7936").unwrap();
        file.write("broker:1883 0 792").unwrap();
        assert_eq!(file.read().as_deref(), Some("broker:1883 0 792"));
        fs::write(dir.path().join(LINK_FILE), "broker:1883 0 793 00000000\n").unwrap();
        assert_eq!(file.read(), None);
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.read(), None);
    }
}
