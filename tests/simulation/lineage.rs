//! Reference: what one database has promised by what became durable in it.
//!
//! It does not know how a gateway decides. It sees entries become durable and answers being sent. A
//! copy of the database has a copy of its lineage.

use std::collections::{BTreeMap, BTreeSet};

use stockgate::hub::core::Book;
use stockgate::stock::{Command, CommandAnswer, Entry, Kind, Outcome, Posted, RequestId, Sku};

use super::hub_database::HubDatabase;

/// The whole ledger of one database, never pruned, and the answers given for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    pub(crate) ledger: Vec<Posted>,
    /// Units received minus units sold, by its entries; transfers are neither.
    pub(crate) outside: BTreeMap<Sku, i64>,
    entered: BTreeSet<(RequestId, u8, Sku)>,
    told: BTreeMap<RequestId, Outcome>,
}

impl Lineage {
    /// Entries have become durable.
    pub(crate) fn extend(&mut self, posted: &[Posted]) {
        for one in posted {
            let entry = &one.entry;
            assert_eq!(entry.seq, self.ledger.len() as u64 + 1, "a gap in the ledger");
            let key = (entry.request_id.clone(), entry.kind.code(), entry.sku.clone());
            let is_transfer = matches!(entry.kind, Kind::Grant | Kind::Recall);
            let is_new = self.entered.insert(key);
            assert!(is_new || is_transfer, "a request has its effect twice: {entry:?}");
            *self.outside.entry(entry.sku.clone()).or_default() +=
                outside(entry.kind, entry.change);
            self.ledger.push(one.clone());
        }
    }

    /// A terminal was answered: the answer must be durable, and never change.
    pub(crate) fn tell(&mut self, command: &Command, answer: &CommandAnswer) {
        let Ok(decided) = answer else {
            return;
        };
        if let Ok(applied) = &decided.outcome {
            let first = applied.seq as usize - applied.lines.len();
            for (line, at) in applied.lines.iter().zip(first..) {
                let entry = self.ledger.get(at).map(|posted| &posted.entry);
                let is_there = entry.is_some_and(|entry| {
                    entry.request_id == decided.request_id && entry.sku == line.sku
                });
                assert!(is_there, "an answer is not in the ledger: {command:?}, {applied:?}");
            }
        }
        let outcome = told(decided.outcome.clone());
        let before = self.told.insert(command.request_id.clone(), outcome.clone());
        if let Some(before) = before {
            assert_eq!(before, outcome, "a repeated request has another outcome");
            assert!(decided.replayed, "a request is decided twice: {command:?}");
        }
    }

    /// Whether no other entry says the same of the same request.
    pub(crate) fn has_once(&self, entry: &Entry) -> bool {
        let same = |posted: &&Posted| {
            let other = &posted.entry;
            (&other.request_id, other.kind, &other.sku)
                == (&entry.request_id, entry.kind, &entry.sku)
        };
        self.ledger.iter().filter(same).count() == 1
    }

    /// Whether the ledger begins with the entries that the hub has booked.
    pub(crate) fn begins_with(&self, booked: &[Entry]) -> bool {
        booked.len() <= self.ledger.len()
            && booked.iter().zip(&self.ledger).all(|(entry, posted)| *entry == posted.entry)
    }

    /// Whether the hub has booked the entries up to the last grant or recall.
    pub(crate) fn begins_with_all(&self, hub_database: &HubDatabase, book: &Book) -> bool {
        let booked = hub_database.entries.get(&book.id).map_or(0, Vec::len);
        let is_transfer = |posted: &Posted| matches!(posted.entry.kind, Kind::Grant | Kind::Recall);
        !self.ledger.get(booked..).unwrap_or_default().iter().any(is_transfer)
    }
}

/// What a client is told: not by how much a line has changed on hand.
fn told(mut outcome: Outcome) -> Outcome {
    let applied = outcome.as_mut().ok();
    applied.into_iter().flat_map(|one| &mut one.lines).for_each(|line| line.change = 0);
    outcome
}

/// The units that an entry adds to the world, or removes from it.
pub(crate) fn outside(kind: Kind, change: i64) -> i64 {
    if matches!(kind, Kind::Grant | Kind::Recall) { 0 } else { change }
}
