//! Refused demand of a SKU whose decimals the catalogue changes.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::batch::Batch;
use super::intake::{ReplyTo, WriterRules};
use super::state::CommittedState;
use super::sync_status::LinkState;
use super::writer::Writer;
use crate::clock;
use crate::stock::{
    Action, CatalogueUpdate, Command, Decimals, Line, Listing, Quantity, RequestId, Sku,
};
use crate::store::Store;

/// The catalogue is committed with the counts in its decimals, so no power cut comes between.
#[test]
fn what_was_refused_has_the_decimals_of_the_catalogue_at_every_moment() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::open(&dir);
    gateway.list(0);
    gateway.refuse("before", 2);
    assert_eq!(gateway.refused(), (1, 2));

    gateway.list(3);
    assert_eq!(gateway.refused(), (1, 2_000));
    gateway.refuse("after", 500);
    assert_eq!(gateway.refused(), (2, 2_500));
    let before = gateway.state.demand().changes();
    gateway.list(3);
    assert_eq!(gateway.state.demand().changed_after(before).len(), 1, "it is reported once more");

    // Nothing is saved at the end.
    drop(gateway);
    let gateway = Gateway::open(&dir);
    assert_eq!(gateway.refused(), (2, 2_500));
    assert_eq!(u8::from(gateway.state.decimals(&sku())), 3);
}

/// A gateway whose writer does not run.
struct Gateway {
    writer: Writer,
    state: Arc<CommittedState>,
}

impl Gateway {
    fn open(dir: &TempDir) -> Self {
        let (store, opened) = Store::open(dir.path(), "site", "gateway").unwrap();
        let saved = opened.progress;
        let state = Arc::new(CommittedState::new(opened, None, LinkState::Disabled));
        let rules = WriterRules { reservation_ttl_s: 900, retention_ms: u64::MAX };
        let (writer, _) = Writer::new(store, Arc::clone(&state), Arc::default(), rules, saved);
        Self { writer, state }
    }

    /// Takes a listing from the hub.
    fn list(&mut self, decimals: u8) {
        let decimals = Decimals::try_from(decimals).unwrap();
        let name = Some("Apples".into());
        let listings = vec![Listing { name, decimals, ..Listing::removed(sku()) }];
        let after = self.state.catalogue();
        let mut batch = Batch::default();
        batch.add_update(CatalogueUpdate { after, up_to: after + 1, listings });
        self.writer.decide_and_commit(&batch).unwrap();
    }

    /// Asks for so many of the smallest unit.
    fn refuse(&mut self, id: &str, units: u64) {
        let lines = vec![Line::new(sku(), Quantity::of_line(units).unwrap())];
        let id = RequestId::parse(id).unwrap();
        let command = Command::chosen(id, Action::Deduct { order_id: None, lines });
        let (answers, _receiver) = mpsc::channel(1);
        let mut batch = Batch::default();
        batch.add_command(command, ReplyTo { tag: 0, answers }, clock::instant());
        let answer = self.writer.decide_and_commit(&batch).unwrap().pop().unwrap();
        assert!(answer.unwrap().outcome.is_err());
    }

    /// The lines and units of the only row.
    fn refused(&self) -> (u64, u64) {
        let rows = self.state.demand().unsaved().rows;
        let stored = self.state.demand().changed_after(0);
        let row = rows.into_iter().chain(stored.into_iter().map(|(_, row)| row)).next().unwrap();
        (row.counts.lines, row.counts.units)
    }
}

fn sku() -> Sku {
    Sku::parse("A").unwrap()
}
