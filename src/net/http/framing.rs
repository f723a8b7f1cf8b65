//! What RFC 9112 has a server refuse in the head of a request beyond what hyper refuses by itself: where
//! a proxy may read another host, or another end of the body. (Where a length stands beside chunks,
//! hyper takes the chunks and ends the connection, as the RFC allows.)

use hyper::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, StatusCode, Version};

use super::response::{HttpResponse, problem_as};
use crate::problem::Problem;

/// The response to a request whose head says too little, or several things; `None` for any other.
/// It ends the connection.
pub(super) fn refusal(version: Version, headers: &HeaderMap) -> Option<HttpResponse> {
    let hosts = headers.get_all(HOST).iter().count();
    let (status, message) = if hosts == 0 && version == Version::HTTP_11 {
        (StatusCode::BAD_REQUEST, "Host: is missing; send the host and port of this address")
    } else if hosts > 1 {
        (StatusCode::BAD_REQUEST, "Host: is there more than once; send it once")
    } else if !is_plain(headers) {
        let message =
            "Transfer-Encoding: only chunked is understood; send the body without another";
        (StatusCode::NOT_IMPLEMENTED, message)
    } else {
        return None;
    };
    let mut response = problem_as(status, &Problem::bad_request(message));
    close_after(&mut response);
    Some(response)
}

/// Whether the body comes as it is, or in chunks and nothing else.
fn is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(is_chunked) && codings.next().is_none()
}

/// Ends the connection after this response.
pub(super) fn close_after(response: &mut HttpResponse) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}
