//! Whether the sessions are the hub's own. A pooler in transaction mode gives each transaction another
//! session, in which a statement that was prepared before may be missing, or another one have its name.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, NoTls, SimpleQueryMessage};

use super::tls::Tls;
use crate::config::PostgresTls;

/// The two ends of the connection as the server sees them, and whether it is read-only.
const SEEN: &str = "SELECT concat_ws(' ', host(inet_client_addr()), inet_client_port(),
        host(inet_server_addr()), inet_server_port()),
    current_setting('transaction_read_only')";

/// A connection, and the task that runs it.
pub(super) type Connected = (Client, JoinHandle<()>);

/// What is known of the sessions of a pool.
#[derive(Debug)]
pub(super) struct Sessions {
    /// Whether statements may be prepared, as it is configured.
    configured: Option<bool>,
    /// Whether every connection was found to end at the server itself.
    are_own: AtomicBool,
}

impl Sessions {
    pub(super) fn new(configured: Option<bool>) -> Self {
        Self { configured, are_own: AtomicBool::new(true) }
    }

    /// Whether a statement that is prepared in a session is there in the next transaction.
    pub(super) fn keep_statements(&self) -> bool {
        self.configured.unwrap_or_else(|| self.are_own.load(Ordering::Relaxed))
    }

    /// Whether the next connection is to be examined.
    pub(super) fn are_examined(&self) -> bool {
        self.configured.is_none() && self.are_own.load(Ordering::Relaxed)
    }

    /// Notes a connection that was not found to end at a server.
    pub(super) fn set_unknown(&self) {
        self.are_own.store(false, Ordering::Relaxed);
    }
}

/// How a socket is set up.
pub(super) struct SocketSettings {
    pub(super) user_timeout: Duration,
    pub(super) keepalive: TcpKeepalive,
}

impl SocketSettings {
    fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        stream.set_nodelay(true)?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        socket.set_tcp_keepalive(&self.keepalive)
    }
}

/// Connects to a server by TCP, and finds out whether it is the one at the other end. Returns `None` if
/// anything is wrong: the usual way to connect says what.
pub(super) async fn connect(
    config: &Config,
    (host, port): (&str, u16),
    tls: Option<&PostgresTls>,
    settings: &SocketSettings,
) -> Option<(Connected, bool)> {
    let stream = TcpStream::connect((host, port)).await.ok()?;
    settings.apply(&stream).ok()?;
    let (here, there) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
    let connected = match tls {
        Some(tls) => {
            let mut connector = Tls(tls.config.clone());
            let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connector, host);
            let connector = connector.ok()?;
            spawn(config.connect_raw(stream, connector).await.ok()?)
        }
        None => spawn(config.connect_raw(stream, NoTls).await.ok()?),
    };
    let (seen, is_read_only) = look(&connected.0).await?;
    let [here, there] = [here, there].map(|end| format!("{} {}", end.ip(), end.port()));
    let is_fit = !(is_read_only && needs_writing(config));
    is_fit.then_some((connected, seen == format!("{here} {there}")))
}

fn needs_writing(config: &Config) -> bool {
    config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite
}

async fn look(client: &Client) -> Option<(String, bool)> {
    let rows = client.simple_query(SEEN).await.ok()?;
    rows.iter().find_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        Some((row.get(0)?.to_owned(), row.get(1)? != "off"))
    })
}

/// Runs a connection. Its end is not reported here: the statement that needs it fails.
pub(super) fn spawn<S, T>((client, connection): (Client, Connection<S, T>)) -> Connected
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let run = async { drop(connection.await) };
    (client, tokio::spawn(run))
}
