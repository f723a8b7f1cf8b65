//! One hub, run as a process of its own on a free loopback port and books that go away with it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::broker::Broker;
use super::daemon::Daemon;
use super::http::{Http, encode};
use super::process::{bare, free_port};

pub struct Hub {
    dir: TempDir,
    port: u16,
    daemon: Daemon,
}

impl Hub {
    /// A running hub at a broker.
    pub fn start(broker: &Broker) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let configuration = format!(
            "[hub]\nstore = \"sqlite:{}\"\nlisten = \"127.0.0.1:{port}\"\n{}",
            dir.path().join("hub.db").display(),
            broker.section(),
        );
        fs::write(dir.path().join("stockgate-hub.toml"), configuration).unwrap();
        let daemon = Daemon::new("the hub", dir.path().join("hub.log"));
        let mut hub = Self { dir, port, daemon };
        hub.launch();
        hub
    }

    pub fn launch(&mut self) {
        let mut command = stockgate_hub();
        command.arg("run").arg("--config").arg(self.dir.path().join("stockgate-hub.toml"));
        let http = self.http();
        self.daemon.launch(command, || {
            http.try_send("GET", "/readyz", None).is_ok_and(|answer| answer.status == 200)
        });
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    pub fn terminate(&mut self) -> Option<i32> {
        self.daemon.terminate()
    }

    /// Ends the hub if it runs and starts it on the same books and the same port.
    pub fn restart(&mut self) {
        if self.daemon.is_running() {
            self.terminate();
        }
        self.launch();
    }

    pub fn database(&self) -> PathBuf {
        self.dir.path().join("hub.db")
    }

    pub fn http(&self) -> Http {
        Http::new(&format!("http://127.0.0.1:{}", self.port))
    }

    /// The first gateway that the hub knows, if there is one.
    pub fn gateway(&self) -> Option<Value> {
        self.http().get("/api/gateways").json()["items"].get(0).cloned()
    }

    /// What the hub says of one SKU.
    pub fn stock(&self, sku: &str) -> Value {
        self.http().get(&format!("/api/stock/{}", encode(sku))).json()
    }
}

/// The hub's program, with nothing of the surrounding environment that would configure it.
pub fn stockgate_hub() -> Command {
    let built = env!("CARGO_BIN_EXE_stockgate-hub");
    bare(env::var_os("STOCKGATE_HUB_BIN").unwrap_or_else(|| built.into()))
}
