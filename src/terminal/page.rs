//! The page for people with a scanner: files inside the program, which load nothing from other
//! hosts. The files need no token; the requests that the page sends do.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use crate::net::http::{self, HttpResponse};

/// The page may run and show its own files, and connect to its own gateway.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stockgate";
const SAME_ORIGIN: &str = "same-origin";
const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";
const JSON: &str = "application/json";
const MANIFEST: &str = "application/manifest+json";
/// Serves the page while the gateway is away; its scope is the whole site.
const WORKER: &str = "offline.js";

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal $content_type:ident,)*) => {
        [$(File {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("page/", $name)),
        },)*]
    };
}

/// The first file is served at `/`, the second one at `/scanner`, the others at `/page/`.
const FILES: [File; 41] = files! {
    "index.html" HTML,
    "scanner.html" HTML,
    "style.css" STYLE,
    "icon.svg" IMAGE,
    "manifest.json" MANIFEST,
    "offline.js" SCRIPT,
    "amount.js" SCRIPT,
    "app.js" SCRIPT,
    "backoff.js" SCRIPT,
    "cache.js" SCRIPT,
    "code128.js" SCRIPT,
    "codes.js" SCRIPT,
    "dom.js" SCRIPT,
    "feedback.js" SCRIPT,
    "found.js" SCRIPT,
    "item.js" SCRIPT,
    "kept.js" SCRIPT,
    "link.js" SCRIPT,
    "lookup.js" SCRIPT,
    "operations.js" SCRIPT,
    "order.js" SCRIPT,
    "orders.js" SCRIPT,
    "outbox.js" SCRIPT,
    "pad.js" SCRIPT,
    "reasons.js" SCRIPT,
    "reservations.js" SCRIPT,
    "scanner.js" SCRIPT,
    "search.js" SCRIPT,
    "settings.js" SCRIPT,
    "sheet.js" SCRIPT,
    "sink.js" SCRIPT,
    "stock.js" SCRIPT,
    "texts.js" SCRIPT,
    "words.js" SCRIPT,
    "work.js" SCRIPT,
    "de.json" JSON,
    "en.json" JSON,
    "es.json" JSON,
    "fr.json" JSON,
    "pl.json" JSON,
    "zh.json" JSON,
};

pub(super) const INDEX: File = FILES[0];
/// The sheet with which a scanner is set up.
pub(super) const SCANNER: File = FILES[1];

/// A file that the page loads, by name.
pub(super) fn file(name: &str) -> Option<File> {
    FILES[2..].iter().find(|file| file.name == name).copied()
}

/// The files after gzip, made once: a gateway's processor and radio link are both slow.
static COMPRESSED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| FILES.iter().map(|file| compressed(file.bytes)).collect());

impl File {
    /// The file, or `304 Not Modified` if the browser has this version. A new program has a new
    /// entity tag for each file that has changed.
    pub(super) fn response(self, request: &HeaderMap) -> HttpResponse {
        let bytes = self.content();
        let tag = format!("\"{:016x}\"", xxh3_64(&bytes));
        let known = request.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
        let mut response = match (known, accepts_gzip(request)) {
            (true, _) => http::response(StatusCode::NOT_MODIFIED, self.content_type, ""),
            (false, true) => self.compressed_response(&bytes),
            (false, false) => http::response(StatusCode::OK, self.content_type, bytes.into_owned()),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(SAME_ORIGIN));
        }
        if self.name == WORKER {
            let scope = HeaderName::from_static("service-worker-allowed");
            headers.insert(scope, HeaderValue::from_static("/"));
        }
        response
    }

    fn compressed_response(self, bytes: &[u8]) -> HttpResponse {
        let built_in = FILES.iter().position(|file| file.name == self.name);
        let body = match built_in.filter(|_| bytes == self.bytes) {
            Some(at) => COMPRESSED[at].clone(),
            None => compressed(bytes),
        };
        let mut response = http::response(StatusCode::OK, self.content_type, body);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    }

    /// The file as built in. A debug build takes it from the directory that `STOCKGATE_PAGE_DIR`
    /// names, so that an edit shows without compiling.
    fn content(self) -> Cow<'static, [u8]> {
        #[cfg(debug_assertions)]
        if let Some(dir) = std::env::var_os("STOCKGATE_PAGE_DIR") {
            let read = std::fs::read(std::path::Path::new(&dir).join(self.name));
            return Cow::Owned(read.unwrap_or_default());
        }
        Cow::Borrowed(self.bytes)
    }
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let mut codings = accepted.unwrap_or_default().split(',').map(str::trim);
    codings.any(|coding| coding == "gzip")
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("memory takes every write")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 200_000;
    const TRANSFERRED_MAX: usize = 60_000;

    fn text(file: File) -> &'static str {
        std::str::from_utf8(file.bytes).unwrap()
    }

    /// Whether a terminal loads the file; it loads one language, and the sheet on demand.
    fn is_opened(file: &File) -> bool {
        let is_language = file.content_type == JSON && file.name != "fr.json";
        !is_language && !["scanner.html", "sheet.js", "code128.js"].contains(&file.name)
    }

    #[test]
    fn the_page_is_small() {
        let opened = FILES.iter().filter(|file| is_opened(file));
        let bytes: usize = opened.map(|file| file.bytes.len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
        let transferred: usize = FILES
            .iter()
            .zip(LazyLock::force(&COMPRESSED))
            .filter(|(file, _)| is_opened(file))
            .map(|(_, bytes)| bytes.len())
            .sum();
        assert!(transferred < TRANSFERRED_MAX, "{transferred} bytes after compression");
    }

    #[test]
    fn a_file_is_compressed_for_a_browser_that_accepts_it() {
        let accepted = HeaderMap::from_iter([(
            ACCEPT_ENCODING,
            HeaderValue::from_static("deflate, gzip, br"),
        )]);
        assert_eq!(INDEX.response(&accepted).headers()[CONTENT_ENCODING], "gzip");
        assert!(!INDEX.response(&HeaderMap::new()).headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn the_page_loads_nothing_from_other_hosts_and_only_files_that_exist() {
        for from in FILES {
            let quoted = text(from).split(['"', '\'']);
            for name in
                quoted.filter_map(|word| word.strip_prefix("page/").or(word.strip_prefix("./")))
            {
                assert!(file(name).is_some(), "{} names {name}", from.name);
            }
            assert!(!names_a_host(text(from)), "{}", from.name);
        }
    }

    /// Whether two slashes are followed by a host; in a comment they are followed by a space.
    fn names_a_host(text: &str) -> bool {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        text.split("//").skip(1).any(|rest| !rest.starts_with(char::is_whitespace))
    }

    #[test]
    fn a_host_is_found_in_any_url_but_a_namespace() {
        for text in ["'http://elsewhere/x'", "url(//cdn.test/a)", "wss://h", "'//' + host"] {
            assert!(names_a_host(text), "{text}");
        }
        let own = "// a comment\n<svg xmlns=\"http://www.w3.org/2000/svg\"> './dom.js'";
        assert!(!names_a_host(own));
    }

    #[test]
    fn a_browser_that_has_a_file_gets_not_modified() {
        let first = INDEX.response(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(INDEX.response(&known).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(file("app.js").unwrap().response(&known).status(), StatusCode::OK);
    }
}
