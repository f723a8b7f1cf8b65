//! Tables of routes.

use hyper::Method;
use hyper::header::{ALLOW, HeaderValue};
use percent_encoding::percent_decode_str;

use super::response::{HttpResponse, problem};
use crate::problem::{Code, Problem};

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
pub fn other_method<T>(table: &[Line<T>], segments: &[&str]) -> HttpResponse {
    let fitting = table.iter().filter(|(_, path, _)| fits(path, segments));
    let mut methods: Vec<&str> = fitting.map(|(method, _, _)| method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    let allowed = methods.join(", ");
    let message = format!("this path answers to {allowed}");
    let mut reply = problem(&Problem::new(Code::MethodNotAllowed, message));
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
}
