//! PostgreSQL with one prepared call of a function a deduction, committed separately.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::load::client::Load;
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::protocol::block_on;
use crate::load::served::{Served, free_port};
use crate::pgwire::{Prepared, query, say_hello};

const SCHEMA: &str = include_str!("deduct.sql");
/// Memory for all data, and no timed checkpoint in the rounds of others.
const SETTINGS: [&str; 5] = [
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
];

/// A running PostgreSQL.
pub(crate) struct Postgres {
    served: Served,
    _dir: TempDir,
}

impl Postgres {
    /// Starts a server with stock of all SKUs and this many decided requests.
    pub(crate) fn start(skus: usize, remembered: usize) -> Self {
        let (dir, port) = (temp_dir(), free_port());
        let data = new_cluster(dir.path());
        let mut server = Account::for_server().command("postgres");
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        server.args(["-p", &port.to_string(), "-D"]).arg(data);
        let served = Served::start(&mut server, port);
        wait_until_ready(port);
        block_on(fill(port, skus, remembered));
        Self { served, _dir: dir }
    }

    /// Sends it requests.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        load.run(self.served.port, &Prepared, || self.served.bytes_written())
    }
}

fn new_cluster(dir: &Path) -> PathBuf {
    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    let account = Account::for_server();
    account.give(dir);
    account.give(&data);
    let mut initdb = account.command("initdb");
    initdb.args(["-A", "trust", "-U", "postgres", "-D"]).arg(&data);
    assert!(initdb.stdout(Stdio::null()).status().unwrap().success(), "initdb");
    data
}

/// It listens before it accepts sessions.
fn wait_until_ready(port: u16) {
    let mut ask = Command::new(installed("pg_isready"));
    ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
    while !ask.status().unwrap().success() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

async fn fill(port: u16, skus: usize, remembered: usize) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    say_hello(&mut socket).await;
    let stock = format!(
        "INSERT INTO stock SELECT 'S' || lpad(n::text, 7, '0'), 1000000000 \
         FROM generate_series(0, {skus} - 1) n"
    );
    let ledger = format!(
        "INSERT INTO ledger (request_id, sku, change, on_hand) \
         SELECT gen_random_uuid()::text, 'S0000000', -1, 0 FROM generate_series(1, {remembered})"
    );
    for sql in [SCHEMA, &stock, &ledger, "VACUUM ANALYZE", "CHECKPOINT"] {
        query(&mut socket, sql).await;
    }
}

/// The account of the server, which refuses to run as root.
struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    fn for_server() -> Self {
        let am_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = accounts.lines().find(|line| line.starts_with("postgres:"));
        let id = |at: usize| line.unwrap().split(':').nth(at).unwrap().parse().unwrap();
        Self { ids: am_root.then(|| (id(2), id(3))) }
    }

    fn give(&self, directory: &Path) {
        if let Some((user, group)) = self.ids {
            chown(directory, Some(user), Some(group)).unwrap();
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(installed(program));
        command.current_dir("/");
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Debian installs the server's programs by version, outside the path.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap();
    let programs = versions.map(|version| version.unwrap().path().join("bin").join(program));
    programs.filter(|path| path.exists()).max().unwrap()
}
