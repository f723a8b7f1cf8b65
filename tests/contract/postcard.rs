//! The subprotocol `stockgate.v1.postcard`: the same conversations in binary frames.
#![allow(clippy::wildcard_enum_match_arm, reason = "a reply is looked for among others")]

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use stockgate::terminal::wire::postcard::{
    PROTOCOL, WireFilter, WireItem, WireLine, WireOperation, WireOutcome, WireReply, WireRequest,
};
use tungstenite::{ClientRequestBuilder, Message, WebSocket, client};

use crate::support::bodies::one;
use crate::support::catalogue::{list, named};
use crate::support::gateway::Gateway;
use crate::support::terminal::Terminal;
use crate::support::ws::{Steady, Ws};

const TOKENS: &str =
    "[[terminals.tokens]]\nname = \"l\"\nrole = \"operator\"\ntoken = \"secret-0123456789\"\n";

#[test]
fn a_deduction_is_applied_and_told() {
    let gateway = Gateway::stocked(&[("85123A", 100)]);
    let mut terminal = PostcardTerminal::connect(&gateway);

    terminal.ask(7, deduct("r1", "85123A", 6));

    terminal.hear(|reply| {
        let WireReply::Done {
            id: 7,
            result: WireOutcome::Applied { request_id, seq, replayed, lines, expires_at_ms },
        } = reply
        else {
            panic!("nothing");
        };
        assert_eq!((request_id, seq, replayed, expires_at_ms), ("r1", 2, false, None));
        let line = (lines[0].sku, lines[0].quantity, lines[0].on_hand, lines[0].reserved);
        assert_eq!((line, lines[0].version), (("85123A", 6, 94, 0), 2));
    });
    assert_eq!(gateway.http().figures("85123A"), (94, 0));
    let again = gateway.http().ok("deduct", one("r1", "85123A", 6));
    assert_eq!(again["replayed"], true, "it is the same request over every port: {again}");
}

#[test]
fn a_refusal_says_why() {
    let gateway = Gateway::stocked(&[("A", 2)]);
    let mut terminal = PostcardTerminal::connect(&gateway);

    terminal.ask(1, deduct("r1", "A", 6));

    terminal.hear(|reply| {
        let WireReply::Failed { id, code, sku, requested, available, replayed, .. } = reply else {
            panic!("nothing");
        };
        assert_eq!((id, code, sku), (Some(1), "insufficient_stock", Some("A")));
        assert_eq!((requested, available, replayed), (Some(6), Some(2), false));
    });
}

#[test]
fn a_subscriber_gets_the_items_and_every_change() {
    let gateway = Gateway::stocked(&[("A", 5), ("B", 6)]);
    let mut terminal = PostcardTerminal::connect(&gateway);

    terminal.ask(1, WireOperation::Subscribe { to: WireFilter::Prefix("A"), since: None });

    terminal.hear(|reply| assert_eq!(done(reply), WireOutcome::Matched(1)));
    let item = |on_hand, version| WireItem { sku: "A", on_hand, reserved: 0, version };
    terminal.hear_stock(|seq, items| assert_eq!((seq, items), (2, vec![item(5, 1)])));
    gateway.http().ok("deduct", one("r1", "B", 1));
    gateway.http().ok("deduct", one("r2", "A", 1));
    terminal.hear_stock(|seq, items| assert_eq!((seq, items), (4, vec![item(4, 4)])));

    terminal.ask(2, WireOperation::Unsubscribe);
    terminal.hear(|reply| assert_eq!(done(reply), WireOutcome::Unsubscribed));
}

#[test]
fn terminals_of_both_kinds_see_the_same() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let mut postcard = PostcardTerminal::connect(&gateway);
    postcard.ask(1, WireOperation::Subscribe { to: WireFilter::All, since: Some(1) });
    postcard.hear(|reply| assert_eq!(done(reply), WireOutcome::Matched(1)));
    let mut plain = gateway.ws();
    plain.ok("subscribe", json!({"all": true, "since": 1}));

    postcard.ask(2, deduct("r1", "A", 2));

    let event = plain.next_event("stock", Duration::from_secs(10)).unwrap();
    assert_eq!(event["items"][0]["on_hand"], 3, "{event}");
    postcard.hear_stock(|seq, items| {
        assert_eq!((seq, items[0].on_hand, items[0].version), (2, 3, 2));
    });
}

#[test]
fn every_query_is_answered() {
    let gateway = Gateway::stocked(&[("A", 5), ("B", 6)]);
    let mut terminal = PostcardTerminal::connect(&gateway);
    terminal.ask(1, WireOperation::Get { sku: "A" });
    let item = WireItem { sku: "A", on_hand: 5, reserved: 0, version: 1 };
    terminal.hear(|reply| assert_eq!(done(reply), WireOutcome::Item(item.clone())));
    terminal.ask(2, WireOperation::List { prefix: "", after: None, limit: Some(1) });
    terminal.hear(|reply| {
        let items = WireOutcome::Items { items: vec![item.clone()], next: Some("A") };
        assert_eq!(done(reply), items);
    });
    terminal.ask(3, WireOperation::Ledger { after: 1, limit: None });
    let entry = gateway.http().ledger()[1].clone();
    terminal.hear(|reply| {
        let WireOutcome::Ledger { entries, next: None } = done(reply) else { panic!("no ledger") };
        assert_eq!((entries.len(), entries[0].seq, entries[0].kind), (1, 2, "restock"));
        let id = uuid::Uuid::from_bytes(entries[0].event_id);
        assert_eq!(entry["event_id"], id.to_string());
    });
    terminal.ask(4, WireOperation::Status);
    terminal.hear(|reply| {
        let WireOutcome::Status { skus, ledger_seq, sync, problem, .. } = done(reply) else {
            panic!("no status");
        };
        assert_eq!((skus, ledger_seq, sync.state, problem), (2, 2, "disabled", None));
    });
    terminal.ask(5, WireOperation::Resolve { code: "(01)00036000291452(30)2" });
    terminal.hear(|reply| assert!(matches!(reply, WireReply::Failed { code: "unknown_code", .. })));
    terminal.ask(6, WireOperation::Resolve { code: "A" });
    terminal.hear(|reply| {
        let WireOutcome::Resolved { format, gtin, item, .. } = done(reply) else {
            panic!("nothing")
        };
        assert_eq!((format, gtin, item.sku), ("text", None, "A"));
    });
}

#[test]
fn a_search_finds_what_it_finds_in_json() {
    let mut gateway = Gateway::stocked(&[("A", 5), ("B", 6), ("C", 7)]);
    list(&mut gateway, vec![named("A", "Red lamp", &[]), named("B", "red LÁMPS", &["12345670"])]);
    let mut terminal = PostcardTerminal::connect(&gateway);
    for (prefix, q, limit) in
        [("", "lamp", None), ("", "LAMP red", Some(1)), ("B", "red", None), ("", "12345670", None)]
    {
        let body = json!({"prefix": prefix, "q": q, "limit": limit.unwrap_or(100)});
        let page = gateway.http().ok("list", body);
        let expected = page["items"].as_array().unwrap().iter().map(|item| item["sku"].clone());
        let expected: Vec<_> = expected.collect();
        assert!(!expected.is_empty(), "{q}");
        terminal.ask(1, WireOperation::Search { prefix, q, after: None, limit });
        terminal.hear(|reply| {
            let WireOutcome::Items { items, next } = done(reply) else { panic!("no items") };
            let skus: Vec<_> = items.iter().map(|item| json!(item.sku)).collect();
            assert_eq!((skus, json!(next)), (expected, page["next"].clone()), "{q}");
        });
    }
}

#[test]
fn a_date_before_which_goods_are_best_is_answered() {
    let gateway = Gateway::stocked(&[("4006381333931", 5)]);
    let mut terminal = PostcardTerminal::connect(&gateway);
    terminal.ask(1, WireOperation::Resolve { code: "0104006381333931152612311726123110L" });
    terminal.hear(|reply| {
        let WireOutcome::ResolvedInFull {
            content, quantity, lot, expires, best_before, item, ..
        } = done(reply)
        else {
            panic!("nothing")
        };
        assert_eq!((content, quantity, lot, item.on_hand), (1, 1, Some("L"), 5));
        assert_eq!((expires, best_before), (Some("2026-12-31"), Some("2026-12-31")));
    });
}

#[test]
fn every_mutation_is_applied() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut terminal = PostcardTerminal::connect(&gateway);
    let lines = || vec![WireLine { sku: "A", quantity: 2 }];
    let ops = [
        WireOperation::Restock { request_id: "in", order_id: Some("o"), lines: lines() },
        WireOperation::Count { request_id: "count", sku: "A", counted: 20 },
        WireOperation::Deduct { request_id: "out", order_id: None, lines: lines() },
        WireOperation::Rollback { request_id: "back", of: "out", lines: None },
        WireOperation::Reserve {
            request_id: "held",
            order_id: None,
            lines: lines(),
            ttl_s: Some(60),
        },
        WireOperation::Commit { request_id: None, reservation: "held", lines: None },
        WireOperation::Reserve {
            request_id: "held-2",
            order_id: None,
            lines: lines(),
            ttl_s: None,
        },
        WireOperation::Release { request_id: Some("given"), reservation: "held-2" },
    ];
    for (op, id) in ops.into_iter().zip(0..) {
        let reserves = matches!(op, WireOperation::Reserve { .. });
        terminal.ask(id, op);
        terminal.hear(|reply| {
            let WireOutcome::Applied { expires_at_ms, replayed: false, .. } = done(reply) else {
                panic!("not applied");
            };
            assert_eq!(expires_at_ms.is_some(), reserves);
        });
    }
    assert_eq!(gateway.http().figures("A"), (18, 0));
}

#[test]
fn a_malformed_message_is_answered_and_the_connection_stays_open() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let mut terminal = PostcardTerminal::connect(&gateway);
    let sound = encoded(9, deduct("r1", "A", 1));
    let with_more = [sound.as_slice(), &[0]].concat();
    for (bytes, id) in [
        (&[][..], None),
        (&[0xff; 12], None),
        (&[5], Some(5)),
        (&[5, 99], Some(5)),
        (&[5, 1, 2, b'r', 0xff], Some(5)),
        (&sound[..sound.len() - 1], Some(9)),
        (&with_more, Some(9)),
        (&encoded(3, deduct("", "A", 1)), Some(3)),
        (&encoded(3, deduct("r1", "A", 0)), Some(3)),
        (&encoded(3, deduct("r1", "a\u{7}", 1)), Some(3)),
    ] {
        terminal.send(Message::binary(bytes.to_vec()));
        terminal.hear(|reply| {
            let WireReply::Failed { id: named, code, message, .. } = reply else {
                panic!("nothing")
            };
            assert_eq!((named, code), (id, "bad_request"), "{bytes:?}");
            assert!(!message.is_empty());
        });
    }
    terminal.send(Message::text("{\"id\":1,\"op\":\"status\"}"));
    terminal.hear(|reply| assert!(matches!(reply, WireReply::Failed { code: "bad_request", .. })));
    // A list that announces more than there is takes no memory.
    terminal.send(Message::binary([&[1, 12, 2][..], &[0xff; 4], &[0x0f]].concat()));
    terminal.hear(|reply| assert!(matches!(reply, WireReply::Failed { .. })));

    terminal.send(Message::binary(sound));
    terminal.hear(|reply| drop(done(reply)));
    assert_eq!(gateway.http().figures("A"), (4, 0));
}

#[test]
fn a_message_over_64_kib_closes_the_connection() {
    let gateway = Gateway::start();
    let mut terminal = PostcardTerminal::connect(&gateway);
    terminal.send(Message::binary(vec![0; 65 * 1024]));
    let closed = loop {
        match terminal.socket.read() {
            Ok(Message::Close(frame)) => break frame.map(|frame| u16::from(frame.code)),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(closed, Some(1009));
}

#[test]
fn a_token_is_shown_first() {
    let gateway = Gateway::start_with(TOKENS);
    let mut terminal = PostcardTerminal::connect(&gateway);
    terminal.ask(1, WireOperation::Status);
    terminal.hear(|reply| assert!(matches!(reply, WireReply::Failed { code: "unauthorized", .. })));
    terminal.ask(2, WireOperation::Auth { token: "secret-0123456789" });
    terminal.hear(|reply| assert_eq!(done(reply), WireOutcome::Role(1)));
    terminal.ask(3, WireOperation::Status);
    terminal.hear(|reply| drop(done(reply)));
}

#[test]
fn other_subprotocols_are_not_chosen() {
    let gateway = Gateway::start();
    let (address, name) = (gateway.address(), "Sec-WebSocket-Protocol");
    for offered in ["chat", "stockgate.v2.postcard", "xstockgate.v1.postcard"] {
        // The client library asks for one of what it offered, which is not had.
        let request = ClientRequestBuilder::new(format!("ws://{address}/ws").parse().unwrap());
        let request = request.with_header(name, offered);
        let stream = TcpStream::connect(&address).unwrap();
        assert!(client(request, stream).is_err(), "{offered} was chosen");
    }
    assert_eq!(Ws::connect(&address).hello()["protocol"], 1);
}

struct PostcardTerminal {
    socket: WebSocket<Steady>,
}

impl PostcardTerminal {
    /// Connects, offering another subprotocol too, and is greeted.
    fn connect(gateway: &Gateway) -> Self {
        let address = gateway.address();
        let stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = ClientRequestBuilder::new(format!("ws://{address}/ws").parse().unwrap());
        let request = request.with_sub_protocol("x").with_sub_protocol(PROTOCOL);
        let (socket, response) = client(request, Steady(stream)).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], PROTOCOL);
        let mut terminal = Self { socket };
        terminal.hear(|reply| {
            let WireReply::Hello { gateway, site, protocol, .. } = reply else { panic!("nothing") };
            assert_eq!((gateway, site, protocol), ("gw-01", "wh-01", 1));
        });
        terminal
    }

    fn ask(&mut self, id: u64, op: WireOperation<'_>) {
        self.send(Message::binary(encoded(id, op)));
    }

    fn send(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    /// The next message that is not a `sync` event.
    fn hear<T>(&mut self, take: impl FnOnce(WireReply<'_>) -> T) -> T {
        loop {
            let Message::Binary(bytes) = self.socket.read().unwrap() else { continue };
            let reply = postcard::from_bytes(&bytes).expect("messages are postcard");
            if !matches!(reply, WireReply::Sync(_)) {
                return take(reply);
            }
        }
    }

    /// The next stock event.
    fn hear_stock(&mut self, take: impl Fn(u64, Vec<WireItem<'_>>)) {
        let is_it = |reply: WireReply<'_>| {
            let WireReply::Stock { seq, items } = reply else { return false };
            take(seq, items);
            true
        };
        while !self.hear(is_it) {}
    }
}

fn encoded(id: u64, op: WireOperation<'_>) -> Vec<u8> {
    postcard::to_stdvec(&WireRequest { id, op }).unwrap()
}

fn deduct<'a>(request_id: &'a str, sku: &'a str, quantity: u64) -> WireOperation<'a> {
    WireOperation::Deduct { request_id, order_id: None, lines: vec![WireLine { sku, quantity }] }
}

fn done(reply: WireReply<'_>) -> WireOutcome<'_> {
    let WireReply::Done { result, .. } = reply else { panic!("nothing") };
    result
}
