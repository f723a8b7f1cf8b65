//! The accept loop, and one task per connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection_limit::{Admission, ConnectionLimit};
use super::connection_permit::ConnectionPermit;
use super::framing;
use super::metered_stream::MeteredStream;
use super::response::{HttpResponse, problem};
use crate::clock::Clock;
use crate::limits::{
    BACKLOG, CONNECTIONS_MAX, FIRST_BYTE_TIMEOUT, FIRST_HEAD_TIMEOUT, HEADER_BYTES_MAX,
    HEADER_TIMEOUT, HEADERS_MAX, SEND_BUFFER_BYTES, STOP_GRACE,
};
use crate::net::gauged_socket::TlsGauge;
use crate::net::stream::{Certificates, Stream};
use crate::problem::{Code, Problem};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;

/// Pause after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Listens on an address. The send buffer of each connection is bounded: without a bound, the
/// kernel would hold megabytes for a client that does not read.
///
/// # Errors
/// If the address cannot be used.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 until a stop is requested, then lets open requests finish for half of
/// [`STOP_GRACE`]. With certificates it accepts TLS only.
pub async fn serve<H, F>(
    listener: TcpListener,
    certificates: Option<Certificates>,
    stop: Stop,
    handler: H,
) where
    H: Fn(Request<Incoming>, ConnectionPermit) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    let limit = ConnectionLimit::new(CONNECTIONS_MAX);
    serve_connections(listener, limit, certificates, stop, Http1 { handler }).await;
}

/// What is spoken on the connections of a port.
pub(super) trait Spoken: Clone + Send + 'static {
    /// Its name in the TLS handshake.
    const ALPN: &'static [u8];

    /// Serves a connection until it ends, or a stop is requested.
    fn serve(
        self,
        stream: Stream,
        permit: ConnectionPermit,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send;

    /// Tells a client that there is no permit for it.
    fn refuse(stream: Stream) -> impl Future<Output = ()> + Send;
}

/// Serves connections until a stop is requested, then lets them finish for half of [`STOP_GRACE`].
pub(super) async fn serve_connections<S: Spoken>(
    listener: TcpListener,
    mut limit: ConnectionLimit,
    certificates: Option<Certificates>,
    mut stop: Stop,
    spoken: S,
) {
    let mut acceptor = Acceptor::new(listener);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.requested() => break,
            accepted = acceptor.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some(admission) = limit.admit(peer).await else { continue };
        let (certificates, spoken, stop) = (certificates.clone(), spoken.clone(), stop.clone());
        connections.spawn(async move {
            let gauge: Option<Box<dyn TlsGauge>> = match &admission {
                Admission::Served(permit) => Some(Box::new(permit.clone())),
                // There are few of these.
                Admission::Refused(_) => None,
            };
            // Boxed, so that an open connection does not keep the memory for the handshake.
            let opening = Box::pin(open(stream, certificates, gauge, S::ALPN, stop.clone()));
            match admission {
                Admission::Served(permit) => {
                    let gives_way = permit.clone();
                    let served = async {
                        if let Some(stream) = opening.await {
                            spoken.serve(stream, permit, stop).await;
                        }
                    };
                    tokio::select! {
                        () = served => {}
                        () = gives_way.gives_way() => {}
                    }
                }
                Admission::Refused(_permit) => {
                    if let Some(stream) = opening.await {
                        S::refuse(stream).await;
                    }
                }
            }
        });
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(STOP_GRACE / 2, drained).await;
}

/// A listener that waits and tries again where a connection cannot be accepted.
struct Acceptor {
    listener: TcpListener,
    clock: Clock,
    log_throttle: LogThrottle,
}

impl Acceptor {
    fn new(listener: TcpListener) -> Self {
        Self { listener, clock: Clock::starting_at(0), log_throttle: LogThrottle::default() }
    }

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    if self.log_throttle.should_log(self.clock.since_start_ms()) {
                        tracing::warn!(%error, "a connection could not be accepted");
                    }
                    // The machine is out of files or memory: let some connections end.
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

/// Waits for the first byte, and then sets up the connection; `None` if the client is silent or no
/// TLS is agreed on. Until there is a byte, the connection costs little more than its socket.
async fn open(
    stream: TcpStream,
    certificates: Option<Certificates>,
    gauge: Option<Box<dyn TlsGauge>>,
    alpn: &[u8],
    mut stop: Stop,
) -> Option<Stream> {
    tokio::select! {
        heard = timeout(FIRST_BYTE_TIMEOUT, stream.readable()) => heard.ok()?.ok()?,
        () = stop.requested() => return None,
    }
    let tls = certificates.map(|newest| speaking(&newest.borrow(), alpn));
    let opened = Stream::accept(stream, tls, gauge).await;
    opened.inspect_err(|error| tracing::debug!(%error, "no TLS was agreed on")).ok()
}

/// A configuration for this protocol.
fn speaking(config: &Arc<ServerConfig>, alpn: &[u8]) -> Arc<ServerConfig> {
    if config.alpn_protocols == [alpn] {
        return Arc::clone(config);
    }
    let mut own = ServerConfig::clone(config);
    own.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(own)
}

/// HTTP/1.1, with WebSocket.
#[derive(Clone)]
struct Http1<H> {
    handler: H,
}

impl<H, F> Spoken for Http1<H>
where
    H: Fn(Request<Incoming>, ConnectionPermit) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    const ALPN: &'static [u8] = b"http/1.1";

    async fn serve(self, stream: Stream, permit: ConnectionPermit, mut stop: Stop) {
        let stream = MeteredStream::new(stream, permit.clone());
        let (asked, service_permit) = (Arc::<Notify>::default(), permit.clone());
        let (asks, handler) = (Arc::clone(&asked), self.handler);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let permit = service_permit.clone();
            asks.notify_one();
            permit.set_heard();
            permit.set_handled(true);
            request.extensions_mut().insert(permit.clone());
            let response = match framing::refusal(request.version(), request.headers()) {
                Some(refused) => Err(refused),
                None => Ok(handler(request, permit.clone())),
            };
            async move {
                let response = match response {
                    Ok(response) => response.await,
                    Err(refused) => refused,
                };
                permit.set_handled(false);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1().serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = pin!(connection);
        let first_head_is_late = async {
            if timeout(FIRST_HEAD_TIMEOUT, asked.notified()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = first_head_is_late => return,
            () = stop.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, peer = %permit.peer_address(), "a connection ended early");
        }
    }

    async fn refuse(stream: Stream) {
        let refuse = |_| std::future::ready(Ok::<_, Infallible>(over_limit_response()));
        let connection = http1().serve_connection(TokioIo::new(stream), service_fn(refuse));
        tokio::select! { _ = connection => {}, () = sleep(FIRST_HEAD_TIMEOUT) => {} }
    }
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
}

fn over_limit_response() -> HttpResponse {
    let message = "all connections are in use; close some, or try again later";
    let mut response = problem(&Problem::new(Code::Overloaded, message));
    framing::close_after(&mut response);
    response
}
