//! What must hold after a restart: the ledger accounts for every answer.
//!
//! The judge keeps a copy of the ledger, so it also detects entries that have disappeared.

use std::collections::HashMap;

use serde_json::Value;

use crate::client::Client;
use crate::request::Request;
use crate::support::http::Http;
use crate::support::terminal::{Terminal, figures_of, number};

const PAGE: u64 = 1_000;
/// The number of known entries read again at every restart, to check that they are unchanged.
const REREAD: u64 = 40;

#[derive(Default)]
pub(crate) struct Judge {
    ledger: Vec<Value>,
    /// On hand and reserved after each entry.
    figures: Vec<(i64, i64)>,
    /// On hand and reserved after the last entry of each SKU.
    stock: HashMap<String, (i64, i64)>,
    /// The index of the first entry of each request, and the number of its entries.
    groups: HashMap<String, (usize, usize)>,
    /// The same of the reservations that have expired.
    expired: HashMap<String, (usize, usize)>,
}

impl Judge {
    /// The position of the last known entry.
    pub(crate) fn seq(&self) -> u64 {
        self.ledger.len() as u64
    }

    /// Reads the new entries, and compares them with the answers since the last check.
    pub(crate) fn examine(&mut self, http: &Http, clients: &mut [Client]) {
        self.read_on(http);
        for client in clients {
            for at in std::mem::take(&mut client.fresh) {
                self.check(&client.book[at]);
            }
        }
    }

    /// The whole ledger, as far as it is not pruned, is unchanged and adds up to the stock.
    /// No client may be at work.
    pub(crate) fn examine_all(&mut self, http: &Http) {
        self.read_on(http);
        self.reread(http, 0);
        for item in self.stable_list(http) {
            let (on_hand, reserved) = self.stock[item["sku"].as_str().unwrap()];
            let added_up = (on_hand.unsigned_abs(), reserved.unsigned_abs());
            assert_eq!(figures_of(&item), added_up, "the ledger adds up to something else: {item}");
        }
    }

    /// The stock, read while no entry was made: reservations still end by themselves.
    fn stable_list(&mut self, http: &Http) -> Vec<Value> {
        loop {
            let seq = self.seq();
            let items = http.clone().every_page("list", serde_json::json!({}), "items");
            self.read_on(http);
            if self.seq() == seq {
                return items;
            }
        }
    }

    /// Reservations that have expired so far.
    pub(crate) fn expired(&self) -> usize {
        self.expired.len()
    }

    /// Every answered request is in the ledger, and no other, when no request is unanswered.
    pub(crate) fn examine_ids(&self, clients: &[Client]) {
        let applied = clients.iter().flat_map(|client| &client.book).filter(|r| r.is_applied());
        assert_eq!(self.groups.len(), applied.count(), "requests that moved something");
    }

    fn read_on(&mut self, http: &Http) {
        self.reread(http, self.seq().saturating_sub(REREAD));
        loop {
            let page = page(http, self.seq());
            if page.is_empty() {
                break;
            }
            page.into_iter().for_each(|entry| self.take(entry));
        }
    }

    fn reread(&self, http: &Http, mut after: u64) {
        while after < self.seq() {
            let page = page(http, after);
            assert!(!page.is_empty(), "entries after {after} are lost, of {}", self.seq());
            for entry in page {
                after = number(&entry, "seq");
                let known = self.ledger.get(usize::try_from(after).unwrap() - 1);
                assert!(known.is_none_or(|known| *known == entry), "{known:?} became {entry}");
            }
        }
    }

    fn take(&mut self, entry: Value) {
        let at = self.ledger.len();
        assert_eq!(number(&entry, "seq"), at as u64 + 1, "the ledger has a gap: {entry}");
        let moved = self.stock.entry(entry["sku"].as_str().unwrap().to_owned()).or_default();
        let (change, reserved_change) = changes(&entry);
        *moved = (moved.0 + change, moved.1 + reserved_change);
        assert!(moved.1 >= 0 && moved.0 >= moved.1, "{entry} leaves {moved:?}");
        self.figures.push(*moved);
        if entry["kind"] != "grant" {
            let is_expiry = entry["kind"] == "expire";
            let groups = if is_expiry { &mut self.expired } else { &mut self.groups };
            let id = entry["request_id"].as_str().unwrap().to_owned();
            let group = groups.entry(id).or_insert((at, 0));
            group.1 += 1;
            assert_eq!(group.0 + group.1, at + 1, "it is in the ledger twice: {entry}");
        }
        self.ledger.push(entry);
    }

    fn check(&self, request: &Request) {
        let entries = self.groups.get(&request.id);
        match request.answer.as_ref().expect("it was answered") {
            Ok(answer) => {
                let (start, count) = *entries.unwrap_or_else(|| panic!("{answer} is lost"));
                self.check_applied(request, answer, start..start + count);
            }
            Err(refusal) => assert_eq!(entries, None, "{refusal} moved something"),
        }
    }

    fn check_applied(&self, request: &Request, answer: &Value, entries: std::ops::Range<usize>) {
        assert_eq!(number(answer, "seq"), entries.end as u64, "of {answer}");
        let lines = answer["lines"].as_array().unwrap();
        assert_eq!(lines.len(), entries.len(), "entries of {answer}");
        for at in entries {
            let entry = &self.ledger[at];
            let line = lines.iter().find(|line| line["sku"] == entry["sku"]);
            let line = line.unwrap_or_else(|| panic!("{entry} has no line in {answer}"));
            let (on_hand, reserved) = figures_of(line);
            let told = (on_hand.cast_signed(), reserved.cast_signed());
            assert_eq!(told, self.figures[at], "{entry} and {answer}");
            assert_eq!(entry["kind"], request.op, "{entry}");
            assert_eq!(moved(entry, self.figures[at]), number(line, "quantity"), "{entry}, {line}");
        }
    }
}

/// The quantity of an entry.
fn moved(entry: &Value, (on_hand, _): (i64, i64)) -> u64 {
    let (change, reserved_change) = changes(entry);
    let quantity = match entry["kind"].as_str().unwrap() {
        "deduct" | "commit" => -change,
        "restock" | "rollback" => change,
        "reserve" => reserved_change,
        "release" => -reserved_change,
        "count" => on_hand,
        other => panic!("nobody asked for a {other}"),
    };
    u64::try_from(quantity).unwrap()
}

fn changes(entry: &Value) -> (i64, i64) {
    let reserved_change = entry.get("reserved_change").map_or(0, |change| change.as_i64().unwrap());
    (entry["change"].as_i64().unwrap(), reserved_change)
}

fn page(http: &Http, after: u64) -> Vec<Value> {
    let page = http.get(&format!("/api/ledger?after={after}&limit={PAGE}")).json();
    page["entries"].as_array().unwrap().clone()
}
