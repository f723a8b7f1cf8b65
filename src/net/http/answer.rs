//! What every port answers in the same way: routes, preflights of browsers, and problems.

use hyper::body::Incoming;
use hyper::{Method, Request};

use super::cors::{expose, is_preflight, preflight};
use super::port_access::PortAccess;
use super::response::{HttpResponse, problem};
use super::router::{Route, RouteError, options, route};
use crate::problem::{Code, Problem};

/// Answers a request by the handler of its target. `refused` is told the code of every problem.
pub async fn answer<T, F>(
    routes: &[Route<T>],
    access: &PortAccess,
    request: Request<Incoming>,
    handle: impl FnOnce(T, Request<Incoming>) -> F,
    refused: impl Fn(Code),
) -> HttpResponse
where
    T: Clone,
    F: Future<Output = Result<HttpResponse, Problem>>,
{
    let origin = access.rules().configured_origin(request.headers());
    let (method, headers) = (request.method(), request.headers());
    let answered = match route(routes, method, request.uri().path()) {
        Ok(target) => {
            // Monitoring sees who holds what there is.
            let is_query = method.is_safe() && request.uri().path() != "/metrics";
            let handled = handle(target, request).await;
            handled.and_then(|response| access.outgoing().hold_response(response, is_query))
        }
        Err(RouteError::OtherMethod(methods)) if is_preflight(method, headers) => {
            let checked = access.rules().check_origin(headers);
            checked.map(|()| preflight(headers, &methods))
        }
        Err(RouteError::OtherMethod(methods)) if *method == Method::OPTIONS => {
            Ok(options(&methods))
        }
        Err(error) => {
            error.code().into_iter().for_each(&refused);
            Ok(error.response())
        }
    };
    let mut response = answered.unwrap_or_else(|error| {
        refused(error.code);
        problem(&error)
    });
    if let Some(origin) = origin {
        expose(&mut response, origin);
    }
    response
}
