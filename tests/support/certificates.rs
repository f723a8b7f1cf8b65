//! TLS certificates, made by the `openssl` command for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

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

impl Authority {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut command = new_key(dir.path(), "authority");
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
        let dir = self.dir.path();
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.pem"));
        let extensions = format!("subjectAltName={place}\nbasicConstraints=CA:FALSE\n");
        fs::write(dir.join("extensions"), extensions).unwrap();
        let mut command = new_key(dir, name);
        succeed(command.args(["-subj", &format!("/CN={name}"), "-out", &request]));
        let mut command = openssl(dir, "x509");
        command.args(["-req", "-days", "2", "-set_serial", "7", "-extfile", "extensions"]);
        command.args(["-CA", "authority.pem", "-CAkey", "authority.key"]);
        succeed(command.args(["-in", &request, "-out", &certificate]));
        Identity { certificate: dir.join(certificate), key: dir.join(format!("{name}.key")) }
    }
}

fn new_key(dir: &Path, name: &str) -> Command {
    let mut command = openssl(dir, "req");
    command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
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
