//! The service manager: told when the program is ready, alive and stopping, with a status sentence.
//!
//! systemd's protocol is a datagram of lines to the socket named in `$NOTIFY_SOCKET`. Without that
//! variable nothing is sent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::heartbeat::Heartbeat;
use super::stop::Stop;
use crate::limits::{SERVICE_MANAGER_WAIT, SERVICE_STATUS_EVERY};

/// The connection to the service manager.
#[derive(Debug)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The interval within which the program must report progress.
    watchdog: Option<Duration>,
}

impl Manager {
    /// Finds the service manager that started this process, if any.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let Some(address) = variable("NOTIFY_SOCKET") else {
            return Self { socket: None, watchdog: None };
        };
        let socket = open(&address).inspect_err(|error| {
            let socket = address.display();
            tracing::warn!(%error, %socket, "the service manager's socket cannot be used");
        });
        let watchdog = watchdog(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        Self { socket: socket.ok(), watchdog }
    }

    /// Sends lines such as `READY=1`. A message that the manager does not accept in time is
    /// dropped, so that it never blocks the gateway.
    pub fn tell(&self, lines: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(lines.as_bytes(), address);
        }
    }

    /// Reports that the program is ready, and then feeds the watchdog and updates the status
    /// sentence until a stop is requested.
    ///
    /// It runs as a task of the event loop, so a blocked event loop stops feeding the watchdog. So
    /// does a writer thread without a heartbeat.
    pub async fn report_until_stopped(
        &self,
        heartbeat: &Heartbeat,
        sentence: impl Fn() -> String,
        stop: &mut Stop,
    ) {
        self.tell("READY=1");
        if self.socket.is_none() {
            return stop.requested().await;
        }
        let every = self.watchdog.map_or(SERVICE_STATUS_EVERY, |interval| interval / 4);
        let every = every.clamp(Duration::from_millis(10), SERVICE_STATUS_EVERY);
        let mut ticks = tokio::time::interval(every);
        let mut told = String::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.report(heartbeat, sentence(), &mut told),
                () = stop.requested() => break,
            }
        }
        self.tell("STOPPING=1\nSTATUS=Stopping: accepted requests are decided and answered first.");
    }

    fn report(&self, heartbeat: &Heartbeat, sentence: String, told: &mut String) {
        if self.watchdog.is_some_and(|interval| heartbeat.is_alive(interval)) {
            self.tell("WATCHDOG=1");
        }
        if *told != sentence {
            self.tell(&format!("STATUS={}", sentence.replace('\n', " ")));
            *told = sentence;
        }
    }
}

/// Opens a socket for an address: a path, or an abstract name after `@`.
fn open(address: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match address.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        Some(_) | None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(SERVICE_MANAGER_WAIT))?;
    Ok((socket, address))
}

/// Parses the watchdog interval in microseconds; `None` if it is for another process.
fn watchdog(usec: Option<OsString>, pid: Option<OsString>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.to_str() == Some(&std::process::id().to_string()));
    let usec: u64 = usec?.to_str()?.parse().ok()?;
    (is_ours && usec > 0).then(|| Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);

    #[test]
    fn the_watchdog_interval_is_read_only_from_variables_for_this_process() {
        let of = |usec: &str, pid: Option<String>| watchdog(Some(usec.into()), pid.map(Into::into));
        let own = Some(std::process::id().to_string());
        assert_eq!(of("20000000", own.clone()), Some(INTERVAL));
        assert_eq!(of("20000000", None), Some(INTERVAL));
        assert_eq!(of("20000000", Some("1".into())), None);
        for wrong in ["0", "", "-1", "soon"] {
            assert_eq!(of(wrong, own.clone()), None, "{wrong:?}");
        }
        assert_eq!(watchdog(None, own.map(Into::into)), None);
    }

    #[test]
    fn a_manager_at_a_path_or_an_abstract_name_receives_messages() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("stockgate-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (socket, address) in
            [(by_path, path.into_os_string()), (by_name, format!("@{name}").into())]
        {
            let manager = Manager { socket: Some(open(&address).unwrap()), watchdog: None };
            manager.tell("READY=1");
            let mut heard = [0; 64];
            let bytes = socket.recv(&mut heard).unwrap();
            assert_eq!(&heard[..bytes], b"READY=1");
        }
    }

    #[test]
    fn a_manager_that_is_gone_delays_nothing() {
        let manager =
            Manager { socket: Some(open("/no/such/socket".as_ref()).unwrap()), watchdog: None };
        manager.tell("READY=1");
    }
}
