//! A hub with real books and without network, and gateways whose ledgers are written by hand.

use tempfile::TempDir;

use super::super::*;
use super::test_ledger::Ledger;
pub(in crate::hub) use super::test_ledger::{named, sku};
use crate::config::BookStore;
use crate::hub::db::sql::SqlValue;
use crate::hub::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::hub::reader;
use crate::protocol::frame::{Behind, Frame, Position};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Cause, Line, Quantity, RequestId, Seq, Transfer};

pub(in crate::hub) fn gateway_id() -> GatewayId {
    named("gw")
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

    /// The same, with gateways that speak this version.
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
