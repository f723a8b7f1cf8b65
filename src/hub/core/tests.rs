use tempfile::TempDir;

use super::*;
use crate::config::BookStore;
use crate::hub::db::sql::SqlValue;
use crate::hub::db::{BooksDatabase, BooksTransaction};
use crate::hub::reader;
use crate::protocol::frame::{Behind, Entries, Frame, Hello, Position, TakenUpTo};
use crate::protocol::topic::GatewayId;
use crate::stock::Listing;
use crate::stock::{
    Checks, Direction, Entry, Kind, Line, Quantity, RequestId, Seq, Sku, Taken, Transfer,
};
use crate::store::StoreError;
use uuid::Uuid;

#[test]
fn entries_their_stock_and_the_position_move_together() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    assert_eq!(desk.take(&gateway.hello()), Some(FrameAnswer::Resume(gateway.epoch, 0, 5)));
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    assert_eq!(desk.take(&frame), Some(FrameAnswer::Ack(gateway.epoch, 2)));
    assert_eq!((desk.on_hand(), desk.entries()), (7, 2));
    assert!(desk.balanced());
}

#[test]
fn a_frame_that_comes_again_changes_nothing() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    for _ in 0..3 {
        assert_eq!(desk.take(&frame), Some(FrameAnswer::Ack(gateway.epoch, 2)));
    }
    let longer = gateway.resend(1, &[("deduct", -1)]);
    assert_eq!(
        desk.take(&longer),
        Some(FrameAnswer::Ack(gateway.epoch, 3)),
        "of it only what is new"
    );
    assert_eq!((desk.on_hand(), desk.entries()), (6, 3));
}

#[test]
fn a_gap_is_not_taken() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    gateway.post(&[("restock", 10)]);
    let later = gateway.post(&[("deduct", -3)]);
    assert_eq!(desk.take(&later), Some(FrameAnswer::Resume(gateway.epoch, 0, 0)));
    assert_eq!(desk.entries(), 0);
}

#[test]
fn a_copy_that_went_on_differently_is_fenced_though_its_stock_is_the_same() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let mut copy = gateway.clone();
    desk.take(&gateway.post(&[("deduct", -1)]));
    copy.requests = 70;
    copy.post(&[("deduct", -1)]);
    let frame = copy.post(&[("deduct", -1)]);
    let refused = desk.take(&frame);
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert_eq!((desk.on_hand(), desk.entries()), (9, 2), "what was committed stays as it is");
    assert!(desk.problem().is_some_and(|problem| problem.contains("differently")));
    let again = desk.take(&gateway.hello());
    assert!(matches!(again, Some(FrameAnswer::Refused(..))), "until somebody decides: {again:?}");
}

#[test]
fn a_copy_that_is_behind_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10), ("deduct", -1)]));
    let position = Position { epoch: gateway.epoch.into(), acked_seq: 2 };
    let refused = desk.take(&Frame::Behind(Behind { position, ledger_seq: 1 }));
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert!(desk.problem().is_some_and(|problem| problem.contains("older copy")));
}

#[test]
fn a_new_database_gets_books_of_its_own_and_the_old_one_is_refused() {
    let mut desk = Desk::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    desk.take(&old.hello());
    desk.take(&old.post(&[("restock", 10)]));
    assert_eq!(desk.take(&new.hello()), Some(FrameAnswer::Resume(new.epoch, 0, 5)));
    assert_eq!(desk.take(&new.post(&[("restock", 4)])), Some(FrameAnswer::Ack(new.epoch, 1)));
    let problem = desk.problem();
    assert!(problem.as_ref().is_some_and(|problem| problem.contains("replaced")), "{problem:?}");
    let refused = desk.take(&old.post(&[("deduct", -1)]));
    assert!(
        matches!(refused, Some(FrameAnswer::Refused(epoch, _)) if epoch == old.epoch),
        "{refused:?}"
    );
    assert_eq!((desk.entries(), desk.problem()), (2, problem), "and changes nothing");
}

#[test]
fn stock_that_cannot_be_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let refused = desk.take(&gateway.post(&[("deduct", -1)]));
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert_eq!(desk.entries(), 0);
}

#[test]
fn every_kind_keeps_the_books_balanced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let changes = [("restock", 50), ("deduct", -7), ("count", -2), ("rollback", 3), ("commit", -4)];
    desk.take(&gateway.post(&changes));
    assert_eq!(desk.on_hand(), 40);
    assert!(desk.balanced());
    desk.db("UPDATE held SET on_hand = on_hand + 1");
    assert!(!desk.balanced(), "and a unit too many is noticed");
}

#[test]
fn the_books_are_there_after_reopening_and_others_are_left_untouched() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let Desk { directory, database, .. } = desk;
    drop(database);
    let store = |name: &str| BookStore::Sqlite(directory.path().join(name));
    let positions =
        BooksDatabase::open(&store("hub.db")).unwrap().change(|books| books.open_books()).unwrap();
    assert_eq!((positions.len(), positions[0].cursor.acked_seq), (1, 1));
    let other = rusqlite::Connection::open(directory.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(BooksDatabase::open(&store("other.db")), Err(StoreError::NotOurs)));
}

#[test]
fn a_granted_unit_is_in_one_place_all_the_way() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 10);
    desk.grant("g1", 4).unwrap().0.unwrap();
    assert_eq!(desk.places(), (6, 4, 0));
    let again = desk.grant("g1", 4).unwrap();
    assert!(again.1 && desk.places() == (6, 4, 0), "a repetition changes nothing");
    let transfer = desk.transfer();
    gateway.take(&transfer);
    let frame = gateway.frame(0);
    desk.take(&frame);
    assert_eq!(desk.places(), (6, 0, 4));
    desk.take(&frame);
    assert_eq!(desk.places(), (6, 0, 4), "nor does a frame that comes again");
    assert_eq!(desk.sent(100_000), []);
}

#[test]
fn a_grant_beyond_the_pool_is_refused_as_a_whole_and_remembered() {
    let mut desk = Desk::new();
    desk.take(&Ledger::new(1).hello());
    desk.receive("in", 10);
    for replayed in [false, true] {
        let (outcome, again, _) = desk.grant("g1", 11).unwrap();
        assert!(outcome.is_err() && again == replayed);
    }
    desk.receive("in2", 10);
    assert!(desk.grant("g1", 11).unwrap().0.is_err(), "the same request, the same answer");
    assert!(matches!(desk.grant("g1", 12), Err(Rejection::Conflict(_))));
    let nobody = GatewayId { site: "wh".into(), gateway: "nobody".into() };
    let unknown = desk.central("g2", CentralRequest::Grant { gateway: nobody, lines: lines(1) });
    assert!(matches!(unknown, Err(Rejection::UnknownGateway(_))));
}

#[test]
fn a_recall_takes_back_what_the_gateway_gave_up() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 5)]));
    desk.recall("back", 8).unwrap().0.unwrap();
    assert_eq!((desk.recalled("back"), desk.places()), ((false, 0), (0, 0, 5)));
    let transfer = desk.transfer();
    gateway.take(&transfer);
    desk.take(&gateway.told());
    assert_eq!(desk.recalled("back"), (false, 0), "not before its entry is here");
    desk.take(&gateway.frame(1));
    assert_eq!((desk.recalled("back"), desk.places()), ((true, 5), (5, 0, 0)));
}

#[test]
fn a_recall_of_nothing_is_closed_all_the_same() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 1);
    desk.recall("back", 8).unwrap().0.unwrap();
    let transfer = desk.transfer();
    gateway.take(&transfer);
    desk.take(&gateway.told());
    assert_eq!(desk.recalled("back"), (true, 0));
}

#[test]
fn units_that_the_hub_has_not_granted_are_not_booked() {
    for (kind, change) in [("grant", 5), ("recall", -1)] {
        let mut desk = Desk::new();
        let mut gateway = Ledger::new(1);
        desk.take(&gateway.hello());
        desk.receive("in", 10);
        desk.grant("r2", 4).unwrap().0.unwrap();
        desk.take(&gateway.post(&[("restock", 9)]));
        let answer = desk.take(&gateway.post(&[(kind, change)]));
        assert!(matches!(answer, Some(FrameAnswer::Refused(..))), "{kind}: {answer:?}");
        assert_eq!(desk.places(), (6, 4, 9));
    }
}

#[test]
fn a_gateway_that_runs_low_is_granted_up_to_its_target() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let policy = Policy { low_water: 5, target: 12 };
    desk.change(|books| set_policy(books, &sku(), policy));
    desk.receive("in", 3);
    desk.take(&gateway.post(&[("deduct", -5)]));
    assert_eq!(desk.places(), (3, 0, 5), "5 are not below 5");
    desk.take(&gateway.post(&[("deduct", -4)]));
    assert_eq!(desk.places(), (0, 3, 1), "a short pool grants what it has");
    desk.receive("more", 100);
    assert_eq!(desk.places(), (92, 11, 1), "and the rest when it comes");
    let mut transfers = desk.transfers();
    transfers.drain(..).for_each(|transfer| gateway.take(&transfer));
    desk.take(&gateway.frame(3));
    assert_eq!(desk.places(), (92, 0, 12));
}

#[test]
fn a_retired_database_is_brought_back_to_the_next_one() {
    let mut desk = Desk::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    desk.take(&old.hello());
    desk.take(&old.post(&[("restock", 10)]));
    desk.receive("in", 5);
    desk.grant("g", 5).unwrap().0.unwrap();
    desk.take(&new.hello());
    assert_eq!(desk.places(), (0, 5, 10), "as long as the old one may come back, it has them");
    assert!(desk.problem().is_some());
    let retired = desk.change(|books| retire(books, &topic(), Some(old.epoch))).unwrap();
    assert_eq!(retired.moved_to, Some(new.epoch));
    assert_eq!((desk.places(), desk.problem()), ((0, 15, 0), None));
    let transfer = desk.transfer();
    new.take(&transfer);
    desk.take(&new.frame(0));
    assert_eq!(desk.places(), (0, 0, 15));
    desk.take(&old.post(&[("deduct", -1)]));
    let aside = desk.number("SELECT count(*) FROM aside");
    assert_eq!((desk.places(), aside), ((0, 0, 15), 1), "what comes later is kept aside");
    let again = desk.change(|books| retire(books, &topic(), Some(old.epoch))).unwrap();
    assert_eq!((again.acked_seq, again.known_seq), (1, 2));
    assert_eq!(desk.places(), (0, 0, 15));
}

#[test]
fn a_stock_that_differs_is_found_and_repaired_from_the_ledger() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    desk.db("UPDATE held SET on_hand = on_hand + 1");
    desk.take(&gateway.post(&[("deduct", -1)]));
    assert!(desk.problem().is_some_and(|problem| problem.contains("differ")));
    let [Frame::Probe(probe)] = desk.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (9, 0))].into_iter());
    let downlink = &mut desk.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &topic(), 2, &content);
    desk.database.change(answered).unwrap();
    assert!(desk.problem().is_some_and(|problem| problem.contains("1 SKUs")));
    let repaired = desk.change(|books| repair(books, &topic())).unwrap();
    assert_eq!((repaired, desk.problem()), (vec![sku()], None));
    assert_eq!(desk.on_hand(), 9);
}

#[test]
fn a_gateway_that_greets_with_another_stock_is_asked_and_not_shut_out() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let sound = gateway.checks.digest;
    gateway.checks.digest = sound.moved(&sku(), (10, 0), (11, 0));
    assert!(matches!(desk.take(&gateway.hello()), Some(FrameAnswer::Resume(..))));
    assert!(desk.problem().is_some_and(|problem| problem.contains("differ")));
    assert!(matches!(desk.sent(1)[..], [Frame::Probe(_)]));
    gateway.checks.digest = sound;
    desk.take(&gateway.hello());
    let [Frame::Probe(probe)] = desk.sent(10_000)[..] else { panic!("the hub asks again") };
    let content = probe.part.content([(&sku(), (10, 0))].into_iter());
    let downlink = &mut desk.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &topic(), 1, &content);
    desk.database.change(answered).unwrap();
    assert_eq!(desk.problem(), None, "nothing differs any more");
}

#[test]
fn a_catalogue_is_sent_in_numbered_changes() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let listing = |sku: &str, name: &str| Listing {
        sku: Sku::parse(sku).unwrap(),
        name: Some(name.into()),
        barcodes: vec![],
    };
    let publish = |desk: &mut Desk, listings| desk.change(|books| publish(books, listings));
    assert_eq!(publish(&mut desk, vec![listing("A", "a"), listing("B", "b")]), 2);
    assert_eq!(publish(&mut desk, vec![listing("A", "a"), listing("B", "b")]), 0);
    let sent = desk.sent(1);
    let [Frame::Catalogue(first)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((first.after, first.up_to, first.listings.len()), (0, 2, 2));
    assert_eq!(desk.sent(2), [], "once is enough for a while");
    gateway.taken.catalogue = 2;
    desk.take(&gateway.told());
    assert_eq!(publish(&mut desk, vec![listing("A", "new")]), 2, "one changed, one gone");
    let sent = desk.sent(3);
    let [Frame::Catalogue(second)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((second.after, second.up_to), (2, 4));
    assert_eq!(second.listings[0].name, None);
}

#[test]
fn what_a_gateway_has_not_taken_is_sent_again() {
    let mut desk = Desk::new();
    let gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 10);
    desk.grant("g", 4).unwrap().0.unwrap();
    assert_eq!(desk.sent(1).len(), 1);
    assert_eq!(desk.sent(2), []);
    assert_eq!(desk.sent(6_000).len(), 1);
    desk.downlink.greeted(&topic());
    assert_eq!(desk.sent(6_001).len(), 1, "and at once to one that greets");
}

#[test]
fn a_copy_with_the_same_ledger_is_sent_what_it_has_not_taken() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 1);
    desk.recall("back", 8).unwrap().0.unwrap();
    let copy = gateway.clone();
    let listing = Listing { sku: sku(), name: Some("a".into()), barcodes: vec![] };
    desk.change(|books| publish(books, vec![listing]));
    assert_eq!(desk.sent(1).len(), 2);
    gateway.taken = Taken { transfer: 1, at_seq: 0, catalogue: 1 };
    desk.take(&gateway.told());
    assert_eq!(desk.sent(2), []);
    desk.take(&copy.hello());
    desk.downlink.greeted(&topic());
    assert_eq!(desk.sent(3).len(), 2, "though another has taken it: a recall of nothing");
    desk.take(&gateway.told());
    assert_eq!((desk.recalled("back"), desk.sent(100_000)), ((true, 0), vec![]));
}

fn topic() -> GatewayId {
    GatewayId { site: "wh".into(), gateway: "gw".into() }
}

struct Desk {
    directory: TempDir,
    database: BooksDatabase,
    downlink: Downlink,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        let database = BooksDatabase::open(&BookStore::Sqlite(path)).unwrap();
        Self { directory, database, downlink: Downlink::default() }
    }

    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut BooksTransaction<'_>) -> Result<T, StoreError>,
    ) -> T {
        let changed = self.database.change(change).unwrap();
        assert!(self.balanced(), "at every moment");
        changed
    }

    fn take(&mut self, frame: &Frame) -> Option<FrameAnswer> {
        self.database.change(|books| handle_frame(books, &topic(), frame, 0)).unwrap().answer
    }

    /// What the gateway is sent, at some time.
    fn sent(&mut self, now_ms: u64) -> Vec<Frame> {
        let downlink = &mut self.downlink;
        self.database.change(|books| downlink.next(books, &topic(), now_ms)).unwrap()
    }

    fn central(&mut self, id: &str, act: CentralRequest) -> Result<Decided, Rejection> {
        let id = RequestId::parse(id).unwrap();
        self.change(|books| central(books, &id, &act))
    }

    fn receive(&mut self, id: &str, units: u64) {
        let act = CentralRequest::Receive { order_id: None, lines: lines(units) };
        assert!(self.central(id, act).unwrap().0.is_ok());
    }

    fn grant(&mut self, id: &str, units: u64) -> Result<Decided, Rejection> {
        self.central(id, CentralRequest::Grant { gateway: topic(), lines: lines(units) })
    }

    fn recall(&mut self, id: &str, units: u64) -> Result<Decided, Rejection> {
        self.central(id, CentralRequest::Recall { gateway: topic(), lines: lines(units) })
    }

    fn recalled(&mut self, id: &str) -> (bool, i64) {
        let id = RequestId::parse(id).unwrap();
        let found = self.change(|books| recalled(books, &id)).unwrap();
        (found.done, found.lines[0].2)
    }

    /// The transfers that are sent.
    fn transfers(&mut self) -> Vec<Transfer> {
        let mut frames = self.sent(1);
        match frames.pop() {
            Some(Frame::Transfers(transfers)) => transfers.transfers,
            other => panic!("{other:?}"),
        }
    }

    fn transfer(&mut self) -> Transfer {
        let mut transfers = self.transfers();
        assert_eq!(transfers.len(), 1);
        transfers.remove(0)
    }

    /// Unallotted, in transit, held.
    fn places(&mut self) -> (i64, i64, i64) {
        let pool = "SELECT sum(unallotted) FROM pool";
        let transit = "SELECT sum(in_transit) FROM pool";
        (self.number(pool), self.number(transit), self.on_hand())
    }

    fn db(&mut self, sql: &str) {
        self.database.read(|db| db.execute(sql, &[])).unwrap();
    }

    fn value(&mut self, sql: &str) -> SqlValue {
        self.database.read(|db| db.query(sql, &[])).unwrap().remove(0).remove(0)
    }

    fn number(&mut self, sql: &str) -> i64 {
        let value = self.value(sql);
        let SqlValue::Int(number) = value else { panic!("{value:?}") };
        number
    }

    fn on_hand(&mut self) -> i64 {
        self.number("SELECT sum(on_hand) FROM held")
    }

    fn entries(&mut self) -> i64 {
        self.number("SELECT count(*) FROM entry")
    }

    fn reconcile(&mut self) -> reader::Reconciliation {
        self.database.read(|db| reader::reconcile(db, true, "", 10)).unwrap()
    }

    fn balanced(&mut self) -> bool {
        self.reconcile().adds_up
    }

    fn problem(&mut self) -> Option<String> {
        let value = self.value("SELECT problem FROM book ORDER BY id DESC LIMIT 1");
        if let SqlValue::Text(text) = value { Some(text) } else { None }
    }
}

fn lines(units: u64) -> Vec<Line> {
    vec![Line { sku: sku(), quantity: Quantity::of_line(units).unwrap() }]
}

fn sku() -> Sku {
    Sku::parse("A").unwrap()
}

/// A gateway's ledger of one SKU, and the frames it would send.
#[derive(Clone)]
struct Ledger {
    epoch: Uuid,
    entries: Vec<Entry>,
    on_hand: i64,
    checks: Checks,
    requests: u64,
    taken: Taken,
}

impl Ledger {
    fn new(epoch: u128) -> Self {
        let epoch = Uuid::from_u128(epoch);
        Self {
            epoch,
            entries: Vec::new(),
            on_hand: 0,
            checks: Checks::default(),
            requests: 0,
            taken: Taken::default(),
        }
    }

    fn hello(&self) -> Frame {
        let (ledger_seq, checks) = (self.entries.len() as u64, self.checks);
        let software = "test".into();
        Frame::Hello(Hello {
            epoch: self.epoch.into(),
            ledger_seq,
            checks,
            nonce: 5,
            software,
            taken: self.taken,
        })
    }

    /// New entries, and the frame that holds them.
    fn post(&mut self, changes: &[(&str, i64)]) -> Frame {
        let first = self.entries.len();
        for (kind, change) in changes {
            self.enter(kind, *change);
        }
        self.frame(first as u64)
    }

    /// New entries, and a frame that begins before them.
    fn resend(&mut self, after: Seq, changes: &[(&str, i64)]) -> Frame {
        self.post(changes);
        self.frame(after)
    }

    /// Takes a transfer as a gateway does.
    fn take(&mut self, transfer: &Transfer) {
        assert_eq!(transfer.number, self.taken.transfer + 1);
        let units = transfer.lines[0].quantity.units();
        let change = match transfer.direction {
            Direction::Grant => units,
            Direction::Recall => -units.min(self.on_hand),
        };
        if change != 0 {
            let kind = if change > 0 { "grant" } else { "recall" };
            self.enter_as(transfer.request_id.clone(), kind, change);
        }
        let at_seq = self.entries.len() as u64;
        self.taken = Taken { transfer: transfer.number, at_seq, ..self.taken };
    }

    fn told(&self) -> Frame {
        Frame::Taken(TakenUpTo { epoch: self.epoch.into(), taken: self.taken })
    }

    fn enter(&mut self, kind: &str, change: i64) {
        self.requests += 1;
        let id = RequestId::parse(&format!("r{}", self.requests)).unwrap();
        self.enter_as(id, kind, change);
    }

    fn enter_as(&mut self, request_id: RequestId, kind: &str, change: i64) {
        let sku = sku();
        let before = (self.on_hand, 0);
        self.on_hand += change;
        self.checks.digest = self.checks.digest.moved(&sku, before, (self.on_hand, 0));
        let entry = Entry {
            seq: self.entries.len() as u64 + 1,
            kind: Kind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap(),
            sku,
            change,
            reserved_change: 0,
            order_id: None,
            request_id,
            at_ms: 0,
            clock_trusted: true,
        };
        self.checks.chain = self.checks.chain.with(&entry);
        self.entries.push(entry);
    }

    fn frame(&self, after: Seq) -> Frame {
        let entries = self.entries[usize::try_from(after).unwrap()..].to_vec();
        Frame::Entries(Entries {
            epoch: self.epoch.into(),
            checks: self.checks,
            taken: self.taken,
            entries,
        })
    }
}
