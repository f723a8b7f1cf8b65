//! Convergence: the faults end, everything runs, and soon both sides agree.

use stockgate::hub::core::Book;
use stockgate::stock::Item;

use super::network::Link;
use super::world::{Gateway, Holder, World};

/// Simulated seconds within which everything must agree.
const SECONDS_MAX: u64 = 900;
/// Steps without time passing that indicate an endless loop.
const STEPS_MAX: usize = 20_000;
/// The seconds in which a liar goes on.
const LIES: u64 = 20;

impl World {
    /// Ends all faults, and waits until both sides agree.
    pub(crate) fn heal(&mut self) {
        self.calm_down();
        let mut unsettled = None;
        let lies = if self.liar().is_some() { LIES } else { 0 };
        for second in 0..SECONDS_MAX {
            self.connect_all(second);
            self.be_quiet();
            self.mend();
            if second < lies {
                self.lie();
            }
            self.be_quiet();
            unsettled = self.unsettled();
            if unsettled.is_none() && second >= lies {
                return self.settled();
            }
            self.now_ms += 1_000;
            for worker in 0..self.hub.workers.len() {
                self.tick(worker);
            }
            for gateway in 0..self.gateways.len() {
                for holder in 0..self.gateways[gateway].holders.len() {
                    self.keep_house(gateway, holder);
                }
            }
        }
        panic!("not settled after {SECONDS_MAX} s: {}", unsettled.unwrap_or_default());
    }

    /// Both sides agree; so the books say where everything is.
    fn settled(&mut self) {
        let databases = self.databases();
        self.reference.truth_at_rest(&self.hub.database, &databases);
    }

    fn calm_down(&mut self) {
        self.trace.note(|| "the faults end".into());
        let plan = &mut self.plan;
        (plan.loss, plan.twice, plan.damage, plan.out_of_order, plan.faults) = (0, 0, 0, 0, 0);
        self.upgrade_hub();
        for worker in 0..self.hub.workers.len() {
            self.start_hub(worker);
        }
        for gateway in 0..self.gateways.len() {
            self.upgrade_gateway(gateway);
            self.bring_back(gateway);
            let Link { up_cut, down_cut, .. } = &mut self.gateways[gateway].link;
            (*up_cut, *down_cut) = (false, false);
            for holder in 0..self.gateways[gateway].holders.len() {
                if self.gateways[gateway].holders[holder].memory.is_none() {
                    self.start(gateway, holder);
                }
            }
        }
    }

    fn tick(&mut self, worker: usize) {
        if let Some(worker) = &mut self.hub.workers[worker] {
            worker.inbox.push_back(super::hub::Job::Tick);
        }
    }

    /// Connects every gateway; several databases of one gateway take turns.
    fn connect_all(&mut self, second: u64) {
        for gateway in 0..self.gateways.len() {
            let holders = &self.gateways[gateway].holders;
            let running: Vec<usize> =
                (0..holders.len()).filter(|holder| holders[*holder].memory.is_some()).collect();
            let Some(turn) = running.get((second / 100) as usize % running.len().max(1)) else {
                continue;
            };
            if !holders[*turn].is_connected() {
                self.connect(gateway, *turn);
            }
        }
    }

    /// Lets every part work until none has anything to do.
    fn be_quiet(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.anything() {
                return;
            }
        }
        panic!("it goes round in circles");
    }

    fn anything(&mut self) -> bool {
        let mut busy = false;
        for gateway in 0..self.gateways.len() {
            busy |= self.deliver_up(gateway);
            busy |= self.deliver_down(gateway);
            for holder in 0..self.gateways[gateway].holders.len() {
                busy |= self.finish(gateway, holder);
                busy |= self.converse(gateway, holder);
            }
        }
        for worker in 0..self.hub.workers.len() {
            let waits = |running: &super::hub::Worker| !running.inbox.is_empty();
            if self.hub.workers[worker].as_ref().is_some_and(waits) {
                self.commit(worker, false);
                busy = true;
            }
            busy |= self.send_down(worker);
        }
        busy
    }

    fn finish(&mut self, gateway: usize, holder: usize) -> bool {
        let memory = self.gateways[gateway].holders[holder].memory.as_ref();
        if memory.is_none_or(|memory| memory.is_at_rest()) {
            return false;
        }
        self.write(gateway, holder);
        true
    }

    /// What does not agree yet, if anything.
    fn unsettled(&self) -> Option<String> {
        if self.plan.careful && self.reference.lost.is_mending {
            return Some("older books are not complete again".into());
        }
        let honest = self.liar().unwrap_or(self.gateways.len());
        self.gateways[..honest].iter().find_map(|gateway| {
            let newest = gateway.holders.len() - 1;
            gateway.holders.iter().enumerate().filter(|(_, holder)| !holder.gone).find_map(
                |(place, holder)| {
                    let why = self.unsettled_holder(gateway, holder, place == newest)?;
                    Some(format!("{} {place}: {why}", gateway.id))
                },
            )
        })
    }

    fn unsettled_holder(&self, gateway: &Gateway, holder: &Holder, newest: bool) -> Option<String> {
        holder.memory.as_ref()?;
        let epoch = holder.database.epoch;
        let books = &self.hub.database.books;
        let of = |book: &&Book| book.cursor.epoch == epoch;
        let Some(book) = books.iter().find(of) else {
            return Some("the hub has no books of it".into());
        };
        if book.is_open() && self.hub.database.is_newest(book) {
            return self.differs(holder, book);
        }
        let last = books.iter().rfind(|other| other.gateway == gateway.id);
        let reported = book.problem.is_some()
            || book.retired
            || last.is_some_and(|book| book.problem.is_some() || self.all_retired(book));
        if !reported {
            return Some(format!("nobody is told of it: {book:?}"));
        }
        let innocent = newest && !self.reference.split.contains(&epoch) && !book.retired;
        innocent.then(|| format!("nothing is taken from it, though it is the right one: {book:?}"))
    }

    /// Whether all databases before this one are retired.
    fn all_retired(&self, newest: &Book) -> bool {
        let books = self.hub.database.books.iter();
        books
            .filter(|book| book.gateway == newest.gateway && book.id != newest.id)
            .all(|b| b.retired)
    }

    /// The difference between a gateway and its books.
    fn differs(&self, holder: &Holder, book: &Book) -> Option<String> {
        let database = &holder.database;
        let memory = holder.memory.as_ref()?;
        let seq = database.seq;
        if book.cursor.acked_seq != seq || memory.acked_seq != seq {
            let acked = (book.cursor.acked_seq, memory.acked_seq);
            return Some(format!("entries wait: {acked:?} of {seq}; {:?}", memory.uplink));
        }
        let (taken, known) = (database.taken, book.taken);
        let is_told = (taken.transfer, taken.catalogue) == (known.transfer, known.catalogue);
        if taken.transfer != book.issued || !is_told {
            return Some(format!("{} transfers, taken {taken:?}, known {known:?}", book.issued));
        }
        let mut of = self.hub.database.transfers.range((book.id, 0)..=(book.id, u64::MAX));
        if let Some((_, open)) = of.find(|(_, issued)| !issued.closed) {
            return Some(format!("a transfer is not closed: {open:?}, {book:?}"));
        }
        for (sku, allotment) in self.hub.database.allotments_of(book.id) {
            let Item { on_hand, reserved, .. } =
                database.items.get(sku).copied().unwrap_or_default();
            if (on_hand, reserved, 0)
                != (allotment.on_hand, allotment.reserved, allotment.in_transit)
            {
                return Some(format!("{sku}: {on_hand}, {reserved} and {allotment:?}"));
            }
        }
        let mut listings = self.hub.database.listings.values().map(|(_, listing)| listing);
        let same = match self.reference.lost.times {
            0 => listings.eq(database.listings.values()),
            // The gateway may have listings that the older books lack.
            1 => listings.all(|listing| database.listings.get(&listing.sku) == Some(listing)),
            // Changes under numbers that are known again may be others.
            _ => true,
        };
        (!same || database.load().checks() != book.cursor.checks)
            .then(|| "the catalogue or the checks differ".into())
    }
}
