//! The demo's own page: a button that pulls the cable, goods with their barcodes, and the orders as
//! they come in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request};
use serde_json::{Value, json};

use super::cable::Cable;
use super::goods::{self, sku};
use super::shop::Tally;
use crate::config::HubConfig;
use crate::engine::state::CommittedState;
use crate::net::access::Role;
use crate::net::http::{
    self, ConnectionPermit, HTML, HttpResponse, PageFile, PortAccess, PortControl, Route, SCRIPT,
    STYLE, built_in,
};
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;

/// The first file is served at `/`, the others at `/page/`.
static FILES: [PageFile; 7] = [
    PageFile::new("demo.html", HTML, built_in!("demo.html")),
    PageFile::new("demo.css", STYLE, built_in!("demo.css")),
    PageFile::new("demo.js", SCRIPT, built_in!("demo.js")),
    PageFile::new("hub.css", STYLE, built_in!("hub.css")),
    PageFile::new("barcode.js", SCRIPT, built_in!("barcode.js")),
    PageFile::new("code128.js", SCRIPT, built_in!("code128.js")),
    PageFile::new("browser.js", SCRIPT, built_in!("browser.js")),
];

/// The goods that are shown: sold out at once, sold out now and then, and falling slowly.
pub(super) const SHOWN: [usize; 8] = [40, 2, 10, 20, 60, 80, 120, 200];

static ROUTES: [Route<Target>; 4] = [
    Route::fixed(Method::GET, "/", Target::Page),
    Route::one(Method::GET, "/page/{name}", Target::File),
    Route::fixed(Method::GET, "/api/now", Target::Now),
    Route::one(Method::POST, "/api/cable/{end}", Target::Cable),
];

#[derive(Clone, Debug)]
enum Target {
    Page,
    /// A file of the page, by name.
    File(String),
    Now,
    /// Puts the cable `in`, or pulls it `out`.
    Cable(String),
}

/// What the page shows.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    pub(super) state: Arc<CommittedState>,
    pub(super) cable: Arc<Cable>,
    pub(super) tally: Arc<Tally>,
    pub(super) terminal: SocketAddr,
    pub(super) hub: SocketAddr,
}

impl Floor {
    /// Serves the page on a free port until a stop is requested.
    ///
    /// # Errors
    /// If there is no free port.
    pub(super) fn serve(self, stop: Stop) -> anyhow::Result<SocketAddr> {
        let listener = http::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let access = PortControl::new(HubConfig::default().http.access(), None).access();
        let handler = move |request: Request<Incoming>, permit: ConnectionPermit| {
            let (floor, access) = (self.clone(), access.clone());
            async move {
                let handle =
                    async |target, request| floor.respond(target, &request, &access, &permit);
                http::answer(&ROUTES, &access, request, handle, |_| {}).await
            }
        };
        tokio::spawn(http::serve(listener, None, stop, handler));
        Ok(address)
    }

    fn respond(
        &self,
        target: Target,
        request: &Request<Incoming>,
        access: &PortAccess,
        permit: &ConnectionPermit,
    ) -> Result<HttpResponse, Problem> {
        access.admit(request.headers(), permit, Role::Operator)?;
        match target {
            Target::Page => Ok(FILES[0].response(request.headers())),
            Target::File(name) => {
                let known = FILES[1..].iter().find(|file| file.name == name);
                known.map(|file| file.response(request.headers())).ok_or_else(unknown)
            }
            Target::Now => Ok(http::json(self.now().to_string())),
            Target::Cable(end) if end == "in" || end == "out" => {
                self.cable.take_in_hand(end == "in");
                Ok(http::json("{}".into()))
            }
            Target::Cable(_) => Err(unknown()),
        }
    }

    fn now(&self) -> Value {
        let sync = self.state.sync_status();
        json!({
            "terminal": format!("http://{}/", self.terminal),
            "hub": format!("http://{}/", self.hub),
            "plugged": self.cable.is_plugged(),
            "by_hand": self.cable.is_in_hand(),
            "state": sync.state,
            "pending": sync.pending,
            "acked_seq": sync.acked_seq,
            "goods": SHOWN.map(|number| self.good(number)),
            "orders": self.tally.orders(),
        })
    }

    fn good(&self, number: usize) -> Value {
        let available = self.state.stock().item(&sku(number)).map_or(0, |item| item.available());
        json!({"name": goods::name(number), "code": goods::barcode(number), "available": available})
    }
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "there is nothing here; the demo's page is at /".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_for_trying_it_by_hand_uses_goods_that_are_shown() {
        let text = include_str!("../../../docs/TERMINALS.md");
        let (_, script) = text.split_once("**Five minutes by hand.**").unwrap();
        let (script, _) = script.split_once("\n## ").unwrap();
        let named: Vec<_> =
            script.match_indices("SKU-").map(|(at, _)| &script[at..at + sku(0).len()]).collect();
        assert!(!named.is_empty());
        for named in named {
            let number = SHOWN.into_iter().find(|number| sku(*number) == named);
            let number = number.unwrap_or_else(|| panic!("{named} is not shown"));
            assert!(script.contains(&goods::name(number)), "{named} has a name");
        }
    }
}
