//! PostgreSQL with one prepared call of a function a deduction, committed by itself.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::client::{Load, Message, Protocol, block_on};
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::requests::{Request, sku_name};
use crate::load::served::{Served, free_port};

const SCHEMA: &str = include_str!("deduct.sql");
const VERSION_3: i32 = 196_608;
const TEXT: i32 = 25;
const INTEGER: i32 = 23;
const READY: u8 = b'Z';

/// A running PostgreSQL.
pub(crate) struct Postgres {
    served: Served,
    _dir: TempDir,
}

impl Postgres {
    /// Starts one that has stock of all SKUs and remembers so many requests.
    pub(crate) fn start(skus: usize, remembered: usize) -> Self {
        let (dir, port) = (temp_dir(), free_port());
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let account = Account::for_server();
        account.give(dir.path());
        account.give(&data);
        let mut initdb = account.command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "-D"]).arg(&data);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success(), "initdb");
        let mut server = account.command("postgres");
        // Room for all of it, and no checkpoint by the clock in others' rounds.
        let settings = "shared_buffers=1GB\nmax_wal_size=4GB\ncheckpoint_timeout=1h\n\
                        listen_addresses=127.0.0.1\nunix_socket_directories=";
        for setting in settings.lines() {
            server.args(["-c", setting]);
        }
        server.args(["-p", &port.to_string(), "-D"]).arg(&data);
        let served = Served::start(&mut server, port);
        block_on(fill(port, skus, remembered));
        Self { served, _dir: dir }
    }

    /// Asks it.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        load.run(self.served.port, &Prepared, || self.served.bytes_written())
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
        let mut out = Vec::new();
        message(&mut out, Some(b'Q'), |body| text(body, sql));
        say(&mut socket, &out).await;
    }
}

/// Who the server runs as: it refuses to be root.
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

/// Debian keeps the server's programs beside each other by version, and not on the path.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap();
    let programs = versions.map(|version| version.unwrap().path().join("bin").join(program));
    programs.filter(|path| path.exists()).max().unwrap()
}

#[derive(Clone, Copy)]
struct Prepared;

impl Protocol for Prepared {
    async fn greet(&self, socket: &mut TcpStream) {
        say_hello(socket).await;
        let mut out = Vec::new();
        message(&mut out, Some(b'P'), |body| {
            text(body, "deduct");
            text(body, "SELECT deduct($1, $2, $3)");
            body.extend(3_i16.to_be_bytes());
            [TEXT, TEXT, INTEGER].iter().for_each(|kind| body.extend(kind.to_be_bytes()));
        });
        message(&mut out, Some(b'S'), |_| ());
        say(socket, &out).await;
    }

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        message(out, Some(b'B'), |body| {
            text(body, "");
            text(body, "deduct");
            // All parameters are texts.
            body.extend(0_i16.to_be_bytes());
            body.extend(3_i16.to_be_bytes());
            for value in [&request.id, sku_name(request.sku).as_bytes(), b"1"] {
                body.extend((value.len() as i32).to_be_bytes());
                body.extend(value);
            }
            body.extend(0_i16.to_be_bytes());
        });
        message(out, Some(b'E'), |body| {
            text(body, "");
            body.extend(0_i32.to_be_bytes());
        });
        message(out, Some(b'S'), |_| ());
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let (kind, length) = arrived.get(..5)?.split_first()?;
        let bytes = 1 + i32::from_be_bytes(length.try_into().unwrap()) as usize;
        let whole = arrived.get(..bytes)?;
        assert!(*kind != b'E', "refused: {}", String::from_utf8_lossy(whole));
        Some(Message { bytes, answers: *kind == READY })
    }
}

async fn say_hello(socket: &mut TcpStream) {
    let mut out = Vec::new();
    message(&mut out, None, |body| {
        body.extend(VERSION_3.to_be_bytes());
        let words = ["user", "postgres", "database", "postgres", ""];
        words.iter().for_each(|word| text(body, word));
    });
    say(socket, &out).await;
}

/// Says something and waits until the server is ready for more.
async fn say(socket: &mut TcpStream, out: &[u8]) {
    socket.write_all(out).await.unwrap();
    let mut arrived = Vec::new();
    loop {
        socket.read_buf(&mut arrived).await.unwrap();
        while let Some(message) = Prepared.message(&arrived) {
            arrived.drain(..message.bytes);
            if message.answers {
                return;
            }
        }
    }
}

/// Appends a message: its kind, if it has one, its length, and its body.
fn message(out: &mut Vec<u8>, kind: Option<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend(kind);
    let start = out.len();
    out.extend([0; 4]);
    write(out);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.as_bytes());
    out.push(0);
}
