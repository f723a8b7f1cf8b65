//! A PostgreSQL server from Debian's package, on a free loopback port.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::certificates::Authority;
use super::patience::until;
use super::process::{free_port, run_to_end};

pub struct Postgres {
    server: Child,
    port: u16,
    dir: TempDir,
    settings: Vec<String>,
}

impl Postgres {
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// A server that logs every statement.
    pub fn start_logging() -> Self {
        Self::start_with(|dir| {
            vec![
                "logging_collector=on".into(),
                format!("log_directory={}", dir.display()),
                "log_filename=server.log".into(),
                "log_statement=all".into(),
            ]
        })
    }

    /// What it has logged until now.
    pub fn log(&self) -> String {
        let marker = format!("until now {}", self.log_text().len());
        self.sql(&format!("SELECT '{marker}'"));
        until("the log is written", || self.log_text().contains(&marker));
        self.log_text()
    }

    fn log_text(&self) -> String {
        fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
    }

    /// A server with TLS, and with the certificate authority that has signed its certificate.
    /// `clients` are verified against that authority, too.
    pub fn start_with_tls(authority: &Authority) -> Self {
        let identity = authority.sign("postgres", "IP:127.0.0.1");
        Self::start_with(|dir| {
            let place = |from: &Path, name: &str| {
                let to = dir.join(name);
                fs::copy(from, &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
                give(&to);
                to.display().to_string()
            };
            vec![
                "ssl=on".into(),
                format!("ssl_cert_file={}", place(&identity.certificate, "server.pem")),
                format!("ssl_key_file={}", place(&identity.key, "server.key")),
                format!("ssl_ca_file={}", place(&authority.file(), "authority.pem")),
            ]
        })
    }

    fn start_with(settings: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        give(dir.path());
        give(&data);
        let mut initdb = command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-N", "-D"]).arg(&data);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success(), "initdb");
        let settings = settings(dir.path());
        let server = launch(dir.path(), port, &settings);
        let postgres = Self { server, port, dir, settings };
        postgres.wait();
        postgres
    }

    pub fn pid(&self) -> u32 {
        self.server.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server at once and starts it again with the same data and port.
    pub fn restart(&mut self) {
        self.restart_after("INT");
    }

    /// The same without letting it write anything before: it has to recover.
    pub fn crash(&mut self) {
        self.restart_after("QUIT");
    }

    fn restart_after(&mut self, signal: &str) {
        self.signal(signal);
        self.server.wait().unwrap();
        self.server = launch(self.dir.path(), self.port, &self.settings);
        self.wait();
    }

    /// Stops every process of the server without ending it: connections stay open, and nothing is
    /// answered.
    pub fn pause(&self) {
        self.signal("STOP");
        self.sessions().iter().for_each(|pid| send(pid, "STOP"));
    }

    pub fn resume(&self) {
        self.sessions().iter().for_each(|pid| send(pid, "CONT"));
        self.signal("CONT");
    }

    /// Executes SQL as the superuser; returns the rows as text.
    pub fn sql(&self, sql: &str) -> String {
        self.psql(&["-c", sql])
    }

    /// Executes a script.
    pub fn run_file(&self, script: &Path) {
        self.psql(&["-f", script.to_str().unwrap()]);
    }

    fn psql(&self, arguments: &[&str]) -> String {
        let mut psql = Command::new(installed("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
        psql.args(["-p", &self.port.to_string(), "-d", "postgres"]).args(arguments);
        let finished = run_to_end(&mut psql);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.output());
        finished.stdout.trim().to_owned()
    }

    /// Requires a client certificate from the role `hub`.
    pub fn require_certificates(&self) {
        let file = self.dir.path().join("data/pg_hba.conf");
        let rules = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("hostssl all hub 127.0.0.1/32 cert\n{rules}")).unwrap();
        self.sql("SELECT pg_reload_conf()");
    }

    fn signal(&self, name: &str) {
        send(&self.server.id().to_string(), name);
    }

    /// The process ids of the server's children.
    fn sessions(&self) -> Vec<String> {
        let server = self.server.id().to_string();
        let listed = Command::new("pgrep").args(["-P", &server]).output().unwrap();
        String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn wait(&self) {
        until("PostgreSQL answers", || self.is_ready());
    }

    /// The connection string of its database.
    pub fn url(&self) -> String {
        self.url_with("")
    }

    /// The same with parameters.
    pub fn url_with(&self, parameters: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres{parameters}", self.port)
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let mut ask = Command::new(installed("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port]).status().unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.resume();
        self.signal("INT");
        let _ = self.server.wait();
    }
}

fn launch(dir: &Path, port: u16, settings: &[String]) -> Child {
    let fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories="];
    let settings = fixed.into_iter().chain(settings.iter().map(String::as_str));
    let mut server = command("postgres");
    server.args(settings.flat_map(|setting| ["-c", setting]));
    server.args(["-p", &port.to_string(), "-D"]).arg(dir.join("data"));
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(pid: &str, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), pid]).stderr(Stdio::null()).status();
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
