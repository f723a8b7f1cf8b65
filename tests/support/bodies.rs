//! The JSON bodies that the tests send.

use serde_json::{Value, json};

pub fn many(request_id: &str, lines: &[(&str, u64)]) -> Value {
    json!({"request_id": request_id, "lines": to_lines(lines)})
}

pub fn one(request_id: &str, sku: &str, quantity: u64) -> Value {
    many(request_id, &[(sku, quantity)])
}

pub fn count(request_id: &str, sku: &str, counted: u64) -> Value {
    json!({"request_id": request_id, "sku": sku, "counted": counted})
}

pub fn rollback(request_id: &str, of: &str) -> Value {
    json!({"request_id": request_id, "of": of})
}

/// The body of a commit or a release with its default request id.
pub fn reservation(id: &str) -> Value {
    json!({"reservation": id})
}

pub fn to_lines(lines: &[(&str, u64)]) -> Value {
    lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect()
}

/// The body with one field set or added.
pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

pub fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

/// The JSON text of a body, padded with blanks to exactly `bytes`.
pub fn padded(body: &Value, bytes: usize) -> String {
    let text = body.to_string();
    assert!(text.len() <= bytes, "the body is longer than {bytes} bytes by itself");
    let blanks = " ".repeat(bytes - text.len());
    text + &blanks
}
