//! The hub's page for people. Its files need no token; the queries that it sends do. It has the
//! words and languages of the terminal page's kind, and its code for them.

use hyper::HeaderMap;

use crate::net::http::{HTML, HttpResponse, PageFile, SCRIPT, STYLE, built_in};
use crate::problem::{Code, Problem};

const JSON: &str = "application/json";

/// The first file is served at `/`, the others at `/page/`.
static FILES: [PageFile; 11] = [
    PageFile::new("hub.html", HTML, built_in!("hub.html")),
    PageFile::new("hub.css", STYLE, built_in!("hub.css")),
    PageFile::new("hub.js", SCRIPT, built_in!("hub.js")),
    PageFile::new("texts.js", SCRIPT, built_in!("texts.js")),
    PageFile::new("browser.js", SCRIPT, built_in!("browser.js")),
    PageFile::new("en.json", JSON, built_in!("hub.en.json")),
    PageFile::new("de.json", JSON, built_in!("hub.de.json")),
    PageFile::new("zh.json", JSON, built_in!("hub.zh.json")),
    PageFile::new("fr.json", JSON, built_in!("hub.fr.json")),
    PageFile::new("es.json", JSON, built_in!("hub.es.json")),
    PageFile::new("pl.json", JSON, built_in!("hub.pl.json")),
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
