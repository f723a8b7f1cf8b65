//! The lives of one gateway: start, check, load, kill.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::client::{Client, Shift};
use crate::judge::Judge;
use crate::moment::{Moment, ready_lines};
use crate::request::seeds;
use crate::support::age::grow_older;
use crate::support::gateway::Gateway;
use crate::support::process::run_to_end;
use crate::support::program::stockgate;
use crate::support::terminal::Port;

const CLIENTS: [Port; 4] = [Port::WebSocket, Port::WebSocket, Port::Http, Port::Http];
/// The number of kills between two runs of the doctor.
const DOCTOR_EVERY: u64 = 10;
/// One in this many kills is followed by another at once.
const TWICE_OF: u8 = 8;
const AT_ONCE_US: u64 = 3_000;
/// Reservations that fall due together when days pass.
const MANY: usize = 2_000;
/// The number of lives before the doctor's visit in which they are made.
const MADE_BEFORE: u64 = 4;

pub(crate) struct Run {
    gateway: Gateway,
    clients: Vec<Client>,
    judge: Judge,
    rng: fastrand::Rng,
    started: Instant,
    /// The number of this life, which is the number of kills so far.
    life: u64,
    /// The position and life before which no request is unanswered.
    settled: (u64, u64),
    /// Requests of this life and later ones are recent.
    young_since: u64,
    /// Whether there is something to prune in the next life.
    has_grown_older: bool,
    /// Whether there are many reservations that fall due when days pass.
    many_are_open: bool,
    /// Whether they end in the next life.
    many_are_due: bool,
    /// Kills by moment: those at their moment, and those that missed it.
    kills: BTreeMap<String, (u64, u64)>,
    doctors: u64,
    days: u64,
}

impl Run {
    pub(crate) fn begin(seed: u64) -> Self {
        let mut seeds = seeds();
        let clients = CLIENTS.iter().enumerate().map(|(number, port)| {
            let book = if number == 0 { std::mem::take(&mut seeds) } else { Vec::new() };
            Client::new(number, *port, seed, book)
        });
        Self {
            gateway: Gateway::prepare("[stock]\nledger_retention_days = 1\n"),
            clients: clients.collect(),
            judge: Judge::default(),
            rng: fastrand::Rng::with_seed(seed),
            started: Instant::now(),
            life: 0,
            settled: (0, 0),
            young_since: 0,
            has_grown_older: false,
            many_are_open: false,
            many_are_due: false,
            kills: BTreeMap::new(),
            doctors: 0,
            days: 0,
        }
    }

    pub(crate) fn kill(&mut self, times: u64) {
        let mut visited = 0;
        while self.life < times {
            let moment = match self.life {
                0 => Moment::Loaded,
                _ if std::mem::take(&mut self.many_are_due) => Moment::Expiring,
                _ => Moment::choose(&mut self.rng, self.has_grown_older),
            };
            self.live(moment);
            if self.rng.u8(..TWICE_OF) == 0 {
                self.die_at_once();
            }
            if self.life >= visited + DOCTOR_EVERY {
                visited = self.life;
                self.visit_doctor();
                self.pass_days();
            }
        }
    }

    /// Starts the gateway a last time and lets it settle.
    pub(crate) fn end(mut self) {
        self.gateway.launch();
        let address = self.gateway.address();
        self.judge.examine(&self.gateway.http(), &mut self.clients);
        self.clients.iter_mut().for_each(|client| client.settle(&address));
        self.judge.examine(&self.gateway.http(), &mut self.clients);
        self.judge.examine_all(&self.gateway.http());
        self.judge.examine_ids(&self.clients);
        assert_eq!(self.gateway.terminate(), Some(0));
        self.visit_doctor();
        self.report();
    }

    /// One life of the gateway, ended at this moment.
    fn live(&mut self, moment: Moment) {
        let lives = ready_lines(&self.gateway);
        self.gateway.spawn();
        if moment.leaves_time() {
            self.gateway.wait_until_ready();
            self.examine();
            self.reserve_many();
        }
        let shift = Shift::new(self.life, self.gateway.address());
        let (gateway, clients, rng) = (&mut self.gateway, &mut self.clients, &mut self.rng);
        let came = scope(|scope| {
            let shift = &shift;
            clients.iter_mut().for_each(|client| drop(scope.spawn(|| client.work(shift))));
            let came = moment.wait(gateway, lives, rng);
            gateway.kill9();
            shift.is_over.store(true, Ordering::Relaxed);
            came
        });
        self.note(&format!("{moment:?}"), came);
        if moment.leaves_time() && shift.settled.load(Ordering::Relaxed) == CLIENTS.len() {
            self.settled = (self.judge.seq(), self.life);
        }
        self.has_grown_older &= moment != Moment::Pruning || came;
        self.life += 1;
    }

    /// A start that is killed before it is ready.
    fn die_at_once(&mut self) {
        self.gateway.spawn();
        sleep(Duration::from_micros(self.rng.u64(..AT_ONCE_US)));
        self.gateway.kill9();
        self.note("at once", true);
        self.life += 1;
    }

    /// Makes many reservations, if days pass soon.
    fn reserve_many(&mut self) {
        let is_time = self.life % DOCTOR_EVERY >= DOCTOR_EVERY - MADE_BEFORE;
        // They are made once; the next ones after days have passed.
        if is_time && !std::mem::replace(&mut self.many_are_open, true) {
            self.clients[0].reserve_many(&self.gateway.address(), MANY, self.life);
        }
    }

    fn examine(&mut self) {
        self.judge.examine(&self.gateway.http(), &mut self.clients);
        let address = self.gateway.address();
        for client in &mut self.clients {
            client.check_replays(&address, self.young_since);
        }
    }

    /// The database of a killed gateway passes the doctor.
    fn visit_doctor(&mut self) {
        let mut doctor = stockgate();
        doctor.arg("doctor").arg("--data-dir").arg(self.gateway.data_dir());
        let visit = run_to_end(&mut doctor);
        assert_eq!(visit.code, Some(0), "after {} kills: {}", self.life, visit.output());
        self.doctors += 1;
    }

    /// Ages the settled entries, so that the next life prunes them.
    fn pass_days(&mut self) {
        let (seq, life) = self.settled;
        if life > self.young_since {
            grow_older(&self.gateway.database(), seq);
            self.young_since = life;
            self.has_grown_older = true;
            self.days += 2;
            self.many_are_due = std::mem::take(&mut self.many_are_open);
        }
    }

    fn note(&mut self, moment: &str, came: bool) {
        let kills = self.kills.entry(moment.to_owned()).or_default();
        let count = if came { &mut kills.0 } else { &mut kills.1 };
        *count += 1;
    }

    fn report(&self) {
        let asked: usize = self.clients.iter().map(|client| client.book.len()).sum();
        let (decided, new) = self
            .clients
            .iter()
            .fold((0, 0), |sum, client| (sum.0 + client.resent.0, sum.1 + client.resent.1));
        eprintln!(
            "{} kills in {:.0} s, at (and not at) their moment: {:?}; {asked} requests, {} entries, \
             {} reservations expired, {} days, {} doctor's visits; resent without an answer: {decided} \
             had been decided, {new} had not",
            self.life,
            self.started.elapsed().as_secs_f64(),
            self.kills,
            self.judge.seq(),
            self.judge.expired(),
            self.days,
            self.doctors,
        );
    }
}
