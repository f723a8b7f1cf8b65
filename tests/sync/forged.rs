//! Well-formed frames that no gateway, or no hub, has sent.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use stockgate::protocol::Frame;
use stockgate::protocol::frame::{BooksId, Bound, Entries, Epoch, Hello, Position, Resume};
use stockgate::protocol::wire::Wire;
use stockgate::stock::{Cause, Checks, Entry, Kind, RequestId, Sku, Taken};

use uuid::Uuid;

use super::pair::{DOWN, UP};
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;

/// Of a hub that there is not.
pub(super) const FORGED: Wire = Wire::V2(BooksId { books: Uuid::from_u128(9), generation: 1 });

pub(super) fn hello(epoch: Epoch, ledger_seq: u64) -> Frame {
    let software = "elsewhere".into();
    Frame::Hello(Hello {
        epoch,
        ledger_seq,
        checks: Checks::default(),
        nonce: 1,
        software,
        taken: Taken::default(),
        bound: Bound::default(),
    })
}

/// Answers the next greeting like a hub that has the ledger up to this position.
pub(super) fn resume(hub: &mut Bystander, acked_seq: u64) {
    hub.hear(UP);
    loop {
        let Ok(Frame::Hello(greeting)) = Frame::decode(&hub.next().payload) else { continue };
        let position = Position { epoch: greeting.epoch, acked_seq };
        let resume = Frame::Resume(Resume { position, nonce: greeting.nonce });
        hub.publish(DOWN, &resume.encode(FORGED));
        // The answer to its first greeting only says which books the gateway belongs to.
        if greeting.bound.books.is_some() {
            return;
        }
    }
}

/// Which books a hub keeps.
pub(super) fn books_of(hub: &Hub) -> Uuid {
    let Wire::V2(id) = wire_of(hub) else { panic!("a hub of this version") };
    id.books
}

/// Frames as a hub with these books writes them.
pub(super) fn wire_of(hub: &Hub) -> Wire {
    let sql = "SELECT books, generation FROM identity";
    let db = Connection::open(hub.database()).unwrap();
    let row = |row: &Row<'_>| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?));
    let (books, generation) = db.query_row(sql, [], row).unwrap();
    let generation = generation.unsigned_abs();
    Wire::V2(BooksId { books: Uuid::from_bytes(books), generation })
}

/// Restocks from a position on, with the checks that result on an empty stock.
pub(super) fn restocks(epoch: Epoch, first_seq: u64, lines: &[(&str, i64)]) -> Frame {
    let mut checks = Checks::default();
    let mut stock: BTreeMap<&str, i64> = BTreeMap::new();
    let mut entries = Vec::new();
    for ((sku, change), seq) in lines.iter().zip(first_seq..) {
        let entry = restock(seq, Sku::parse(sku).unwrap(), *change);
        let on_hand = stock.entry(sku).or_default();
        let before = (*on_hand, 0);
        *on_hand = on_hand.wrapping_add(*change);
        checks.digest = checks.digest.moved(&entry.sku, before, (*on_hand, 0));
        checks.chain = checks.chain.with(&entry);
        entries.push(entry);
    }
    Frame::Entries(Entries { epoch, checks, taken: Taken::default(), entries, decimals: None })
}

fn restock(seq: u64, sku: Sku, change: i64) -> Entry {
    Entry {
        seq,
        kind: Kind::Restock,
        sku,
        change,
        reserved_change: 0,
        order_id: None,
        request_id: RequestId::parse("forged").unwrap(),
        at_ms: 1_769_847_960_123,
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
}
