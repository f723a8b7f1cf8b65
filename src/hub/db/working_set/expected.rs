//! What a transaction will read and change, as far as that is known before.

use std::collections::BTreeSet;

use crate::hub::core::Book;
use crate::hub::db::error::Locks;
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

/// What the jobs of a batch will read and change, as far as that is known before.
#[derive(Debug, Default)]
pub(in crate::hub) struct Expected {
    /// What is locked: the gateways of the jobs, and the pools of central requests and transfers.
    pub(in crate::hub) locks: Locks,
    /// Gateways that are locked unless another worker has locked them.
    pub(in crate::hub) if_free: BTreeSet<GatewayId>,
    /// The SKUs of entries, for the newest database of a gateway.
    pub(in crate::hub) skus: Vec<(GatewayId, BTreeSet<Sku>)>,
}

/// The transfer that the ledger's next grant or recall must match, if there is one.
pub(super) fn next_transfer(book: &Book) -> Option<(i64, u64)> {
    let next = book.match_position.transfer;
    (book.is_open() && next <= book.issued).then_some((book.id, next.saturating_sub(1)))
}
