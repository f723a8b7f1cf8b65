//! A table of routes whose targets are typed: what a path leaves open is part of the target.
//!
//! ```text
//! Route::fixed(GET, "/readyz", Target::Readyz)
//! Route::one(GET, "/api/stock/{sku}", Target::Item)            // Item(String)
//! Route::two(GET, "/api/gateways/{site}/{gateway}", Target::Gateway)
//! ```

use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::response::{HttpResponse, problem};
use crate::problem::{Code, Problem};

/// A method, a path in which `{…}` stands for any one segment, and the target.
#[derive(Clone, Debug)]
pub struct Route<T> {
    method: Method,
    path: &'static str,
    target: Target<T>,
}

/// How a target is made from the open segments of the path.
#[derive(Clone, Debug)]
enum Target<T> {
    Fixed(T),
    One(fn(String) -> T),
    Two(fn(String, String) -> T),
}

/// Why a request has no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteError {
    /// The path is not percent-encoded UTF-8.
    Malformed,
    /// No route has this path.
    NotFound(String),
    /// The path has routes for these methods only, sorted and separated by commas.
    OtherMethod(String),
}

impl<T> Route<T> {
    /// A route without open segments.
    pub const fn fixed(method: Method, path: &'static str, target: T) -> Self {
        Self { method, path, target: Target::Fixed(target) }
    }

    /// A route with one open segment.
    pub const fn one(method: Method, path: &'static str, target: fn(String) -> T) -> Self {
        Self { method, path, target: Target::One(target) }
    }

    /// A route with two open segments.
    pub const fn two(method: Method, path: &'static str, target: fn(String, String) -> T) -> Self {
        Self { method, path, target: Target::Two(target) }
    }

    fn matches(&self, segments: &[String]) -> bool {
        let mut parts = self.path.split('/').skip(1);
        let fits = |part: &str, segment: &String| is_open(part) || part == segment;
        segments.iter().all(|segment| parts.next().is_some_and(|part| fits(part, segment)))
            && parts.next().is_none()
    }
}

impl<T: Clone> Route<T> {
    /// The target for a path that matches; `None` if the path has fewer open segments than the
    /// target takes, which a test of the table excludes.
    fn target(&self, segments: Vec<String>) -> Option<T> {
        let parts = self.path.split('/').skip(1).zip(segments);
        let mut open = parts.filter(|(part, _)| is_open(part)).map(|(_, segment)| segment);
        Some(match &self.target {
            Target::Fixed(target) => target.clone(),
            Target::One(target) => target(open.next()?),
            Target::Two(target) => target(open.next()?, open.next()?),
        })
    }
}

/// Finds the target of a request. Of several routes that match, the first one counts. `HEAD` has the
/// target of `GET`; the server leaves out the body of the response.
///
/// # Errors
/// If the path or the method is not in the table.
pub(super) fn route<T: Clone>(
    routes: &[Route<T>],
    method: &Method,
    path: &str,
) -> Result<T, RouteError> {
    let segments = segments(path).ok_or(RouteError::Malformed)?;
    let allowed = methods(routes, &segments);
    let not_found = || RouteError::NotFound(path.into());
    let mut matching = routes.iter().filter(|route| route.matches(&segments));
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    match matching.find(|route| route.method == *method) {
        Some(route) => route.target(segments).ok_or_else(not_found),
        None if allowed.is_empty() => Err(not_found()),
        None => Err(RouteError::OtherMethod(allowed)),
    }
}

impl RouteError {
    /// The code of the problem; `None` for a method that another client may use.
    pub(super) fn code(&self) -> Option<Code> {
        match self {
            Self::Malformed => Some(Code::BadRequest),
            Self::NotFound(_) => Some(Code::NotFound),
            Self::OtherMethod(_) => None,
        }
    }

    /// The response to such a request.
    pub(super) fn response(&self) -> HttpResponse {
        match self {
            Self::Malformed => {
                problem(&Problem::bad_request("the path is not percent-encoded UTF-8"))
            }
            Self::NotFound(path) => {
                problem(&Problem::new(Code::NotFound, format!("there is nothing at {path}")))
            }
            Self::OtherMethod(allowed) => method_not_allowed(allowed),
        }
    }
}

fn method_not_allowed(allowed: &str) -> HttpResponse {
    let message = format!("this path answers to {allowed}");
    with_methods(problem(&Problem::new(Code::MethodNotAllowed, message)), allowed)
}

/// The response to one who asks for the methods of a path, and is no browser.
pub(super) fn options(allowed: &str) -> HttpResponse {
    let mut response = HttpResponse::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    with_methods(response, allowed)
}

/// The same response with the methods of its path, to which that of the question belongs.
fn with_methods(mut response: HttpResponse, allowed: &str) -> HttpResponse {
    let allowed = format!("{allowed}, {}", Method::OPTIONS);
    let allowed = HeaderValue::from_str(&allowed).expect("methods are letters");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn methods<T>(routes: &[Route<T>], segments: &[String]) -> String {
    let matching = routes.iter().filter(|route| route.matches(segments));
    let mut methods: Vec<&str> = matching.map(|route| route.method.as_str()).collect();
    if methods.contains(&Method::GET.as_str()) {
        methods.push(Method::HEAD.as_str());
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

fn is_open(part: &str) -> bool {
    part.starts_with('{')
}

/// The segments of a path, percent-decoded; `None` if one is not UTF-8 or it is not a path.
fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?
        .split('/')
        .map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned()))
        .collect()
}

/// Every route as `METHOD /path`, for comparison with an OpenAPI description.
///
/// # Panics
/// If a route has another number of open segments than its target takes.
#[cfg(test)]
pub(crate) fn operations<T>(routes: &[Route<T>]) -> std::collections::BTreeSet<String> {
    let operation = |route: &Route<T>| {
        let open = route.path.split('/').filter(|part| is_open(part)).count();
        let takes = match route.target {
            Target::Fixed(_) => 0,
            Target::One(_) => 1,
            Target::Two(_) => 2,
        };
        assert_eq!(open, takes, "open segments of {}", route.path);
        format!("{} {}", route.method, route.path)
    };
    routes.iter().map(operation).collect()
}

/// The operations of an OpenAPI description, as `METHOD /path`.
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

    #[derive(Clone, Debug, PartialEq, Eq)]
    enum To {
        Root,
        Fixed,
        One(String),
        Two(String, String),
    }

    static ROUTES: [Route<To>; 4] = [
        Route::fixed(Method::GET, "/", To::Root),
        Route::fixed(Method::PUT, "/a/b", To::Fixed),
        Route::one(Method::GET, "/a/{x}", To::One),
        Route::two(Method::POST, "/a/{x}/c/{y}", To::Two),
    ];

    #[test]
    fn a_request_is_routed_by_path_and_method() {
        let to = |method: Method, path: &str| route(&ROUTES, &method, path);
        assert_eq!(to(Method::GET, "/"), Ok(To::Root));
        assert_eq!(to(Method::PUT, "/a/b"), Ok(To::Fixed));
        assert_eq!(to(Method::GET, "/a/b"), Ok(To::One("b".into())));
        assert_eq!(to(Method::HEAD, "/a/b"), Ok(To::One("b".into())));
        assert_eq!(to(Method::POST, "/a/1/c/2"), Ok(To::Two("1".into(), "2".into())));
        for unknown in ["/a", "/a/b/c", "/a/b/c/d/e", "/b"] {
            let error = RouteError::NotFound(unknown.into());
            assert_eq!(to(Method::GET, unknown), Err(error));
        }
    }

    #[test]
    fn a_path_with_other_methods_names_them() {
        let error = route(&ROUTES, &Method::POST, "/a/b").unwrap_err();
        assert_eq!(error, RouteError::OtherMethod("GET, HEAD, PUT".into()));
        assert_eq!(error.response().headers()[ALLOW], "GET, HEAD, PUT, OPTIONS");
        assert_eq!(options("GET, HEAD").headers()[ALLOW], "GET, HEAD, OPTIONS");
        let error = route(&ROUTES, &Method::PUT, "/a/z").unwrap_err();
        assert_eq!(error, RouteError::OtherMethod("GET, HEAD".into()));
    }

    #[test]
    fn segments_are_percent_decoded_one_by_one() {
        let to = |path: &str| route(&ROUTES, &Method::GET, path);
        assert_eq!(to("/a/x%2Fy%20z"), Ok(To::One("x/y z".into())));
        assert_eq!(to("/a/%ff"), Err(RouteError::Malformed));
    }

    #[test]
    fn every_route_leaves_open_what_its_target_takes() {
        assert_eq!(operations(&ROUTES).len(), ROUTES.len());
    }
}
