//! The columns of the tables, in their order, for statements that insert many rows.

/// A table of the books.
#[derive(Debug)]
pub(in crate::hub) struct Table {
    pub(in crate::hub) name: &'static str,
    pub(in crate::hub) columns: &'static [(&'static str, ColumnType)],
    /// The columns of the primary key.
    pub(in crate::hub) key: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum ColumnType {
    Int,
    Text,
    Blob,
}

use ColumnType::{Blob, Int, Text};

/// Which books these are, in a single row.
pub(in crate::hub) const IDENTITY: Table = Table {
    name: "identity",
    columns: &[("one", Int), ("books", Blob), ("generation", Int)],
    key: &["one"],
};

pub(in crate::hub) const BOOK: Table = Table {
    name: "book",
    columns: &[
        ("id", Int),
        ("site", Text),
        ("gateway", Text),
        ("epoch", Blob),
        ("acked_seq", Int),
        ("digest", Int),
        ("chain", Int),
        ("fenced", Text),
        ("known_seq", Int),
        ("issued", Int),
        ("taken", Blob),
        ("landed", Blob),
        ("retired", Int),
        ("problem", Text),
        ("searching", Int),
        ("differing", Blob),
        ("aside", Int),
        ("last_seen_ms", Int),
        ("online", Int),
        ("wire", Int),
        ("software", Text),
        ("pending_since_ms", Int),
        ("held", Text),
        ("held_since_ms", Int),
        ("held_until_recovered", Int),
        ("generation", Int),
        ("heard_generation", Int),
        ("takeover_up_to", Int),
        ("takeover_transfer", Int),
        ("taken_over_transfers", Int),
        ("taken_over_units", Int),
        ("reopening", Text),
        ("chain_sha256", Blob),
        ("frame_lost_bytes", Int),
        ("device_key", Blob),
        ("offered_key", Blob),
        ("chain_since", Int),
        ("catalogue_base", Int),
        ("whole_units", Blob),
        ("in_step_ms", Int),
        ("frame_lost_broker", Text),
        ("in_force", Int),
    ],
    key: &["id"],
};

pub(in crate::hub) const CHECKPOINT: Table = Table {
    name: "checkpoint",
    columns: &[
        ("book", Int),
        ("part", Int),
        ("seq", Int),
        ("chain", Blob),
        ("at_ms", Int),
        ("signature", Blob),
        ("public_key", Blob),
    ],
    key: &["book", "part"],
};

/// What the hub has signed of its own ledger.
pub(in crate::hub) const BOOKS_CHECKPOINT: Table = Table {
    name: "books_checkpoint",
    columns: &[
        ("part", Int),
        ("seq", Int),
        ("chain", Blob),
        ("at_ms", Int),
        ("signature", Blob),
        ("public_key", Blob),
    ],
    key: &["part"],
};

const ENTRY_COLUMNS: &[(&str, ColumnType)] = &[
    ("book", Int),
    ("seq", Int),
    ("kind", Int),
    ("sku", Text),
    ("change", Int),
    ("reserved_change", Int),
    ("order_id", Text),
    ("request_id", Text),
    ("at_ms", Int),
    ("actor", Text),
    ("reason", Text),
    ("lot", Text),
    ("serial", Text),
    ("expires", Int),
];

pub(in crate::hub) const ENTRY: Table =
    Table { name: "entry", columns: ENTRY_COLUMNS, key: &["book", "seq"] };

/// The entries of months without a table of their own, which only PostgreSQL has.
pub(in crate::hub) const ENTRY_DEFAULT: Table = Table { name: "entry_default", ..ENTRY };

pub(in crate::hub) const ASIDE: Table =
    Table { name: "aside", columns: ENTRY_COLUMNS, key: &["book", "seq"] };

pub(in crate::hub) const MOVEMENT: Table = Table {
    name: "movement",
    columns: &[
        ("seq", Int),
        ("kind", Int),
        ("sku", Text),
        ("change", Int),
        ("in_transit_change", Int),
        ("site", Text),
        ("gateway", Text),
        ("order_id", Text),
        ("request_id", Text),
        ("at_ms", Int),
        ("actor", Text),
        ("reason", Text),
        ("lot", Text),
        ("serial", Text),
        ("expires", Int),
        ("reserved_change", Int),
    ],
    key: &["seq"],
};

/// The movements of months without a table of their own, which only PostgreSQL has.
pub(in crate::hub) const MOVEMENT_DEFAULT: Table = Table { name: "movement_default", ..MOVEMENT };

/// Ranges of entries, in the order of their commits.
pub(in crate::hub) const FEED: Table = Table {
    name: "feed",
    columns: &[
        ("position", Int),
        ("book", Int),
        ("first_seq", Int),
        ("last_seq", Int),
        ("at_ms", Int),
    ],
    key: &["position"],
};

/// Ranges that have no position yet. Only PostgreSQL has the table; the column `n` counts by itself.
pub(in crate::hub) const FEED_WAITING: Table = Table {
    name: "feed_waiting",
    columns: &[("book", Int), ("first_seq", Int), ("last_seq", Int), ("at_ms", Int)],
    key: &["n"],
};

/// The end of the hub's own ledger, in a single row.
pub(in crate::hub) const MOVEMENT_END: Table = Table {
    name: "movement_end",
    columns: &[("one", Int), ("seq", Int), ("chain", Blob)],
    key: &["one"],
};

pub(in crate::hub) const HELD: Table = Table {
    name: "held",
    columns: &[
        ("sku", Text),
        ("book", Int),
        ("on_hand", Int),
        ("reserved", Int),
        ("in_transit", Int),
        ("received", Int),
        ("adjusted", Int),
        ("deducted", Int),
        ("given", Int),
    ],
    key: &["sku", "book"],
};

pub(in crate::hub) const POOL: Table = Table {
    name: "pool",
    columns: &[
        ("sku", Text),
        ("received", Int),
        ("adjusted", Int),
        ("deducted", Int),
        ("unallotted", Int),
        ("in_transit", Int),
        ("given", Int),
        ("reserved", Int),
    ],
    key: &["sku"],
};

pub(in crate::hub) const TRANSFER: Table = Table {
    name: "transfer",
    columns: &[
        ("book", Int),
        ("number", Int),
        ("request_id", Text),
        ("transfer", Blob),
        ("returned", Blob),
        ("closed", Int),
    ],
    key: &["book", "number"],
};

pub(in crate::hub) const REQUEST: Table = Table {
    name: "request",
    columns: &[("n", Int), ("id", Text), ("remembered", Blob)],
    key: &["n"],
};

pub(in crate::hub) const OPEN_ORDER: Table = Table {
    name: "open_order",
    columns: &[("id", Text), ("deadline_ms", Int), ("state", Blob)],
    key: &["id"],
};

/// What an open order waits for.
pub(in crate::hub) const OPEN_ORDER_LINE: Table = Table {
    name: "open_order_line",
    columns: &[("sku", Text), ("id", Text), ("units", Int)],
    key: &["sku", "id"],
};

pub(in crate::hub) const RESERVATION: Table = Table {
    name: "reservation",
    columns: &[
        ("id", Text),
        ("deadline_ms", Int),
        ("order_id", Text),
        ("actor", Text),
        ("lines", Blob),
    ],
    key: &["id"],
};

pub(in crate::hub) const POLICY: Table = Table {
    name: "policy",
    columns: &[
        ("sku", Text),
        ("site", Text),
        ("gateway", Text),
        ("low_water", Int),
        ("target", Int),
        ("max_per_day", Int),
    ],
    key: &["sku", "site", "gateway"],
};

pub(in crate::hub) const GRANTED: Table = Table {
    name: "granted",
    columns: &[("sku", Text), ("site", Text), ("gateway", Text), ("recent", Blob)],
    key: &["sku", "site", "gateway"],
};

pub(in crate::hub) const ASK: Table = Table {
    name: "ask",
    columns: &[("n", Int), ("sku", Text), ("book", Int)],
    key: &["sku", "book"],
};

pub(in crate::hub) const LISTING: Table = Table {
    name: "listing",
    columns: &[
        ("sku", Text),
        ("n", Int),
        ("name", Text),
        ("barcodes", Text),
        ("unit", Text),
        ("decimals", Int),
        ("decimals_n", Int),
    ],
    key: &["sku"],
};

/// The decimals that SKUs got, with the numbers of the changes of the catalogue.
pub(in crate::hub) const LISTING_DECIMALS: Table = Table {
    name: "listing_decimals",
    columns: &[("sku", Text), ("n", Int), ("decimals", Int)],
    key: &["sku", "n"],
};

pub(in crate::hub) const ENROLLED: Table = Table {
    name: "enrolled",
    columns: &[("site", Text), ("gateway", Text), ("at_ms", Int)],
    key: &["site", "gateway"],
};

pub(in crate::hub) const DEMAND: Table = Table {
    name: "demand",
    columns: &[
        ("day", Int),
        ("site", Text),
        ("gateway", Text),
        ("sku", Text),
        ("book", Int),
        ("sold", Int),
        ("refused_lines", Int),
        ("refused_units", Int),
    ],
    key: &["day", "site", "gateway", "sku", "book"],
};

pub(in crate::hub) const SINK: Table = Table {
    name: "sink",
    columns: &[
        ("name", Text),
        ("position", Int),
        ("seq", Int),
        ("owner", Text),
        ("lease_until_ms", Int),
        ("delivered_ms", Int),
        ("error", Text),
        ("failing_since_ms", Int),
        ("refused_since_ms", Int),
        ("retries", Int),
    ],
    key: &["name"],
};

pub(in crate::hub) const SINK_ASIDE: Table = Table {
    name: "sink_aside",
    columns: &[
        ("sink", Text),
        ("position", Int),
        ("seq", Int),
        ("error", Text),
        ("at_ms", Int),
        ("retry", Int),
    ],
    key: &["sink", "position", "seq"],
};

/// Where ledgers begin whose older entries were removed.
pub(in crate::hub) const PRUNED: Table = Table {
    name: "pruned",
    columns: &[("book", Int), ("seq", Int), ("chain", Blob)],
    key: &["book"],
};

pub(in crate::hub) const PRUNED_SUM: Table = Table {
    name: "pruned_sum",
    columns: &[("book", Int), ("sku", Text), ("change", Int), ("reserved_change", Int)],
    key: &["book", "sku"],
};

/// The place in the feed after what was removed, in a single row.
pub(in crate::hub) const FEED_START: Table = Table {
    name: "feed_start",
    columns: &[("one", Int), ("position", Int), ("seq", Int)],
    key: &["one"],
};
