//! Resolving scanned codes without a catalogue. `tests/sync` resolves with one.

use serde_json::{Value, json};

use crate::support::bodies::one;
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::http::encode;
use crate::support::terminal::Terminal;

#[test]
fn a_code_that_is_a_sku_is_that_sku() {
    on_both_ports(&[("85123A", 100)], |terminal| {
        assert_eq!(
            terminal.ok("resolve", json!({"code": "85123A"})),
            json!({"code": "85123A", "format": "text", "gtin": null, "sku": "85123A",
                "quantity": 1, "content": 1, "lot": null, "serial": null,
                "expires": null, "best_before": null, "item": terminal.item("85123A")})
        );
    });
}

#[test]
fn an_answer_has_the_same_keys_whatever_the_code_says() {
    const KEYS: [&str; 11] = [
        "best_before",
        "code",
        "content",
        "expires",
        "format",
        "gtin",
        "item",
        "lot",
        "quantity",
        "serial",
        "sku",
    ];
    on_both_ports(&[("04006381333931", 9), ("A", 1)], |terminal| {
        for code in
            ["A", "4006381333931", "(01)04006381333931(10)L(21)S", "(01)04006381333931(17)261231"]
        {
            let found = terminal.ok("resolve", json!({"code": code}));
            let mut keys: Vec<&str> =
                found.as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, KEYS, "{found}");
        }
    });
}

#[test]
fn a_sku_that_is_a_gtin_is_found_in_every_form() {
    on_both_ports(&[("036000291452", 1), ("96385074", 2)], |terminal| {
        for (code, format, sku) in [
            ("036000291452", "upca", "036000291452"),
            ("0036000291452", "ean13", "036000291452"),
            ("]E00036000291452", "ean13", "036000291452"),
            ("00036000291452", "itf14", "036000291452"),
            ("(01)00036000291452", "gs1", "036000291452"),
            ("96385074", "ean8", "96385074"),
        ] {
            let found = terminal.ok("resolve", json!({"code": code}));
            assert_eq!((&found["format"], &found["sku"]), (&json!(format), &json!(sku)), "{found}");
            assert_eq!(found["gtin"], format!("{sku:0>14}"), "{found}");
            assert_eq!(found["item"]["sku"], sku, "{found}");
        }
    });
}

#[test]
fn an_element_string_says_more_than_its_sku() {
    on_both_ports(&[("04006381333931", 9)], |terminal| {
        let bare = "0104006381333931172612003012\u{1d}10A/1\u{1d}15261130\u{1d}21S";
        for code in [bare.to_owned(), format!("]C1{bare}"), format!("]d2{bare}")] {
            let item = terminal.item("04006381333931");
            assert_eq!(
                terminal.ok("resolve", json!({"code": code})),
                json!({"code": code, "format": "gs1", "gtin": "04006381333931",
                    "sku": "04006381333931", "quantity": 12, "content": 1, "lot": "A/1",
                    "serial": "S", "expires": "2026-12-31", "best_before": "2026-11-30",
                    "item": item})
            );
        }
    });
}

#[test]
fn a_code_without_a_listing_is_unknown() {
    on_both_ports(&[("A", 1)], |terminal| {
        for (code, words) in [
            ("nothing", "\"nothing\""),
            ("4006381333931", "04006381333931"),
            ("(01)04006381333931(10)A", "GTIN 04006381333931"),
            ("00340063813339300002", "a logistic unit, not an article"),
            ("2012345006782", "use within one company"),
            ("2012345006782", "barcodes.in_store is off"),
            ("a", "did you mean A?"),
        ] {
            let error = terminal.refused("resolve", json!({"code": code}), "unknown_code");
            assert!(error["message"].as_str().unwrap().contains(words), "{error}");
            let has_gtin = code.contains("4006381333931") || code.starts_with("20");
            assert_eq!(error.get("gtin").is_some(), has_gtin, "{error}");
        }
        let error = terminal.refused("resolve", json!({"code": "4006381333931"}), "unknown_code");
        assert_eq!(error["gtin"], "04006381333931");
    });
}

#[test]
fn a_broken_check_digit_is_named_with_the_right_one() {
    on_both_ports(&[("A", 1)], |terminal| {
        for code in ["4006381333932", "]E04006381333932", "]C10104006381333932"] {
            let error = terminal.refused("resolve", json!({"code": code}), "bad_code");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("should be 1, but is 2"), "{error}");
        }
    });
}

#[test]
fn what_breaks_the_rules_of_its_form_is_a_bad_code() {
    on_both_ports(&[("04006381333931", 9)], |terminal| {
        for (code, words) in [
            ("010400638133393110AB1\u{1d}3712", "(01) and (37) exclude one another"),
            ("0204006381333931", "(02) needs (37)"),
            ("(10)A", "(10) needs (01)"),
            ("010400638133393117261301", "(17)261301: is not a date"),
            ("020400638133393137610123", "can mean"),
            ("https://id.gs1.org/01/04006381333932", "should be 1, but is 2"),
        ] {
            let error = terminal.refused("resolve", json!({"code": code}), "bad_code");
            assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        }
    });
}

#[test]
fn a_link_and_a_message_are_resolved() {
    on_both_ports(&[("04006381333931", 9), ("MAKER-7", 1)], |terminal| {
        for (code, sku, quantity) in [
            ("https://example.com/01/4006381333931/10/L?30=5", "04006381333931", 5),
            ("[)>\u{1e}06\u{1d}1PMAKER-7\u{1d}Q24\u{1d}1TL\u{1e}\u{4}", "MAKER-7", 24),
        ] {
            let found = terminal.ok("resolve", json!({"code": code}));
            assert_eq!((&found["sku"], &found["quantity"]), (&json!(sku), &json!(quantity)));
            assert_eq!(found["lot"], "L", "{found}");
        }
    });
}

#[test]
fn a_known_sku_needs_no_check_digit() {
    on_both_ports(&[("4006381333932", 1)], |terminal| {
        let found = terminal.ok("resolve", json!({"code": "4006381333932"}));
        assert_eq!((&found["sku"], &found["gtin"]), (&json!("4006381333932"), &Value::Null));
        assert_eq!(found["format"], "text");
    });
}

#[test]
fn an_invalid_code_is_a_bad_request() {
    let gateway = Gateway::start();
    let mut ws = gateway.ws();
    for body in
        [json!({}), json!({"code": ""}), json!({"code": "x".repeat(257)}), json!({"code": 7})]
    {
        let error = ws.refused("resolve", body, "bad_request");
        assert!(error["message"].as_str().unwrap().contains("code"), "{error}");
    }
    gateway.http().get("/api/barcodes/").refused("bad_request");
    gateway.http().post("/api/barcodes/x", &json!({})).refused("method_not_allowed");
}

#[test]
fn codes_are_percent_encoded_in_the_path() {
    let gateway = Gateway::stocked(&[("a/b %41\"ü", 3)]);
    let path = format!("/api/barcodes/{}", encode("a/b %41\"ü"));
    assert_eq!(gateway.http().get(&path).json()["sku"], "a/b %41\"ü");
    assert_eq!(gateway.http().get("/api/barcodes/%ff").status, 400);
}

#[test]
fn resolving_needs_the_role_of_a_viewer() {
    let tokens = "[[terminals.tokens]]\nname = \"screen\"\nrole = \"viewer\"\ntoken = \"look-0123456789a\"\n";
    let gateway = Gateway::start_with(tokens);
    gateway.http().get("/api/barcodes/x").refused("unauthorized");
    gateway.http().with_token("look-0123456789a").get("/api/barcodes/x").refused("unknown_code");
    let mut ws = gateway.ws();
    ws.refused("resolve", json!({"code": "x"}), "unauthorized");
    ws.ok("auth", json!({"token": "look-0123456789a"}));
    ws.refused("resolve", json!({"code": "x"}), "unknown_code");
}

#[test]
fn a_code_is_resolved_after_the_requests_sent_before_it() {
    let gateway = Gateway::start();
    let mut ws = gateway.ws();
    let restock = ws.send("restock", one("r1", "A", 5));
    let resolved = ws.send("resolve", json!({"code": "A"}));
    ws.outcome(&restock).unwrap();
    assert_eq!(ws.outcome(&resolved).unwrap()["item"]["on_hand"], 5);
}

#[test]
fn an_in_store_number_is_the_item_in_it_where_its_form_is_configured() {
    let forms = "[barcodes]\nin_store = [\"21iiiiiwwwwwc\", \"22iiiiinnnnnc\"]\n";
    let gateway = Gateway::start_with(forms);
    let mut http = gateway.http();
    for (n, sku) in ["2112345000008", "2212345000005"].into_iter().enumerate() {
        http.ok("restock", one(&format!("in-{n}"), sku, 50));
    }
    let resolved = |code: &str| gateway.http().get(&format!("/api/barcodes/{code}")).json();
    let counted = resolved("2212345000128");
    assert_eq!((&counted["sku"], &counted["quantity"]), (&json!("2212345000005"), &json!(12)));
    assert_eq!(counted["gtin"], "02212345000128");
    // A weight on an article that is counted in pieces is no count.
    let weighed = resolved("2112345012506");
    assert_eq!((&weighed["sku"], &weighed["quantity"]), (&json!("2112345000008"), &json!(1)));
    let other = resolved("2199999012502");
    assert_eq!(other["code"], "unknown_code", "{other}");
}

#[test]
fn from_a_price_in_an_in_store_number_no_quantity_follows() {
    let mut gateway = Gateway::start_with("[barcodes]\nin_store = [\"23iiiiixppppc\"]\n");
    let listings =
        vec![named("PIE", "Pie", &["2312345000002"]), measured("HAM", "kg", 3, &["2354321000002"])];
    list(&mut gateway, listings);
    let resolved = |code: &str| gateway.http().get(&format!("/api/barcodes/{code}")).json();
    let pie = resolved("2312345001993");
    assert_eq!((&pie["sku"], &pie["quantity"]), (&json!("PIE"), &json!(1)), "{pie}");
    let ham = resolved("2354321001993");
    assert_eq!((&ham["code"], &ham["gtin"]), (&json!("unknown_code"), &json!("02354321001993")));
    let said = ham["message"].as_str().unwrap();
    assert!(said.contains("price") && said.contains("HAM"), "{ham}");
}

#[test]
fn a_weight_in_an_in_store_number_is_the_quantity_of_goods_by_weight() {
    let forms = "[barcodes]\nin_store = [\"21iiiiiwwwwwc\"]\n";
    let mut gateway = Gateway::start_with(forms);
    list(&mut gateway, vec![measured("APPLE", "kg", 3, &["2112345000008"])]);
    let weighed = gateway.http().get("/api/barcodes/2112345012506").json();
    assert_eq!((&weighed["sku"], &weighed["quantity"]), (&json!("APPLE"), &json!(1.25)));
    assert_eq!(weighed["content"], 1);
}
