//! The key with which this machine signs its ledger. It is made at the first start, and nobody else
//! needs to read it; only the public half ever leaves the machine.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The bytes of the file: the seed of an Ed25519 key.
const SEED_BYTES: usize = 32;

/// The key of this machine.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads the key from the service manager's credential of this name, or from the file of this name
    /// in a directory, where it is made if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no key.
    pub fn open(directory: &Path, name: &str) -> io::Result<Self> {
        if let Some(key) = Self::credential(name) {
            return key;
        }
        let path = directory.join(name);
        match Self::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&path)?;
                Self::read(&path)
            }
            read => read,
        }
    }

    /// Reads the key from the service manager's credential of this name, if there is one.
    pub fn credential(name: &str) -> Option<io::Result<Self>> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY")?;
        let path = Path::new(&directory).join(name);
        path.exists().then(|| Self::read(&path))
    }

    fn read(path: &PathBuf) -> io::Result<Self> {
        let seed = fs::read(path)?;
        let key = Ed25519KeyPair::from_seed_unchecked(&seed);
        let wrong = |_| io::Error::other(format!("{} holds no key", path.display()));
        key.map(Self).map_err(wrong)
    }

    /// The pair, to sign with.
    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.0
    }

    /// The public half.
    ///
    /// # Panics
    /// Never: public keys of Ed25519 have 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut seed = [0; SEED_BYTES];
    let filled = SystemRandom::new().fill(&mut seed);
    filled.map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let unfinished = path.with_added_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(&seed)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let key = SigningKey::open(directory.path(), "device.key").unwrap().public();
        assert_eq!(SigningKey::open(directory.path(), "device.key").unwrap().public(), key);
        let file = directory.path().join("device.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, b"short").unwrap();
        assert!(SigningKey::open(directory.path(), "device.key").is_err());
    }
}
