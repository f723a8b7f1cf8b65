//! A lying gateway: somebody who has its password sends forged frames beside those of the device itself.
//!
//! Nothing of what it does may reach the books of other gateways. Its own are what it says they are,
//! as far as the hub believes it, so the reference takes them as the hub has booked them.

use stockgate::hub::core::Book;
use stockgate::protocol::drift::{Figures, Part};
use stockgate::protocol::frame::{
    Behind, Bound, Entries, Frame, Hello, Position, ProbeAnswer, TakenUpTo,
};
use stockgate::protocol::wire::Wire;
use stockgate::stock::{BooksId, Cause, Entry, Kind, RequestId, Seq, Sku, Taken};
use uuid::Uuid;

use super::network::Packet;
use super::world::World;

const FORGED: Uuid = Uuid::from_u128(0xf);
const NUMBERS: [u64; 7] = [0, 1, 2, 7, 1 << 53, (1 << 63) - 1, u64::MAX];
const CHANGES: [i64; 7] = [1, -1, 3, -3, 500, (1 << 53) - 1, i64::MIN];
const ENTRIES: usize = 5;

impl World {
    /// The gateway that lies is the last one: there is always an honest one beside it.
    pub(crate) fn liar(&self) -> Option<usize> {
        (self.plan.liar && self.gateways.len() > 1).then(|| self.gateways.len() - 1)
    }

    /// A database of the liar is not held against the ledger of its device.
    pub(crate) fn distrust(&mut self, epoch: Uuid) {
        self.reference.split.insert(epoch);
        self.reference.forged.insert(epoch);
    }

    /// Sends a forged frame.
    pub(crate) fn lie(&mut self) {
        let Some(liar) = self.liar() else { return };
        let newest = self.gateways[liar].holders.last().map(|holder| holder.database.epoch);
        let epoch = if self.dice.one_in(12) { self.dice.epoch() } else { newest.unwrap_or(FORGED) };
        self.distrust(epoch);
        let frame = self.forged(liar, epoch);
        self.trace.note(|| format!("forged for g{liar}: {frame:?}"));
        self.gateways[liar].link.up.push(Packet::Frame(frame.encode(Wire::UP)));
    }

    fn forged(&mut self, liar: usize, epoch: Uuid) -> Frame {
        let (a, b, c) = (self.number(), self.number(), self.number());
        let taken = Taken { transfer: a, at_seq: b, catalogue: c };
        let position = Position { epoch: epoch.into(), acked_seq: a };
        match self.dice.below(10) {
            0..=1 => self.forged_hello(liar, epoch, taken),
            2 => Frame::Taken(TakenUpTo { epoch: epoch.into(), taken }),
            3 => Frame::Behind(Behind { position, ledger_seq: b }),
            4 => {
                let figures = vec![(self.skus[0].clone(), a.cast_signed(), b.cast_signed())];
                let content = Figures { part: Part::default(), figures };
                Frame::Figures(ProbeAnswer { epoch: epoch.into(), seq: c, content })
            }
            _ => self.forged_entries(liar, epoch, taken),
        }
    }

    fn number(&mut self) -> u64 {
        self.dice.pick(&NUMBERS).copied().unwrap_or_default()
    }

    fn forged_hello(&mut self, liar: usize, epoch: Uuid, taken: Taken) -> Frame {
        let book = self.book_of(liar, epoch);
        let books = self.hub.database.identity;
        let generation = if self.dice.one_in(2) { books.generation } else { self.number() };
        let known = self.dice.one_in(2);
        Frame::Hello(Hello {
            epoch: epoch.into(),
            ledger_seq: if known { book.cursor.acked_seq } else { self.number() },
            checks: book.cursor.checks,
            nonce: 1,
            software: "forged".into(),
            taken: if known { book.taken } else { taken },
            bound: Bound {
                books: Some(BooksId { generation, ..books }),
                acked_seq: self.number(),
                ..Bound::default()
            },
        })
    }

    /// Entries that continue the books exactly, whatever they claim.
    fn forged_entries(&mut self, liar: usize, epoch: Uuid, taken: Taken) -> Frame {
        let book = self.book_of(liar, epoch);
        let (mut entries, mut checks) = (Vec::new(), book.cursor.checks);
        for seq in (book.cursor.acked_seq + 1..).take(1 + self.dice.below(ENTRIES)) {
            let entry = self.forged_entry(&book, seq);
            let held = self.hub.database.allotments.get(&(book.id, entry.sku.clone()));
            let before = held.map(|held| held.figures()).unwrap_or_default();
            let after =
                (before.0.wrapping_add(entry.change), before.1.wrapping_add(entry.reserved_change));
            checks.digest = checks.digest.moved(&entry.sku, before, after);
            checks.chain = checks.chain.with(&entry);
            entries.push(entry);
        }
        let taken = if self.dice.one_in(3) { taken } else { book.taken };
        Frame::Entries(Entries { epoch: epoch.into(), checks, taken, entries, decimals: None })
    }

    fn forged_entry(&mut self, book: &Book, seq: Seq) -> Entry {
        let kind = *self.dice.pick(&Kind::ALL).unwrap_or(&Kind::Count);
        let change = *self.dice.pick(&CHANGES).unwrap_or(&1);
        let sku: Sku = self.dice.pick(&self.skus).cloned().unwrap();
        // Often under the name of a transfer that the hub has made, to it or to another gateway.
        let issued: Vec<_> = self.hub.database.transfers.values().collect();
        let issued = self.dice.pick(&issued).map(|issued| issued.transfer.request_id.clone());
        let named = RequestId::parse(&format!("forged-{}-{seq}", book.id)).unwrap();
        let request_id = issued.filter(|_| self.dice.one_in(2)).unwrap_or(named);
        let reserved_change = if self.dice.one_in(2) { 0 } else { change };
        // One restock of everything is a valid entry.
        let (kind, change, reserved_change) = match self.dice.one_in(4) {
            true => (Kind::Restock, CHANGES[5], 0),
            false => (kind, change, reserved_change),
        };
        Entry {
            seq,
            kind,
            sku,
            change,
            reserved_change,
            order_id: None,
            request_id,
            at_ms: i64::MAX - 1,
            clock_trusted: true,
            cause: Cause::default(),
            trace: None,
        }
    }

    fn book_of(&self, liar: usize, epoch: Uuid) -> Book {
        let of = |book: &&Book| book.cursor.epoch == epoch;
        let book = self.hub.database.books.iter().find(of).cloned();
        book.unwrap_or_else(|| Book::new(&self.gateways[liar].id, epoch, 0))
    }
}
