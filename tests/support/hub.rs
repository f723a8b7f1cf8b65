//! A hub process on a free loopback port, with books that are removed afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::broker::Broker;
use super::daemon::Daemon;
use super::http::{Http, encode};
use super::process::free_port;
use super::program::Program;
use super::terminal::Terminal;

pub struct Hub {
    /// Dropped before the directory, because it prints its log then.
    daemon: Daemon,
    dir: TempDir,
    program: Program,
    port: u16,
    store: String,
    environment: Vec<(String, String)>,
}

impl Hub {
    /// A running hub connected to a broker.
    pub fn start(broker: &Broker) -> Self {
        Self::start_with(&broker.section())
    }

    /// A running hub with this `[mqtt]` section.
    pub fn start_with(section: &str) -> Self {
        Self::start_as(Program::hub(), section)
    }

    /// The same with another program.
    pub fn start_as(program: Program, section: &str) -> Self {
        Self::start_at(program, None, section)
    }

    /// A running hub with its books at this address.
    pub fn start_on(store: &str, section: &str) -> Self {
        Self::start_at(Program::hub(), Some(store), section)
    }

    fn start_at(program: Program, store: Option<&str>, section: &str) -> Self {
        let mut hub = Self::prepare_at(program, store, section);
        hub.launch();
        hub
    }

    /// A configured hub that is not running yet. The extra TOML follows the keys of the table
    /// `[hub]`, so it may begin with more of them.
    pub fn prepare(extra: &str) -> Self {
        Self::prepare_at(Program::hub(), None, extra)
    }

    /// The same with its books at this address.
    pub fn prepare_on(store: &str, extra: &str) -> Self {
        Self::prepare_at(Program::hub(), Some(store), extra)
    }

    /// The same with another program; without an address, its books are in SQLite.
    pub fn prepare_at(program: Program, store: Option<&str>, extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let daemon = Daemon::new("the hub", dir.path().join("hub.log"));
        let sqlite = || format!("sqlite:{}", dir.path().join("hub.db").display());
        let store = store.map_or_else(sqlite, str::to_owned);
        let hub = Self { dir, program, port, store, environment: Vec::new(), daemon };
        hub.configure(&format!("127.0.0.1:{port}"), extra);
        hub
    }

    /// Rewrites the configuration, for the next start or reload.
    pub fn configure(&self, listen: &str, extra: &str) {
        let store = &self.store;
        let text = format!("[hub]\nstore = \"{store}\"\nlisten = \"{listen}\"\n{extra}");
        self.write("stockgate-hub.toml", &text);
    }

    /// Writes a file beside the configuration.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Sets an environment variable for later starts.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn launch(&mut self) {
        self.spawn();
        let http = self.http();
        self.daemon.wait_until(|| {
            http.try_send("GET", "/readyz", None).is_ok_and(|answer| answer.status == 200)
        });
    }

    /// Starts the hub without waiting.
    pub fn spawn(&mut self) {
        self.daemon.spawn(self.command());
    }

    /// The command line that starts this hub.
    pub fn command(&self) -> Command {
        let mut command = self.program.command();
        command.arg("run").arg("--config").arg(self.config_path());
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Makes it reload its configuration, and returns what it logs about that.
    pub fn reload(&mut self) -> String {
        let before = self.log().len();
        self.daemon.signal("HUP");
        self.wait_until_logged(before, &["read again", "the old one stays in force"]);
        // The settings that need a restart are logged last.
        std::thread::sleep(std::time::Duration::from_millis(50));
        self.log()[before..].to_owned()
    }

    /// Waits until it has logged one of these texts after a place in its log.
    pub fn wait_until_logged(&mut self, from: usize, parts: &[&str]) {
        let log_path = self.dir().join("hub.log");
        self.daemon.wait_until(|| {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            parts.iter().any(|part| log[from..].contains(part))
        });
    }

    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    /// Stops the process without ending it: its connections stay open, and it answers nothing.
    pub fn pause(&self) {
        self.daemon.signal("STOP");
    }

    pub fn resume(&self) {
        self.daemon.signal("CONT");
    }

    pub fn terminate(&mut self) -> Option<i32> {
        self.daemon.terminate()
    }

    /// Stops the hub if it runs and starts it with the same books and port.
    pub fn restart(&mut self) {
        if self.daemon.is_running() {
            self.terminate();
        }
        self.launch();
    }

    pub fn database(&self) -> PathBuf {
        self.dir.path().join("hub.db")
    }

    /// Copies the books, running or not, as docs/OPERATIONS.md describes.
    pub fn backup(&self, name: &str) -> PathBuf {
        let copy = self.dir.path().join(name);
        let books = Connection::open(self.database()).unwrap();
        books.execute("VACUUM INTO ?1", [copy.display().to_string()]).unwrap();
        copy
    }

    /// Replaces the hub's books with a copy; the hub does not run afterwards.
    pub fn put_back(&mut self, copy: &Path) {
        if self.daemon.is_running() {
            self.terminate();
        }
        fs::copy(copy, self.database()).unwrap();
        for log in ["hub.db-wal", "hub.db-shm"] {
            let log = self.dir.path().join(log);
            assert!(!log.exists() || fs::remove_file(&log).is_ok(), "{}", log.display());
        }
    }

    pub fn http(&self) -> Http {
        Http::new(&self.url())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir().join("stockgate-hub.toml")
    }

    /// The first gateway that the hub knows, if any.
    pub fn gateway(&self) -> Option<Value> {
        self.gateways().first().cloned()
    }

    pub fn gateways(&self) -> Vec<Value> {
        self.http().get("/api/gateways").json()["items"].as_array().unwrap().clone()
    }

    /// The hub's record of one gateway.
    pub fn gateway_at(&self, site: &str, gateway: &str) -> Value {
        let is_it = |item: &Value| item["site"] == site && item["gateway"] == gateway;
        self.gateways().into_iter().find(is_it).unwrap_or_else(|| panic!("no {site}/{gateway}"))
    }

    /// All entries of a gateway in the books.
    pub fn ledger(&self, site: &str, gateway: &str) -> Vec<Value> {
        let query = json!({"site": site, "gateway": gateway});
        self.http().every_page("ledger", query, "entries")
    }

    /// The result of reconciliation.
    pub fn reconcile(&self) -> Value {
        self.http().get("/api/reconcile").json()
    }

    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// The books of one SKU.
    pub fn stock(&self, sku: &str) -> Value {
        self.http().get(&format!("/api/stock/{}", encode(sku))).json()
    }
}
