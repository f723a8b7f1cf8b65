//! The hub of the model. It changes in transactions only, one at a time.

use super::bug::Bug;
use super::entry::{Entry, Number, Quantity, Seq, sum};
use super::message::{Down, Taken, Up, Version, Written};
use super::order::{Issued, Order};

/// The books of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hub {
    /// The newest version that it reads.
    pub(crate) version: Version,
    /// Units that are not allotted to a gateway.
    pub(crate) pool: Quantity,
    /// Units sold centrally.
    pub(crate) deducted: Quantity,
    pub(crate) books: Vec<Books>,
}

/// The books of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    /// The version of the gateway's last message, in which it is answered.
    pub(crate) wire: Version,
    pub(crate) acked_seq: Seq,
    pub(crate) entries: Vec<Entry>,
    /// The stock of the gateway according to its booked entries.
    pub(crate) held: Quantity,
    /// Units granted whose entry has not arrived.
    pub(crate) in_transit: Quantity,
    /// All orders, the first with number 1.
    pub(crate) orders: Vec<Issued>,
    /// The number of the last order whose entry has arrived.
    pub(crate) landed: Number,
    /// The number of the last order that is done.
    pub(crate) closed: Number,
}

impl Books {
    /// The books of a gateway with stock.
    pub(crate) fn opened(ledger: &[Entry], wire: Version) -> Self {
        let (acked_seq, entries) = (ledger.len(), ledger.to_vec());
        Self { wire, acked_seq, entries, held: sum(ledger, Entry::effect), ..Self::default() }
    }

    /// The orders that are not done and are sent again.
    pub(crate) fn open_orders(&self) -> Option<Down> {
        self.orders_behind(self.closed)
    }

    /// The orders after a number, to be sent.
    fn orders_behind(&self, number: Number) -> Option<Down> {
        let orders: Vec<_> = self.orders.iter().skip(number).map(|issued| issued.order).collect();
        (!orders.is_empty()).then_some(Down::Orders { first: number + 1, orders })
    }

    /// Orders up to the confirmed one are done once the entries up to there have arrived.
    fn close(&mut self, taken: Taken, bug: Option<Bug>) {
        if self.acked_seq >= taken.at_seq || bug == Some(Bug::TakenCountedEarly) {
            self.closed = self.closed.max(taken.number);
        }
    }

    fn resume(&self, nonce: usize) -> Down {
        Down::Resume { acked_seq: self.acked_seq, nonce }
    }
}

impl Hub {
    /// Whether the pool covers a central sale.
    pub(crate) fn may_deduct(&self, quantity: Quantity, bug: Option<Bug>) -> bool {
        self.pool >= quantity
            || bug == Some(Bug::TransitSold) && self.in_transit(quantity).is_some()
    }

    /// The books of a gateway with units in transit.
    fn in_transit(&self, quantity: Quantity) -> Option<usize> {
        self.books.iter().position(|books| books.in_transit >= quantity)
    }

    pub(crate) fn deduct(&mut self, quantity: Quantity) {
        self.deducted += quantity;
        match self.in_transit(quantity) {
            Some(gateway) if self.pool < quantity => self.books[gateway].in_transit -= quantity,
            _ => self.pool -= quantity,
        }
    }

    /// The pool must cover a grant; a recall may ask for any quantity.
    pub(crate) fn may_issue(&self, order: Order) -> bool {
        match order {
            Order::Grant(quantity) => self.pool >= quantity,
            Order::Recall(_) => true,
        }
    }

    /// A grant moves units from the pool to in transit; a recall moves nothing yet.
    pub(crate) fn issue(&mut self, gateway: usize, order: Order, bug: Option<Bug>) {
        let books = &mut self.books[gateway];
        books.orders.push(Issued { order, returned: 0 });
        match order {
            Order::Grant(quantity) => {
                self.pool -= quantity;
                books.in_transit += quantity;
            }
            Order::Recall(quantity) if bug == Some(Bug::RecallTrusted) => {
                self.give_back(gateway, self.books[gateway].orders.len(), quantity);
            }
            Order::Recall(_) => {}
        }
    }

    fn give_back(&mut self, gateway: usize, number: Number, quantity: Quantity) {
        let books = &mut self.books[gateway];
        books.held -= quantity;
        self.pool += quantity;
        books.orders[number - 1].returned += quantity;
    }

    /// Handles a message in one transaction, or drops it if it is of a later version. The answers are
    /// sent after the commit.
    pub(crate) fn receive(
        &mut self,
        gateway: usize,
        Written { version, message }: Written<Up>,
        bug: Option<Bug>,
    ) -> Vec<Down> {
        if version > self.version {
            return Vec::new();
        }
        self.books[gateway].wire = version;
        match message {
            Up::Hello { nonce, taken } => self.greet(gateway, nonce, taken, bug),
            Up::Entries { first_seq, entries, taken } => {
                let said =
                    |entry: Entry| if version == Version::V1 { entry.untold() } else { entry };
                let entries: Vec<Entry> = entries.into_iter().map(said).collect();
                vec![self.take(gateway, first_seq, &entries, taken, bug)]
            }
            Up::Taken(taken) => {
                self.books[gateway].close(taken, bug);
                Vec::new()
            }
        }
    }

    /// Answers with the hub's position, and sends unconfirmed orders again.
    fn greet(&mut self, gateway: usize, nonce: usize, taken: Taken, bug: Option<Bug>) -> Vec<Down> {
        let books = &mut self.books[gateway];
        books.close(taken, bug);
        let orders = books.orders_behind(taken.number);
        [Some(books.resume(nonce)), orders].into_iter().flatten().collect()
    }

    /// Books new entries. After a gap, asks for a greeting.
    fn take(
        &mut self,
        gateway: usize,
        first_seq: Seq,
        entries: &[Entry],
        taken: Taken,
        bug: Option<Bug>,
    ) -> Down {
        let acked_seq = self.books[gateway].acked_seq;
        if first_seq > acked_seq + 1 && bug != Some(Bug::GapAccepted) {
            return self.books[gateway].resume(0);
        }
        let skips = bug != Some(Bug::KnownNotSkipped);
        let known = if skips { (acked_seq + 1).saturating_sub(first_seq) } else { 0 };
        for &entry in entries.iter().skip(known) {
            self.post(gateway, entry, bug);
        }
        let books = &mut self.books[gateway];
        books.acked_seq = acked_seq.max(first_seq + entries.len() - 1);
        books.close(taken, bug);
        Down::Ack { acked_seq: books.acked_seq }
    }

    /// Books an entry: the units of a grant have arrived, those of a recall are in the pool.
    fn post(&mut self, gateway: usize, entry: Entry, bug: Option<Bug>) {
        let books = &mut self.books[gateway];
        books.entries.push(entry);
        books.landed = entry.number().unwrap_or(books.landed);
        match entry {
            Entry::Restock(_) | Entry::Deduct(_) | Entry::Told(_) => books.held += entry.effect(),
            Entry::Grant { quantity, .. } => {
                books.in_transit -= quantity;
                books.held += quantity;
            }
            Entry::Recall { .. } if bug == Some(Bug::RecallTrusted) => {}
            Entry::Recall { number, quantity } => self.give_back(gateway, number, quantity),
        }
    }
}
