//! Resolving scanned codes without a catalogue. `tests/sync` resolves with one.

use serde_json::{Value, json};
use stockgate::stock::Barcode;

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
fn what_nothing_is_listed_under_says_its_form() {
    on_both_ports(&[("A", 1)], |terminal| {
        for (code, format, gtin) in [
            ("(00)340123450000000000", "gs1", Value::Null),
            ("https://id.gs1.org/00/340123450000000000", "gs1", Value::Null),
            ("(414)4012345000009", "gs1", Value::Null),
            ("4006381333931", "ean13", json!("04006381333931")),
            ("SHELF-7", "text", Value::Null),
        ] {
            let problem = terminal.refused("resolve", json!({"code": code}), "unknown_code");
            assert_eq!((&problem["format"], &problem["gtin"]), (&json!(format), &gtin), "{code}");
        }
        let problem = terminal.refused("get", json!({"sku": "B"}), "unknown_sku");
        assert!(problem.get("format").is_none(), "{problem}");
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

/// The catalogue lists the article in the label, and someone has booked the label as a SKU.
#[test]
fn a_sku_that_a_misread_has_made_is_no_article() {
    let mut gateway = Gateway::start_with("[barcodes]\nin_store = [\"21iiiiiwwwwwc\"]\n");
    let listings = vec![
        named("PEN", "Pen", &["4006381333931"]),
        measured("APPLE", "kg", 3, &["2112345000008"]),
        named("96385075", "Listed", &[]),
        named("CUP", "Cup", &["042100005264"]),
        named("036000291452", "Listed", &[]),
    ];
    list(&mut gateway, listings);
    let mut http = gateway.http();
    for sku in
        ["4006381333932", "4006381333931", "2112345012506", "96385075", "425261", "0036000291452"]
    {
        http.ok("restock", one(sku, sku, 50));
    }
    let error = http.refused("resolve", json!({"code": "4006381333932"}), "bad_code");
    assert!(error["message"].as_str().unwrap().contains("should be 1, but is 2"), "{error}");
    for (code, sku, quantity) in [
        ("4006381333931", "PEN", json!(1)),
        ("2112345012506", "APPLE", json!(1.25)),
        ("96385075", "96385075", json!(1)),
        ("425261", "CUP", json!(1)),
        ("0036000291452", "036000291452", json!(1)),
    ] {
        let found = http.ok("resolve", json!({"code": code}));
        assert_eq!((&found["sku"], &found["quantity"]), (&json!(sku), &quantity), "{found}");
    }
}

#[test]
fn a_quantity_that_does_not_follow_from_the_label_is_not_made_up() {
    let mut gateway =
        Gateway::start_with("[barcodes]\nin_store = [\"21iiiiiwwwwwc\", \"22iiiiinnnnnc\"]\n");
    let listings = vec![
        measured("HAM", "kg", 2, &["4006381333931", "2112345000008"]),
        measured("GRAM", "g", 0, &["036000291452"]),
        named("PIE", "Pie", &["2154321000008", "2212345000005"]),
    ];
    list(&mut gateway, listings);
    let mut http = gateway.http();
    for (code, said) in [
        ("(01)04006381333931(3103)001255", "1.255 kg is no quantity of SKU HAM"),
        ("(01)04006381333931(3202)000276", "2.76 lb is no quantity of SKU HAM"),
        ("(01)04006381333931(3102)000000", "counts no units"),
        ("(01)00036000291452(3103)000500", "0.500 kg is no quantity of SKU GRAM"),
        ("2112345012551", "1.255 kg is no quantity of SKU HAM"),
        ("2112345000008", "nothing of SKU HAM was weighed"),
        ("2212345000005", "nothing of SKU PIE was weighed or counted"),
    ] {
        let error = http.refused("resolve", json!({"code": code}), "bad_code");
        assert!(error["message"].as_str().unwrap().contains(said), "{code}: {error}");
    }
    for (code, quantity) in [
        ("(01)04006381333931(3103)001250", json!(1.25)),
        ("4006381333931", json!(1)),
        // A weight on an article that is counted in pieces is no count.
        ("2154321000008", json!(1)),
        ("2154321012506", json!(1)),
    ] {
        let found = http.ok("resolve", json!({"code": code}));
        assert_eq!(found["quantity"], quantity, "{code}: {found}");
    }
}

/// The first digit of such a number is a 9.
#[test]
fn goods_whose_measure_varies_need_one_on_the_label() {
    let mut gateway = Gateway::start();
    let mut listings = vec![
        measured("HAM", "kg", 3, &["94006381333934"]),
        measured("PIE", "pcs", 0, &["90036000291455"]),
    ];
    listings[0].barcodes.push(Barcode { code: "94006381333927".into(), content: 2_500 });
    list(&mut gateway, listings);
    let mut http = gateway.http();
    for code in ["94006381333934", "(01)94006381333934(10)L", "(01)94006381333934(30)2"] {
        let error = http.refused("resolve", json!({"code": code}), "bad_code");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("varies") && said.contains("HAM"), "{code}: {error}");
    }
    for (code, quantity) in [
        ("(01)94006381333934(3103)001250", json!(1.25)),
        ("94006381333927", json!(2.5)),
        ("90036000291455", json!(1)),
        ("(01)90036000291455(30)7", json!(7)),
        ("HAM", json!(1)),
    ] {
        assert_eq!(http.ok("resolve", json!({"code": code}))["quantity"], quantity, "{code}");
    }
}

/// A scanner that sends the add-on and no space before it, or what people and other programs write.
#[test]
fn a_listed_article_whose_number_is_in_a_code_is_asked_for() {
    on_both_ports(&[("4006381333931", 1), ("042100005264", 1)], |terminal| {
        for (code, sku) in [
            ("400638133393112", "4006381333931"),
            ("400638133393112345", "4006381333931"),
            ("04210000526412345", "042100005264"),
            ("3*4006381333931", "4006381333931"),
            ("id.gs1.org/01/04006381333931", "4006381333931"),
            ("01 04006381333931 10 AB", "4006381333931"),
            ("^0104006381333931", "4006381333931"),
            ("{\"gtin\":\"04006381333931\"}", "4006381333931"),
        ] {
            let error = terminal.refused("resolve", json!({"code": code}), "unknown_code");
            assert_eq!(error["sku"], sku, "{error}");
            assert!(error["message"].as_str().unwrap().contains("has the number"), "{error}");
        }
        for code in ["400638133393212", "96385074123456789", "3*4006381333932", "A-96385074"] {
            let error = terminal.refused("resolve", json!({"code": code}), "unknown_code");
            assert!(error.get("sku").is_none_or(Value::is_null), "{error}");
        }
    });
}

#[test]
fn seven_digits_of_two_articles_are_doubtful() {
    let mut gateway = Gateway::start();
    // Without its check digit, and without its number system: 1 234565.
    let with_system = named("CAN", "Can", &["123456000056"]);
    list(&mut gateway, vec![with_system]);
    let resolved = |gateway: &Gateway| gateway.http().get("/api/barcodes/1234565").json();
    assert_eq!(resolved(&gateway)["sku"], "CAN");
    list(&mut gateway, vec![named("JAR", "Jar", &["012345000065"])]);
    let error = resolved(&gateway);
    assert_eq!(error["code"], "bad_code", "{error}");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("CAN") && said.contains("JAR"), "{error}");
}

#[test]
fn a_short_upc_e_of_a_known_article_has_its_form_and_gtin() {
    let mut gateway = Gateway::start();
    let listings =
        vec![named("CUP", "Cup", &["042100005264"]), named("CAN", "Can", &["123456000056"])];
    list(&mut gateway, listings);
    for (code, sku, gtin) in
        [("425261", "CUP", "00042100005264"), ("1234565", "CAN", "00123456000056")]
    {
        let found = gateway.http().ok("resolve", json!({"code": code}));
        assert_eq!(
            (&found["sku"], &found["format"], &found["gtin"]),
            (&json!(sku), &json!("upce"), &json!(gtin)),
            "{found}"
        );
    }
    // Both of the numbers that seven digits may be.
    let both = named("CAN", "Can", &["123456000056", "012345000065"]);
    list(&mut gateway, vec![both]);
    let found = gateway.http().ok("resolve", json!({"code": "1234565"}));
    assert_eq!((&found["format"], &found["gtin"]), (&json!("text"), &Value::Null), "{found}");
}

#[test]
fn what_looks_like_a_sku_is_named_beside_an_unknown_code() {
    on_both_ports(&[("85120A", 1), ("LAMP-l", 1)], |terminal| {
        for (code, near) in [
            ("8512OA", "85120A"),
            ("85120\u{410}", "85120A"),
            ("85 120a", "85120A"),
            ("85120A\u{202e}", "85120A"),
            ("Lamp\u{2011}1", "LAMP-l"),
        ] {
            let error = terminal.refused("resolve", json!({"code": code}), "unknown_code");
            assert!(error["message"].as_str().unwrap().contains(&format!("did you mean {near}?")));
            assert_eq!(error["sku"], near, "{error}");
        }
        let error = terminal.refused("resolve", json!({"code": "85120B"}), "unknown_code");
        assert!(!error["message"].as_str().unwrap().contains("did you mean"), "{error}");
    });
}

/// A subscription to 9,000 SKUs is 45 ms of what a connection may have looked at.
#[test]
fn an_unknown_code_waits_for_no_hint_when_the_client_has_had_much_looked_at() {
    let gateway = Gateway::stocked(&[("85120A", 1)]);
    let misread = json!({"code": "8512OA"});
    let named: Vec<_> = (0..9_000).map(|n| format!("{n:04}")).collect();
    let mut greedy = gateway.ws();
    assert_eq!(greedy.refused("resolve", misread.clone(), "unknown_code")["sku"], "85120A");
    let answered_without = (0..200).any(|_| {
        let subscribed = greedy.send("subscribe", json!({"skus": named}));
        let resolved = greedy.send("resolve", misread.clone());
        greedy.outcome(&subscribed).unwrap();
        let error = greedy.outcome(&resolved).unwrap_err();
        assert_eq!(error["code"], "unknown_code", "{error}");
        error["sku"].is_null()
    });
    assert!(answered_without);
}
