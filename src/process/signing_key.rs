//! The key with which this machine signs its ledger. It is made at the first start, and nobody else
//! needs to read it; only the public half ever leaves the machine.
//!
//! The file holds the seed and the public half that belongs to it, so that a flipped bit does not make
//! another key. A file of the seed alone is read, too.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The bytes of the seed of an Ed25519 key, the first half of the file.
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
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|it| !it.is_empty())?;
        let path = Path::new(&directory).join(name);
        path.exists().then(|| Self::read(&path))
    }

    /// Reads the key from this file, and makes none.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no key.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let key = match bytes.split_at_checked(SEED_BYTES) {
            Some((seed, public)) if !public.is_empty() => {
                Ed25519KeyPair::from_seed_and_public_key(seed, public)
            }
            Some(_) | None => Ed25519KeyPair::from_seed_unchecked(&bytes),
        };
        let wrong = |_| io::Error::other(format!("{} holds no key, or is damaged", path.display()));
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
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
    let pair = pair.map_err(|_| io::Error::other("no key can be made"))?;
    let unfinished = path.with_added_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(&seed)?;
    file.write_all(pair.public_key().as_ref())?;
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

    #[test]
    fn no_flipped_bit_makes_another_key_and_a_seed_alone_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SigningKey::open(directory.path(), "device.key");
        let key = open().unwrap().public();
        let file = directory.path().join("device.key");
        let whole = fs::read(&file).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, flipped).unwrap();
            assert!(open().is_err(), "bit {bit}");
        }
        fs::write(&file, &whole[..SEED_BYTES]).unwrap();
        assert_eq!(open().unwrap().public(), key);
        for bytes in [0, 31, 33, 63] {
            fs::write(&file, &whole[..bytes]).unwrap();
            assert!(open().is_err(), "{bytes} bytes");
        }
    }
}
