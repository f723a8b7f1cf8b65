//! A ledger entry: one change of one SKU. Entries are never changed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::trace::{Cause, OptionalTrace};
use super::types::{OrderId, RequestId, Seq, Sku};

/// The kind of a ledger entry. The numbers are on disk and on the wire: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Units sold or picked.
    Deduct = 0,
    /// Goods received or returned.
    Restock = 1,
    /// Cycle count: on hand set to the counted quantity.
    Count = 2,
    /// A deduction, commit or restock undone, in whole or in part.
    Rollback = 3,
    /// Units held for an order.
    Reserve = 4,
    /// A reservation turned into a deduction.
    Commit = 5,
    /// A reservation given up by request.
    Release = 6,
    /// A reservation that reached the end of its lifetime.
    Expire = 7,
    /// Units granted by the hub.
    Grant = 8,
    /// Units returned to the hub.
    Recall = 9,
    /// A count undone. Its number is that of a rollback with a mark, so that a reader of the SQL view
    /// sees a rollback.
    CountRollback = 3 + 128,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Deduct,
        Self::Restock,
        Self::Count,
        Self::Rollback,
        Self::Reserve,
        Self::Commit,
        Self::Release,
        Self::Expire,
        Self::Grant,
        Self::Recall,
        Self::CountRollback,
    ];

    /// The number on disk and on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deduct => "deduct",
            Self::Restock => "restock",
            Self::Count => "count",
            Self::Rollback | Self::CountRollback => "rollback",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Expire => "expire",
            Self::Grant => "grant",
            Self::Recall => "recall",
        }
    }

    /// What it undoes, where the name and the sign of the change do not say so.
    pub fn undoes(self) -> Option<&'static str> {
        (self == Self::CountRollback).then_some("count")
    }
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The position of the entry. Positions are contiguous.
    pub seq: Seq,
    pub kind: Kind,
    pub sku: Sku,
    /// Change of on hand, in units.
    pub change: i64,
    /// Change of reserved, in units.
    pub reserved_change: i64,
    pub order_id: Option<OrderId>,
    /// The request that caused the entry; for an expiry, that of the reservation.
    pub request_id: RequestId,
    /// The time of the decision by the gateway's wall clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether the wall clock was trusted at that time.
    pub clock_trusted: bool,
    /// Who asked for it, and why.
    pub cause: Cause,
    /// Which goods of the SKU they were.
    pub trace: OptionalTrace,
}

/// Added to the code of the kind if the clock was not trusted.
const UNTRUSTED: u8 = 64;

impl Entry {
    /// The code of kind and clock on disk and on the wire.
    pub fn code(&self) -> u8 {
        Self::code_of(self.kind, self.clock_trusted)
    }

    /// The code of an entry with this kind and clock; see [`Entry::code`].
    pub fn code_of(kind: Kind, clock_trusted: bool) -> u8 {
        kind.code() + if clock_trusted { 0 } else { UNTRUSTED }
    }

    /// Whether the entry changes what its kind changes, and in that direction. Every entry that a
    /// gateway writes does; one that does not was damaged or made up.
    pub fn fits_kind(&self) -> bool {
        let (change, reserved) = (self.change, self.reserved_change);
        match self.kind {
            Kind::Deduct | Kind::Recall => change < 0 && reserved == 0,
            Kind::Restock | Kind::Grant => change > 0 && reserved == 0,
            Kind::Count => reserved == 0,
            Kind::Rollback | Kind::CountRollback => change != 0 && reserved == 0,
            Kind::Reserve => change == 0 && reserved > 0,
            // What is not taken of a reservation is released with it.
            Kind::Commit => change <= 0 && reserved < 0 && reserved <= change,
            Kind::Release | Kind::Expire => change == 0 && reserved < 0,
        }
    }

    /// The kind of a code, and whether the clock was trusted.
    pub fn from_code(code: u8) -> Option<(Kind, bool)> {
        Some((Kind::from_code(code & !UNTRUSTED)?, code & UNTRUSTED == 0))
    }
}

/// The origin of a ledger: a gateway and its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub site: String,
    pub gateway: String,
    /// Identifies the database. Every new database gets a new epoch.
    pub epoch: Uuid,
}

impl Origin {
    /// The event id of an entry: the name-based UUID (version 5) of `site/gateway/epoch/seq` in
    /// [`EVENT_NAMESPACE`]. Gateway and hub derive the same one, so it is never sent.
    pub fn event_id(&self, seq: Seq) -> Uuid {
        let name = format!("{}/{}/{}/{seq}", self.site, self.gateway, self.epoch);
        Uuid::new_v5(&EVENT_NAMESPACE, name.as_bytes())
    }
}

/// The event id of an entry of a hub's own ledger: the name-based UUID of `books/seq` in
/// [`EVENT_NAMESPACE`].
pub fn books_event_id(books: Uuid, seq: Seq) -> Uuid {
    Uuid::new_v5(&EVENT_NAMESPACE, format!("{books}/{seq}").as_bytes())
}

/// The namespace of event ids: the name-based UUID of `stockgate` in the DNS namespace.
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xf984_70bd_9efb_5661_86b0_7716_d250_e2a0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        for (code, kind) in (0..10).chain([131]).zip(Kind::ALL) {
            assert_eq!((kind.code(), Kind::from_code(code)), (code, Some(kind)));
        }
        assert_eq!(Kind::from_code(10), None);
    }

    #[test]
    fn each_kind_changes_on_hand_and_reserved_in_its_own_direction() {
        let fitting = |kind| {
            let mut fitting = Vec::new();
            for (change, reserved_change) in CHANGES {
                let entry = Entry { kind, change, reserved_change, ..entry() };
                fitting.extend(entry.fits_kind().then_some((change, reserved_change)));
            }
            fitting
        };
        assert_eq!(fitting(Kind::Deduct), [(-2, 0)]);
        assert_eq!(fitting(Kind::Restock), [(2, 0)]);
        assert_eq!(fitting(Kind::Count), [(-2, 0), (0, 0), (2, 0)]);
        assert_eq!(fitting(Kind::Rollback), [(-2, 0), (2, 0)]);
        assert_eq!(fitting(Kind::CountRollback), [(-2, 0), (2, 0)]);
        assert_eq!(fitting(Kind::Reserve), [(0, 2)]);
        assert_eq!(fitting(Kind::Commit), [(-2, -2), (-1, -2), (0, -2)]);
        assert_eq!(fitting(Kind::Release), [(0, -2)]);
        assert_eq!(fitting(Kind::Expire), [(0, -2)]);
        assert_eq!(fitting(Kind::Grant), [(2, 0)]);
        assert_eq!(fitting(Kind::Recall), [(-2, 0)]);
    }

    const CHANGES: [(i64, i64); 11] = [
        (-2, -2),
        (-2, -1),
        (-1, -2),
        (-2, 0),
        (-2, 2),
        (0, -2),
        (0, 0),
        (0, 2),
        (2, -2),
        (2, 0),
        (2, 2),
    ];

    fn entry() -> Entry {
        Entry {
            seq: 1,
            kind: Kind::Deduct,
            sku: Sku::parse("A").unwrap(),
            change: -1,
            reserved_change: 0,
            order_id: None,
            request_id: RequestId::parse("r").unwrap(),
            at_ms: 0,
            clock_trusted: true,
            cause: Cause::default(),
            trace: None,
        }
    }

    #[test]
    fn the_namespace_of_event_ids_is_derived_from_the_dns_namespace() {
        assert_eq!(Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"stockgate"), EVENT_NAMESPACE);
    }

    #[test]
    fn event_ids_differ_by_every_part_of_the_origin() {
        let origin = Origin { site: "wh".into(), gateway: "gw".into(), epoch: Uuid::nil() };
        let mut other = origin.clone();
        other.epoch = Uuid::max();
        assert_eq!(origin.event_id(1), origin.event_id(1));
        assert_ne!(origin.event_id(1), origin.event_id(2));
        assert_ne!(origin.event_id(1), other.event_id(1));
    }
}
