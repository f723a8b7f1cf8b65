//! Cross-origin requests: what a browser asks before a page of another, configured origin may send
//! its request, and what it needs to let the page see the response.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, VARY,
};
use hyper::{Method, StatusCode};

use super::response::HttpResponse;

/// The headers of our requests that a browser does not send without asking.
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, last-event-id";
/// Seconds for which a browser need not ask again.
const MAX_AGE_S: u16 = 600;
/// Asked where the page is of a public address and the gateway of a private one.
const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";
const ALLOW_PRIVATE_NETWORK: &str = "access-control-allow-private-network";

/// Whether a browser asks if a page may send a request.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a browser that asks for a page of an allowed origin; `methods` are those of the
/// path, separated by commas.
pub(super) fn preflight(asked: &HeaderMap, methods: &str) -> HttpResponse {
    let mut response = HttpResponse::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_str(methods).expect("methods are letters");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_S));
    if asked.contains_key(REQUEST_PRIVATE_NETWORK) {
        let name = HeaderName::from_static(ALLOW_PRIVATE_NETWORK);
        headers.insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// Lets a page of an allowed origin see the response.
pub(super) fn expose(response: &mut HttpResponse, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
}
