//! TLS certificates, made by the `openssl` command for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::clock::library;
use super::process::run_to_end;

/// A certificate authority, and the directory of everything that it has signed.
pub struct Authority {
    dir: TempDir,
}

/// A certificate and its key.
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How a certificate is made.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// An extension beside the name.
    pub extension: &'a str,
    /// The curve of the key.
    pub curve: &'a str,
    /// What the clock shows meanwhile, as libfaketime takes it.
    pub clock: Option<&'a str>,
    /// Without extensions, so that it has version 1.
    pub version_1: bool,
    /// Whose key signs it.
    pub issuer: &'a str,
    /// How it is signed.
    pub digest: &'a str,
}

impl Default for Made<'_> {
    fn default() -> Self {
        let (extension, curve) = ("basicConstraints=CA:FALSE", "prime256v1");
        let (issuer, digest) = ("authority", "sha256");
        Self { extension, curve, clock: None, version_1: false, issuer, digest }
    }
}

impl Authority {
    pub fn new() -> Self {
        Self::with_curve(Made::default().curve)
    }

    /// One with a key on this curve.
    pub fn with_curve(curve: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let mut command = new_key(dir.path(), "authority", curve);
        command.args(["-x509", "-days", "2", "-subj", "/CN=authority", "-out", "authority.pem"]);
        succeed(&mut command);
        Self { dir }
    }

    /// The file of its own certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// Signs a certificate for a name; `place` is a subject alternative name such as
    /// `IP:127.0.0.1`.
    pub fn sign(&self, name: &str, place: &str) -> Identity {
        self.make(name, place, Made::default())
    }

    /// The same with something odd about it.
    pub fn make(&self, name: &str, place: &str, made: Made<'_>) -> Identity {
        let dir = self.dir.path();
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.pem"));
        let extensions = format!("subjectAltName={place}\n{}\n", made.extension);
        fs::write(dir.join("extensions"), extensions).unwrap();
        let mut command = new_key(dir, name, made.curve);
        succeed(command.args(["-subj", &format!("/CN={name}"), "-out", &request]));
        let mut command = openssl(dir, "x509");
        if let Some(clock) = made.clock {
            command.env("LD_PRELOAD", library()).env("FAKETIME", clock);
        }
        command.args(["-req", &format!("-{}", made.digest), "-days", "2", "-set_serial", "7"]);
        if !made.version_1 {
            command.args(["-extfile", "extensions"]);
        }
        let (ca, key) = (format!("{}.pem", made.issuer), format!("{}.key", made.issuer));
        command.args(["-CA", &ca, "-CAkey", &key]);
        succeed(command.args(["-in", &request, "-out", &certificate]));
        Identity { certificate: dir.join(certificate), key: dir.join(format!("{name}.key")) }
    }
}

fn new_key(dir: &Path, name: &str, curve: &str) -> Command {
    let mut command = openssl(dir, "req");
    let curve = format!("ec_paramgen_curve:{curve}");
    command.args(["-newkey", "ec", "-pkeyopt", &curve, "-nodes"]);
    command.args(["-keyout", &format!("{name}.key")]);
    command
}

fn openssl(dir: &Path, operation: &str) -> Command {
    let mut command = Command::new("openssl");
    command.arg(operation).current_dir(dir);
    command
}

fn succeed(command: &mut Command) {
    let finished = run_to_end(command);
    assert_eq!(finished.code, Some(0), "{command:?}: {}", finished.output());
}
