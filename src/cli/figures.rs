//! Figures of stock in the messages of a gateway, exact: a number with decimals is kept as its text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::stock::{Amount, Decimal, Decimals};

/// The fields that are figures of stock.
const FIELDS: [&str; 8] = [
    "on_hand",
    "reserved",
    "available",
    "quantity",
    "counted",
    "change",
    "reserved_change",
    "requested",
];

/// Reads JSON. Numbers that are not whole become texts, because a binary number cannot hold them.
///
/// # Errors
/// If it is none.
pub(crate) fn read(json: &str) -> serde_json::Result<Value> {
    let value: Value = serde_json::from_str(json)?;
    if has_fraction(&value) { exact(json) } else { Ok(value) }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(list) => list.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn exact(json: &str) -> serde_json::Result<Value> {
    match json.trim_start().as_bytes() {
        [b'{', ..] => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
            let read = |(name, raw): (String, &RawValue)| Ok((name, exact(raw.get())?));
            Ok(Value::Object(
                fields.into_iter().map(read).collect::<serde_json::Result<Map<_, _>>>()?,
            ))
        }
        [b'[', ..] => {
            let list: Vec<&RawValue> = serde_json::from_str(json)?;
            list.into_iter().map(|raw| exact(raw.get())).collect()
        }
        _ => match serde_json::from_str(json)? {
            Value::Number(number) if number.is_f64() => Ok(Value::String(json.into())),
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => Ok(value),
        },
    }
}

/// Writes JSON with figures as numbers again.
pub(crate) fn to_json(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(to_json).collect();
            format!("[{}]", list.join(","))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let value = match value.as_str() {
                    Some(text) if FIELDS.contains(&name.as_str()) => text.to_owned(),
                    _ => to_json(value),
                };
                format!("{}:{value}", Value::from(name.as_str()))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            value.to_string()
        }
    }
}

/// A figure as it is written; `0` if there is none.
pub(crate) fn text(object: &Value, field: &str) -> String {
    match &object[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => "0".into(),
    }
}

/// The same with its sign.
pub(crate) fn signed(object: &Value, field: &str) -> String {
    let text = text(object, field);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// A figure in millionths, in which figures of any decimals can be compared.
pub(crate) fn millionths(object: &Value, field: &str) -> Option<i128> {
    let (is_negative, figure) = Decimal::parse_signed(&text(object, field)).ok()?;
    let millionths = i128::try_from(figure.large_units(Decimals::MOST).ok()?).ok()?;
    Some(if is_negative { -millionths } else { millionths })
}

/// Millionths as a decimal number, with its sign if that is asked for.
pub(crate) fn in_units(millionths: i128, is_signed: bool) -> String {
    let plus = if is_signed && millionths >= 0 { "+" } else { "" };
    format!("{plus}{}", Amount::sum(millionths, Decimals::MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_exact_from_message_to_output() {
        let json =
            r#"{"items":[{"sku":"1.5","on_hand":9007199254.740991,"version":7}],"next":null}"#;
        let value = read(json).unwrap();
        assert_eq!(text(&value["items"][0], "on_hand"), "9007199254.740991");
        assert_eq!(value["items"][0]["version"], 7);
        let written = to_json(&value);
        assert!(written.contains(r#""on_hand":9007199254.740991"#), "{written}");
        assert!(written.contains(r#""sku":"1.5""#), "{written}");
    }

    #[test]
    fn figures_of_different_decimals_are_compared_in_millionths() {
        let of = |json: &str| millionths(&read(json).unwrap(), "x");
        assert_eq!(of(r#"{"x":1.25}"#), Some(1_250_000));
        assert_eq!(of(r#"{"x":-0.000001}"#), Some(-1));
        assert_eq!(of(r#"{"x":9007199254740991}"#), Some(9_007_199_254_740_991_000_000));
        assert_eq!(in_units(1_250_000, true), "+1.25");
        assert_eq!(
            (in_units(-1, false), in_units(7_000_000, false)),
            ("-0.000001".into(), "7".into())
        );
    }
}
