//! What a request came to, before it is encoded. The wire formats turn these types into messages.

use std::sync::Arc;

use crate::barcode::Reading;
use crate::engine::sync_status::SyncStatus;
use crate::net::access::Role;
use crate::net::request::DecimalsOf;
use crate::problem::Problem;
use crate::stock::{
    Actor, Applied, Barcode, Decided, Decimals, EndedBy, Ending, Entry, Line, ListedItem, OrderId,
    RequestId, Seq, Sku,
};

/// The result of a request other than a mutation.
#[derive(Debug)]
pub(super) enum RequestResult {
    Item(ListedItem),
    Items(ItemPage),
    /// A page of a ledger that ends at `last_seq`.
    Ledger {
        entries: Vec<Entry>,
        /// The decimals of each entry's SKU.
        decimals: Vec<Decimals>,
        last_seq: Seq,
    },
    Status(GatewayStatus),
    Reservation(Reservation),
    Reservations(ReservationPage),
    Resolved(ResolvedCode),
    /// The role of the token that was shown.
    Role {
        role: Role,
        /// The name of the token.
        name: Option<String>,
    },
    /// The number of known SKUs that a subscription matches.
    Matched(usize),
    Unsubscribed,
}

/// A page of SKUs.
#[derive(Debug)]
pub(super) struct ItemPage {
    pub(super) items: Vec<ListedItem>,
    /// After which the next page begins.
    pub(super) next: Option<String>,
}

/// A page of the catalogue's barcodes.
#[derive(Debug)]
pub(super) struct BarcodePage {
    /// The last change of the catalogue that they have.
    pub(super) catalogue: u64,
    pub(super) items: Vec<ListedBarcode>,
    /// The code after which the next page begins.
    pub(super) next: Option<String>,
}

/// A barcode, and the SKU that it stands for.
#[derive(Debug)]
pub(super) struct ListedBarcode {
    pub(super) barcode: Barcode,
    pub(super) sku: Sku,
    pub(super) decimals: Decimals,
}

/// The state of the gateway at one moment.
#[derive(Debug)]
pub(super) struct GatewayStatus {
    pub(super) uptime_s: u64,
    pub(super) skus: usize,
    pub(super) reservations: usize,
    pub(super) ledger_seq: Seq,
    /// The last change of the catalogue.
    pub(super) catalogue: u64,
    /// What the page offers as reasons.
    pub(super) reasons: Arc<[String]>,
    /// Why mutations are not decided; `None` if they are.
    pub(super) problem: Option<String>,
    pub(super) sync: SyncStatus,
}

/// A reservation.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) id: RequestId,
    pub(super) order_id: Option<OrderId>,
    /// What is reserved; of one that has ended, what was reserved at first.
    pub(super) lines: Vec<(Line, Decimals)>,
    /// When it ends, by the wall clock.
    pub(super) expires_at_ms: Option<i64>,
    pub(super) expires_in_s: Option<u64>,
    /// The name of the token that made it.
    pub(super) actor: Option<Actor>,
    /// How it ended; `None` as long as it is open.
    pub(super) end: Option<ReservationEnd>,
}

impl Reservation {
    /// The name of its state.
    pub(super) fn state(&self) -> &'static str {
        match &self.end {
            None => "open",
            Some(ReservationEnd::Expired) => "expired",
            Some(ReservationEnd::Closed(ending)) => match ending.by {
                EndedBy::Commit => "committed",
                EndedBy::Release => "released",
            },
        }
    }
}

/// How a reservation ended.
#[derive(Debug)]
pub(super) enum ReservationEnd {
    /// By a commit or release.
    Closed(Ending),
    /// By the end of its lifetime.
    Expired,
}

/// A page of open reservations.
#[derive(Debug, Default)]
pub(super) struct ReservationPage {
    pub(super) items: Vec<Reservation>,
    /// The id after which the next page begins.
    pub(super) next: Option<RequestId>,
}

/// A scanned code, what it says, and the SKU it stands for.
#[derive(Debug)]
pub(super) struct ResolvedCode {
    pub(super) code: String,
    pub(super) reading: Reading,
    /// The units in one thing with that code.
    pub(super) content: u64,
    /// The units that the code stands for in all.
    pub(super) quantity: u64,
    pub(super) item: ListedItem,
}

/// A mutation that was applied, now or earlier under the same request id.
pub(super) struct AppliedMutation<'a> {
    pub(super) request_id: &'a RequestId,
    pub(super) replayed: bool,
    pub(super) applied: &'a Applied,
    pub(super) decimals_of: DecimalsOf<'a>,
    /// The reservation that the mutation made or extended.
    pub(super) reservation: Option<&'a RequestId>,
}

impl<'a> AppliedMutation<'a> {
    /// The mutation, if it was applied.
    ///
    /// # Errors
    /// The refusal, if the stock rules refused it.
    pub(super) fn of(decided: &'a Decided, decimals_of: DecimalsOf<'a>) -> Result<Self, Problem> {
        let Decided { request_id, replayed, outcome, reservation, decimals } = decided;
        let (replayed, reservation) = (*replayed, reservation.as_ref());
        match outcome {
            Ok(applied) => Ok(Self { request_id, replayed, applied, decimals_of, reservation }),
            Err(refusal) => {
                let decimals_of = |sku: &Sku| decimals.unwrap_or_else(|| decimals_of(sku));
                Err(Problem::refused(refusal, replayed, decimals_of))
            }
        }
    }
}
