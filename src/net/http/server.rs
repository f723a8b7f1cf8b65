//! The accept loop, and one task per connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::connection_limit::{Admission, ConnectionLimit, ConnectionPermit};
use super::response::{HttpResponse, problem};
use crate::clock::Clock;
use crate::limits::{
    BACKLOG, HEADER_BYTES_MAX, HEADER_TIMEOUT, HEADERS_MAX, SEND_BUFFER_BYTES, STOP_GRACE,
};
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

/// Serves connections until a stop is requested, then lets open requests finish for half of
/// [`STOP_GRACE`]. With certificates it accepts TLS only.
pub async fn serve<H, F>(
    listener: TcpListener,
    certificates: Option<Certificates>,
    mut stop: Stop,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    let mut acceptor = Acceptor::new(listener);
    let mut limit = ConnectionLimit::new();
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.requested() => break,
            accepted = acceptor.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some(admission) = limit.admit() else { continue };
        let tls = certificates.as_ref().map(|newest| Arc::clone(&newest.borrow()));
        let (handler, stop) = (handler.clone(), stop.clone());
        connections.spawn(async move {
            match Stream::accept(stream, tls).await {
                Ok(stream) => admitted(stream, peer, admission, handler, stop).await,
                Err(error) => tracing::debug!(%error, %peer, "no TLS was agreed on"),
            }
        });
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_GRACE / 2, drained).await;
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
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

async fn admitted<H, F>(
    stream: Stream,
    peer: SocketAddr,
    admission: Admission,
    handler: H,
    stop: Stop,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = HttpResponse>,
{
    match admission {
        Admission::Served(permit) => connection(stream, peer, permit, handler, stop).await,
        Admission::Refused(permit) => {
            let refuse = |_, _| std::future::ready(over_limit_response());
            connection(stream, peer, permit, refuse, stop).await;
        }
    }
}

async fn connection<H, F>(
    stream: Stream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    handler: H,
    mut stop: Stop,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = HttpResponse>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(permit.clone());
        let response = handler(request, peer);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

fn over_limit_response() -> HttpResponse {
    let message = "all connections are in use; close some, or try again later";
    let mut response = problem(&Problem::new(Code::Overloaded, message));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
