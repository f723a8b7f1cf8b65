//! The page for people with a scanner: plain files inside the program, which load nothing from
//! elsewhere. They need no token; what the page then asks for does.

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use crate::net::http::{self, HttpResponse};

/// What the page may do: run and show its own files, and talk to its own gateway.
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

/// The first is what `/` answers; all are at `/page/`.
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

/// The page itself.
pub(super) const INDEX: File = FILES[0];

/// What the page consists of beside itself.
pub(super) fn file(name: &str) -> Option<File> {
    FILES[1..].iter().find(|file| file.name == name).copied()
}

impl File {
    /// The file, or word that the browser has it already: after a new program it has not.
    pub(super) fn reply(self, asked: &HeaderMap) -> HttpResponse {
        let tag = format!("\"{:016x}\"", xxh3_64(self.bytes));
        let known = asked.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
        let mut reply = if known {
            http::response(StatusCode::NOT_MODIFIED, self.content_type, "")
        } else {
            http::response(StatusCode::OK, self.content_type, self.bytes)
        };
        let headers = reply.headers_mut();
        headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(SAME_ORIGIN));
        }
        reply
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
    fn it_loads_nothing_from_elsewhere_and_names_only_files_that_are_there() {
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

    /// Whether two slashes have something behind them, which in a comment is a space.
    fn names_a_host(text: &str) -> bool {
        let text = text.replace("\"http://www.w3.org/2000/svg\"", "");
        text.split("//").skip(1).any(|rest| !rest.starts_with(char::is_whitespace))
    }

    #[test]
    fn every_host_counts_as_elsewhere_but_a_namespace() {
        for text in ["'http://elsewhere/x'", "url(//cdn.test/a)", "wss://h", "'//' + host"] {
            assert!(names_a_host(text), "{text}");
        }
        let own = "// a comment\n<svg xmlns=\"http://www.w3.org/2000/svg\"> './dom.js'";
        assert!(!names_a_host(own));
    }

    #[test]
    fn a_browser_that_has_a_file_is_not_sent_it_again() {
        let first = INDEX.reply(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(INDEX.reply(&known).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(file("app.js").unwrap().reply(&known).status(), StatusCode::OK);
    }
}
