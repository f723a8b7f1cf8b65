//! HTTP/2, for gRPC: the same limits on connections, and limits on the calls of each.

use std::convert::Infallible;
use std::pin::pin;

use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::connection_limit::ConnectionLimit;
use super::connection_permit::ConnectionPermit;
use super::counted_body::CountedBody;
use super::server::{Spoken, serve_connections};
use crate::limits::{
    GRPC_CONNECTION_WINDOW, GRPC_CONNECTIONS_MAX, GRPC_PING_EVERY, GRPC_PING_WAIT,
    GRPC_STREAM_WINDOW, GRPC_STREAMS_MAX, HEADER_BYTES_MAX, SEND_BUFFER_BYTES,
};
use crate::net::stream::{Certificates, Stream};
use crate::process::stop::Stop;

/// Serves HTTP/2 until a stop is requested, then lets open calls finish for a moment. With
/// certificates it accepts TLS only. A request has the [`ConnectionPermit`] among its extensions.
pub async fn serve_http2<H, F, B>(
    listener: TcpListener,
    certificates: Option<Certificates>,
    stop: Stop,
    handler: H,
) where
    H: Fn(Request<CountedBody>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit = ConnectionLimit::new(GRPC_CONNECTIONS_MAX);
    serve_connections(listener, limit, certificates, stop, Http2 { handler }).await;
}

#[derive(Clone)]
struct Http2<H> {
    handler: H,
}

impl<H, F, B> Spoken for Http2<H>
where
    H: Fn(Request<CountedBody>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    const ALPN: &'static [u8] = b"h2";

    async fn serve(self, stream: Stream, permit: ConnectionPermit, mut stop: Stop) {
        let (handler, of_requests) = (self.handler, permit.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            of_requests.set_heard();
            request.extensions_mut().insert(of_requests.clone());
            let response = handler(request.map(|body| CountedBody::new(body, of_requests.clone())));
            async move { Ok::<_, Infallible>(response.await) }
        });
        let mut connection = pin!(http2().serve_connection(TokioIo::new(stream), service));
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = stop.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, peer = %permit.peer_address(), "a connection ended early");
        }
    }

    /// A client of gRPC connects again by itself, later each time.
    async fn refuse(stream: Stream) {
        drop(stream);
    }
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(GRPC_STREAM_WINDOW)
        .initial_connection_window_size(GRPC_CONNECTION_WINDOW)
        .max_concurrent_streams(GRPC_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).expect("it is small"))
        .max_send_buf_size(SEND_BUFFER_BYTES as usize)
        .keep_alive_interval(GRPC_PING_EVERY)
        .keep_alive_timeout(GRPC_PING_WAIT);
    builder
}
