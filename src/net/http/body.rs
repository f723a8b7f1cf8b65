//! Request bodies of bounded size, read in bounded time.

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_ENCODING;

use super::connection_permit::ConnectionPermit;
use crate::limits::{BODY_BYTES_DISCARDED_MAX, BODY_BYTES_MAX, BODY_TIMEOUT};
use crate::problem::{Code, Problem};

/// Why a request's body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is over this many bytes.
    TooLarge(usize),
    /// The connection broke, or the client was too slow.
    Broken,
    /// Too many large bodies arrive at the same time.
    NoRoom,
    /// It says that it is compressed or encoded in another way.
    Encoded,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(BODY_BYTES_MAX) => Self::new(
                Code::TooLarge,
                format!("the body is over {}; split the request", size(BODY_BYTES_MAX)),
            ),
            BodyError::TooLarge(bytes_max) => {
                Self::new(Code::TooLarge, format!("the body is over {}", size(bytes_max)))
            }
            BodyError::Broken => Self::bad_request("the body did not arrive completely"),
            BodyError::NoRoom => Self::new(
                Code::Overloaded,
                "too many large requests arrive; retry, nothing was applied",
            ),
            BodyError::Encoded => Self::new(
                Code::UnsupportedMediaType,
                "the body has a Content-Encoding; send it as it is",
            ),
        }
    }
}

fn size(bytes: usize) -> crate::sizes::Bytes {
    crate::sizes::Bytes(bytes as u64)
}

/// Reads a body of at most [`BODY_BYTES_MAX`] bytes, within the budget of all connections.
///
/// # Errors
/// If it is too large, too slow, broken off or encoded.
pub async fn body(request: Request<Incoming>) -> Result<Bytes, BodyError> {
    let permit = request.extensions().get::<ConnectionPermit>().cloned();
    read_within(request, BODY_BYTES_MAX, permit).await
}

/// Reads a body of at most `bytes_max` bytes, whatever other connections send.
///
/// # Errors
/// As [`body`].
pub async fn body_within(request: Request<Incoming>, bytes_max: usize) -> Result<Bytes, BodyError> {
    read_within(request, bytes_max, None).await
}

async fn read_within(
    request: Request<Incoming>,
    bytes_max: usize,
    permit: Option<ConnectionPermit>,
) -> Result<Bytes, BodyError> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(BodyError::Encoded);
    }
    let mut body = request.into_body();
    match tokio::time::timeout(BODY_TIMEOUT, read(&mut body, bytes_max, permit.as_ref())).await {
        Ok(Err(refused @ (BodyError::TooLarge(_) | BodyError::NoRoom))) => {
            // A client that is still sending would not see the response: let it finish first.
            let _ = tokio::time::timeout(BODY_TIMEOUT, discard(&mut body)).await;
            Err(refused)
        }
        Ok(read) => read,
        Err(_) => Err(BodyError::Broken),
    }
}

async fn read(
    body: &mut Incoming,
    bytes_max: usize,
    permit: Option<&ConnectionPermit>,
) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > bytes_max - whole.len() {
            return Err(BodyError::TooLarge(bytes_max));
        }
        if permit.is_some_and(|permit| permit.keep(data.len()).is_err()) {
            return Err(BodyError::NoRoom);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
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
