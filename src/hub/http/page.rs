//! The hub's page for people. Its files need no token; the queries that it sends do.

use hyper::HeaderMap;

use crate::net::http::{HTML, HttpResponse, PageFile, SCRIPT, STYLE, built_in};
use crate::problem::{Code, Problem};

/// The first file is served at `/`, the others at `/page/`.
static FILES: [PageFile; 3] = [
    PageFile::new("hub.html", HTML, built_in!("hub.html")),
    PageFile::new("hub.css", STYLE, built_in!("hub.css")),
    PageFile::new("hub.js", SCRIPT, built_in!("hub.js")),
];

pub(super) fn index(request: &HeaderMap) -> HttpResponse {
    FILES[0].response(request)
}

/// A file that the page loads, by name.
///
/// # Errors
/// `not_found` for any other name.
pub(super) fn file(name: &str, request: &HeaderMap) -> Result<HttpResponse, Problem> {
    let known = FILES[1..].iter().find(|file| file.name == name);
    let unknown = || Problem::new(Code::NotFound, format!("there is nothing at /page/{name}"));
    known.map(|file| file.response(request)).ok_or_else(unknown)
}
