//! Safety properties, checked after every step that made something durable.

use stockgate::stock::Taken;

use super::database::Database;
use super::world::World;

impl World {
    /// Checks a gateway's database after it may have changed.
    pub(crate) fn check_commit(&mut self, gateway: usize, holder: usize, before: (usize, Taken)) {
        let database = &self.gateways[gateway].holders[holder].database;
        let (length, taken) = before;
        if database.lineage.ledger.len() != length || database.taken != taken {
            let new = &database.lineage.ledger[length..];
            self.reference.transfers(&self.hub.database, database, new, taken);
            self.reference.truth(&self.hub.database, &self.databases());
        }
        self.check_positions(gateway, holder);
    }

    /// Entries that a gateway holds for confirmed are in the hub's books, and only those are
    /// pruned.
    pub(crate) fn check_positions(&self, gateway: usize, holder: usize) {
        let one = &self.gateways[gateway].holders[holder];
        let database = &one.database;
        let books = &self.hub.database.books;
        let book = books.iter().find(|book| book.cursor.epoch == database.epoch);
        let booked = book.map_or(0, |book| book.cursor.acked_seq);
        let booked =
            booked.max(self.reference.lost.acked.get(&database.epoch).copied().unwrap_or(0));
        let memory = one.memory.as_ref().map_or(0, |memory| memory.acked_seq);
        let acked = memory.max(database.position.acked_seq);
        assert!(acked <= booked, "confirmed up to {acked}, in the books up to {booked}");
        assert!(database.pruned_seq <= booked, "entries are pruned that the hub has not");
    }

    /// Checks the hub's books after they may have changed.
    pub(crate) fn check_books(&mut self) {
        let databases: Vec<&Database> = self
            .gateways
            .iter()
            .flat_map(|gateway| gateway.holders.iter().map(|holder| &holder.database))
            .collect();
        let hub_database = &self.hub.database;
        self.reference.follow(hub_database, &databases);
        self.reference.balance(hub_database);
        self.reference.truth(hub_database, &databases);
        for book in hub_database.books.iter().filter(|book| !book.retired) {
            let epoch = book.cursor.epoch;
            let of = databases.iter().find(|database| database.epoch == epoch);
            let is_split = self.reference.split.contains(&epoch);
            let taken = of.map_or(0, |database| database.taken.transfer);
            assert!(is_split || book.taken.transfer <= taken, "{epoch} has not taken this");
        }
    }

    pub(crate) fn databases(&self) -> Vec<&Database> {
        let holders = self.gateways.iter().flat_map(|gateway| &gateway.holders);
        holders.map(|holder| &holder.database).collect()
    }
}
