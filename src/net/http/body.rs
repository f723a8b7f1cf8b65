//! Request bodies of bounded size, read in bounded time.

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};

use crate::limits::{BODY_BYTES_DISCARDED_MAX, BODY_BYTES_MAX, BODY_TIMEOUT};
use crate::problem::{Code, Problem};

/// Why a request's body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is over this many bytes.
    TooLarge(usize),
    /// The connection broke, or the client was too slow.
    Broken,
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
        }
    }
}

fn size(bytes: usize) -> crate::sizes::Bytes {
    crate::sizes::Bytes(bytes as u64)
}

/// Reads a body of at most [`BODY_BYTES_MAX`] bytes.
///
/// # Errors
/// If it is too large, too slow or broken off.
pub async fn body(request: Incoming) -> Result<Bytes, BodyError> {
    body_within(request, BODY_BYTES_MAX).await
}

/// Reads a body of at most `bytes_max` bytes.
///
/// # Errors
/// If it is too large, too slow or broken off.
pub async fn body_within(mut request: Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(BODY_TIMEOUT, read(&mut request, bytes_max)).await {
        Ok(Err(too_large @ BodyError::TooLarge(_))) => {
            // A client that is still sending would not see the response: let it finish first.
            let _ = tokio::time::timeout(BODY_TIMEOUT, discard(&mut request)).await;
            Err(too_large)
        }
        Ok(read) => read,
        Err(_) => Err(BodyError::Broken),
    }
}

async fn read(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    let limited = Limited::new(body, bytes_max);
    match limited.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(bytes_max)),
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
