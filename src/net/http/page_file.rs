//! Files of a page that are inside the program, compressed: with an entity tag, and under a
//! policy that lets them load nothing from other hosts.

use std::borrow::Cow;
use std::io::Write as _;

use flate2::write::GzDecoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use super::response::{HttpResponse, response};

/// A page may run and show its own files, and connect to its own host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stockgate";
const SAME_ORIGIN: &str = "same-origin";
pub const HTML: &str = "text/html; charset=utf-8";
pub const IMAGE: &str = "image/svg+xml";
pub const STYLE: &str = "text/css; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file of a page.
#[derive(Debug)]
pub struct PageFile {
    pub name: &'static str,
    pub content_type: &'static str,
    /// The file after gzip.
    pub compressed: &'static [u8],
}

/// A file of a page as the build script has compressed it.
macro_rules! built_in {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}
pub(crate) use built_in;

impl PageFile {
    pub const fn new(
        name: &'static str,
        content_type: &'static str,
        compressed: &'static [u8],
    ) -> Self {
        Self { name, content_type, compressed }
    }

    /// The file, or `304 Not Modified` if the browser has this version. A new program has a new
    /// entity tag for each file that has changed.
    pub fn response(&self, request: &HeaderMap) -> HttpResponse {
        let compressed = self.content();
        let tag = format!("\"{:016x}\"", xxh3_64(&compressed));
        let known = request.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
        let mut response = match (known, accepts_gzip(request)) {
            (true, _) => response(StatusCode::NOT_MODIFIED, self.content_type, ""),
            (false, true) => self.compressed_response(compressed.into_owned()),
            (false, false) => response(StatusCode::OK, self.content_type, expanded(&compressed)),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // A page loads many other files; they obey the policy of the page.
        if [HTML, IMAGE].contains(&self.content_type) {
            guard(headers);
        }
        response
    }

    /// The file itself.
    pub fn bytes(&self) -> Vec<u8> {
        expanded(self.compressed)
    }

    fn compressed_response(&self, compressed: Vec<u8>) -> HttpResponse {
        let mut response = response(StatusCode::OK, self.content_type, compressed);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    }

    /// The file as built in. A debug build takes it from the directory that `STOCKGATE_PAGE_DIR`
    /// names, so that an edit shows without compiling.
    fn content(&self) -> Cow<'static, [u8]> {
        #[cfg(debug_assertions)]
        if let Some(dir) = std::env::var_os("STOCKGATE_PAGE_DIR")
            && let Ok(read) = std::fs::read(std::path::Path::new(&dir).join(self.name))
        {
            return Cow::Owned(compressed(&read));
        }
        Cow::Borrowed(self.compressed)
    }
}

/// Puts what a browser opens by itself, a document or a worker, under the policy.
pub fn guard(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(SAME_ORIGIN));
    }
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let mut codings = accepted.unwrap_or_default().split(',').map(str::trim);
    codings.any(|coding| coding == "gzip")
}

fn expanded(compressed: &[u8]) -> Vec<u8> {
    let mut bytes = GzDecoder::new(Vec::new());
    bytes.write_all(compressed).and_then(|()| bytes.finish()).expect("the build compressed it")
}

#[cfg(debug_assertions)]
fn compressed(bytes: &[u8]) -> Vec<u8> {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("memory takes every write")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compressed_for_a_browser_that_accepts_it() {
        let file = PageFile::new("a.css", STYLE, built_in!("style.css"));
        let value = HeaderValue::from_static("deflate, gzip, br");
        let accepted = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
        assert_eq!(file.response(&accepted).headers()[CONTENT_ENCODING], "gzip");
        assert!(!file.response(&HeaderMap::new()).headers().contains_key(CONTENT_ENCODING));
        let source = include_str!("../../terminal/page/style.css");
        let expanded = String::from_utf8(file.bytes()).unwrap();
        assert!(expanded.len() < source.len() && expanded.contains("#dock"));
        assert!(source.contains("/* ") && !expanded.contains("/* "), "{expanded}");
    }

    #[test]
    fn a_browser_that_has_a_file_gets_not_modified() {
        let file = PageFile::new("a.css", STYLE, built_in!("style.css"));
        let first = file.response(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(file.response(&known).status(), StatusCode::NOT_MODIFIED);
        let other = PageFile::new("b.css", STYLE, built_in!("hub.css"));
        assert_eq!(other.response(&known).status(), StatusCode::OK);
    }
}
