//! Eclipse Mosquitto, as Debian packages it, on a free port with a configuration of its own.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::Daemon;
use super::process::free_port;

pub struct Broker {
    dir: TempDir,
    port: u16,
    daemon: Daemon,
}

impl Broker {
    pub fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts with these lines of configuration behind the listener's.
    pub fn start_with(extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let configuration = format!("listener {port} 127.0.0.1\npersistence false\n{extra}");
        fs::write(dir.path().join("mosquitto.conf"), configuration).unwrap();
        let daemon = Daemon::new("mosquitto", dir.path().join("mosquitto.log"));
        let mut broker = Self { dir, port, daemon };
        broker.launch();
        broker
    }

    pub fn launch(&mut self) {
        let mut command = Command::new(program());
        command.arg("-c").arg(self.dir.path().join("mosquitto.conf"));
        let port = self.port;
        self.daemon.launch(command, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// The section of a gateway's or hub's configuration that leads here.
    pub fn section(&self) -> String {
        format!("\n[mqtt]\nurl = \"{}\"\n", self.url())
    }
}

fn program() -> &'static str {
    let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    places.into_iter().find(|place| fs::exists(place).is_ok_and(|there| there)).expect(
        "these tests need Eclipse Mosquitto; install Debian's package `mosquitto`, or run scripts/test",
    )
}
