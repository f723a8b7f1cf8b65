//! A hub with real books and without network, and gateways whose ledgers are written by hand.

use tempfile::TempDir;
use uuid::Uuid;

use super::super::*;
use crate::config::BookStore;
use crate::hub::db::sql::SqlValue;
use crate::hub::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::hub::reader;
use crate::protocol::frame::{Behind, Bound, Entries, Frame, Hello, Position, TakenUpTo};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{
    Cause, Checks, Direction, Entry, Kind, Line, Quantity, RequestId, Seq, Sku, Taken, Transfer,
};

pub(in crate::hub) fn gateway_id() -> GatewayId {
    named("gw")
}

pub(in crate::hub) fn named(gateway: &str) -> GatewayId {
    GatewayId { site: "wh".into(), gateway: gateway.into() }
}

pub(in crate::hub) struct TestHub {
    pub(in crate::hub) directory: TempDir,
    pub(in crate::hub) database: BooksDatabase,
    pub(in crate::hub) downlink: Downlink,
    /// The version of the protocol that the gateways speak.
    pub(in crate::hub) version: Version,
}

impl TestHub {
    pub(in crate::hub) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        let database = BooksDatabase::open(&BookStore::Sqlite(path)).unwrap();
        let (downlink, version) = (Downlink::default(), Version::V1);
        Self { directory, database, downlink, version }
    }

    pub(in crate::hub) fn of_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// Books as they are now, for later.
    pub(in crate::hub) fn copy(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        self.database.copy_to(&path);
        let database = BooksDatabase::open(&BookStore::Sqlite(path)).unwrap();
        Self { directory, database, downlink: Downlink::default(), version: self.version }
    }

    pub(in crate::hub) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut BooksTransaction<'_>) -> Result<T, BooksError>,
    ) -> T {
        let changed = self.database.change(change).unwrap();
        assert!(self.balanced(), "at every moment");
        changed
    }

    pub(in crate::hub) fn answer_to(&mut self, frame: &Frame) -> Option<FrameAnswer> {
        let version = self.version;
        self.database
            .change(|books| handle_frame(books, &gateway_id(), frame, version, 0))
            .unwrap()
            .answer
    }

    /// Handles a frame of any gateway and returns the outcome. The books must balance afterwards.
    pub(in crate::hub) fn handle(&mut self, gateway: &GatewayId, frame: &Frame) -> FrameOutcome {
        self.handle_at(0, gateway, frame)
    }

    /// Handles a frame at a time.
    pub(in crate::hub) fn handle_at(
        &mut self,
        now_ms: i64,
        gateway: &GatewayId,
        frame: &Frame,
    ) -> FrameOutcome {
        let version = self.version;
        self.change(|books| handle_frame(books, gateway, frame, version, now_ms))
    }

    /// Handles a gateway's greeting, and then all of its ledger.
    pub(in crate::hub) fn greet_and_send(&mut self, ledger: &Ledger) {
        self.handle(&ledger.gateway, &ledger.hello());
        if !ledger.entries.is_empty() {
            self.handle(&ledger.gateway, &ledger.frame(0));
        }
    }

    /// A gateway that the hub knows, with this many units.
    pub(in crate::hub) fn stocked(&mut self, gateway: &str, units: i64) -> Ledger {
        let books = self.number("SELECT count(*) FROM book");
        let mut ledger = Ledger::at(gateway, books.unsigned_abs().into());
        ledger.post(&[("restock", units)]);
        self.greet_and_send(&ledger);
        ledger
    }

    /// Sells units at a gateway; returns the gateways that are granted units because of it.
    pub(in crate::hub) fn sell(&mut self, ledger: &mut Ledger, units: i64) -> Vec<String> {
        let frame = ledger.post(&[("deduct", -units)]);
        names(self.handle(&ledger.gateway, &frame).granted)
    }

    /// Delivers the waiting transfers to a gateway, which applies them.
    pub(in crate::hub) fn deliver(&mut self, ledger: &mut Ledger) -> FrameOutcome {
        let before = ledger.entries.len() as Seq;
        let gateway = ledger.gateway.clone();
        self.downlink.handle_greeting(&gateway);
        let downlink = &mut self.downlink;
        let frames = self.database.change(|books| downlink.next(books, &gateway, 1)).unwrap();
        for frame in frames {
            let Frame::Transfers(sent) = frame else { panic!("{frame:?}") };
            sent.transfers.iter().for_each(|transfer| ledger.take(transfer));
        }
        self.handle(&gateway, &ledger.frame(before))
    }

    /// On hand and in transit of one database.
    pub(in crate::hub) fn allotment_of(&mut self, ledger: &Ledger) -> (i64, i64) {
        let books = self.database.change(|books| books.books(&ledger.gateway)).unwrap();
        let book = books.into_iter().find(|book| book.cursor.epoch == ledger.epoch).unwrap();
        let allotment = self.database.change(|books| books.allotment(book.id, &sku())).unwrap();
        (allotment.on_hand, allotment.in_transit)
    }

    /// The frames for the gateway at a time.
    pub(in crate::hub) fn sent(&mut self, now_ms: u64) -> Vec<Frame> {
        let downlink = &mut self.downlink;
        self.database.change(|books| downlink.next(books, &gateway_id(), now_ms)).unwrap()
    }

    pub(in crate::hub) fn decide(
        &mut self,
        id: &str,
        request: CentralRequest,
    ) -> Result<CentralDecision, Rejection> {
        let id = RequestId::parse(id).unwrap();
        self.change(|books| decide(books, &id, &request, &Cause::default()))
    }

    /// Adds goods to the pool; returns the gateways that are granted some of them.
    pub(in crate::hub) fn receive(&mut self, id: &str, units: u64) -> Vec<String> {
        let request = CentralRequest::Receive { order_id: None, lines: lines(units) };
        let CentralDecision { outcome, gateways, .. } = self.decide(id, request).unwrap();
        assert!(outcome.is_ok());
        names(gateways)
    }

    /// Sets the policy of the SKU; returns the gateways that are granted units at once.
    pub(in crate::hub) fn set_policy(&mut self, low_water: i64, target: i64) -> Vec<String> {
        let policy = Policy::new(low_water, target);
        names(self.change(|books| set_policy(books, &sku(), policy)))
    }

    pub(in crate::hub) fn retire(&mut self, ledger: &Ledger) -> Retired {
        let (gateway, epoch) = (&ledger.gateway, ledger.epoch);
        self.change(|books| retire(books, gateway, epoch)).unwrap()
    }

    pub(in crate::hub) fn bring_back(
        &mut self,
        from: &Ledger,
        to: &Ledger,
    ) -> Result<BroughtBack, CannotBringBack> {
        let gateway = &from.gateway;
        self.change(|books| bring_back(books, gateway, from.epoch, to.epoch, &Cause::default()))
    }

    pub(in crate::hub) fn grant(
        &mut self,
        id: &str,
        units: u64,
    ) -> Result<CentralDecision, Rejection> {
        self.decide(id, CentralRequest::Grant { gateway: gateway_id(), lines: lines(units) })
    }

    pub(in crate::hub) fn recall(
        &mut self,
        id: &str,
        units: u64,
    ) -> Result<CentralDecision, Rejection> {
        self.decide(id, CentralRequest::Recall { gateway: gateway_id(), lines: lines(units) })
    }

    pub(in crate::hub) fn recall_from(&mut self, ledger: &Ledger, id: &str, units: u64) {
        let request =
            CentralRequest::Recall { gateway: ledger.gateway.clone(), lines: lines(units) };
        self.decide(id, request).unwrap().outcome.unwrap();
    }

    pub(in crate::hub) fn recalled(&mut self, id: &str) -> (bool, i64) {
        let id = RequestId::parse(id).unwrap();
        let found = self.change(|books| recall_status(books, &id)).unwrap();
        (found.done, found.lines[0].returned)
    }

    /// The transfers that are sent.
    pub(in crate::hub) fn transfers(&mut self) -> Vec<Transfer> {
        let mut frames = self.sent(1);
        match frames.pop() {
            Some(Frame::Transfers(transfers)) => transfers.transfers,
            other => panic!("{other:?}"),
        }
    }

    pub(in crate::hub) fn transfer(&mut self) -> Transfer {
        let mut transfers = self.transfers();
        assert_eq!(transfers.len(), 1);
        transfers.remove(0)
    }

    /// Unallotted, in transit, held.
    pub(in crate::hub) fn places(&mut self) -> (i64, i64, i64) {
        let pool = "SELECT coalesce(sum(unallotted), 0) FROM pool";
        let transit = "SELECT coalesce(sum(in_transit), 0) FROM pool";
        (self.number(pool), self.number(transit), self.on_hand())
    }

    pub(in crate::hub) fn db(&mut self, sql: &str) {
        self.database.read(|db| db.execute(sql, &[])).unwrap();
    }

    pub(in crate::hub) fn value(&mut self, sql: &str) -> SqlValue {
        self.database.read(|db| db.query(sql, &[])).unwrap().remove(0).remove(0)
    }

    pub(in crate::hub) fn number(&mut self, sql: &str) -> i64 {
        let value = self.value(sql);
        let SqlValue::Int(number) = value else { panic!("{value:?}") };
        number
    }

    pub(in crate::hub) fn on_hand(&mut self) -> i64 {
        self.number("SELECT coalesce(sum(on_hand), 0) FROM held")
    }

    pub(in crate::hub) fn entries(&mut self) -> i64 {
        self.number("SELECT count(*) FROM entry")
    }

    pub(in crate::hub) fn reconcile(&mut self) -> reader::Reconciliation {
        self.database
            .read(|db| reader::reconcile(db, &reader::Known::sound(), true, "", 10))
            .unwrap()
            .unwrap()
    }

    pub(in crate::hub) fn balanced(&mut self) -> bool {
        self.reconcile().balanced
    }

    pub(in crate::hub) fn problem(&mut self) -> Option<String> {
        let value = self.value("SELECT problem FROM book ORDER BY id DESC LIMIT 1");
        if let SqlValue::Text(text) = value { Some(text) } else { None }
    }
}

/// The names of gateways, in the order in which they were told.
fn names(gateways: Vec<GatewayId>) -> Vec<String> {
    gateways.into_iter().map(|id| id.gateway).collect()
}

pub(in crate::hub) fn lines(units: u64) -> Vec<Line> {
    vec![Line::new(sku(), Quantity::of_line(units).unwrap())]
}

pub(in crate::hub) fn sku() -> Sku {
    Sku::parse("A").unwrap()
}

/// A gateway's ledger of one SKU, and the frames it would send.
#[derive(Clone)]
pub(in crate::hub) struct Ledger {
    pub(in crate::hub) gateway: GatewayId,
    pub(in crate::hub) epoch: Uuid,
    pub(in crate::hub) entries: Vec<Entry>,
    on_hand: i64,
    reserved: i64,
    pub(in crate::hub) checks: Checks,
    pub(in crate::hub) requests: u64,
    pub(in crate::hub) taken: Taken,
    pub(in crate::hub) bound: Bound,
    /// What its frames say of decimals.
    pub(in crate::hub) decimals: Option<crate::protocol::frame::BookedDecimals>,
}

impl Ledger {
    pub(in crate::hub) fn new(epoch: u128) -> Self {
        Self::at("gw", epoch)
    }

    pub(in crate::hub) fn at(gateway: &str, epoch: u128) -> Self {
        Self {
            gateway: named(gateway),
            epoch: Uuid::from_u128(epoch),
            entries: Vec::new(),
            on_hand: 0,
            reserved: 0,
            checks: Checks::default(),
            requests: 0,
            taken: Taken::default(),
            bound: Bound::default(),
            decimals: None,
        }
    }

    pub(in crate::hub) fn hello(&self) -> Frame {
        let (ledger_seq, checks) = (self.entries.len() as u64, self.checks);
        let software = "test".into();
        Frame::Hello(Hello {
            epoch: self.epoch.into(),
            ledger_seq,
            checks,
            nonce: 5,
            software,
            taken: self.taken,
            bound: self.bound,
        })
    }

    /// New entries, and the frame that holds them.
    pub(in crate::hub) fn post(&mut self, changes: &[(&str, i64)]) -> Frame {
        let first = self.entries.len();
        for (kind, change) in changes {
            self.enter(kind, *change);
        }
        self.frame(first as u64)
    }

    /// A new entry under the name of a transfer, and the frame that holds it.
    pub(in crate::hub) fn post_as(&mut self, name: &str, kind: &str, change: i64) -> Frame {
        let first = self.entries.len();
        self.enter_as(RequestId::parse(name).unwrap(), kind, change);
        self.frame(first as Seq)
    }

    /// New entries, and a frame that begins before them.
    pub(in crate::hub) fn resend(&mut self, after: Seq, changes: &[(&str, i64)]) -> Frame {
        self.post(changes);
        self.frame(after)
    }

    /// Takes a transfer as a gateway does.
    pub(in crate::hub) fn take(&mut self, transfer: &Transfer) {
        assert_eq!(transfer.number, self.taken.transfer + 1);
        let units = transfer.lines[0].quantity.units();
        let change = match transfer.direction {
            Direction::Grant => units,
            Direction::Recall => -units.min(self.on_hand),
        };
        if change != 0 {
            let kind = if change > 0 { "grant" } else { "recall" };
            self.enter_for(&transfer.cause, transfer.request_id.clone(), kind, change);
        }
        let at_seq = self.entries.len() as u64;
        self.taken = Taken { transfer: transfer.number, at_seq, ..self.taken };
    }

    pub(in crate::hub) fn taken_report(&self) -> Frame {
        Frame::Taken(TakenUpTo { epoch: self.epoch.into(), taken: self.taken })
    }

    pub(in crate::hub) fn enter(&mut self, kind: &str, change: i64) {
        self.requests += 1;
        let id = RequestId::parse(&format!("r{}", self.requests)).unwrap();
        self.enter_as(id, kind, change);
    }

    pub(in crate::hub) fn enter_as(&mut self, request_id: RequestId, kind: &str, change: i64) {
        self.enter_for(&Cause::default(), request_id, kind, change);
    }

    fn enter_for(&mut self, cause: &Cause, request_id: RequestId, kind: &str, change: i64) {
        let sku = sku();
        let (change, reserved_change) = match kind {
            // A reservation promises units, and moves none.
            "reserve" | "release" | "expire" => (0, change),
            "commit" => (change, change),
            _ => (change, 0),
        };
        let before = (self.on_hand, self.reserved);
        (self.on_hand, self.reserved) = (before.0 + change, before.1 + reserved_change);
        self.checks.digest = self.checks.digest.moved(&sku, before, (self.on_hand, self.reserved));
        let entry = Entry {
            seq: self.entries.len() as u64 + 1,
            kind: kind_named(kind),
            sku,
            change,
            reserved_change,
            order_id: None,
            request_id,
            at_ms: 0,
            clock_trusted: true,
            cause: cause.clone(),
            trace: None,
        };
        self.checks.chain = self.checks.chain.with(&entry);
        self.entries.push(entry);
    }

    pub(in crate::hub) fn frame(&self, after: Seq) -> Frame {
        let entries = self.entries[usize::try_from(after).unwrap()..].to_vec();
        Frame::Entries(Entries {
            epoch: self.epoch.into(),
            checks: self.checks,
            taken: self.taken,
            entries,
            decimals: self.decimals.clone(),
        })
    }
}

/// The kind of an entry; a rollback of a count is the kind `count rollback`.
fn kind_named(name: &str) -> Kind {
    match name {
        "count rollback" => Kind::CountRollback,
        _ => Kind::ALL.into_iter().find(|known| known.as_str() == name).unwrap(),
    }
}

/// A way in which a database ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::hub) enum Ending {
    Fenced,
    Replaced,
    Retired,
}

pub(in crate::hub) const ENDINGS: [Ending; 3] = [Ending::Fenced, Ending::Replaced, Ending::Retired];

impl Ending {
    pub(in crate::hub) fn end(self, hub: &mut TestHub, ledger: &Ledger) {
        let acked_seq = ledger.entries.len() as Seq;
        let position = Position { epoch: ledger.epoch.into(), acked_seq };
        let went_back = Frame::Behind(Behind { position, ledger_seq: acked_seq - 1 });
        match self {
            Self::Fenced => drop(hub.handle(&ledger.gateway, &went_back)),
            Self::Replaced => hub.greet_and_send(&Ledger::at(&ledger.gateway.gateway, 99)),
            Self::Retired => drop(hub.retire(ledger)),
        }
    }
}
