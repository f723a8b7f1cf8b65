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
        (r#"{"request_id":"r","sku":"A","quantity":1,"ttl_s":null}"#, Mutation::Deduct, "ttl_s"),
        (r#"{"request_id":"r","sku":"A","counted":1,"lines":null}"#, Mutation::Count, "lines"),
        (r#"{"request_id":"r","sku":"A","quantity":1,"colour":null}"#, Mutation::Deduct, "colour"),
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
        (r#"{"request_id":null,"request_id":"r","sku":"A","quantity":1}"#, "request_id"),
        (r#"{"request_id":"r","request_id":null,"sku":"A","quantity":1}"#, "request_id"),
    ] {
        let problem = read(body, Mutation::Deduct).unwrap_err();
        assert_eq!(problem.code, Code::BadRequest, "{body}");
        assert!(problem.message.contains(field), "{body}: {}", problem.message);
    }
}

#[test]
fn a_field_of_the_operation_that_is_null_is_as_none() {
    let plain = read(r#"{"request_id":"r","sku":"A","quantity":1}"#, Mutation::Reserve).unwrap();
    let nulls = r#"{"request_id":"r","sku":"A","quantity":1,"lines":null,"order_id":null,
        "ttl_s":null,"lot":null,"serial":null,"expires":null,"reason":null}"#;
    assert_eq!(read(nulls, Mutation::Reserve), Ok(plain));
    let commit = read(r#"{"reservation":"r","request_id":"c"}"#, Mutation::Commit);
    let nulls =
        r#"{"reservation":"r","request_id":"c","keep_rest":null,"sku":null,"quantity":null}"#;
    assert_eq!(read(nulls, Mutation::Commit), commit);
}

#[test]
fn a_whole_number_is_the_same_however_it_is_written() {
    let life = |ttl_s: &str| {
        let body = format!(r#"{{"request_id":"r","sku":"A","quantity":1,"ttl_s":{ttl_s}}}"#);
        read(&body, Mutation::Reserve)
    };
    assert_eq!((life("60.0"), life("6e1")), (life("60"), life("60")));
    for wrong in ["\"60\"", "0", "-1", "1.5", "100000000000000000000"] {
        assert_eq!(life(wrong).unwrap_err().code, Code::BadRequest, "{wrong}");
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
fn the_head_of_a_malformed_message_is_found_if_it_can_be() {
    let head = |text: &str| match read_message(text, &three_for_kg) {
        RequestMessage::Malformed { id, .. } => (id, None),
        RequestMessage::Decoded { id, request } => (id, request.unwrap_err().operation),
    };
    let seven = Some(MessageId::Number(7));
    let deduct = Some(Operation::Mutate(Mutation::Deduct));
    assert_eq!(head(r#"{"id":7,"op":"deduct","quantity":-1}"#), (seven.clone(), deduct));
    assert_eq!(head("\u{feff}{\"quantity\":-1,\"op\":\"deduct\",\"id\":7}"), (seven, deduct));
    assert_eq!(head(r#"{"op":1,"id":"a"}"#), (Some(MessageId::Text("a".into())), None));
    assert_eq!(head("{"), (None, None));
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
