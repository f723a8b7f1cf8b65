//! One gateway, run as a process of its own on a free loopback port and a data directory that
//! goes away with it.

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
    /// Before the directory: it shows its log when it goes.
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

    /// A running gateway that holds the given stock, from one restock called `seed`.
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

    /// A running gateway of another name.
    pub fn named(site: &str, id: &str, extra: &str) -> Self {
        let mut gateway = Self::prepare(extra);
        gateway.set_env("STOCKGATE_GATEWAY__SITE", site);
        gateway.set_env("STOCKGATE_GATEWAY__ID", id);
        gateway.launch();
        gateway
    }

    /// A gateway with its configuration written, not yet running. The extra TOML goes on where
    /// the table `[terminals]` ends, so it may begin with keys of that table.
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

    /// Writes the configuration anew; it counts from the next launch on.
    pub fn configure(&self, listen: &str, extra: &str) {
        self.write("stockgate.toml", &configuration(&self.data_dir(), listen, extra));
    }

    /// Writes a file beside the configuration.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// An environment variable for the launches to come.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn launch(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Starts the gateway and waits for nothing.
    pub fn spawn(&mut self) {
        self.daemon.spawn(self.command());
    }

    pub fn wait_until_ready(&mut self) {
        self.wait_until_it_answers("/readyz");
    }

    /// Waits until queries are answered, whether mutations are accepted or not.
    pub fn wait_until_alive(&mut self) {
        self.wait_until_it_answers("/healthz");
    }

    fn wait_until_it_answers(&mut self, path: &str) {
        let http = self.http();
        self.daemon.wait_until(|| {
            http.try_send("GET", path, None).is_ok_and(|answer| answer.status == 200)
        });
    }

    /// The command line that launches this gateway.
    pub fn command(&self) -> Command {
        let mut command = self.program.command();
        command.arg("run").arg("--config").arg(self.config_path());
        command.envs(self.environment.iter().cloned());
        command
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    /// Sends a signal by its name, as `TERM`.
    pub fn signal(&self, name: &str) {
        self.daemon.signal(name);
    }

    /// Lets it read its configuration anew, and answers what it logs of that.
    pub fn reload(&mut self) -> String {
        let before = self.log().len();
        self.signal("HUP");
        self.wait_until_logged(before, &["read anew", "all of the old one stays"]);
        // What needs a restart comes behind.
        std::thread::sleep(std::time::Duration::from_millis(50));
        self.log()[before..].to_owned()
    }

    /// The same for a gateway that logs nothing of it.
    pub fn reload_quietly(&self) {
        self.signal("HUP");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }

    /// Waits until it has logged one of these behind a place in its log.
    pub fn wait_until_logged(&mut self, from: usize, parts: &[&str]) {
        let log_path = self.dir().join("stderr.log");
        self.daemon.wait_until(|| {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            parts.iter().any(|part| log[from..].contains(part))
        });
    }

    /// Asks the gateway to end and answers its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.daemon.terminate()
    }

    /// Ends the gateway if it runs and starts it on the same data and the same port.
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

    /// The `sync` of its status.
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

    /// Ends the gateway if it runs and takes its data away.
    pub fn wipe(&mut self) {
        if self.daemon.is_running() {
            self.terminate();
        }
        if self.data_dir().exists() {
            fs::remove_dir_all(self.data_dir()).unwrap();
        }
    }

    /// Puts a database in the place of the gateway's own, which does not run afterwards.
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

/// Runs a test over HTTP and over WebSocket, on a gateway of its own each.
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
