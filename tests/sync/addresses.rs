//! Brokers whose name has several addresses, or none, or one that name service does not tell any more.
//! The programs run in a mount namespace with their own `/etc/hosts` and `/etc/resolv.conf`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::pair::{until_confirmed, until_reason, until_state};
use crate::support::bodies::one;
use crate::support::broker::{Broker, section};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::process::run_to_end;
use crate::support::program::{Program, stockgate};
use crate::support::terminal::Terminal;

/// Makes the loopback device of a network namespace usable, and a name server there that hears
/// everything and answers nothing.
const SILENT_NAME_SERVER: &str = "import fcntl, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49))
s.bind(('127.0.0.9', 53))
open(sys.argv[1], 'w')
time.sleep(60)
";

/// A name server that answers every question with a code, which is its second argument.
const NAME_SERVER_WITHOUT_NAMES: &str = "import fcntl, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49))
s.bind(('127.0.0.9', 53))
open(sys.argv[1], 'w')
while True:
    query, asker = s.recvfrom(512)
    end = query.index(0, 12) + 5
    s.sendto(query[:2] + struct.pack('>5H', 0x8180 | int(sys.argv[2]), 1, 0, 0, 0) + query[12:end], asker)
";

/// A name server that has an address for every name in each family, of which the one of IPv6 is not
/// routed, and a broker at the other one.
const NAME_SERVER_AND_BROKER: &str = "import fcntl, ipaddress, socket, struct, sys, threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49))
s.bind(('127.0.0.9', 53))
addresses = {1: '127.0.0.1', 28: '2001:db8::1'}
def names():
    while True:
        query, asker = s.recvfrom(512)
        end = query.index(0, 12) + 5
        kind = struct.unpack('>H', query[end - 4:end - 2])[0]
        address = ipaddress.ip_address(addresses[kind]).packed
        head = query[:2] + struct.pack('>5H', 0x8180, 1, 1, 0, 0)
        record = struct.pack('>3HIH', 0xc00c, kind, 1, 60, len(address)) + address
        s.sendto(head + query[12:end] + record, asker)
threading.Thread(target=names, daemon=True).start()
server = socket.create_server(('127.0.0.1', 1883))
open(sys.argv[1], 'w')
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.send(bytes([0x20, 2, 0, 0]))
    subscription = client.recv(4096)
    client.send(bytes([0x90, 3]) + subscription[2:4] + bytes([0]))
";

#[test]
fn an_address_of_ipv6_that_is_not_routed_does_not_hide_one_that_answers() {
    let finding = doctor(
        "unshare -rmn",
        &meanwhile(NAME_SERVER_AND_BROKER, 0),
        "127.0.0.1 localhost\n",
        1883,
    );
    assert_eq!(finding["verdict"], "ok", "{finding}");
}

#[test]
fn a_silent_address_of_ipv6_does_not_hide_one_that_answers() {
    let broker = Broker::start();
    let _dead = silent("[::1]", broker.port());
    let finding = doctor("unshare -rm", "", "::1 broker\n127.0.0.1 broker\n", broker.port());
    assert_eq!(finding["verdict"], "ok", "{finding}");
}

#[test]
fn a_dead_address_does_not_hide_one_that_answers() {
    let broker = Broker::start();
    let _dead = silent("127.0.0.2", broker.port());
    for hosts in ["127.0.0.2 broker\n127.0.0.1 broker\n", "127.0.0.1 broker\n127.0.0.2 broker\n"] {
        let finding = doctor("unshare -rm", "", hosts, broker.port());
        assert_eq!(finding["verdict"], "ok", "{finding}");
    }
}

#[test]
fn every_address_that_was_tried_is_named() {
    let closed = crate::support::process::free_port();
    let finding = doctor("unshare -rm", "", "127.0.0.2 broker\n127.0.0.3 broker\n", closed);
    let message = finding["message"].as_str().unwrap();
    for address in ["127.0.0.2: Connection refused", "127.0.0.3: Connection refused"] {
        assert!(message.contains(address), "{message}");
    }
}

/// The gateway runs with a name server that is gone later.
#[test]
fn addresses_of_the_last_time_are_all_tried_while_name_service_fails() {
    let mut broker = Broker::start();
    let _dead = silent("127.0.0.2", broker.port());
    let surroundings = Surroundings::new("127.0.0.2 broker\n127.0.0.1 broker\n");
    let section = section(&format!("mqtt://broker:{}", broker.port()), &[]);
    let mut gateway = Gateway::prepare_with(surroundings.program(), &section);
    gateway.launch();
    let hub = Hub::start(&broker);
    gateway.http().ok("restock", one("before", "A", 9));
    until_confirmed(&gateway);

    surroundings.set_hosts("127.0.0.1 localhost\n");
    broker.kill9();
    until_state(&gateway, "offline");
    gateway.http().ok("deduct", one("after", "A", 1));
    broker.launch();

    until_confirmed(&gateway);
    assert_eq!(hub.stock("A")["total"], 8);
    gateway.restart();
    until_reason(&gateway, "name service fails");
}

/// What name service does that has no address for the broker.
#[derive(Clone, Copy, Debug)]
pub(super) enum NameServer {
    /// It says that there is no such name (NXDOMAIN).
    WithoutTheName,
    /// It says that it has failed (SERVFAIL).
    Failing,
    Silent,
}

/// What is said with such a name server, and the next step.
pub(super) fn asking(server: NameServer) -> (String, String) {
    let run = match server {
        NameServer::WithoutTheName => meanwhile(NAME_SERVER_WITHOUT_NAMES, 3),
        NameServer::Failing => meanwhile(NAME_SERVER_WITHOUT_NAMES, 2),
        NameServer::Silent => meanwhile(SILENT_NAME_SERVER, 0),
    };
    let finding = doctor("unshare -rmn", &run, "127.0.0.1 localhost\n", 1883);
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("message"), text("next"))
}

/// Runs a script beside the doctor, which begins once the script has made a file.
fn meanwhile(script: &str, argument: u8) -> String {
    format!(
        "R=$(mktemp -u) && {{ timeout 60 python3 -c \"{script}\" \"$R\" {argument} > /dev/null & }}; until [ -e \"$R\" ]; do sleep 0.1; done; rm \"$R\";"
    )
}

/// A listener that takes no connections: what comes to it is dropped.
pub(super) fn silent(address: &str, port: u16) -> (socket2::Socket, Vec<TcpStream>) {
    let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let limit = Duration::from_millis(300);
    let connect = || TcpStream::connect_timeout(&address, limit);
    let filling = std::iter::from_fn(|| connect().ok()).take(16).collect();
    assert!(connect().is_err(), "it is silent");
    (socket, filling)
}

/// What a doctor with these hosts says of the broker named `broker`.
fn doctor(unshare: &str, first: &str, hosts: &str, port: u16) -> Value {
    let surroundings = Surroundings::new(hosts);
    let gateway = Gateway::prepare(&section(&format!("mqtt://broker:{port}"), &[]));
    let script = format!("{} && {first} exec \"$@\"", surroundings.mounts());
    let mut command = Command::new("unshare");
    command.args(unshare.split(' ').skip(1)).args(["sh", "-c", &script, "sh"]);
    let program = stockgate();
    command.arg(program.get_program()).args(program.get_args());
    command.args(["doctor", "--json", "--config"]);
    let visit = run_to_end(command.arg(gateway.config_path()));
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == "broker").unwrap().clone()
}

/// The files that a program sees in place of those of this machine.
struct Surroundings {
    dir: TempDir,
}

impl Surroundings {
    fn new(hosts: &str) -> Self {
        let surroundings = Self { dir: TempDir::new().unwrap() };
        surroundings.set_hosts(hosts);
        fs::write(surroundings.file("servers"), "nameserver 127.0.0.9\n").unwrap();
        surroundings
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Programs that run see it too.
    fn set_hosts(&self, hosts: &str) {
        fs::write(self.file("hosts"), hosts).unwrap();
    }

    /// The commands that put them in place.
    fn mounts(&self) -> String {
        format!(
            "mount --bind {} /etc/hosts && mount --bind {} /etc/resolv.conf",
            self.file("hosts").display(),
            self.file("servers").display()
        )
    }

    /// The gateway's program with them.
    fn program(&self) -> Program {
        let program = stockgate();
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let words: Vec<_> = words.map(|word| word.display().to_string()).collect();
        let script = format!(
            "#!/bin/sh\nexec unshare -rm sh -c '{} && exec \"$@\"' sh {} \"$@\"\n",
            self.mounts(),
            words.join(" ")
        );
        let file = self.file("gateway");
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Program::at(&file)
    }
}
