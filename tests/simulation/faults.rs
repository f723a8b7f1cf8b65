//! The faults of a world, and restarts.

use stockgate::hub::core::Book;
use stockgate::stock::Seq;
use uuid::Uuid;

use super::database::Database;
use super::hub::{Job, Worker};
use super::memory::{Memory, Stage};
use super::network::Packet;
use super::world::{Gateway, Holder, World};

impl World {
    pub(crate) fn fault(&mut self) {
        let (gateway, holder) = self.any_holder();
        if self.plan.upgrade && self.dice.one_in(8) {
            return self.upgrade(gateway);
        }
        match self.dice.below(24) {
            0..=4 => self.crash(gateway, holder),
            5..=6 => self.crash_hub(),
            7..=8 => self.disconnect(gateway, holder),
            9..=11 => self.cut(gateway),
            12 => self.jump(gateway),
            13 => self.hub_reconnects(),
            14..=15 => self.backup(gateway, holder),
            16..=17 if self.plan.copies => self.put_back(gateway, holder),
            18 if self.plan.copies => self.copy(gateway, holder),
            19 if self.plan.losses => self.lose(gateway),
            16..=18 if self.plan.restores => self.back_up_hub(),
            19 | 20 if self.plan.restores => self.restore_hub(),
            20.. if self.plan.losses && self.dice.one_in(2) => self.bring_back(gateway),
            20.. if self.plan.losses => self.retire(gateway),
            _ => self.crash(gateway, holder),
        }
    }

    /// A crash loses all volatile state, and some of what is not synced.
    pub(crate) fn crash(&mut self, gateway: usize, holder: usize) {
        let one = &mut self.gateways[gateway].holders[holder];
        let Some(memory) = one.memory.take() else {
            return;
        };
        self.trace.note(|| format!("g{gateway}.{holder} crashes"));
        let before = (one.database.lineage.ledger.len(), one.database.taken);
        if let Stage::Written(batch) = memory.stage
            && self.dice.one_in(2)
        {
            one.database.commit(&batch.changes, batch.position, self.bug);
        }
        let epoch = one.database.epoch;
        if memory.connected {
            self.gateways[gateway].link.up.push(Packet::State(false, epoch));
        }
        self.check_commit(gateway, holder, before);
    }

    fn crash_hub(&mut self) {
        let worker = self.dice.below(self.hub.workers.len());
        self.trace.note(|| format!("hub.{worker} crashes"));
        self.hub.workers[worker] = None;
        if self.dice.one_in(4) {
            let minutes = self.dice.between(1, 180);
            self.hub.away_until_ms = self.now_ms + minutes * 60_000;
        }
    }

    fn disconnect(&mut self, gateway: usize, holder: usize) {
        let one = &mut self.gateways[gateway].holders[holder];
        let Some(memory) = one.memory.as_mut().filter(|memory| memory.connected) else {
            return;
        };
        self.trace.note(|| format!("g{gateway}.{holder} loses the broker"));
        memory.connected = false;
        memory.uplink.handle_disconnected();
        let epoch = one.database.epoch;
        self.gateways[gateway].link.up.push(Packet::State(false, epoch));
    }

    fn cut(&mut self, gateway: usize) {
        let (up, down) = (self.dice.one_in(2), self.dice.one_in(2));
        self.trace.note(|| format!("g{gateway}'s link is cut: up {up}, down {down}"));
        let link = &mut self.gateways[gateway].link;
        (link.up_cut, link.down_cut) = (up, down);
    }

    /// Upgrades the hub, or a gateway. The hub should come first; a gateway that comes before it
    /// waits.
    fn upgrade(&mut self, gateway: usize) {
        if self.dice.one_in(2) {
            self.upgrade_hub();
        } else {
            self.upgrade_gateway(gateway);
        }
    }

    pub(crate) fn upgrade_hub(&mut self) {
        if std::mem::take(&mut self.hub.is_old) {
            self.trace.note(|| "the hub is upgraded".into());
            self.hub.workers.iter_mut().for_each(|worker| *worker = None);
        }
    }

    pub(crate) fn upgrade_gateway(&mut self, gateway: usize) {
        if std::mem::take(&mut self.gateways[gateway].is_old) {
            self.trace.note(|| format!("g{gateway} is upgraded"));
            self.upgraded_first |= self.hub.is_old;
            (0..self.gateways[gateway].holders.len())
                .for_each(|holder| self.crash(gateway, holder));
        }
    }

    /// A clock without a battery jumps. Running time goes on.
    fn jump(&mut self, gateway: usize) {
        let years = self.dice.below(60) as i64 - 50;
        self.trace.note(|| format!("the wall clocks of g{gateway} and the hub jump"));
        self.gateways[gateway].wall_ms = years * 31_557_600_000;
        self.hub.wall_ms = -years * 31_557_600_000;
    }

    fn hub_reconnects(&mut self) {
        self.trace.note(|| "the hub loses the broker, and has it again".into());
        for worker in self.hub.workers.iter_mut().flatten() {
            worker.outbox.clear();
            worker.inbox.extend([Job::Lost, Job::Announce]);
        }
    }

    fn backup(&mut self, gateway: usize, holder: usize) {
        let one = &mut self.gateways[gateway].holders[holder];
        one.backup = Some(Box::new(one.database.clone()));
        let seq = one.database.seq;
        self.trace.note(|| format!("g{gateway}.{holder} is backed up at entry {seq}"));
    }

    fn put_back(&mut self, gateway: usize, holder: usize) {
        self.crash(gateway, holder);
        let one = &mut self.gateways[gateway].holders[holder];
        let Some(backup) = one.backup.clone() else {
            return;
        };
        let (from, to): (Seq, Seq) = (one.database.seq, backup.seq);
        self.trace.note(|| format!("g{gateway}.{holder} is put back from entry {from} to {to}"));
        let abandoned = std::mem::replace(&mut one.database, *backup);
        if abandoned.seq != one.database.seq || abandoned.taken != one.database.taken {
            self.reference.split.insert(abandoned.epoch);
            self.reference.abandoned.push(abandoned);
        }
    }

    fn copy(&mut self, gateway: usize, holder: usize) {
        let holders = &mut self.gateways[gateway].holders;
        if holders.len() > 2 || holders[holder].gone {
            return;
        }
        let database = holders[holder].database.clone();
        self.trace.note(|| format!("g{gateway}.{holder} is copied"));
        self.reference.split.insert(database.epoch);
        // The last one is the newest database of the gateway; a copy of an old one is not.
        holders.insert(holder, Holder::new(database));
    }

    fn lose(&mut self, gateway: usize) {
        let count = self.gateways[gateway].holders.len();
        if count > 3 {
            return;
        }
        for holder in 0..count {
            self.crash(gateway, holder);
            self.forget_unheard(gateway, holder);
            self.gateways[gateway].holders[holder].gone = true;
        }
        self.trace.note(|| format!("g{gateway} is lost, and another one put in"));
        let database = Database::new(self.dice.epoch());
        if self.liar() == Some(gateway) {
            self.distrust(database.epoch);
        }
        self.gateways[gateway].holders.push(Holder::new(database));
    }

    /// A broker keeps the frames of a topic in order. So a database that the hub has never heard of
    /// does not send its first greeting while there is a newer one: that would replace the right
    /// one.
    fn forget_unheard(&mut self, gateway: usize, holder: usize) {
        if self.is_known(gateway, holder) {
            return;
        }
        self.gateways[gateway].link.up.clear();
        let id = &self.gateways[gateway].id;
        for worker in self.hub.workers.iter_mut().flatten() {
            worker.inbox.retain(|job| !matches!(job, Job::Frame(of, ..) if of == id));
        }
    }

    fn is_known(&self, gateway: usize, holder: usize) -> bool {
        let epoch = self.gateways[gateway].holders[holder].database.epoch;
        self.hub.database.books.iter().any(|book| book.cursor.epoch == epoch)
    }

    /// An operator retires a database that is lost, or one that may be running elsewhere.
    fn retire(&mut self, gateway: usize) {
        let is_lost = self.dice.one_in(2);
        let holders = &self.gateways[gateway].holders;
        let is_given_up = |one: &Holder| if is_lost { one.gone } else { one.is_connected() };
        let given_up: Vec<usize> =
            (0..holders.len()).filter(|holder| is_given_up(&holders[*holder])).collect();
        let Some(holder) = self.dice.pick(&given_up).copied() else { return };
        let epoch = holders[holder].database.epoch;
        // People go on working there, and what it has to send is on the way.
        (0..4).for_each(|_| self.terminal_asks());
        (0..2).for_each(|_| self.write(gateway, holder));
        self.converse(gateway, holder);
        let one = &self.gateways[gateway];
        let job = Job::Retire(one.id.clone(), epoch);
        self.trace.note(|| format!("the hub is asked {job:?}"));
        for worker in self.hub.workers.iter_mut().flatten().take(1) {
            // Requests go before the frames that wait.
            worker.inbox.push_front(job.clone());
        }
    }

    /// An operator brings back what a retired database held.
    pub(crate) fn bring_back(&mut self, gateway: usize) {
        let id = self.gateways[gateway].id.clone();
        let of = |book: &&Book| book.gateway == id;
        let books: Vec<&Book> = self.hub.database.books.iter().filter(of).collect();
        let Some(to) = books.last().map(|book| book.cursor.epoch) else { return };
        let retired: Vec<Uuid> =
            books.iter().filter(|book| book.retired).map(|book| book.cursor.epoch).collect();
        let Some(from) = self.dice.pick(&retired).copied() else { return };
        let job = Job::BringBack(id, from, to);
        self.trace.note(|| format!("the hub is asked {job:?}"));
        for worker in self.hub.workers.iter_mut().flatten().take(1) {
            worker.inbox.push_back(job.clone());
        }
    }

    /// Starts what does not run, or lets it connect.
    pub(crate) fn something_starts(&mut self) {
        let (gateway, holder) = self.any_holder();
        self.start(gateway, holder);
        if self.dice.one_in(3) {
            let link = &mut self.gateways[gateway].link;
            (link.up_cut, link.down_cut) = (false, false);
        }
        let worker = self.dice.below(self.hub.workers.len());
        if self.now_ms >= self.hub.away_until_ms {
            self.start_hub(worker);
        }
    }

    pub(crate) fn start(&mut self, gateway: usize, holder: usize) {
        let (now_ms, bug) = (self.now_ms, self.bug);
        let is_known = self.is_known(gateway, holder);
        let Gateway { is_old, ref id, .. } = self.gateways[gateway];
        let id = id.clone();
        let one = &mut self.gateways[gateway].holders[holder];
        // A lost database may have been stolen, and come back.
        if one.gone && !(is_known && self.dice.one_in(6)) {
            return;
        }
        if one.memory.is_none() {
            one.memory = Some(Memory::start(&mut one.database, &id, now_ms, is_old, bug));
            self.trace.note(|| format!("g{gateway}.{holder} starts"));
        } else if !one.is_connected() {
            self.connect(gateway, holder);
        }
    }

    /// The broker identifies a gateway by its client id: a later connection replaces an earlier
    /// one.
    pub(crate) fn connect(&mut self, gateway: usize, holder: usize) {
        for other in 0..self.gateways[gateway].holders.len() {
            self.disconnect(gateway, other);
        }
        let running_ms = self.now(gateway, holder).running_ms;
        let one = &mut self.gateways[gateway].holders[holder];
        let Some(memory) = &mut one.memory else {
            return;
        };
        memory.connected = true;
        memory.uplink.handle_connected(running_ms);
        let epoch = one.database.epoch;
        self.trace.note(|| format!("g{gateway}.{holder} connects"));
        self.gateways[gateway].link.up.push(Packet::State(true, epoch));
    }

    pub(crate) fn start_hub(&mut self, worker: usize) {
        if self.hub.workers[worker].is_some() {
            return;
        }
        self.trace.note(|| format!("hub.{worker} starts"));
        let mut running = Worker::start(self.now_ms, self.bug);
        running.inbox.extend([Job::Lost, Job::Announce]);
        self.hub.workers[worker] = Some(running);
    }
}
