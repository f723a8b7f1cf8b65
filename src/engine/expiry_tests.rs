//! Reservations that fall due together. The tests count entries and commits, not time.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::intake::{Intake, ReplyTo, WriterRules};
use super::state::CommittedState;
use super::sync_status::LinkState;
use super::writer::Writer;
use crate::clock::{self, Now};
use crate::limits::EXPIRED_LINES_MAX;
use crate::stock::{Action, Command, Draft, Line, Quantity, RequestId, Sku};
use crate::store::Store;

const LINES: usize = 10;
/// Several commits' worth.
const RESERVATIONS: usize = 5 * EXPIRED_LINES_MAX / LINES;
const UNITS: u64 = 1_000_000;
/// What one commit may enter: the last reservation may exceed the limit.
const ENTRIES_MAX: u64 = (EXPIRED_LINES_MAX + LINES - 1) as u64;

#[test]
fn a_mass_expiry_goes_in_bounded_commits() {
    let mut gateway = Gateway::with_due_reservations();
    let mut commits = 0;
    while gateway.state.stock().hold_count() > 0 {
        let before = gateway.state.stock().seq();
        gateway.writer.housekeep();
        let entered = gateway.state.stock().seq() - before;
        assert!((1..=ENTRIES_MAX).contains(&entered), "{entered} entries in one commit");
        commits += 1;
    }
    assert_eq!(commits, (RESERVATIONS * LINES).div_ceil(EXPIRED_LINES_MAX));
    assert_all_given_back(&gateway.state);
}

#[test]
fn a_request_is_decided_in_the_midst_of_a_mass_expiry() {
    let Gateway { writer, state, intake, _dir } = Gateway::with_due_reservations();
    let mut answers = submit(&intake, deduct("sold"));
    let before = state.stock().seq();
    let running = std::thread::spawn(|| writer.run());

    let reply = answers.blocking_recv().unwrap().pop().unwrap();

    let applied = reply.answer.unwrap().unwrap().outcome.unwrap();
    assert!(applied.seq - before <= ENTRIES_MAX + 1, "{before} to {}", applied.seq);
    while state.stock().hold_count() > 0 {
        std::thread::yield_now();
    }
    assert!(intake.stop(clock::instant()));
    running.join().unwrap();
    assert_eq!(state.stock().item("S0").unwrap().reserved, 0);
}

#[test]
fn without_space_for_housekeeping_reservations_stay_until_there_is_some() {
    let mut gateway = Gateway::with_due_reservations();
    let seq = gateway.state.stock().seq();
    gateway.writer.store.release_reserve();
    gateway.writer.housekept_at_ms = u64::MAX / 2;

    gateway.writer.housekeep();

    assert_eq!(gateway.state.stock().seq(), seq, "nothing expires");
    let problem = gateway.state.storage_problem().unwrap();
    assert!(problem.contains("no room is held back"), "{problem}");

    gateway.state.set_storage_problem(None);
    gateway.writer.housekept_at_ms = 0;
    gateway.writer.clock_is_unset = false;
    while gateway.state.stock().hold_count() > 0 {
        gateway.writer.housekept_at_ms = 0;
        gateway.writer.housekeep();
    }
    assert_all_given_back(&gateway.state);
}

/// A gateway whose writer does not run yet.
struct Gateway {
    writer: Writer,
    state: Arc<CommittedState>,
    intake: Intake,
    _dir: TempDir,
}

impl Gateway {
    fn with_due_reservations() -> Self {
        let _dir = tempfile::tempdir().unwrap();
        let (store, opened) = Store::open(_dir.path(), "site", "gateway").unwrap();
        let saved = opened.progress;
        let state = Arc::new(CommittedState::new(opened, None, LinkState::Disabled));
        let rules = WriterRules { reservation_ttl_s: 900, retention_ms: u64::MAX };
        let (writer, intake) = Writer::new(store, Arc::clone(&state), Arc::default(), rules, saved);
        let mut gateway = Self { writer, state, intake, _dir };
        gateway.writer.housekept_at_ms = u64::MAX / 2;
        gateway.reserve();
        gateway
    }

    /// Reserves with a lifetime of 0 s, all in one commit.
    fn reserve(&mut self) {
        let changes = {
            let stock = self.state.stock();
            let now = Now { wall_ms: 0, running_ms: 0, trusted: true };
            let mut draft = Draft::new(&stock, now, 900);
            let restock = Action::Restock { order_id: None, lines: lines(UNITS) };
            let reserve = Action::Reserve { order_id: None, lines: lines(1), ttl_s: Some(0) };
            let reserved = (0..RESERVATIONS).map(|n| command(&format!("r{n}"), reserve.clone()));
            for command in [command("in", restock)].into_iter().chain(reserved) {
                let answer = draft.decide(&command, &self.writer.store).unwrap().unwrap();
                assert!(answer.outcome.is_ok(), "{answer:?}");
            }
            draft.finish()
        };
        self.writer.commit(&changes, None).unwrap();
        assert_eq!(self.state.stock().hold_count(), RESERVATIONS);
    }
}

fn submit(intake: &Intake, command: Command) -> mpsc::Receiver<Vec<super::intake::WriterReply>> {
    let (sender, answers) = mpsc::channel(1);
    intake.submit(command, ReplyTo { tag: 0, answers: sender }, 0).unwrap();
    answers
}

fn assert_all_given_back(state: &CommittedState) {
    for n in 0..LINES {
        let item = state.stock().item(&format!("S{n}")).unwrap();
        assert_eq!((item.on_hand.unsigned_abs(), item.reserved), (UNITS, 0));
    }
}

fn deduct(name: &str) -> Command {
    command(name, Action::Deduct { order_id: None, lines: lines(1)[..1].to_vec() })
}

fn command(name: &str, action: Action) -> Command {
    Command::chosen(RequestId::parse(name).unwrap(), action)
}

fn lines(units: u64) -> Vec<Line> {
    let quantity = Quantity::of_line(units).unwrap();
    let line = |n| Line::new(Sku::parse(&format!("S{n}")).unwrap(), quantity);
    (0..LINES).map(line).collect()
}
