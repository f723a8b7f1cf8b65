//! A PostgreSQL server from Debian's package, on a free loopback port.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::patience::until;
use super::process::free_port;

pub struct Postgres {
    server: Child,
    port: u16,
    _dir: TempDir,
}

impl Postgres {
    pub fn start() -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        give(dir.path());
        give(&data);
        let mut initdb = command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-D"]).arg(&data);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success(), "initdb");
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories="];
        let mut server = command("postgres");
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        server.args(["-p", &port.to_string(), "-D"]).arg(&data);
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let postgres = Self { server, port, _dir: dir };
        until("PostgreSQL answers", || postgres.is_ready());
        postgres
    }

    /// The connection string of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let mut ask = Command::new(installed("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port]).status().unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// The server refuses to run as root.
fn account() -> Option<(u32, u32)> {
    let am_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts.lines().find(|line| line.starts_with("postgres:"));
    let id = |at: usize| line.unwrap().split(':').nth(at).unwrap().parse().unwrap();
    am_root.then(|| (id(2), id(3)))
}

fn give(directory: &Path) {
    if let Some((user, group)) = account() {
        chown(directory, Some(user), Some(group)).unwrap();
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(installed(program));
    command.current_dir("/");
    if let Some((user, group)) = account() {
        command.uid(user).gid(group);
    }
    command
}

/// Debian installs the server's programs by version, outside the path.
fn installed(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql");
    let versions = versions.expect("PostgreSQL is missing: apt-get install postgresql");
    let programs = versions.map(|version| version.unwrap().path().join("bin").join(program));
    programs.filter(|path| path.exists()).max().unwrap()
}
