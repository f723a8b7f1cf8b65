//! Redis with one script a deduction, its append-only file synced.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;

use crate::load::client::{Load, Message, Protocol, ask_all};
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::requests::{Request, sku_name};
use crate::load::served::{Served, free_port};

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
    /// Starts one that has stock of all SKUs and has decided these requests.
    pub(crate) fn start(
        appendfsync: &str,
        skus: usize,
        before: impl Iterator<Item = Request>,
    ) -> Self {
        let (dir, port) = (temp_dir(), free_port());
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]);
        // Rewrites of its file would come in the middle of others' rounds; it is spared them.
        let rewrites = ["--save", "", "--auto-aof-rewrite-percentage", "0"];
        command.arg(dir.path()).args(["--appendonly", "yes"]).args(rewrites);
        let served = Served::start(&mut command, port);
        let mut admin = Admin::connect(port);
        admin.say(&["CONFIG", "SET", "appendfsync", "no"]);
        admin.say(&["EVAL", RESTOCK, "0", &skus.to_string()]);
        admin.say(&["SCRIPT", "LOAD", SCRIPT]);
        let protocol = Resp { script: admin.line().into() };
        ask_all(port, &protocol, before);
        admin.say(&["CONFIG", "SET", "appendfsync", appendfsync]);
        Self { served, protocol, _dir: dir }
    }

    /// Asks it.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        load.run(self.served.port, &self.protocol, || self.served.bytes_written())
    }
}

/// A connection for what is done once.
struct Admin {
    socket: BufReader<TcpStream>,
}

impl Admin {
    fn connect(port: u16) -> Self {
        Self { socket: BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap()) }
    }

    /// Says something and reads the first line of the reply.
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

fn write_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    write!(out, "*{}\r\n", words.len()).unwrap();
    for word in words {
        write!(out, "${}\r\n", word.len()).unwrap();
        out.extend(*word);
        out.extend(b"\r\n");
    }
}

#[derive(Clone)]
struct Resp {
    script: Rc<str>,
}

impl Protocol for Resp {
    async fn greet(&self, _: &mut tokio::net::TcpStream) {}

    fn ask(&self, request: &Request, out: &mut Vec<u8>) {
        let id = [b"r:", &request.id[..]].concat();
        let sku = format!("s:{}", sku_name(request.sku));
        write_command(out, &[b"EVALSHA", self.script.as_bytes(), b"2", &id, sku.as_bytes(), b"1"]);
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        let line = &arrived[..arrived.iter().position(|byte| *byte == b'\n')?];
        assert!(line.starts_with(b":"), "refused: {}", String::from_utf8_lossy(line));
        Some(Message { bytes: line.len() + 1, answers: true })
    }
}
