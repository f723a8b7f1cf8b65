//! Older books are put back, at any moment and repeatedly, and recovered.
//!
//! A careful office waits until every gateway has shown what it has, sends what the books have lost
//! of receipts and sales once more, and only then goes on. Then no unit is sold twice. Another one
//! goes on at once; the books still balance, and both sides still agree in the end.

use std::collections::{BTreeMap, BTreeSet};

use stockgate::hub::core::{Book, CentralRequest};
use stockgate::stock::{RequestId, Transfer};
use uuid::Uuid;

use super::hub::Job;
use super::hub_database::HubDatabase;
use super::reference::Timeline;
use super::world::World;

/// The copies that are kept.
const BACKUPS: usize = 3;

/// A copy of the books, and what the reference knew of them.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    database: HubDatabase,
    timeline: Timeline,
}

/// What books that were lost had done.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Transfers that may have been taken, by database and number.
    pub(crate) transfers: BTreeMap<(Uuid, u64), Vec<Transfer>>,
    /// The requests that they had made transfers for.
    pub(crate) requests: BTreeSet<RequestId>,
    /// Such requests that were decided a second time, before the books knew that they had been.
    pub(crate) again: BTreeSet<RequestId>,
    /// How far ledgers were confirmed.
    pub(crate) acked: BTreeMap<Uuid, u64>,
    /// Receipts and sales that have happened, whatever the books say.
    pub(crate) happened: BTreeSet<RequestId>,
    /// Older books were put back, and not everything is as it should be yet.
    pub(crate) is_mending: bool,
    /// How often older books were put back.
    pub(crate) times: u32,
}

impl World {
    pub(crate) fn back_up_hub(&mut self) {
        if self.hub.backups.len() == BACKUPS {
            let oldest = self.dice.below(BACKUPS);
            self.hub.backups.remove(oldest);
        }
        let (database, timeline) = (self.hub.database.clone(), self.reference.timeline.clone());
        self.trace.note(|| format!("backup {} of the books", self.hub.backups.len()));
        self.hub.backups.push(Backup { database, timeline });
    }

    /// How far a ledger is in every copy of the books. What is pruned beyond cannot be sent again.
    pub(crate) fn backed_up(&self, epoch: Uuid) -> u64 {
        let acked = |backup: &Backup| {
            let mut books = backup.database.books.iter();
            books.find(|book| book.cursor.epoch == epoch).map_or(0, |book| book.cursor.acked_seq)
        };
        self.hub.backups.iter().map(acked).min().unwrap_or(u64::MAX)
    }

    pub(crate) fn restore_hub(&mut self) {
        if self.hub.backups.is_empty() {
            return;
        }
        let place = self.dice.below(self.hub.backups.len());
        let backup = self.hub.backups[place].clone();
        if self.plan.careful {
            // Copies that were made later are of the books that are given up here.
            self.hub.backups.truncate(place + 1);
        }
        self.trace.note(|| "older books are put back".into());
        self.hub.workers.iter_mut().for_each(|worker| *worker = None);
        let Backup { database, timeline } = backup;
        let abandoned = std::mem::replace(&mut self.hub.database, database);
        self.reference.timeline = timeline;
        self.reference.lost.is_mending = true;
        self.reference.lost.times += 1;
        self.remember(&abandoned);
        if self.plan.careful {
            // What the lost books have sent does not arrive any more.
            self.gateways.iter_mut().for_each(|gateway| gateway.link.down.clear());
        }
    }

    fn remember(&mut self, abandoned: &HubDatabase) {
        let lost = &mut self.reference.lost;
        for book in &abandoned.books {
            let epoch = book.cursor.epoch;
            let acked = lost.acked.entry(epoch).or_default();
            *acked = book.cursor.acked_seq.max(*acked);
            for (_, issued) in abandoned.transfers.range((book.id, 0)..=(book.id, u64::MAX)) {
                lost.requests.insert(issued.transfer.request_id.clone());
                let same = lost.transfers.entry((epoch, issued.transfer.number)).or_default();
                if !same.contains(&issued.transfer) {
                    same.push(issued.transfer.clone());
                }
            }
        }
    }

    /// The operator's part after older books were put back; returns whether there was something to
    /// do before other requests.
    pub(crate) fn mend(&mut self) -> bool {
        let is_held = self.hub.database.books.iter().any(|book| book.held.is_some());
        if self.plan.restores && is_held && self.dice.one_in(3) {
            self.ask_hub(Job::Recover);
            return true;
        }
        if !self.reference.lost.is_mending || !self.plan.careful {
            return false;
        }
        if self.is_taken_on() {
            match self.missing_requests().first() {
                Some(job) => self.ask_hub(job.clone()),
                None => self.end_mending(),
            }
        }
        true
    }

    fn end_mending(&mut self) {
        self.trace.note(|| "all gateways are taken on, and the books complete".into());
        self.reference.lost.is_mending = false;
        self.check_books();
    }

    fn ask_hub(&mut self, job: Job) {
        self.trace.note(|| format!("the hub is asked {job:?}"));
        for worker in self.hub.workers.iter_mut().flatten().take(1) {
            worker.inbox.push_back(job.clone());
        }
    }

    /// The receipts and sales that have happened, and that the books have not.
    fn missing_requests(&self) -> Vec<Job> {
        let (lost, timeline) = (&self.reference.lost, &self.reference.timeline);
        let is_missing = |job: &&Job| match job {
            Job::Central(id, _) => lost.happened.contains(id) && !timeline.has_applied(id),
            _ => false,
        };
        // Receipts first: what was sold had been received.
        let mut missing: Vec<Job> = self.hub.requests.iter().filter(is_missing).cloned().collect();
        missing.sort_by_key(|job| !matches!(job, Job::Central(_, CentralRequest::Receive { .. })));
        missing
    }

    /// Whether the books have what every gateway has taken.
    fn is_taken_on(&self) -> bool {
        let holders = self.gateways.iter().flat_map(|gateway| &gateway.holders);
        holders.filter(|holder| holder.database.position.books.is_some()).all(|holder| {
            let database = &holder.database;
            let of = |book: &&Book| book.cursor.epoch == database.epoch;
            let book = self.hub.database.books.iter().find(of);
            book.is_some_and(|book| {
                book.is_open()
                    && !book.is_taken_over()
                    && book.taken.transfer == database.taken.transfer
                    && database.lineage.begins_with_all(&self.hub.database, book)
            })
        })
    }

    /// Whether every gateway has shown the hub how much of the catalogue it has.
    pub(crate) fn is_catalogue_known(&self) -> bool {
        let holders = self.gateways.iter().flat_map(|gateway| &gateway.holders);
        holders.filter(|holder| holder.database.taken.catalogue > 0).all(|holder| {
            let (epoch, taken) = (holder.database.epoch, holder.database.taken.catalogue);
            let of = |book: &&Book| book.cursor.epoch == epoch;
            let book = self.hub.database.books.iter().find(of);
            book.is_some_and(|book| taken <= book.catalogue_base.max(book.taken.catalogue))
        })
    }
}
