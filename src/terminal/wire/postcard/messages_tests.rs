use super::*;

/// The document that shows these bytes to the authors of terminals.
const DOCUMENT: &str = include_str!("../../../../docs/TERMINALS.md");

#[test]
fn requests_are_the_bytes_of_the_document() {
    let lines = vec![WireLine { sku: "85123A", quantity: 6 }];
    let deduct = WireOperation::Deduct { request_id: "536365", order_id: None, lines };
    for (id, op, bytes) in [
        (1, deduct, "01 01 06 35 33 36 33 36 35 00 01 06 38 35 31 32 33 41 06"),
        (
            2,
            WireOperation::Subscribe { to: WireFilter::Prefix("85"), since: None },
            "02 0c 01 02 38 35 00",
        ),
        (300, WireOperation::Status, "ac 02 0b"),
    ] {
        let request = WireRequest { id, op };
        assert_eq!(postcard::to_stdvec(&request).unwrap(), of_hex(bytes), "{request:?}");
        assert_eq!(postcard::from_bytes::<WireRequest<'_>>(&of_hex(bytes)).unwrap(), request);
    }
}

#[test]
fn replies_are_the_bytes_of_the_document() {
    let line =
        WireAppliedLine { sku: "85123A", quantity: 6, on_hand: 94, reserved: 5, version: 18 };
    let applied = WireOutcome::Applied {
        request_id: "536365",
        seq: 42,
        replayed: false,
        lines: vec![line],
        expires_at_ms: None,
    };
    let refused = WireReply::Failed {
        id: Some(1),
        code: "insufficient_stock",
        message: "no",
        sku: Some("85123A"),
        requested: Some(6),
        available: Some(2),
        replayed: false,
        retry_after_s: None,
    };
    let item = WireItem { sku: "85123A", on_hand: 94, reserved: 5, version: 18 };
    for (reply, bytes) in [
        (
            WireReply::Done { id: 1, result: applied },
            "01 01 00 06 35 33 36 33 36 35 2a 00 01 06 38 35 31 32 33 41 06 bc 01 0a 12 00",
        ),
        (
            refused,
            "02 01 01 12 69 6e 73 75 66 66 69 63 69 65 6e 74 5f 73 74 6f 63 6b 02 6e 6f \
             01 06 38 35 31 32 33 41 01 06 01 04 00 00",
        ),
        (
            WireReply::Stock { seq: 42, items: vec![item] },
            "03 2a 01 06 38 35 31 32 33 41 bc 01 0a 12",
        ),
    ] {
        assert_eq!(postcard::to_stdvec(&reply).unwrap(), of_hex(bytes), "{reply:?}");
        assert_eq!(postcard::from_bytes::<WireReply<'_>>(&of_hex(bytes)).unwrap(), reply);
    }
}

/// Terminals rely on the numbers of the variants.
#[test]
fn variants_keep_their_numbers() {
    let first = |op: WireOperation<'_>| postcard::to_stdvec(&op).unwrap()[0];
    assert_eq!(first(WireOperation::Auth { token: "" }), 0);
    assert_eq!(first(WireOperation::Release { request_id: None, reservation: "" }), 7);
    assert_eq!(first(WireOperation::Unsubscribe), 13);
    assert_eq!(first(WireOperation::Resolve { code: "" }), 14);
    let first = |outcome: WireOutcome<'_>| postcard::to_stdvec(&outcome).unwrap()[0];
    assert_eq!(first(WireOutcome::Items { items: vec![], next: None }), 2);
    assert_eq!(first(WireOutcome::Role(2)), 6);
    assert_eq!(first(WireOutcome::Unsubscribed), 8);
}

fn of_hex(text: &str) -> Vec<u8> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(document.contains(&flat), "docs/TERMINALS.md does not have the bytes {flat}");
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
