//! Responses: JSON, plain text, and problems as RFC 9457 describes them.

#[cfg(not(feature = "hub"))]
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
#[cfg(feature = "hub")]
use tokio::sync::mpsc;

#[cfg(feature = "hub")]
use super::body_out::Incomplete;
#[cfg(feature = "hub")]
pub(super) use super::body_out::ResponseBody;
use crate::problem::{Code, Problem};

/// The edge has no response that does not fit into memory.
#[cfg(not(feature = "hub"))]
pub(super) type ResponseBody = Full<Bytes>;

/// A response.
pub type HttpResponse = Response<ResponseBody>;

/// A success with a JSON body.
pub fn json(mut body: String) -> HttpResponse {
    // It may wait for a client that does not read.
    body.shrink_to_fit();
    response(StatusCode::OK, "application/json", body)
}

/// A success in plain text.
pub fn text(body: impl Into<Bytes>) -> HttpResponse {
    response(StatusCode::OK, "text/plain; charset=utf-8", body)
}

/// A success in CSV.
pub fn csv(body: impl Into<Bytes>) -> HttpResponse {
    response(StatusCode::OK, "text/csv; charset=utf-8", body)
}

/// A response with a body of this content type. It is as of now, so nothing on the way may keep it,
/// and no browser may take it for another type.
pub fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> HttpResponse {
    with_body(status, content_type, ResponseBody::new(body.into()))
}

/// A success whose body is made while it is sent.
#[cfg(feature = "hub")]
pub fn in_parts(
    content_type: &'static str,
    parts: mpsc::Receiver<Result<Bytes, Incomplete>>,
) -> HttpResponse {
    with_body(StatusCode::OK, content_type, ResponseBody::Parts(parts))
}

fn with_body(status: StatusCode, content_type: &'static str, body: ResponseBody) -> HttpResponse {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A problem as `application/problem+json`; `overloaded` and `throttled` carry `Retry-After`.
pub fn problem(problem: &Problem) -> HttpResponse {
    let mut response = problem_as(status(problem.code), problem);
    if matches!(problem.code, Code::Overloaded | Code::Throttled) {
        let seconds = HeaderValue::from(problem.retry_after_s.unwrap_or(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// A problem with a status that its code alone does not say.
pub(super) fn problem_as(status: StatusCode, problem: &Problem) -> HttpResponse {
    response(status, "application/problem+json", body(problem, status))
}

fn body(problem: &Problem, status: StatusCode) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        r#type: &'static str,
        title: &'static str,
        status: u16,
        detail: &'a str,
        #[serde(flatten)]
        problem: &'a Problem,
    }
    let body = Body {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: &problem.message,
        problem,
    };
    serde_json::to_vec(&body).expect("plain data always serializes")
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound
        | Code::UnknownSku
        | Code::UnknownRequest
        | Code::UnknownReservation
        | Code::UnknownCode => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::InsufficientStock
        | Code::BelowReserved
        | Code::ExceedsDeduction
        | Code::ReservationExpired
        | Code::ReservationClosed
        | Code::GatewayClosed
        | Code::WouldDrop => StatusCode::CONFLICT,
        #[cfg(feature = "hub")]
        Code::Gone => StatusCode::GONE,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::IdempotencyConflict | Code::BadCode => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Overloaded | Code::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
