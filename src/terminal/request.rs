//! What a terminal asks for, after it has been read. The readers of JSON, of postcard and of HTTP
//! paths all produce these types, so everything after them works the same for all.
//!
//! This file holds types and the bounds of their values. It must not touch a wire format.

use crate::limits::{RESERVATION_TTL_S_MAX, STOCK_MAX};
use crate::net::access::Role;
use crate::net::http::page_size;
use crate::net::request::{check_ends, missing, stock_units};
use crate::problem::Problem;
use crate::stock::{Action, Cause, Command, Decimal, Decimals, Reason, RequestId, Seq, Sku};

/// A request that is valid in itself.
#[derive(Debug)]
pub(crate) enum Request {
    /// Goes to the writer, which answers later.
    Mutate(Command),
    /// Is answered by the session itself.
    Session(SessionRequest),
}

/// A request that does not change stock.
#[derive(Debug)]
pub(crate) enum SessionRequest {
    Query(Query),
    Subscribe(SubscribeRequest),
    Unsubscribe,
    Auth { token: String },
}

/// A request that reads.
#[derive(Debug)]
pub(crate) enum Query {
    /// One SKU.
    Item(Sku),
    /// A page of SKUs with a prefix, in order, after a SKU.
    List {
        prefix: String,
        /// What has to be part of SKU, name or barcode, word by word.
        q: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    /// A page of the ledger, after a position.
    Ledger {
        after: Seq,
        limit: usize,
    },
    Status,
    /// A page of the open reservations.
    Reservations(ReservationsQuery),
    /// One reservation, or what became of it.
    Reservation(RequestId),
    /// The SKU for a scanned code.
    Resolve {
        code: String,
    },
}

/// The open reservations of an order or a SKU, or all, after an id.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReservationsQuery {
    pub(crate) order_id: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) after: Option<RequestId>,
    pub(crate) limit: usize,
}

impl ReservationsQuery {
    /// A page after a cursor, or the first page.
    ///
    /// # Errors
    /// `bad_request` if the cursor is no id, or the limit 0.
    pub(crate) fn page(after: Option<&str>, limit: Option<u64>) -> Result<Self, Problem> {
        let after = after.filter(|after| !after.is_empty()).map(RequestId::parse).transpose();
        let after = after.map_err(|error| Problem::bad_request(format!("after: {error}")))?;
        Ok(Self { after, limit: page_size(limit)?, ..Self::default() })
    }
}

/// A subscription to the stock of some SKUs.
#[derive(Debug)]
pub(crate) struct SubscribeRequest {
    pub(crate) filter: SkuFilter,
    /// The position up to which the terminal knows the stock already.
    pub(crate) since: Option<Seq>,
}

/// The SKUs of a subscription.
#[derive(Debug)]
pub(crate) enum SkuFilter {
    All,
    Prefix(String),
    /// In ascending order.
    Skus(Box<[Sku]>),
}

impl SkuFilter {
    /// A filter for named SKUs.
    pub(super) fn of_skus(mut skus: Vec<Sku>) -> Self {
        skus.sort_unstable();
        skus.dedup();
        Self::Skus(skus.into())
    }

    /// The number of SKUs that the filter names.
    pub(super) fn named_count(&self) -> usize {
        match self {
            Self::All | Self::Prefix(_) => 0,
            Self::Skus(skus) => skus.len(),
        }
    }

    /// Whether the subscription is to this SKU.
    pub(super) fn matches(&self, sku: &Sku) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => sku.as_str().starts_with(prefix.as_str()),
            Self::Skus(skus) => skus.binary_search(sku).is_ok(),
        }
    }
}

/// Every operation of a session; docs/asyncapi.json describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Mutate(Mutation),
    Get,
    List,
    Ledger,
    Status,
    Reservations,
    Reservation,
    Resolve,
    Subscribe,
    Unsubscribe,
    Auth,
}

/// The operations that change stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    Deduct,
    Restock,
    Count,
    Rollback,
    Reserve,
    Commit,
    Release,
    Extend,
    Merge,
    Hide,
}

impl Mutation {
    /// The role that a client needs for it.
    pub(super) fn needed_role(self) -> Role {
        match self {
            Self::Merge | Self::Hide => Role::Admin,
            Self::Deduct
            | Self::Restock
            | Self::Count
            | Self::Rollback
            | Self::Reserve
            | Self::Commit
            | Self::Release
            | Self::Extend => Role::Operator,
        }
    }
}

/// The role that a client needs for an action.
pub(super) fn role_for(action: &Action) -> Role {
    match action {
        Action::Merge { .. } | Action::Hide { .. } => Role::Admin,
        Action::Deduct { .. }
        | Action::Restock { .. }
        | Action::Count { .. }
        | Action::Rollback { .. }
        | Action::Reserve { .. }
        | Action::Commit { .. }
        | Action::Release { .. }
        | Action::CommitPart { .. }
        | Action::Extend { .. } => Role::Operator,
    }
}

/// The operations by their names in JSON.
static OPERATIONS: [(&str, Operation); 20] = [
    ("deduct", Operation::Mutate(Mutation::Deduct)),
    ("restock", Operation::Mutate(Mutation::Restock)),
    ("count", Operation::Mutate(Mutation::Count)),
    ("rollback", Operation::Mutate(Mutation::Rollback)),
    ("reserve", Operation::Mutate(Mutation::Reserve)),
    ("commit", Operation::Mutate(Mutation::Commit)),
    ("release", Operation::Mutate(Mutation::Release)),
    ("extend", Operation::Mutate(Mutation::Extend)),
    ("merge", Operation::Mutate(Mutation::Merge)),
    ("hide", Operation::Mutate(Mutation::Hide)),
    ("get", Operation::Get),
    ("list", Operation::List),
    ("ledger", Operation::Ledger),
    ("status", Operation::Status),
    ("reservations", Operation::Reservations),
    ("reservation", Operation::Reservation),
    ("resolve", Operation::Resolve),
    ("subscribe", Operation::Subscribe),
    ("unsubscribe", Operation::Unsubscribe),
    ("auth", Operation::Auth),
];

impl Operation {
    /// The operation of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        OPERATIONS.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation)
    }
}

/// A request that was read and is not valid: its fields do not make a request of its operation,
/// or there is no such operation. The role is checked before the problem is sent, so that a client
/// without it learns nothing else.
#[derive(Debug)]
pub(crate) struct InvalidRequest {
    /// `None` if there is no such operation.
    pub(super) operation: Option<Operation>,
    pub(super) problem: Problem,
}

impl InvalidRequest {
    pub(super) fn is_mutation(&self) -> bool {
        matches!(self.operation, Some(Operation::Mutate(_)))
    }

    /// The role that a client needs to see the problem; `None` if every client may see it.
    pub(super) fn needed_role(&self) -> Option<Role> {
        match self.operation {
            Some(Operation::Mutate(mutation)) => Some(mutation.needed_role()),
            Some(Operation::Auth) => None,
            Some(
                Operation::Get
                | Operation::List
                | Operation::Ledger
                | Operation::Status
                | Operation::Reservations
                | Operation::Reservation
                | Operation::Resolve
                | Operation::Subscribe
                | Operation::Unsubscribe,
            )
            | None => Some(Role::Viewer),
        }
    }
}

/// Names a command: by the id that the client chose, or else by one derived from the reservation.
///
/// # Errors
/// If the client chose none and the action has no reservation, or if an id has white space at an
/// end.
pub(super) fn named_command(
    chosen: Option<RequestId>,
    action: Action,
    cause: Cause,
) -> Result<Command, Problem> {
    check_ids(chosen.as_ref(), &action)?;
    let cause = Cause { reason: cause.reason.or_else(|| reason_of(&action)), ..cause };
    let derived = || match &action {
        Action::Commit { reservation, .. } => Some(RequestId::commit_of(reservation)),
        Action::Release { reservation } => Some(RequestId::release_of(reservation)),
        Action::Deduct { .. }
        | Action::Restock { .. }
        | Action::Count { .. }
        | Action::Rollback { .. }
        | Action::Reserve { .. }
        | Action::CommitPart { .. }
        | Action::Extend { .. }
        | Action::Merge { .. }
        | Action::Hide { .. } => None,
    };
    let is_chosen = chosen.is_some();
    match chosen.or_else(derived) {
        Some(request_id) => {
            Ok(Command { request_id, chosen: is_chosen, action, cause, read_by: None })
        }
        None => Err(missing("request_id")),
    }
}

/// Why the stock is corrected, where the action itself says so.
fn reason_of(action: &Action) -> Option<Reason> {
    match action {
        Action::Merge { .. } => Reason::parse("merge").ok(),
        Action::Hide { .. } => Reason::parse("hide").ok(),
        Action::Deduct { .. }
        | Action::Restock { .. }
        | Action::Count { .. }
        | Action::Rollback { .. }
        | Action::Reserve { .. }
        | Action::Commit { .. }
        | Action::Release { .. }
        | Action::CommitPart { .. }
        | Action::Extend { .. } => None,
    }
}

/// Checks the ends of the ids that are not in lines. One that names an earlier request is as it is.
fn check_ids(chosen: Option<&RequestId>, action: &Action) -> Result<(), Problem> {
    if let Some(request_id) = chosen {
        check_ends("request_id", request_id.as_str())?;
    }
    match action {
        Action::Deduct { order_id: Some(id), .. }
        | Action::Restock { order_id: Some(id), .. }
        | Action::Reserve { order_id: Some(id), .. } => check_ends("order_id", id.as_str()),
        Action::Count { sku, .. } => check_ends("sku", sku.as_str()),
        Action::Merge { from, into } if from == into => {
            Err(Problem::bad_request("into: is the same SKU as from"))
        }
        Action::Deduct { order_id: None, .. }
        | Action::Restock { order_id: None, .. }
        | Action::Reserve { order_id: None, .. }
        | Action::Rollback { .. }
        | Action::Commit { .. }
        | Action::CommitPart { .. }
        | Action::Extend { .. }
        | Action::Merge { .. }
        | Action::Hide { .. }
        | Action::Release { .. } => Ok(()),
    }
}

/// Checks the units that a cycle count found.
///
/// # Errors
/// If they are below 0 or over [`STOCK_MAX`].
pub(super) fn checked_count(counted: i64) -> Result<i64, Problem> {
    if (0..=STOCK_MAX).contains(&counted) {
        return Ok(counted);
    }
    Err(Problem::bad_request(format!("counted: must be from 0 to {STOCK_MAX}, is {counted}")))
}

/// The units that a cycle count found, in the smallest unit.
///
/// # Errors
/// If they have too many decimals, or are over [`STOCK_MAX`].
pub(super) fn counted_units(counted: Decimal, decimals: Decimals) -> Result<i64, Problem> {
    stock_units("counted", counted, decimals)
}

/// Checks the life of a reservation.
///
/// # Errors
/// If it is 0 or over [`RESERVATION_TTL_S_MAX`].
pub(super) fn checked_ttl(ttl_s: Option<u64>) -> Result<Option<u64>, Problem> {
    match ttl_s {
        Some(ttl_s) if !(1..=RESERVATION_TTL_S_MAX).contains(&ttl_s) => {
            let message = format!("ttl_s: must be from 1 to {RESERVATION_TTL_S_MAX}");
            Err(Problem::bad_request(message))
        }
        ttl_s => Ok(ttl_s),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_described_and_nothing_else() {
        let description = include_str!("../../docs/asyncapi.json");
        let description: serde_json::Value = serde_json::from_str(description).unwrap();
        let messages = description["channels"]["terminal"]["messages"].as_object().unwrap();
        let described = messages.keys().filter_map(|name| name.strip_prefix("ask_"));
        let served = OPERATIONS.iter().map(|(name, _)| *name);
        assert_eq!(described.collect::<BTreeSet<_>>(), served.collect());
    }
}
