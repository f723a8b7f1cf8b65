//! The page for people with a scanner: files inside the program, which load nothing from other
//! hosts. The files need no token; the requests that the page sends do.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::net::http::{HTML, HttpResponse, IMAGE, PageFile, SCRIPT, STYLE, built_in, guard};

const JSON: &str = "application/json";
const MANIFEST: &str = "application/manifest+json";
/// Serves the page while the gateway is away; its scope is the whole site.
const WORKER: &str = "offline.js";

macro_rules! files {
    ($($name:literal $content_type:ident,)*) => {
        [$(PageFile::new($name, $content_type, built_in!($name)),)*]
    };
}

/// The first file is served at `/`, the second one at `/scanner`, the others at `/page/`.
static FILES: [PageFile; 42] = files! {
    "index.html" HTML,
    "scanner.html" HTML,
    "style.css" STYLE,
    "icon.svg" IMAGE,
    "manifest.json" MANIFEST,
    "offline.js" SCRIPT,
    "action.js" SCRIPT,
    "amount.js" SCRIPT,
    "app.js" SCRIPT,
    "barcode.js" SCRIPT,
    "barcodes.js" SCRIPT,
    "browser.js" SCRIPT,
    "code128.js" SCRIPT,
    "codes.js" SCRIPT,
    "database.js" SCRIPT,
    "feedback.js" SCRIPT,
    "item.js" SCRIPT,
    "link.js" SCRIPT,
    "lookup.js" SCRIPT,
    "operations.js" SCRIPT,
    "order.js" SCRIPT,
    "orders.js" SCRIPT,
    "outbox.js" SCRIPT,
    "quantity.js" SCRIPT,
    "reservations.js" SCRIPT,
    "scanner.js" SCRIPT,
    "search.js" SCRIPT,
    "settings.js" SCRIPT,
    "sheet.css" STYLE,
    "sheet.js" SCRIPT,
    "sheet.json" JSON,
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

pub(super) fn index(request: &HeaderMap) -> HttpResponse {
    FILES[0].response(request)
}

/// The sheet with which a scanner is set up.
pub(super) fn scanner_sheet(request: &HeaderMap) -> HttpResponse {
    FILES[1].response(request)
}

/// A file that the page loads, by name.
pub(super) fn file(name: &str, request: &HeaderMap) -> Option<HttpResponse> {
    let mut response = known(name)?.response(request);
    if name == WORKER {
        guard(response.headers_mut());
        let scope = HeaderName::from_static("service-worker-allowed");
        response.headers_mut().insert(scope, HeaderValue::from_static("/"));
    }
    Some(response)
}

fn known(name: &str) -> Option<&'static PageFile> {
    FILES[2..].iter().find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BYTES_MAX: usize = 200_000;
    const TRANSFERRED_MAX: usize = 60_000;
    /// The head of an answer with a file, in the mean of all: most have 285 bytes, that of the page itself 600.
    const HEAD_BYTES: usize = 300;

    fn text(file: &PageFile) -> String {
        String::from_utf8(file.bytes()).unwrap()
    }

    /// Whether a terminal loads the file; it loads one language, and the sheet on demand.
    fn is_opened(file: &PageFile) -> bool {
        let is_other_language = file.content_type == JSON && file.name != "fr.json";
        !is_other_language
            && !["scanner.html", "sheet.css", "sheet.js", "barcode.js", "code128.js"]
                .contains(&file.name)
    }

    #[test]
    fn the_page_is_small() {
        let opened = FILES.iter().filter(|file| is_opened(file));
        let bytes: usize = opened.map(|file| file.bytes().len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
        let opened = FILES.iter().filter(|file| is_opened(file));
        let transferred: usize = opened.map(|file| HEAD_BYTES + file.compressed.len()).sum();
        assert!(transferred < TRANSFERRED_MAX, "{transferred} bytes after compression");
    }

    /// What is in quotes stays as it is in the source.
    #[test]
    fn texts_and_patterns_of_the_page_keep_their_blanks() {
        let built = |name| text(known(name).unwrap());
        let texts: serde_json::Value = serde_json::from_str(&built("fr.json")).unwrap();
        let source = include_str!("page/fr.json");
        assert_eq!(texts, serde_json::from_str::<serde_json::Value>(source).unwrap());
        for (name, part) in [
            ("codes.js", r"=/^STOCKGATE ([A-Z]+)(?: (.*))?$/s;"),
            ("words.js", r"return `−${quantity}`;"),
            ("search.js", "'#found button'"),
            ("feedback.js", "catch{}"),
            ("style.css", r#"content:"\2713" / "";"#),
            ("style.css", "(max-width:30rem)"),
        ] {
            assert!(built(name).contains(part), "{name}: {part}");
        }
    }

    /// Only what no other file can name has another name than in the source.
    #[test]
    fn private_members_and_constants_have_short_names() {
        let built = |name| text(known(name).unwrap());
        let outbox = built("outbox.js");
        assert!(outbox.contains("this.#a=link;") && !outbox.contains("#link"), "{outbox}");
        assert!(!outbox.contains("HISTORY_MAX") && outbox.contains("get undoable()"), "{outbox}");
        for (name, part) in [
            ("scanner.js", "export const SEPARATOR="),
            ("amount.js", "Number.MAX_SAFE_INTEGER"),
            ("search.js", "'#found button'"),
            ("link.js", "WebSocket.OPEN"),
        ] {
            assert!(built(name).contains(part), "{name}: {part}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_other_hosts_and_only_files_that_exist() {
        for from in &FILES {
            let text = text(from);
            let quoted = text.split(['"', '\'']);
            for name in
                quoted.filter_map(|word| word.strip_prefix("page/").or(word.strip_prefix("./")))
            {
                assert!(known(name).is_some(), "{} names {name}", from.name);
            }
            assert!(!names_a_host(&text), "{}", from.name);
        }
    }

    /// Adds a script and those that it imports.
    fn add_imports(name: &str, found: &mut BTreeSet<String>) {
        if !found.insert(name.into()) {
            return;
        }
        let text = text(known(name).unwrap());
        for import in text.split("from './").skip(1) {
            add_imports(import.split('\'').next().unwrap(), found);
        }
    }

    #[test]
    fn every_script_is_asked_for_at_once_and_kept_for_the_time_without_a_gateway() {
        let mut scripts = BTreeSet::new();
        add_imports("app.js", &mut scripts);
        let [page, sheet] = [0, 1].map(|at| text(&FILES[at]));
        let mut of_sheet = BTreeSet::new();
        add_imports("sheet.js", &mut of_sheet);
        // The worker keeps what the pages name; tests/page/settings.test.mjs runs it.
        let worker = text(known(WORKER).unwrap());
        assert!(worker.contains(r".match(/page\/\w+\.\w+/g)"), "{worker}");
        for script in of_sheet {
            let path = format!("page/{script}");
            assert!(page.contains(&path) || sheet.contains(&path), "{path}");
        }
        for script in &scripts {
            let preload = format!("<link rel=\"modulepreload\" href=\"page/{script}\">");
            assert!(script == "app.js" || page.contains(&preload), "{preload}");
        }
        assert_eq!(page.matches("modulepreload").count(), scripts.len() - 1);
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
        let own = "// a comment\n<svg xmlns=\"http://www.w3.org/2000/svg\"> './browser.js'";
        assert!(!names_a_host(own));
    }
}
