//! The messages of `stockgate.v1.postcard`, as types.
//!
//! These types are the wire format: postcard numbers variants and places fields by their order.
//! Append variants, and never change the fields of one that has shipped.

use serde::{Deserialize, Serialize};

/// The name of the subprotocol in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "stockgate.v1.postcard";

/// A message from a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRequest<'a> {
    /// Repeated in the answer.
    pub id: u64,
    #[serde(borrow)]
    pub op: WireOperation<'a>,
}

/// The operations, with the fields of the JSON messages of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireOperation<'a> {
    Auth {
        token: &'a str,
    },
    Deduct {
        request_id: &'a str,
        order_id: Option<&'a str>,
        #[serde(borrow)]
        lines: Vec<WireLine<'a>>,
    },
    Restock {
        request_id: &'a str,
        order_id: Option<&'a str>,
        lines: Vec<WireLine<'a>>,
    },
    Count {
        request_id: &'a str,
        sku: &'a str,
        counted: u64,
    },
    Rollback {
        request_id: &'a str,
        of: &'a str,
        lines: Option<Vec<WireLine<'a>>>,
    },
    Reserve {
        request_id: &'a str,
        order_id: Option<&'a str>,
        lines: Vec<WireLine<'a>>,
        ttl_s: Option<u64>,
    },
    Commit {
        request_id: Option<&'a str>,
        reservation: &'a str,
        lines: Option<Vec<WireLine<'a>>>,
    },
    Release {
        request_id: Option<&'a str>,
        reservation: &'a str,
    },
    Get {
        sku: &'a str,
    },
    List {
        prefix: &'a str,
        after: Option<&'a str>,
        limit: Option<u64>,
    },
    Ledger {
        after: u64,
        limit: Option<u64>,
    },
    Status,
    Subscribe {
        to: WireFilter<'a>,
        since: Option<u64>,
    },
    Unsubscribe,
    Resolve {
        code: &'a str,
    },
    /// A commit after which the rest stays reserved.
    CommitPart {
        request_id: &'a str,
        reservation: &'a str,
        lines: Option<Vec<WireLine<'a>>>,
    },
    Extend {
        request_id: &'a str,
        reservation: &'a str,
        ttl_s: u64,
    },
    Reservations {
        order_id: Option<&'a str>,
        sku: Option<&'a str>,
        after: Option<&'a str>,
        limit: Option<u64>,
    },
    Reservation {
        reservation: &'a str,
    },
    /// A list of the SKUs in which, or in whose name or barcodes, all of some words are.
    Search {
        prefix: &'a str,
        q: &'a str,
        after: Option<&'a str>,
        limit: Option<u64>,
    },
}

/// The SKUs of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireFilter<'a> {
    All,
    /// SKUs that begin with this text.
    Prefix(&'a str),
    /// Named SKUs.
    Skus(#[serde(borrow)] Vec<&'a str>),
}

/// What may follow a [`WireRequest`] that is a mutation: why, and which goods its lines are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireNote<'a> {
    pub reason: Option<&'a str>,
    /// One for each line of the mutation, or none at all.
    #[serde(borrow)]
    pub traces: Vec<WireTrace<'a>>,
}

/// Which goods of its SKU a line or an entry is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireTrace<'a> {
    pub lot: Option<&'a str>,
    pub serial: Option<&'a str>,
    /// The expiry date, in days since 1970-01-01.
    pub expires: Option<i32>,
}

/// One line of a mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireLine<'a> {
    pub sku: &'a str,
    pub quantity: u64,
}

/// A message from the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireReply<'a> {
    /// The first message of a connection.
    Hello {
        gateway: &'a str,
        site: &'a str,
        /// The version of the program.
        version: &'a str,
        /// The version of the protocol.
        protocol: u32,
    },
    /// The answer to a request that succeeded.
    Done {
        id: u64,
        #[serde(borrow)]
        result: WireOutcome<'a>,
    },
    /// The answer to a request that failed.
    Failed {
        /// The id of the request, if it could be read.
        id: Option<u64>,
        /// The error code, as in JSON.
        code: &'a str,
        message: &'a str,
        sku: Option<&'a str>,
        /// Units the request asked for.
        requested: Option<u64>,
        /// Units that were available.
        available: Option<i64>,
        /// Whether this is the replay of an earlier outcome.
        replayed: bool,
        /// Seconds after which the request may be repeated, if that is known.
        retry_after_s: Option<u64>,
    },
    /// The event that tells a change of stock.
    Stock {
        /// The position up to which the items are complete.
        seq: u64,
        items: Vec<WireItem<'a>>,
    },
    /// The event that tells the state of the hub link.
    Sync(WireSync<'a>),
}

/// The result of a request that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireOutcome<'a> {
    /// The result of a mutation.
    Applied {
        request_id: &'a str,
        /// The position of its last entry.
        seq: u64,
        /// Whether this is the replay of an earlier outcome.
        replayed: bool,
        /// The lines, with the stock after the mutation.
        #[serde(borrow)]
        lines: Vec<WireAppliedLine<'a>>,
        /// When a reservation expires, in milliseconds since 1970. Its id is the request id.
        expires_at_ms: Option<i64>,
    },
    /// The result of `get`.
    Item(WireItem<'a>),
    /// The result of `list`.
    Items {
        /// In the order of the SKUs.
        items: Vec<WireItem<'a>>,
        /// The `after` of the next page; `None` on the last one.
        next: Option<&'a str>,
    },
    /// The result of `ledger`.
    Ledger {
        entries: Vec<WireEntry<'a>>,
        /// The `after` of the next page; `None` on the last one.
        next: Option<u64>,
    },
    /// The result of `status`.
    Status {
        gateway: &'a str,
        site: &'a str,
        /// The version of the program.
        version: &'a str,
        /// Seconds since the start.
        uptime_s: u64,
        /// Known SKUs.
        skus: u64,
        /// Open reservations.
        reservations: u64,
        /// The position of the last entry.
        ledger_seq: u64,
        /// Why mutations are not decided; `None` if they are.
        problem: Option<&'a str>,
        sync: WireSync<'a>,
    },
    /// The result of `resolve`.
    Resolved {
        /// The format of the code: `ean13`, `gs1` and so on.
        format: &'a str,
        /// The GTIN, as a number.
        gtin: Option<u64>,
        /// Units that the code stands for in all.
        quantity: Option<u64>,
        lot: Option<&'a str>,
        /// A date such as `2026-01-31`.
        expires: Option<&'a str>,
        serial: Option<&'a str>,
        /// The item that the code stands for.
        item: WireItem<'a>,
    },
    /// The result of `auth`: 0 viewer, 1 operator, 2 admin.
    Role(u8),
    /// The result of `subscribe`: the number of known SKUs that match.
    Matched(u64),
    /// The result of `unsubscribe`.
    Unsubscribed,
    /// The result of `ledger` where an entry has an actor, a reason or a trace.
    NotedLedger {
        entries: Vec<WireEntry<'a>>,
        /// One for each entry.
        notes: Vec<WireEntryNote<'a>>,
        /// The `after` of the next page; `None` on the last one.
        next: Option<u64>,
    },
    /// The result of `reservations`.
    Reservations {
        items: Vec<WireReservation<'a>>,
        /// The `after` of the next page; `None` on the last one.
        next: Option<&'a str>,
    },
    /// The result of `reservation`.
    Reservation {
        /// `open`, `committed`, `released` or `expired`.
        state: &'a str,
        reservation: WireReservation<'a>,
    },
    /// The result of `resolve` where one scanned thing holds other than one unit, or has a date
    /// before which it is best.
    ResolvedInFull {
        format: &'a str,
        gtin: Option<u64>,
        /// Units that one scanned thing holds.
        content: u64,
        quantity: u64,
        lot: Option<&'a str>,
        expires: Option<&'a str>,
        best_before: Option<&'a str>,
        serial: Option<&'a str>,
        item: WireItem<'a>,
    },
}

/// What an entry says besides its units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEntryNote<'a> {
    pub actor: Option<&'a str>,
    pub reason: Option<&'a str>,
    #[serde(borrow)]
    pub trace: WireTrace<'a>,
}

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireReservation<'a> {
    pub reservation: &'a str,
    pub order_id: Option<&'a str>,
    #[serde(borrow)]
    pub lines: Vec<WireLine<'a>>,
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// In how many seconds it ends.
    pub expires_in_s: Option<u64>,
    /// The name of the token that made it.
    pub actor: Option<&'a str>,
}

/// The stock of one SKU. Available is on hand less reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireItem<'a> {
    pub sku: &'a str,
    pub on_hand: i64,
    pub reserved: i64,
    pub version: u64,
}

/// A line of a mutation, with the stock after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireAppliedLine<'a> {
    pub sku: &'a str,
    pub quantity: u64,
    pub on_hand: i64,
    pub reserved: i64,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEntry<'a> {
    pub seq: u64,
    pub event_id: [u8; 16],
    pub kind: &'a str,
    pub sku: &'a str,
    pub change: i64,
    pub reserved_change: i64,
    pub order_id: Option<&'a str>,
    pub request_id: &'a str,
    pub at_ms: i64,
    pub clock_trusted: bool,
}

/// The state of the hub link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireSync<'a> {
    pub state: &'a str,
    pub reason: Option<&'a str>,
    pub acked_seq: u64,
    pub pending: u64,
    pub oldest_pending_s: u64,
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
