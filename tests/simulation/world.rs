//! A simulated world made from a seed: gateways, a hub, the network between them, and faults.

use stockgate::clock::Now;
use stockgate::protocol::topic::GatewayId;
use stockgate::stock::{Command, Sku};

use super::bug::Bug;
use super::database::Database;
use super::dice::Dice;
use super::hub::{Job, Reply, Worker};
use super::hub_database::HubDatabase;
use super::memory::{Memory, Stage};
use super::network::Link;
use super::plan::Plan;
use super::reference::Reference;
use super::restored::Backup;
use super::trace::Trace;

const WALL_MS: i64 = 1_700_000_000_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) bug: Option<Bug>,
    pub(crate) now_ms: u64,
    pub(crate) skus: Vec<Sku>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) hub: Hub,
    pub(crate) reference: Reference,
    pub(crate) trace: Trace,
    /// A gateway was upgraded before the hub.
    pub(crate) upgraded_first: bool,
}

/// A gateway id with all the databases that it has had.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) id: GatewayId,
    pub(crate) link: Link,
    /// The newest one is last.
    pub(crate) holders: Vec<Holder>,
    pub(crate) wall_ms: i64,
    pub(crate) newer: bool,
    /// It runs the program before version 2 of the protocol.
    pub(crate) is_old: bool,
    /// The requests of terminals so far, to repeat some of them.
    pub(crate) asked: Vec<Command>,
}

/// A machine with a database.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) database: Database,
    pub(crate) memory: Option<Memory>,
    /// Lost: as far as anybody knows, it never runs again.
    pub(crate) gone: bool,
    pub(crate) backup: Option<Box<Database>>,
}

#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) database: HubDatabase,
    pub(crate) workers: Vec<Option<Worker>>,
    /// It is not started before this time.
    pub(crate) away_until_ms: u64,
    pub(crate) wall_ms: i64,
    /// It runs the program before version 2 of the protocol.
    pub(crate) is_old: bool,
    pub(crate) requests: Vec<Job>,
    pub(crate) backups: Vec<Backup>,
}

impl Holder {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, memory: None, gone: false, backup: None }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.connected)
    }
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let skus = (0..plan.skus).map(|n| Sku::parse(&format!("S{n}")).unwrap()).collect();
        let gateways =
            (0..plan.gateways).map(|n| Gateway::new(n, plan.upgrade, &mut dice)).collect();
        let workers = (0..plan.workers).map(|_| Some(Worker::start(0, bug))).collect();
        let hub = Hub {
            database: HubDatabase::new(),
            workers,
            away_until_ms: 0,
            wall_ms: 0,
            is_old: plan.upgrade,
            requests: Vec::new(),
            backups: Vec::new(),
        };
        let (reference, trace) = (Reference::default(), Trace::new(traced));
        let upgraded_first = false;
        let mut world = Self {
            dice,
            plan,
            bug,
            now_ms: 1_000,
            skus,
            gateways,
            hub,
            reference,
            trace,
            upgraded_first,
        };
        if let Some(liar) = world.liar() {
            world.distrust(world.gateways[liar].holders[0].database.epoch);
        }
        world
    }

    /// Runs the whole simulation; panics if a promise is broken.
    pub(crate) fn run(&mut self) {
        for _ in 0..self.plan.steps {
            self.step();
        }
        self.heal();
    }

    fn step(&mut self) {
        if self.dice.permille(self.plan.faults) {
            return self.fault();
        }
        if self.plan.liar && self.dice.one_in(12) {
            return self.lie();
        }
        if self.plan.restores_often && self.dice.one_in(80) {
            return if self.dice.one_in(3) { self.restore_hub() } else { self.back_up_hub() };
        }
        match self.dice.below(100) {
            0..=27 => self.deliver(),
            28..=52 => self.gateway_works(),
            53..=67 => self.hub_works(),
            68..=81 => self.terminal_asks(),
            82..=88 => self.office_asks(),
            89..=91 => self.something_starts(),
            _ => self.time_passes(),
        }
    }

    fn time_passes(&mut self) {
        const SHORT_MS: [u64; 8] = [1, 5, 20, 50, 100, 250, 250, 1_000];
        const LONG_MS: [u64; 6] = [1_000, 5_000, 5_000, 20_000, 60_000, 3_600_000];
        let spans_ms = if self.dice.one_in(8) { &LONG_MS[..] } else { &SHORT_MS[..] };
        let span_ms = *self.dice.pick(spans_ms).unwrap_or(&1);
        self.now_ms += span_ms;
        let now_ms = self.now_ms;
        self.trace.note(|| format!("{span_ms} ms pass: {now_ms}"));
        for worker in self.hub.workers.iter_mut().flatten() {
            worker.inbox.push_back(Job::Tick);
        }
        let (gateway, holder) = self.any_holder();
        self.keep_house(gateway, holder);
    }

    pub(crate) fn any_holder(&mut self) -> (usize, usize) {
        let gateway = self.dice.below(self.gateways.len());
        (gateway, self.dice.below(self.gateways[gateway].holders.len()))
    }

    pub(crate) fn keep_house(&mut self, gateway: usize, holder: usize) {
        let now = self.now(gateway, holder);
        let epoch = self.gateways[gateway].holders[holder].database.epoch;
        let prunable = self.backed_up(epoch);
        let Holder { database, memory, .. } = &mut self.gateways[gateway].holders[holder];
        if let Some(memory) = memory {
            memory.keep_house(database, prunable, now, &mut self.dice);
        }
        self.check_positions(gateway, holder);
    }

    pub(crate) fn now(&self, gateway: usize, holder: usize) -> Now {
        let gateway = &self.gateways[gateway];
        let memory = gateway.holders[holder].memory.as_ref();
        let running_ms = memory.map_or(0, |memory| memory.running_ms(self.now_ms));
        Now { wall_ms: WALL_MS + self.now_ms as i64 + gateway.wall_ms, running_ms, trusted: true }
    }

    /// Performs one step of a gateway's writer or link.
    fn gateway_works(&mut self) {
        let (gateway, holder) = self.any_holder();
        if self.dice.one_in(2) {
            self.write(gateway, holder);
        } else {
            self.converse(gateway, holder);
        }
    }

    pub(crate) fn write(&mut self, gateway: usize, holder: usize) {
        let now = self.now(gateway, holder);
        let Holder { database, memory, .. } = &mut self.gateways[gateway].holders[holder];
        let Some(memory) = memory else {
            return;
        };
        let before = (database.lineage.ledger.len(), database.taken);
        memory.work(database, now, &mut self.dice);
        let stage = match &memory.stage {
            Stage::Idle => "idle",
            Stage::Decided(_) => "decided",
            Stage::Written(_) => "written",
            Stage::Synced(_) => "synced",
        };
        let seq = database.seq;
        self.trace.note(|| format!("g{gateway}.{holder} writer: {stage}, entry {seq}"));
        self.check_commit(gateway, holder, before);
    }

    pub(crate) fn converse(&mut self, gateway: usize, holder: usize) -> bool {
        let running_ms = self.now(gateway, holder).running_ms;
        let Holder { database, memory, .. } = &mut self.gateways[gateway].holders[holder];
        let Some(memory) = memory else {
            return false;
        };
        if !self.dice.one_in(4) {
            memory.look(database);
        }
        let Some(bytes) = memory.poll(database, running_ms) else {
            return false;
        };
        self.send_up(gateway, holder, bytes);
        true
    }

    fn hub_works(&mut self) {
        let worker = self.dice.below(self.hub.workers.len());
        if self.dice.one_in(2) {
            let breaks = self.dice.permille(self.plan.faults);
            self.commit(worker, breaks);
        } else {
            self.send_down(worker);
        }
    }

    pub(crate) fn commit(&mut self, worker: usize, breaks: bool) {
        let breaks_after = breaks.then(|| self.dice.below(40) as u32);
        let count = 1 + self.dice.below(4);
        let wall_ms = WALL_MS + self.now_ms as i64 + self.hub.wall_ms;
        let Hub { database, workers, .. } = &mut self.hub;
        let Some(running) = &mut workers[worker] else {
            return;
        };
        if running.inbox.is_empty() {
            return;
        }
        let first = running.inbox.front().cloned();
        let before = self.reference.known_transfers(database);
        let replies = running.work(database, count, (wall_ms, self.now_ms), breaks_after);
        if !matches!(first, Some(Job::Tick)) {
            self.trace.note(|| format!("hub.{worker} commits, broken: {breaks}: {first:?} …"));
        }
        let after = self.reference.known_transfers(&self.hub.database);
        for reply in replies {
            match reply {
                Reply::Central(id, request, decided) => {
                    let known = [&before, &after].map(|known| known.contains(&id));
                    self.reference.decide(&id, &request, &decided, known);
                }
                Reply::Retired(retired) => self.trace.note(|| format!("{retired:?}")),
            }
        }
        self.check_books();
    }
}

impl Gateway {
    fn new(number: usize, is_old: bool, dice: &mut Dice) -> Self {
        Self {
            id: GatewayId { site: "wh".into(), gateway: format!("g{number}") },
            link: Link::default(),
            holders: vec![Holder::new(Database::new(dice.epoch()))],
            wall_ms: 0,
            newer: !is_old && dice.one_in(4),
            is_old,
            asked: Vec::new(),
        }
    }
}
