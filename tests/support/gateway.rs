//! A gateway process on a free loopback port, with a data directory that is removed afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::bodies::many;
use super::daemon::Daemon;
use super::http::Http;
use super::process::{free_port, run_to_end};
use super::program::Program;
use super::terminal::{Port, Terminal};
use super::ws::Ws;

pub struct Gateway {
    /// Dropped before the directory, because it prints its log then.
    daemon: Daemon,
    dir: TempDir,
    program: Program,
    port: u16,
    environment: Vec<(String, String)>,
}

impl Gateway {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// A running gateway with this stock, from one restock with the id `seed`.
    pub fn stocked(stock: &[(&str, u64)]) -> Self {
        Self::stocked_with("", stock)
    }

    pub fn stocked_with(extra: &str, stock: &[(&str, u64)]) -> Self {
        let gateway = Self::start_with(extra);
        gateway.http().ok("restock", many("seed", stock));
        gateway
    }

    pub fn start_with(extra: &str) -> Self {
        let mut gateway = Self::prepare(extra);
        gateway.launch();
        gateway
    }

    /// A running gateway with another id.
    pub fn named(site: &str, id: &str, extra: &str) -> Self {
        let mut gateway = Self::prepare(extra);
        gateway.set_env("STOCKGATE_GATEWAY__SITE", site);
        gateway.set_env("STOCKGATE_GATEWAY__ID", id);
        gateway.launch();
        gateway
    }

    /// A configured gateway that is not running yet. The extra TOML follows the keys of the table
    /// `[terminals]`, so it may begin with more of them.
    pub fn prepare(extra: &str) -> Self {
        Self::prepare_with(Program::gateway(), extra)
    }

    /// The same with another program.
    pub fn prepare_with(program: Program, extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let daemon = Daemon::new("the gateway", dir.path().join("stderr.log"));
        let gateway = Self { dir, program, port, environment: Vec::new(), daemon };
        gateway.configure(&format!("127.0.0.1:{port}"), extra);
        gateway
    }

    /// Rewrites the configuration, for the next start or reload.
    pub fn configure(&self, listen: &str, extra: &str) {
        self.write("stockgate.toml", &configuration(&self.data_dir(), listen, extra));
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
        self.wait_until_ready();
    }

    /// Starts the gateway without waiting.
    pub fn spawn(&mut self) {
        self.daemon.spawn(self.command());
    }

    pub fn wait_until_ready(&mut self) {
        self.wait_until_it_answers("/readyz");
    }

    /// Waits until queries are answered, even if mutations are refused.
    pub fn wait_until_alive(&mut self) {
        self.wait_until_it_answers("/healthz");
    }

    fn wait_until_it_answers(&mut self, path: &str) {
        let http = self.http();
        self.daemon.wait_until(|| {
            http.try_send("GET", path, None).is_ok_and(|answer| answer.status == 200)
        });
    }

    /// The command line that starts this gateway.
    pub fn command(&self) -> Command {
        let mut command = self.program.command();
        command.arg("run").arg("--config").arg(self.config_path());
        command.envs(self.environment.iter().cloned());
        command
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.daemon.signal(name);
    }

    /// Makes it reload its configuration, and returns what it logs about that.
    pub fn reload(&mut self) -> String {
        let before = self.log().len();
        self.signal("HUP");
        self.wait_until_logged(before, &["read again", "the old one stays in force"]);
        // The settings that need a restart are logged last.
        std::thread::sleep(std::time::Duration::from_millis(50));
        self.log()[before..].to_owned()
    }

    /// The same for a gateway that does not log it.
    pub fn reload_quietly(&self) {
        self.signal("HUP");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }

    /// Waits until it has logged one of these texts after a place in its log.
    pub fn wait_until_logged(&mut self, from: usize, parts: &[&str]) {
        let log_path = self.dir().join("stderr.log");
        self.daemon.wait_until(|| {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            parts.iter().any(|part| log[from..].contains(part))
        });
    }

    /// Asks the gateway to stop and returns its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.daemon.terminate()
    }

    /// Waits until it has ended by itself, and returns its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.daemon.exit_code()
    }

    /// Stops the gateway if it runs and starts it with the same data and port.
    pub fn restart(&mut self) {
        if self.daemon.is_running() {
            self.terminate();
        }
        self.launch();
    }

    pub fn http(&self) -> Http {
        Http::new(&self.url())
    }

    pub fn ws(&self) -> Ws {
        Ws::connect(&self.address())
    }

    /// The `sync` object of its status.
    pub fn sync(&self) -> Value {
        self.http().ok("status", json!({}))["sync"].take()
    }

    pub fn terminal(&self, port: Port) -> Box<dyn Terminal> {
        match port {
            Port::Http => Box::new(self.http()),
            Port::WebSocket => Box::new(self.ws()),
        }
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

    pub fn data_dir(&self) -> PathBuf {
        self.dir().join("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data_dir().join("stockgate.db")
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir().join("stockgate.toml")
    }

    /// Copies the database with the program's own command.
    pub fn backup(&self) -> PathBuf {
        let copy = self.dir().join("backup.db");
        let mut command = self.program.command();
        command.arg("backup").arg("--data-dir").arg(self.data_dir()).arg("--to").arg(&copy);
        let finished = run_to_end(&mut command);
        assert_eq!(finished.code, Some(0), "{}", finished.output());
        copy
    }

    /// Stops the gateway if it runs and removes its data.
    pub fn wipe(&mut self) {
        if self.daemon.is_running() {
            self.terminate();
        }
        if self.data_dir().exists() {
            fs::remove_dir_all(self.data_dir()).unwrap();
        }
    }

    /// Replaces the gateway's database; the gateway does not run afterwards.
    pub fn put_back(&mut self, copy: &Path) {
        self.wipe();
        fs::create_dir(self.data_dir()).unwrap();
        fs::copy(copy, self.database()).unwrap();
    }

    pub fn log(&self) -> String {
        self.daemon.log()
    }

    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }
}

/// The text of a `stockgate.toml`; the extra TOML begins inside the table `[terminals]`.
pub fn configuration(data_dir: &Path, listen: &str, extra: &str) -> String {
    format!(
        "[gateway]\nsite = \"wh-01\"\nid = \"gw-01\"\ndata_dir = {data_dir:?}\n\n\
         [terminals]\nlisten = \"{listen}\"\n{extra}\n"
    )
}

/// Runs a test over HTTP and over WebSocket, each on a gateway of its own.
pub fn on_both_ports(stock: &[(&str, u64)], test: impl Fn(&mut dyn Terminal)) {
    on_both_ports_with("", stock, test);
}

pub fn on_both_ports_with(extra: &str, stock: &[(&str, u64)], test: impl Fn(&mut dyn Terminal)) {
    for port in [Port::Http, Port::WebSocket] {
        eprintln!("over {port:?}:");
        let gateway = Gateway::stocked_with(extra, stock);
        test(gateway.terminal(port).as_mut());
    }
}
