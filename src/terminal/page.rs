//! The page for people with a scanner: files inside the program, which load nothing from other
//! hosts. The files need no token; the requests that the page sends do.

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY,
};
use hyper::{HeaderMap, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use crate::net::http::{self, HttpResponse};

/// The page may run and show its own files, and connect to its own gateway.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";
const SAME_ORIGIN: &str = "same-origin";
const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

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

/// The first file is served at `/`, the others at `/page/`.
const FILES: [File; 13] = files! {
    "index.html" HTML,
    "style.css" STYLE,
    "icon.svg" IMAGE,
    "app.js" SCRIPT,
    "dom.js" SCRIPT,
    "link.js" SCRIPT,
    "operations.js" SCRIPT,
    "outbox.js" SCRIPT,
    "scanner.js" SCRIPT,
    "stock.js" SCRIPT,
    "texts.js" SCRIPT,
    "words.js" SCRIPT,
    "work.js" SCRIPT,
};

pub(super) const INDEX: File = FILES[0];

/// A file that the page loads, by name.
pub(super) fn file(name: &str) -> Option<File> {
    FILES[1..].iter().find(|file| file.name == name).copied()
}

impl File {
    /// The file, or `304 Not Modified` if the browser has this version. A new program has a new
    /// entity tag for each file that has changed.
    pub(super) fn response(self, request: &HeaderMap) -> HttpResponse {
        let tag = format!("\"{:016x}\"", xxh3_64(self.bytes));
        let known = request.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
        let mut response = if known {
            http::response(StatusCode::NOT_MODIFIED, self.content_type, "")
        } else {
            http::response(StatusCode::OK, self.content_type, self.bytes)
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(SAME_ORIGIN));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 150_000;

    fn text(file: File) -> &'static str {
        std::str::from_utf8(file.bytes).unwrap()
    }

    #[test]
    fn the_page_is_small() {
        let bytes: usize = FILES.iter().map(|file| file.bytes.len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
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
        let text = text.replace("\"http://www.w3.org/2000/svg\"", "");
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
