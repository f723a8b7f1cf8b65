//! Brokers whose name has several addresses, or none. The programs run in a mount namespace with
//! their own `/etc/hosts` and `/etc/resolv.conf`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::broker::{Broker, section};
use crate::support::gateway::Gateway;
use crate::support::process::run_to_end;
use crate::support::program::stockgate;

/// Makes the loopback device of a network namespace usable, and a name server there that hears
/// everything and answers nothing.
const SILENT_NAME_SERVER: &str = "import fcntl, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49))
s.bind(('127.0.0.9', 53))
open(sys.argv[1], 'w')
time.sleep(60)
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
    let finding =
        doctor("unshare -rmn", &meanwhile(NAME_SERVER_AND_BROKER), "127.0.0.1 localhost\n", 1883);
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

/// What is said when no name server answers, and the next step.
pub(super) fn without_name_servers() -> (String, String) {
    let run = meanwhile(SILENT_NAME_SERVER);
    let finding = doctor("unshare -rmn", &run, "127.0.0.1 localhost\n", 1883);
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("message"), text("next"))
}

/// Runs a script beside the doctor, which begins once the script has made a file.
fn meanwhile(script: &str) -> String {
    format!(
        "R=$(mktemp -u) && {{ timeout 60 python3 -c \"{script}\" \"$R\" > /dev/null & }}; until [ -e \"$R\" ]; do sleep 0.1; done; rm \"$R\";"
    )
}

/// A listener that takes no connections: what comes to it is dropped.
fn silent(address: &str, port: u16) -> (socket2::Socket, Vec<TcpStream>) {
    let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
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
    let dir = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let (hosts, servers) = (file("hosts", hosts), file("servers", "nameserver 127.0.0.9\n"));
    let gateway = Gateway::prepare(&section(&format!("mqtt://broker:{port}"), &[]));
    let script = format!(
        "mount --bind {hosts} /etc/hosts && mount --bind {servers} /etc/resolv.conf && {first} exec \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(unshare.split(' ').skip(1)).args(["sh", "-c", &script, "sh"]);
    command.arg(stockgate().get_program()).args(["doctor", "--json", "--config"]);
    let visit = run_to_end(command.arg(gateway.config_path()));
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == "broker").unwrap().clone()
}
