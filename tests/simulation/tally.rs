//! The variety of the worlds: which events occurred in one that converged.

use stockgate::hub::core::{Book, IssuedTransfer};
use stockgate::stock::{Direction, Kind};

use super::world::World;

/// Events that must occur in many worlds.
pub(crate) const NAMES: [&str; 18] = [
    "entries are booked",
    "a grant is taken",
    "a recall gives something back",
    "a recall gives less than was asked",
    "a policy is followed",
    "a copy is fenced",
    "a copy is not fenced",
    "what a lost database held is brought back",
    "entries come too late and are kept aside",
    "something is pruned",
    "what a device has signed is kept",
    "a ledger goes over to the newer chain",
    "a gateway is upgraded before the hub",
    "older books are put back",
    "a ledger is taken over",
    "a forger is closed",
    "who asked and why is booked",
    "a lot is booked",
];

impl World {
    /// The events that occurred.
    pub(crate) fn tally(&self) -> [bool; NAMES.len()] {
        let hub_database = &self.hub.database;
        let of = |direction| {
            let closed = hub_database.transfers.values().filter(|issued| issued.closed);
            closed.filter(move |issued| issued.transfer.direction == direction)
        };
        let asked = |issued: &IssuedTransfer| -> i64 {
            issued.transfer.lines.iter().map(|line| line.quantity.units()).sum()
        };
        let returned = |issued: &IssuedTransfer| -> i64 { issued.returned.iter().sum() };
        let named = |name: &str| {
            of(Direction::Grant).any(|issued| issued.transfer.request_id.as_str().contains(name))
        };
        let is_forged = |book: &&Book| self.reference.forged.contains(&book.cursor.epoch);
        let is_split =
            |book: &&Book| self.reference.split.contains(&book.cursor.epoch) && !is_forged(book);
        let copies = || hub_database.books.iter().filter(is_split);
        [
            hub_database.entries.values().flatten().any(|entry| entry.kind == Kind::Deduct),
            of(Direction::Grant).next().is_some(),
            of(Direction::Recall).any(|issued| returned(issued) > 0),
            of(Direction::Recall).any(|issued| returned(issued) < asked(issued)),
            named("replenish"),
            copies().any(|book| !book.is_open() && !book.retired),
            copies().any(|book| book.is_open()),
            named("bring-back"),
            hub_database.books.iter().any(|book| book.aside > 0),
            self.databases().iter().any(|database| database.pruned_seq > 0),
            !hub_database.checkpoints.is_empty(),
            hub_database.books.iter().any(|book| book.chain_since > 0),
            self.upgraded_first,
            self.reference.lost.times > 0,
            hub_database.books.iter().any(|book| book.takeover.transfers > 0),
            hub_database.books.iter().filter(is_forged).any(|book| !book.is_open()),
            hub_database.entries.values().flatten().any(|entry| !entry.cause.is_empty()),
            hub_database.entries.values().flatten().any(|entry| entry.trace.is_some()),
        ]
    }
}
