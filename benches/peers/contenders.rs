//! The contenders, with their numbers of clients.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::bare::{self, Bare};
use crate::contest::{Contest, Group};
use crate::load::batches;
use crate::load::client::Load;
use crate::load::engine::{BATCH, Engine};
use crate::load::gateway::{Gateway, Prefilled, temp_dir};
use crate::load::http::Http;
use crate::load::requests::{Ids, Requests};
use crate::load::websocket::WebSocket;
use crate::load::zipf::Zipf;
use crate::postgres::Postgres;
use crate::python::Python;
use crate::redis::Redis;
use crate::sqlite::Sqlite;

const SKUS: usize = 4_000;
const REMEMBERED: usize = 1_000_000;
/// The numbers of decided requests for which kinds of ids are compared.
pub(crate) const FEW_AND_MANY: [usize; 2] = [100_000, 5_000_000];

/// What all have in common.
struct Work {
    skus: Arc<Zipf>,
    time: Duration,
}

/// Starts all contenders.
pub(crate) fn all(time: Duration) -> Contest {
    let work = Work { skus: Arc::new(Zipf::new(SKUS)), time };
    let mut contest = Contest::default();
    eprintln!("filling everybody's store");
    work.add_gateway(&mut contest);
    work.add_redis(&mut contest, "always");
    work.add_sqlite(&mut contest, Ids::Sequential, &[BATCH]);
    work.add_postgres(&mut contest);
    work.add_python(&mut contest);
    work.add_redis(&mut contest, "everysec");
    work.add_engine(&mut contest);
    work.add_sqlite(&mut contest, Ids::Uuid, &[1, 256, BATCH]);
    work.add_ids(&mut contest);
    contest
}

impl Work {
    fn load(&self, clients: usize, depth: usize) -> Load {
        let (time, skus) = (self.time, Arc::clone(&self.skus));
        Load { clients, depth, time, ids: Ids::Uuid, skus }
    }

    fn add_gateway(&self, contest: &mut Contest) {
        let gateway = Rc::new(Prefilled::new(&self.skus, Ids::Uuid, REMEMBERED).start());
        self.add_alone(contest, Rc::clone(&gateway));
        let (load, server) = (self.load(50, 1), Rc::clone(&gateway));
        contest.add(Group::Shallow, "stockgate HTTP 50x1", move || server.run(&load, &Http));
        for (clients, depth) in [(200, 1), (50, 1), (50, 32)] {
            let (load, server) = (self.load(clients, depth), Rc::clone(&gateway));
            let name = format!("stockgate WebSocket {clients}x{depth}");
            contest.add(group(clients, depth), &name, move || server.run(&load, &WebSocket));
        }
    }

    /// One client, and the limit of the machine: as many bytes, written without a gateway.
    fn add_alone(&self, contest: &mut Contest, gateway: Rc<Gateway>) {
        let (load, bytes) = (self.load(1, 1), Rc::new(Cell::new(0)));
        let bare = Bare::start(Rc::clone(&bytes));
        contest.add(Group::Alone, "stockgate WebSocket 1x1", move || {
            let figures = gateway.run(&load, &WebSocket);
            bytes.set(figures.bytes as usize);
            figures
        });
        let load = self.load(1, 1);
        contest.add(Group::Alone, "fdatasync and TCP echo 1x1", move || bare.run(&load));
        contest.add(Group::Alone, "fdatasync of 4 KiB", bare::fdatasync(self.time));
    }

    fn add_redis(&self, contest: &mut Contest, appendfsync: &str) {
        let requests = Requests::new(&self.skus, Ids::Uuid);
        let redis = Rc::new(Redis::start(appendfsync, SKUS, requests.take(REMEMBERED)));
        for (clients, depth) in [(1, 1), (50, 1), (50, 16)] {
            let (load, server) = (self.load(clients, depth), Rc::clone(&redis));
            let name = format!("Redis {appendfsync} {clients}x{depth}");
            contest.add(group(clients, depth), &name, move || server.run(&load));
        }
    }

    fn add_postgres(&self, contest: &mut Contest) {
        let postgres = Rc::new(Postgres::start(SKUS, REMEMBERED));
        for clients in [16, 50] {
            let (load, server) = (self.load(clients, 1), Rc::clone(&postgres));
            contest
                .add(Group::Shallow, &format!("PostgreSQL {clients}x1"), move || server.run(&load));
        }
    }

    fn add_python(&self, contest: &mut Contest) {
        let (load, python) = (self.load(50, 1), Python::start(SKUS, REMEMBERED));
        contest.add(Group::Shallow, "Python and SQLite 50x1", move || python.run(&load));
    }

    fn add_sqlite(&self, contest: &mut Contest, ids: Ids, sizes: &[usize]) {
        let before = Requests::new(&self.skus, ids).take(REMEMBERED);
        let sqlite = Rc::new(Sqlite::filled(SKUS, before));
        for size in sizes.iter().copied() {
            let (skus, time, sqlite) = (Arc::clone(&self.skus), self.time, Rc::clone(&sqlite));
            let requests = move || Requests::new(&skus, ids);
            let group = if size == 1 { Group::Alone } else { Group::Deep };
            contest.add(group, &format!("SQLite {ids:?} in batches of {size}"), move || {
                batches::run(requests(), size, time, |batch| sqlite.deduct(batch))
            });
        }
    }

    fn add_engine(&self, contest: &mut Contest) {
        let (skus, time, dir) = (Arc::clone(&self.skus), self.time, temp_dir());
        let before = Requests::new(&skus, Ids::Uuid);
        let mut engine = Engine::prefill(dir.path(), &skus, before, REMEMBERED);
        contest.add(
            Group::Deep,
            &format!("stockgate's engine Uuid in batches of {BATCH}"),
            move || {
                let _kept = &dir;
                let requests = Requests::new(&skus, Ids::Uuid);
                batches::run(requests, BATCH, time, |batch| engine.deduct(batch))
            },
        );
    }

    /// Gateways that are started again for each round, so that small databases stay small.
    fn add_ids(&self, contest: &mut Contest) {
        for remembered in FEW_AND_MANY {
            for ids in [Ids::Uuid, Ids::Sequential] {
                let prefilled = Prefilled::new(&self.skus, ids, remembered);
                let load = Load { ids, ..self.load(50, 32) };
                let name = ids_name(ids, remembered);
                contest.add(Group::Ids, &name, move || prefilled.start().run(&load, &WebSocket));
            }
        }
    }
}

fn group(clients: usize, depth: usize) -> Group {
    match (clients, depth) {
        (1, _) => Group::Alone,
        (_, 1) => Group::Shallow,
        _ => Group::Deep,
    }
}

/// The name of a contender with this many decided requests under such ids.
pub(crate) fn ids_name(ids: Ids, remembered: usize) -> String {
    format!("stockgate 50x32 {ids:?} after {remembered}")
}
