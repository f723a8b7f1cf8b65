//! Problems as gRPC says them: a status code that every client knows, and our own code and fields
//! among the details.

use std::collections::HashMap;
use std::time::Duration;

use http::Response;
use tonic::body::Body;
use tonic::{Code as Status, Status as Answer};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::problem::{Code, Problem};

/// Whose codes the reasons are.
const DOMAIN: &str = "stockgate";

/// The status of a problem.
pub(super) fn status(problem: &Problem) -> Answer {
    let mut details = ErrorDetails::new();
    details.set_error_info(problem.code.as_str(), DOMAIN, fields(problem));
    if let Some(seconds) = problem.retry_after_s {
        details.set_retry_info(Some(Duration::from_secs(seconds.into())));
    }
    Answer::with_error_details(status_code(problem.code), &problem.message, details)
}

/// The fields that HTTP has beside code and message, by the same names.
fn fields(problem: &Problem) -> HashMap<String, String> {
    let central = problem.central.as_deref();
    let elsewhere = |amount: fn(&crate::problem::Central) -> Option<crate::stock::Amount>| {
        central.and_then(amount).map(|amount| amount.to_string())
    };
    let fields = [
        ("sku", problem.sku.as_ref().map(ToString::to_string)),
        ("requested", problem.requested.as_ref().map(ToString::to_string)),
        ("available", problem.available.as_ref().map(ToString::to_string)),
        ("elsewhere_online", elsewhere(|central| central.elsewhere_online)),
        ("elsewhere_offline", elsewhere(|central| central.elsewhere_offline)),
        ("retry_after_s", problem.retry_after_s.map(|seconds| seconds.to_string())),
        ("replayed", Some(problem.replayed.to_string())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The standard code of one of ours. A client may repeat what is `RESOURCE_EXHAUSTED` or
/// `UNAVAILABLE` as it is.
fn status_code(code: Code) -> Status {
    match code {
        Code::BadRequest | Code::BadCode | Code::UnsupportedMediaType => Status::InvalidArgument,
        Code::Unauthorized => Status::Unauthenticated,
        Code::Forbidden => Status::PermissionDenied,
        Code::NotFound
        | Code::UnknownSku
        | Code::UnknownRequest
        | Code::UnknownReservation
        | Code::UnknownCode => Status::NotFound,
        Code::MethodNotAllowed => Status::Unimplemented,
        Code::InsufficientStock
        | Code::BelowReserved
        | Code::ExceedsDeduction
        | Code::ReservationExpired
        | Code::ReservationClosed
        | Code::GatewayClosed
        | Code::WouldDrop => Status::FailedPrecondition,
        Code::IdempotencyConflict => Status::AlreadyExists,
        Code::TooLarge | Code::Gone => Status::OutOfRange,
        Code::Overloaded | Code::Throttled => Status::ResourceExhausted,
        Code::StorageUnavailable => Status::Unavailable,
    }
}

/// Gives the library's own errors about a message our codes.
pub(super) fn explained(response: Response<Body>, count: impl Fn(Code)) -> Response<Body> {
    let Some(found) = Answer::from_header_map(response.headers()) else { return response };
    if !found.details().is_empty() {
        return response;
    }
    // A message over the limit, and one that cannot be decoded. Nothing else is answered so.
    let problem = if found.code() == Status::OutOfRange {
        Problem::new(Code::TooLarge, format!("{}; split the request", found.message()))
    } else if found.code() == Status::Internal {
        Problem::bad_request(found.message())
    } else {
        return response;
    };
    count(problem.code);
    status(&problem).into_http()
}
