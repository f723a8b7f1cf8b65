//! The hub's messages to the service manager.

use std::fs;

use crate::support::daemon::Daemon;
use crate::support::manager::Manager;
use crate::support::process::free_port;
use crate::support::program::stockgate_hub;

#[test]
fn a_service_manager_is_told_of_readiness_progress_and_the_stop() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::in_directory(directory.path());
    let config = directory.path().join("stockgate-hub.toml");
    let books = directory.path().join("hub.db");
    let listen = format!("127.0.0.1:{}", free_port());
    let text = format!("[hub]\nstore = \"sqlite:{}\"\nlisten = \"{listen}\"\n", books.display());
    fs::write(&config, text).unwrap();
    let mut command = stockgate_hub();
    command.args(["run", "--config"]).arg(&config);
    command.env("NOTIFY_SOCKET", &manager.address).env("WATCHDOG_USEC", "4000000");
    let mut hub = Daemon::new("the hub", directory.path().join("log"));
    hub.spawn(command);

    manager.hear_of(|line| line == "STATUS=Opening the books.");
    manager.hear_of(|line| line == "READY=1");
    manager.hear_of(|line| line == "WATCHDOG=1");
    manager.hear_of(|line| line == "WATCHDOG=1");

    hub.signal("HUP");
    manager.hear_of(|line| line == "RELOADING=1");
    manager.hear_of(|line| line == "READY=1");
    assert_eq!(hub.terminate(), Some(0));
    manager.hear_of(|line| line == "STOPPING=1");
}
