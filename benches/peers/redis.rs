//! Redis with one script a deduction and a synced append-only file.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::load::client::Load;
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::protocol::ask_all;
use crate::load::requests::Request;
use crate::load::served::{Served, free_port};
use crate::resp::{Resp, write_command};

const SCRIPT: &str = r"
    local before = redis.call('GET', KEYS[1])
    if before then return tonumber(before) end
    local units = tonumber(ARGV[1])
    if tonumber(redis.call('GET', KEYS[2]) or 0) < units then
        return redis.error_reply('not enough')
    end
    local left = redis.call('DECRBY', KEYS[2], units)
    redis.call('SET', KEYS[1], left, 'EX', 2592000)
    redis.call('XADD', 'ledger', '*', 'request', KEYS[1], 'sku', KEYS[2], 'change', -units)
    return left";
const RESTOCK: &str = r"
    for sku = 0, ARGV[1] - 1 do redis.call('SET', string.format('s:S%07d', sku), '1000000000') end";

/// A running Redis.
pub(crate) struct Redis {
    served: Served,
    protocol: Resp,
    _dir: TempDir,
}

impl Redis {
    /// Starts a server with stock of all SKUs and these decided requests.
    pub(crate) fn start(
        appendfsync: &str,
        skus: usize,
        before: impl Iterator<Item = Request>,
    ) -> Self {
        let (dir, port) = (temp_dir(), free_port());
        let served = Served::start(&mut command(dir.path(), port), port);
        let mut admin = Admin::connect(port);
        admin.say(&["CONFIG", "SET", "appendfsync", "no"]);
        admin.say(&["EVAL", RESTOCK, "0", &skus.to_string()]);
        admin.say(&["SCRIPT", "LOAD", SCRIPT]);
        let protocol = Resp { script: admin.line().into() };
        ask_all(port, &protocol, before);
        admin.say(&["CONFIG", "SET", "appendfsync", appendfsync]);
        Self { served, protocol, _dir: dir }
    }

    /// Sends it requests.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        load.run(self.served.port, &self.protocol, || self.served.bytes_written())
    }
}

fn command(dir: &Path, port: u16) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(dir);
    // Rewrites of its file are off, because they would disturb the rounds of others.
    let rewrites = ["--save", "", "--auto-aof-rewrite-percentage", "0"];
    command.args(["--appendonly", "yes"]).args(rewrites);
    command
}

/// A connection for set-up.
struct Admin {
    socket: BufReader<TcpStream>,
}

impl Admin {
    fn connect(port: u16) -> Self {
        Self { socket: BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap()) }
    }

    /// Sends a command and reads the first line of the reply.
    fn say(&mut self, words: &[&str]) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut out = Vec::new();
        write_command(&mut out, &words);
        self.socket.get_mut().write_all(&out).unwrap();
        let line = self.line();
        assert!(!line.starts_with('-'), "{line}");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.socket.read_line(&mut line).unwrap();
        line.trim_end().into()
    }
}
