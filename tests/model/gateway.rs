//! The gateway of the model.

use super::bug::Bug;
use super::entry::{Entry, Number, Quantity, Seq, sum};
use super::message::{Down, Taken, Up, Version, Written};
use super::order::Order;

/// The durable and the volatile state of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gateway {
    /// The version that it writes, and the only one that it reads.
    pub(crate) version: Version,
    /// Decided entries, the durable ones first.
    pub(crate) ledger: Vec<Entry>,
    /// The number of durable entries.
    pub(crate) durable_seq: Seq,
    /// How far orders are applied.
    taken: Taken,
    /// How far that is durable.
    durable_taken: Taken,
    /// The last entry for which a terminal was answered.
    pub(crate) answered_seq: Seq,
    /// The position that the hub has acknowledged, as far as this gateway knows.
    pub(crate) acked_seq: Seq,
    phase: Phase,
    /// The position sent since the hub last named its own.
    sent_seq: Seq,
    /// The nonce of the newest greeting.
    nonce: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    /// The hub has not named its position.
    #[default]
    Greeting,
    /// The hub has named its position.
    Streaming,
}

impl Gateway {
    /// A gateway with stock that the hub has booked.
    pub(crate) fn opened(quantity: Quantity) -> Self {
        let ledger = Vec::from_iter((quantity > 0).then_some(Entry::Restock(quantity)));
        let seq = ledger.len();
        Self { ledger, durable_seq: seq, answered_seq: seq, acked_seq: seq, ..Self::default() }
    }

    /// The same after a greeting was answered.
    pub(crate) fn greeted(mut self) -> Self {
        self.phase = Phase::Streaming;
        self.sent_seq = self.acked_seq;
        self
    }

    pub(crate) fn durable(&self) -> &[Entry] {
        &self.ledger[..self.durable_seq]
    }

    /// The stock on hand on which decisions are based.
    pub(crate) fn available(&self) -> Quantity {
        sum(&self.ledger, Entry::effect)
    }

    /// The number of entries without an order.
    pub(crate) fn own_entries(&self) -> usize {
        self.ledger.iter().filter(|entry| entry.number().is_none()).count()
    }

    /// The entry of a sale.
    pub(crate) fn sale(&self, quantity: Quantity) -> Entry {
        match self.version {
            Version::V1 => Entry::Deduct(quantity),
            Version::V2 => Entry::Told(quantity),
        }
    }

    pub(crate) fn decide(&mut self, entry: Entry) {
        self.ledger.push(entry);
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.durable_seq < self.ledger.len() || self.durable_taken != self.taken
    }

    /// The group commit: entries and the taken position become durable together.
    pub(crate) fn sync(&mut self, bug: Option<Bug>) {
        self.durable_seq = self.ledger.len();
        if bug != Some(Bug::TakenApart) {
            self.sync_taken();
        }
    }

    pub(crate) fn sync_taken(&mut self) {
        self.durable_taken = self.taken;
    }

    /// The position up to which terminals may be answered.
    pub(crate) fn answerable_seq(&self, bug: Option<Bug>) -> Seq {
        if bug == Some(Bug::AnsweredEarly) { self.ledger.len() } else { self.durable_seq }
    }

    pub(crate) fn answer(&mut self, bug: Option<Bug>) {
        self.answered_seq = self.answerable_seq(bug);
    }

    /// The power fails. The disk may hold an older acknowledged position.
    pub(crate) fn crash(&mut self, acked_seq: Seq) {
        self.ledger.truncate(self.durable_seq);
        *self = Self {
            version: self.version,
            ledger: std::mem::take(&mut self.ledger),
            durable_seq: self.durable_seq,
            taken: self.durable_taken,
            durable_taken: self.durable_taken,
            answered_seq: self.answered_seq,
            acked_seq,
            ..Self::default()
        };
    }

    /// Forgets the sent position and greets. Nonces are reused soon, so a late answer may look like
    /// a new one.
    pub(crate) fn greet(&mut self, nonces: usize, bug: Option<Bug>) -> Up {
        self.phase = Phase::Greeting;
        self.nonce = self.nonce % nonces + 1;
        if bug != Some(Bug::SentNotForgotten) {
            self.sent_seq = 0;
        }
        Up::Hello { nonce: self.nonce, taken: self.durable_taken }
    }

    /// The number of entries that may be sent.
    pub(crate) fn unsent(&self, bug: Option<Bug>) -> usize {
        match self.phase {
            Phase::Greeting => 0,
            Phase::Streaming => self.sendable_seq(bug).saturating_sub(self.sent_seq),
        }
    }

    fn sendable_seq(&self, bug: Option<Bug>) -> Seq {
        if bug == Some(Bug::SentEarly) { self.ledger.len() } else { self.durable_seq }
    }

    /// Sends the next entries.
    pub(crate) fn send(&mut self, count: usize) -> Up {
        let first_seq = self.sent_seq + 1;
        let entries = self.ledger[self.sent_seq..self.sent_seq + count].to_vec();
        self.sent_seq += count;
        Up::Entries { first_seq, entries, taken: self.durable_taken }
    }

    /// Confirms applied orders once that is durable.
    pub(crate) fn tell_taken(&self) -> Option<Up> {
        let may = self.phase == Phase::Streaming && self.durable_taken.number > 0;
        may.then_some(Up::Taken(self.durable_taken))
    }

    /// Handles a message of the hub. One in another version is dropped.
    pub(crate) fn receive(
        &mut self,
        Written { version, message }: Written<Down>,
        bug: Option<Bug>,
    ) {
        if version != self.version && bug != Some(Bug::WrittenInVersion1) {
            return;
        }
        match message {
            Down::Resume { acked_seq, nonce } => self.resume(acked_seq, nonce, bug),
            Down::Ack { acked_seq } => self.acked_seq = self.acked_seq.max(acked_seq),
            Down::Orders { first, orders } => self.take_all(first, &orders, bug),
        }
    }

    /// Streams from the hub's position, if this answers the newest greeting. Nonce 0 only asks for
    /// a greeting, which is possible at any time anyway.
    fn resume(&mut self, acked_seq: Seq, nonce: usize, bug: Option<Bug>) {
        if self.phase != Phase::Greeting || nonce != self.nonce {
            return;
        }
        self.phase = Phase::Streaming;
        self.acked_seq = self.acked_seq.max(acked_seq);
        let forgets = bug != Some(Bug::SentNotForgotten);
        self.sent_seq = if forgets { acked_seq } else { self.sent_seq.max(acked_seq) };
    }

    fn take_all(&mut self, first: Number, orders: &[Order], bug: Option<Bug>) {
        for (number, &order) in (first..).zip(orders) {
            if number == self.taken.number + 1 || bug == Some(Bug::NumberUnchecked) {
                self.take(number, order);
            }
        }
    }

    /// Applies an order. A recall returns what there is; if that is nothing, it makes no entry.
    fn take(&mut self, number: Number, order: Order) {
        let entry = match order {
            Order::Grant(quantity) => Entry::Grant { number, quantity },
            Order::Recall(asked) => Entry::Recall { number, quantity: asked.min(self.available()) },
        };
        if entry.effect() != 0 {
            self.ledger.push(entry);
        }
        self.taken = Taken { number, at_seq: self.ledger.len() };
    }
}
