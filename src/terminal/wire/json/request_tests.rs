use super::*;
use crate::problem::Code;

#[test]
fn a_single_line_may_be_given_as_top_level_fields() {
    let short = read(r#"{"request_id":"r","sku":"A","quantity":2}"#, Mutation::Deduct).unwrap();
    let long = r#"{"request_id":"r","lines":[{"sku":"A","quantity":1},{"sku":"A","quantity":1}]}"#;
    assert_eq!(short, read(long, Mutation::Deduct).unwrap());
}

#[test]
fn a_field_of_another_operation_is_refused_by_name() {
    for (body, mutation, field) in [
        (r#"{"request_id":"r","sku":"A","quantity":1,"counted":1}"#, Mutation::Deduct, "counted"),
        (r#"{"request_id":"r","sku":"A","counted":1,"quantity":1}"#, Mutation::Count, "quantity"),
        (r#"{"request_id":"r","sku":"A","quantity":1,"ttl_s":1}"#, Mutation::Restock, "ttl_s"),
        (r#"{"request_id":"r","sku":"A","quantity":1,"colour":1}"#, Mutation::Deduct, "colour"),
        (r#"{"reservation":"r","order_id":"o"}"#, Mutation::Commit, "order_id"),
    ] {
        let problem = read(body, mutation).unwrap_err();
        assert!(problem.message.starts_with(field), "{body}: {}", problem.message);
    }
}

#[test]
fn a_wrong_value_is_refused_with_the_name_of_its_field() {
    for (body, field) in [
        (r#"{"request_id":"r","sku":"","quantity":1}"#, "sku"),
        (r#"{"request_id":"r","sku":"A","quantity":0}"#, "quantity"),
        (r#"{"request_id":"r","sku":"A","quantity":-1}"#, "quantity"),
        (r#"{"request_id":"r","sku":"A","quantity":1.5}"#, "quantity"),
        (r#"{"request_id":"r","sku":"A","quantity":1000000001}"#, "quantity"),
        (r#"{"request_id":"r","sku":"A","quantity":18446744073709551616}"#, "quantity"),
        (r#"{"request_id":"r","lines":null}"#, "lines"),
        (r#"{"request_id":"r","lines":[]}"#, "lines"),
        (r#"{"request_id":7,"sku":"A","quantity":1}"#, "request_id"),
        (r#"{"sku":"A","quantity":1}"#, "request_id"),
        (r#"{"request_id":"r","request_id":"r","sku":"A","quantity":1}"#, "request_id"),
    ] {
        let problem = read(body, Mutation::Deduct).unwrap_err();
        assert_eq!(problem.code, Code::BadRequest, "{body}");
        assert!(problem.message.contains(field), "{body}: {}", problem.message);
    }
}

#[test]
fn commits_and_releases_have_default_request_ids() {
    let commit = read(r#"{"reservation":"r"}"#, Mutation::Commit).unwrap();
    assert_eq!((commit.request_id.as_str(), commit.chosen), ("commit:r", false));
    let release = read(r#"{"reservation":"r","request_id":"x"}"#, Mutation::Release).unwrap();
    assert_eq!((release.request_id.as_str(), release.chosen), ("x", true));
}

#[test]
fn the_id_of_a_malformed_message_is_found_if_it_can_be() {
    assert_eq!(id_of(r#"{"id":7,"op":"deduct","quantity":-1}"#), Some(MessageId::Number(7.into())));
    assert_eq!(id_of(r#"{"op":1,"id":"a"}"#), Some(MessageId::Text("a".into())));
    assert_eq!(id_of("{"), None);
}

fn read(body: &str, mutation: Mutation) -> Result<Command, Problem> {
    RequestFields::read(body.as_bytes())?.command(mutation, &three_for_kg)
}

/// A SKU in kilograms has three decimals.
fn three_for_kg(sku: &Sku) -> crate::stock::Decimals {
    let count = if sku.as_str().starts_with("KG") { 3 } else { 0 };
    crate::stock::Decimals::try_from(count).unwrap()
}

#[test]
fn quantities_are_exact_decimal_numbers_or_texts() {
    let units = |quantity: &str| {
        let body = format!(r#"{{"request_id":"r","sku":"KG","quantity":{quantity}}}"#);
        read(&body, Mutation::Deduct).map(|command| command.fingerprint())
    };
    for same in [r#""1.25""#, "1.250", "125e-2", r#""0.125e1""#] {
        assert_eq!(units(same), units("1.25"), "{same}");
    }
    let body = r#"{"request_id":"r","lines":[{"sku":"KG","quantity":"1.25"}]}"#;
    assert_eq!(read(body, Mutation::Deduct).map(|command| command.fingerprint()), units("1.25"));
    let one = |quantity: &str| {
        let body = format!(r#"{{"request_id":"r","sku":"A","quantity":{quantity}}}"#);
        read(&body, Mutation::Deduct)
    };
    for same in ["1.0", "1e0", r#""1""#, r#""1.00""#] {
        assert_eq!(one(same), one("1"), "{same}");
    }
    for (quantity, sku) in [
        ("1.5", "A"),
        ("1.2501", "KG"),
        ("0.0001", "KG"),
        ("0", "KG"),
        ("-1", "KG"),
        ("1000000.001", "KG"),
        (r#""""#, "A"),
        (r#""1 ""#, "A"),
        ("true", "A"),
        ("[1]", "A"),
    ] {
        let body = format!(r#"{{"request_id":"r","sku":"{sku}","quantity":{quantity}}}"#);
        let problem = read(&body, Mutation::Restock).unwrap_err();
        assert_eq!(problem.code, Code::BadRequest, "{body}");
        assert!(problem.message.contains("quantity"), "{body}: {}", problem.message);
    }
}

#[test]
fn a_count_is_a_decimal_number_too() {
    let counted = |counted: &str, sku: &str| {
        let body = format!(r#"{{"request_id":"r","sku":"{sku}","counted":{counted}}}"#);
        read(&body, Mutation::Count).map(|command| command.action)
    };
    let Action::Count { counted: units, .. } = counted("9007199254740.991", "KG").unwrap() else {
        panic!("no count");
    };
    assert_eq!(units, crate::limits::STOCK_MAX);
    assert_eq!(counted(r#""2.50""#, "KG"), counted("2.5", "KG"));
    for (number, sku) in [("1.5", "A"), ("9007199254740.992", "KG"), ("-1", "A"), ("1e30", "A")] {
        assert_eq!(counted(number, sku).unwrap_err().code, Code::BadRequest, "{number}");
    }
}
