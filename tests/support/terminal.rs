//! What both ports have in common: an operation with a body, and a result or an error.

use serde_json::{Value, json};

pub type Outcome = Result<Value, Value>;

#[derive(Clone, Copy, Debug)]
pub enum Port {
    Http,
    WebSocket,
}

pub trait Terminal: Send {
    /// Performs one operation and waits for its outcome. The names of operations, and of the
    /// reservation in a body, are those of the WebSocket port.
    fn call(&mut self, op: &str, body: Value) -> Outcome;

    fn ok(&mut self, op: &str, body: Value) -> Value {
        let request = format!("{op} {body}");
        self.call(op, body).unwrap_or_else(|error| panic!("{request} was refused: {error}"))
    }

    fn refused(&mut self, op: &str, body: Value, code: &str) -> Value {
        let request = format!("{op} {body}");
        match self.call(op, body) {
            Ok(result) => panic!("{request} was answered {result} instead of {code}"),
            Err(error) => {
                assert_eq!(error["code"], code, "{request} was refused with {error}");
                error
            }
        }
    }

    fn item(&mut self, sku: &str) -> Value {
        self.ok("get", json!({"sku": sku}))
    }

    /// `on_hand` and `reserved` of a SKU.
    fn figures(&mut self, sku: &str) -> (u64, u64) {
        let item = self.item(sku);
        let (on_hand, reserved) = figures_of(&item);
        assert_eq!(item["available"], on_hand - reserved, "{item}");
        (on_hand, reserved)
    }

    /// The whole ledger, page by page.
    fn ledger(&mut self) -> Vec<Value> {
        self.every_page("ledger", json!({}), "entries")
    }

    /// The ledger entries with a request id.
    fn entries_of(&mut self, request_id: &str) -> Vec<Value> {
        self.ledger().into_iter().filter(|entry| entry["request_id"] == request_id).collect()
    }

    /// All items of a paged query.
    fn every_page(&mut self, op: &str, mut query: Value, field: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let mut page = self.ok(op, query.clone());
            let items = page[field].as_array_mut().expect("a page holds a list");
            all.append(items);
            if page["next"].is_null() {
                return all;
            }
            assert_ne!(page["next"], query["after"], "the pages of {op} do not advance");
            query["after"] = page["next"].take();
        }
    }
}

/// `on_hand` and `reserved` of an item or of a line in an answer.
pub fn figures_of(item: &Value) -> (u64, u64) {
    (number(item, "on_hand"), number(item, "reserved"))
}

pub fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is not a whole number in {value}"))
}
