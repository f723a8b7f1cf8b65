//! A small HTTP/1.1 server with limits, shared by the terminal port and the hub.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::limits::{
    BACKLOG, BODY_BYTES_DISCARDED_MAX, BODY_BYTES_MAX, BODY_TIMEOUT, HEADER_BYTES_MAX,
    HEADER_TIMEOUT, HEADERS_MAX, PAGE_DEFAULT, PAGE_MAX, SEND_BUFFER_BYTES, STOP_GRACE,
};
use crate::net::stream::{Certificates, Stream};
use crate::problem::{Code, Problem};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;

mod room;

pub use self::room::Place;
use self::room::Room;

/// A whole response.
pub type Reply = Response<Full<Bytes>>;

/// Listens on an address. What a client does not read waits in a buffer of bounded size: without
/// a bound, the kernel would hold megabytes for each.
///
/// # Errors
/// If the address cannot be used.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections have it from here.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves connections until a stop is requested, then lets the open requests finish. With
/// certificates it speaks TLS only.
pub async fn serve<H, F>(
    listener: TcpListener,
    certificates: Option<Certificates>,
    mut stop: Stop,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let mut room = Room::new();
    let mut connections = JoinSet::new();
    let (clock, mut failures) = (Clock::starting_at(0), LogThrottle::default());
    loop {
        let accepted = tokio::select! {
            () = stop.requested() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let tls = certificates.as_ref().map(|newest| Arc::clone(&newest.borrow()));
                let (handler, stop) = (handler.clone(), stop.clone());
                let Some((place, is_full)) = room.place() else { continue };
                connections.spawn(async move {
                    match Stream::accept(stream, tls).await {
                        Ok(stream) if is_full => {
                            let told = |_, _| std::future::ready(told_full());
                            connection(stream, peer, place, told, stop).await;
                        }
                        Ok(stream) => connection(stream, peer, place, handler, stop).await,
                        Err(error) => tracing::debug!(%error, %peer, "no TLS was agreed on"),
                    }
                });
            }
            // The machine is out of something: let some connections end.
            Err(error) => {
                if failures.is_due(clock.since_start_ms()) {
                    tracing::warn!(%error, "a connection could not be accepted");
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_GRACE / 2, drained).await;
}

async fn connection<H, F>(
    stream: Stream,
    peer: SocketAddr,
    place: Place,
    handler: H,
    mut stop: Stop,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = Reply>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        let reply = handler(request, peer);
        async move { Ok::<_, Infallible>(reply.await) }
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

/// What those are told for whom there is no place.
fn told_full() -> Reply {
    let message = "all connections are taken; close some, or try again later";
    let mut reply = Problem::new(Code::Overloaded, message).reply();
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Why a request's body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Over 64 KiB.
    TooLarge,
    /// The connection broke, or the client was too slow.
    Broken,
}

/// Reads a body of bounded size in bounded time.
///
/// # Errors
/// If it is too large, too slow or broken off.
pub async fn body(request: Incoming) -> Result<Bytes, BodyError> {
    body_within(request, BODY_BYTES_MAX).await
}

/// Reads a body of at most so many bytes in bounded time.
///
/// # Errors
/// If it is too large, too slow or broken off.
pub async fn body_within(mut request: Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(BODY_TIMEOUT, read(&mut request, bytes_max)).await {
        Ok(Err(BodyError::TooLarge)) => {
            // A client that is still sending would not see the answer: let it finish first.
            let _ = tokio::time::timeout(BODY_TIMEOUT, discard(&mut request)).await;
            Err(BodyError::TooLarge)
        }
        Ok(read) => read,
        Err(_) => Err(BodyError::Broken),
    }
}

async fn read(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    let limited = Limited::new(body, bytes_max);
    match limited.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

async fn discard(body: &mut Incoming) {
    let mut left = BODY_BYTES_DISCARDED_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        left = match left.checked_sub(bytes) {
            Some(left) => left,
            None => return,
        };
    }
}

/// One line of a table of routes: a method, a path in which `{…}` stands for any one part, and
/// what is there. Where several lines fit, the first one counts.
pub type Line<T> = (Method, &'static str, T);

/// What a table has for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<T, P> {
    /// What is there, and the parts of the path that its line leaves open.
    There(T, P),
    /// Something is there, for other methods.
    OtherMethod,
    /// Nothing is there.
    Nothing,
}

/// Looks a request up.
pub fn find<'a, T: Copy>(
    table: &[Line<T>],
    method: &Method,
    segments: &[&'a str],
) -> Found<T, Vec<&'a str>> {
    let mut fitting = table.iter().filter(|(_, path, _)| fits(path, segments)).peekable();
    if fitting.peek().is_none() {
        return Found::Nothing;
    }
    let Some((_, path, there)) = fitting.find(|(known, _, _)| known == method) else {
        return Found::OtherMethod;
    };
    let parts = path.split('/').skip(1).zip(segments);
    Found::There(*there, parts.filter(|(part, _)| is_open(part)).map(|(_, text)| *text).collect())
}

/// Says which methods a path answers to.
pub fn other_method<T>(table: &[Line<T>], segments: &[&str]) -> Reply {
    let fitting = table.iter().filter(|(_, path, _)| fits(path, segments));
    let mut methods: Vec<&str> = fitting.map(|(method, _, _)| method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    let allowed = methods.join(", ");
    let message = format!("this path answers to {allowed}");
    let mut reply = Problem::new(Code::MethodNotAllowed, message).reply();
    let allowed = HeaderValue::from_str(&allowed).expect("methods are letters");
    reply.headers_mut().insert(ALLOW, allowed);
    reply
}

fn fits(path: &str, segments: &[&str]) -> bool {
    let mut parts = path.split('/').skip(1);
    segments.iter().all(|text| parts.next().is_some_and(|part| is_open(part) || part == *text))
        && parts.next().is_none()
}

fn is_open(part: &str) -> bool {
    part.starts_with('{')
}

/// The parts of a path, percent-decoded; `None` if one is not UTF-8 or it is no path.
pub fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?
        .split('/')
        .map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned()))
        .collect()
}

/// The value of a query parameter.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The value of a query parameter that is a number.
///
/// # Errors
/// If it is something else.
pub fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, Problem> {
    match parameter(query, name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Problem::bad_request(format!("{name}: must be a whole number, is {text:?}"))
        }),
    }
}

/// The size of a page for which a client asks; over the maximum it is the maximum.
pub fn page_size(limit: Option<u64>) -> usize {
    let limit = limit.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.clamp(1, PAGE_MAX)
}

/// A success with a JSON body.
pub fn json(body: String) -> Reply {
    reply(StatusCode::OK, "application/json", body)
}

/// A success in plain text.
pub fn text(body: impl Into<Bytes>) -> Reply {
    reply(StatusCode::OK, "text/plain; charset=utf-8", body)
}

/// A response with a body of this type.
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// The operations that an OpenAPI description has, as `METHOD /path`.
#[cfg(test)]
pub(crate) fn described(openapi: &str) -> std::collections::BTreeSet<String> {
    let description: serde_json::Value = serde_json::from_str(openapi).expect("JSON");
    let paths = description["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path holds methods").keys();
        let methods = methods.filter(|key| *key != "parameters");
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_part_by_part() {
        let parts = segments("/api/stock/a%2Fb%20c").unwrap();
        assert_eq!(parts, ["api", "stock", "a/b c"]);
        assert_eq!(segments("/api/%ff"), None);
        assert_eq!(segments("/").unwrap(), [""]);
    }

    #[test]
    fn routes_are_found_by_path_and_method() {
        let table: [Line<u8>; 4] = [
            (Method::GET, "/", 0),
            (Method::PUT, "/a/b", 1),
            (Method::GET, "/a/{x}", 2),
            (Method::POST, "/a/{x}/c/{y}", 3),
        ];
        let find = |method: Method, segments: &[&'static str]| find(&table, &method, segments);
        assert_eq!(find(Method::GET, &[""]), Found::There(0, vec![]));
        assert_eq!(find(Method::PUT, &["a", "b"]), Found::There(1, vec![]));
        assert_eq!(find(Method::GET, &["a", "b"]), Found::There(2, vec!["b"]));
        assert_eq!(find(Method::POST, &["a", "1", "c", "2"]), Found::There(3, vec!["1", "2"]));
        assert_eq!(find(Method::PUT, &["a", "z"]), Found::OtherMethod);
        for nothing in [&["a"][..], &["a", "b", "c"], &["a", "b", "c", "d", "e"], &["b"]] {
            assert_eq!(find(Method::GET, nothing), Found::Nothing, "{nothing:?}");
        }
        let allowed = other_method(&table, &["a", "b"]).headers()[ALLOW].clone();
        assert_eq!(allowed, "GET, PUT");
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter(Some("prefix=8+5&limit=3"), "prefix").as_deref(), Some("8 5"));
        assert_eq!(parameter(Some("a=1"), "b"), None);
        assert_eq!(parameter(None, "b"), None);
    }
}
