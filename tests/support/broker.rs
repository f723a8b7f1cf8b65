//! Eclipse Mosquitto from Debian's package, on a free port with its own configuration; and a NATS
//! server, which also speaks MQTT.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::Daemon;
use super::process::free_port;

pub struct Broker {
    /// Dropped before the directory, because it prints its log then.
    daemon: Daemon,
    dir: TempDir,
    port: u16,
    is_nats: bool,
}

impl Broker {
    /// A NATS server.
    pub fn nats() -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let configuration = format!(
            "server_name: \"test\"\nport: {}\njetstream {{ store_dir: {:?} }}\nmqtt {{ host: \"127.0.0.1\", port: {port} }}\n",
            free_port(),
            dir.path().join("jetstream"),
        );
        fs::write(dir.path().join("nats.conf"), configuration).unwrap();
        let daemon = Daemon::new("nats-server", dir.path().join("nats.log"));
        let mut broker = Self { dir, port, daemon, is_nats: true };
        broker.launch();
        broker
    }

    pub fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts with these lines of configuration after the listener's.
    pub fn start_with(extra: &str) -> Self {
        let mut broker = Self::prepare_with(extra);
        broker.launch();
        broker
    }

    /// A broker without access control, not yet running.
    pub fn prepare() -> Self {
        Self::prepare_with("allow_anonymous true\n")
    }

    fn prepare_with(extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let daemon = Daemon::new("mosquitto", dir.path().join("mosquitto.log"));
        let broker = Self { dir, port, daemon, is_nats: false };
        broker.write(extra);
        broker
    }

    fn write(&self, extra: &str) {
        let port = self.port;
        // As root it would switch to a user that cannot read the files of this test.
        let configuration =
            format!("user root\nlistener {port} 127.0.0.1\npersistence false\n{extra}");
        fs::write(self.dir.path().join("mosquitto.conf"), configuration).unwrap();
    }

    pub fn launch(&mut self) {
        let (program, config) = match self.is_nats {
            true => ("nats-server", "nats.conf"),
            false => (program(), "mosquitto.conf"),
        };
        let mut command = Command::new(program);
        command.arg("-c").arg(self.dir.path().join(config));
        let port = self.port;
        self.daemon.launch(command, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    pub fn kill9(&mut self) {
        self.daemon.kill9();
    }

    /// Starts a Mosquitto again at the same address, with these lines of configuration.
    pub fn restart_with(&mut self, extra: &str) {
        self.daemon.kill9();
        self.write(extra);
        self.launch();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// The `[mqtt]` section for this broker.
    pub fn section(&self) -> String {
        section(&self.url(), &[])
    }
}

/// An `[mqtt]` section with more keys than the address.
pub fn section(url: &str, keys: &[(&str, &str)]) -> String {
    let more = keys.iter().map(|(key, value)| format!("{key} = {value:?}\n"));
    format!("\n[mqtt]\nurl = {url:?}\n{}", more.collect::<String>())
}

fn program() -> &'static str {
    let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    places.into_iter().find(|place| fs::exists(place).is_ok_and(|there| there)).expect(
        "these tests need Eclipse Mosquitto; install Debian's package `mosquitto`, or run scripts/test",
    )
}
