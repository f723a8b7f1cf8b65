//! Gateways whose ledgers are written by hand.

use uuid::Uuid;

use crate::protocol::frame::{BookedDecimals, Bound, Entries, Frame, Hello, TakenUpTo};
use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, Checks, Direction, Entry, Kind, RequestId, Seq, Sku, Taken, Transfer};

pub(in crate::hub) fn named(gateway: &str) -> GatewayId {
    GatewayId { site: "wh".into(), gateway: gateway.into() }
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
    pub(in crate::hub) decimals: Option<BookedDecimals>,
}

impl Ledger {
    pub(in crate::hub) fn new(epoch: u128) -> Self {
        Self::at("gw", epoch)
    }

    /// The ledger of a gateway of this name.
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
