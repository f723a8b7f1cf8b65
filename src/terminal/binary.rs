//! The messages of the subprotocol `stockgate.v1.postcard`, for terminals to which JSON is a
//! burden: the same as in JSON, as postcard in binary frames. docs/TERMINALS.md explains them.
//!
//! What stands here is on the wire. Variants are numbered and fields are placed by their order:
//! append variants, and never touch the fields of one that shipped.

use serde::{Deserialize, Serialize};

/// Its name in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "stockgate.v1.postcard";

/// What a terminal sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<'a> {
    /// Echoed in the answer.
    pub id: u64,
    /// What is asked.
    #[serde(borrow)]
    pub op: Op<'a>,
}

/// The operations. Their fields are those of the JSON messages of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's operations and fields")]
pub enum Op<'a> {
    Auth {
        token: &'a str,
    },
    Deduct {
        request_id: &'a str,
        order_id: Option<&'a str>,
        #[serde(borrow)]
        lines: Vec<Line<'a>>,
    },
    Restock {
        request_id: &'a str,
        order_id: Option<&'a str>,
        lines: Vec<Line<'a>>,
    },
    Count {
        request_id: &'a str,
        sku: &'a str,
        counted: u64,
    },
    Rollback {
        request_id: &'a str,
        of: &'a str,
        lines: Option<Vec<Line<'a>>>,
    },
    Reserve {
        request_id: &'a str,
        order_id: Option<&'a str>,
        lines: Vec<Line<'a>>,
        ttl_s: Option<u64>,
    },
    Commit {
        request_id: Option<&'a str>,
        reservation: &'a str,
        lines: Option<Vec<Line<'a>>>,
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
        to: Wanted<'a>,
        since: Option<u64>,
    },
    Unsubscribe,
    Resolve {
        code: &'a str,
    },
}

/// What a subscription is to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted<'a> {
    /// Every SKU.
    All,
    /// Those that begin like this.
    Prefix(&'a str),
    /// These.
    Skus(#[serde(borrow)] Vec<&'a str>),
}

/// So much of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<'a> {
    /// Of what.
    pub sku: &'a str,
    /// Units.
    pub quantity: u64,
}

/// What the gateway sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// The first message of a connection.
    Hello {
        /// The gateway's id.
        gateway: &'a str,
        /// Its site.
        site: &'a str,
        /// Of the program.
        version: &'a str,
        /// Of these messages.
        protocol: u32,
    },
    /// It was done.
    Done {
        /// The request's.
        id: u64,
        /// What came out.
        #[serde(borrow)]
        result: Outcome<'a>,
    },
    /// It was not done.
    Failed {
        /// The request's, if it could be read.
        id: Option<u64>,
        /// The contract's code, as text.
        code: &'a str,
        /// For people.
        message: &'a str,
        /// The SKU concerned.
        sku: Option<&'a str>,
        /// Units asked.
        requested: Option<u64>,
        /// Units there.
        available: Option<i64>,
        /// Whether the request had been decided before.
        replayed: bool,
        /// Seconds after which it may be sent again, if that is known.
        retry_after_s: Option<u64>,
    },
    /// An event of stock.
    Stock {
        /// The position up to which it is complete.
        seq: u64,
        /// As they are now.
        items: Vec<Item<'a>>,
    },
    /// An event of the link to the hub.
    Sync(Sync<'a>),
}

/// What came out of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// Of a mutation.
    Applied {
        /// Its name.
        request_id: &'a str,
        /// Of its last entry.
        seq: u64,
        /// Whether it had been decided before.
        replayed: bool,
        /// The stock behind it.
        #[serde(borrow)]
        lines: Vec<AppliedLine<'a>>,
        /// Of a reservation, whose id is the request's: when it ends, in milliseconds since 1970.
        expires_at_ms: Option<i64>,
    },
    /// Of `get`.
    Item(Item<'a>),
    /// Of `list`.
    Items {
        /// In the order of their SKUs.
        items: Vec<Item<'a>>,
        /// `after` for the next page.
        next: Option<&'a str>,
    },
    /// Of `ledger`.
    Ledger {
        /// In order.
        entries: Vec<Entry<'a>>,
        /// `after` for the next page.
        next: Option<u64>,
    },
    /// Of `status`.
    Status {
        /// The gateway's id.
        gateway: &'a str,
        /// Its site.
        site: &'a str,
        /// Of the program.
        version: &'a str,
        /// Since its start.
        uptime_s: u64,
        /// That are known.
        skus: u64,
        /// That are open.
        reservations: u64,
        /// The last position.
        ledger_seq: u64,
        /// Why mutations are refused, if they are.
        problem: Option<&'a str>,
        /// How things stand with the hub.
        sync: Sync<'a>,
    },
    /// Of `resolve`.
    Resolved {
        /// `ean13`, `gs1` and so on.
        format: &'a str,
        /// The trade item, as a number.
        gtin: Option<u64>,
        /// Units that the code names.
        quantity: Option<u64>,
        /// Batch or lot.
        batch: Option<&'a str>,
        /// `2026-01-31`
        expiry: Option<&'a str>,
        /// Serial number.
        serial: Option<&'a str>,
        /// What it stands for.
        item: Item<'a>,
    },
    /// Of `auth`: 0 viewer, 1 operator, 2 admin.
    Role(u8),
    /// Of `subscribe`: how many SKUs match.
    Matched(u64),
    /// Of `unsubscribe`.
    Unsubscribed,
}

/// A stock item. What is available is the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's fields")]
pub struct Item<'a> {
    pub sku: &'a str,
    pub on_hand: i64,
    pub reserved: i64,
    pub version: u64,
}

/// A line of a mutation, with the stock behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's fields")]
pub struct AppliedLine<'a> {
    pub sku: &'a str,
    pub quantity: u64,
    pub on_hand: i64,
    pub reserved: i64,
    pub version: u64,
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's fields")]
pub struct Entry<'a> {
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

/// How things stand with the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's fields")]
pub struct Sync<'a> {
    pub state: &'a str,
    pub reason: Option<&'a str>,
    pub acked_seq: u64,
    pub pending: u64,
    pub oldest_pending_s: u64,
}

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;
