//! When the writer signs the ledger. The tests count entries; the time is that of a gateway which has run
//! before.

use std::sync::Arc;

use tempfile::TempDir;

use super::intake::WriterRules;
use super::state::CommittedState;
use super::sync_status::LinkState;
use super::writer::Writer;
use crate::clock::Now;
use crate::limits::{SIGN_EVERY_ENTRIES, SIGN_EVERY_MS};
use crate::stock::{Action, Command, Draft, Line, Quantity, RequestId, Sku};
use crate::store::{Store, open_read_only, read_signed};

/// Lines of a request.
const LINES: u64 = 50;

#[test]
fn new_entries_are_signed_once_a_minute() {
    let mut early = Gateway::after(0);
    early.enter(1);
    assert_eq!(early.signed(), None, "a minute has not passed");

    let mut late = Gateway::after(SIGN_EVERY_MS);
    assert_eq!(late.signed(), None, "there is nothing to sign");
    late.enter(2);
    assert_eq!(late.signed(), Some(2));
    late.enter(1);
    assert_eq!(late.signed(), Some(2), "another minute has not passed");
}

#[test]
fn ten_thousand_entries_are_signed_at_once() {
    let mut gateway = Gateway::after(0);
    gateway.enter(SIGN_EVERY_ENTRIES - 1);
    assert_eq!(gateway.signed(), None);
    for signed in [SIGN_EVERY_ENTRIES, 2 * SIGN_EVERY_ENTRIES] {
        gateway.enter(1);
        assert_eq!(gateway.signed(), Some(signed));
        gateway.enter(SIGN_EVERY_ENTRIES - 1);
        assert_eq!(gateway.signed(), Some(signed));
    }
}

/// Whatever the sizes of requests and batches, and however late the writer looks.
#[test]
fn no_more_than_ten_thousand_entries_are_between_two_signatures() {
    let mut gateway = Gateway::after(0);
    gateway.enter(7);
    for _ in 0..12 {
        gateway.enter(82 * 50);
        gateway.signed();
    }
    gateway.enter(25_000);
    let newest = gateway.state.signatures().newest.map(|signed| signed.seq);
    assert_eq!(newest, Some(70_000), "the hub is told of it before it is told of later entries");
    let signed = read_signed(&open_read_only(gateway.dir.path()).unwrap(), 0).unwrap();
    let seqs: Vec<u64> = signed.iter().map(|(signed, _)| signed.seq).collect();
    let ends = std::iter::once(0).chain(seqs.iter().copied());
    let gaps: Vec<u64> = ends.zip(&seqs).map(|(before, seq)| seq - before).collect();
    assert!(seqs.len() >= 7 && gaps.iter().all(|gap| *gap <= SIGN_EVERY_ENTRIES), "{seqs:?}");
    let (origin, stock) = (&gateway.state.origin, gateway.state.stock().seq());
    assert!(signed.iter().all(|(signed, key)| signed.is_signed_by(key, origin)));
    assert_eq!(stock, 74_207);
}

/// A gateway whose writer does not run.
struct Gateway {
    writer: Writer,
    state: Arc<CommittedState>,
    dir: TempDir,
}

impl Gateway {
    /// One that has run for so long before it was started.
    fn after(running_ms: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut opened) = Store::open(dir.path(), "site", "gateway").unwrap();
        opened.progress.running_ms = running_ms;
        let saved = opened.progress;
        let state = Arc::new(CommittedState::new(opened, None, LinkState::Disabled));
        let rules = WriterRules { reservation_ttl_s: 900, retention_ms: u64::MAX };
        let (writer, _) = Writer::new(store, Arc::clone(&state), Arc::default(), rules, saved);
        Self { writer, state, dir }
    }

    /// Enters so many lines, 50 in a request.
    fn enter(&mut self, entries: u64) {
        let changes = {
            let stock = self.state.stock();
            let now = Now { wall_ms: 0, running_ms: 0, trusted: true };
            let mut draft = Draft::new(&stock, now, 900);
            let mut at = stock.seq();
            let end = at + entries;
            while at < end {
                let next = end.min(at + LINES);
                let lines = (at..next).map(line).collect();
                let restock = Action::Restock { order_id: None, lines };
                let id = RequestId::parse(&format!("in-{at}")).unwrap();
                let answer = draft.decide(&Command::chosen(id, restock), &self.writer.store);
                assert!(answer.unwrap().unwrap().outcome.is_ok());
                at = next;
            }
            draft.finish()
        };
        self.writer.commit(&changes, None).unwrap();
    }

    /// Up to where the ledger is signed, once the writer has looked.
    fn signed(&mut self) -> Option<u64> {
        self.writer.housekeep();
        self.state.signatures().newest.map(|signed| signed.seq)
    }
}

fn line(number: u64) -> Line {
    let sku = Sku::parse(&format!("S{}", number % LINES)).unwrap();
    Line::new(sku, Quantity::of_line(1).unwrap())
}
