//! The hub's rules: what frames and central requests do to the books, and what gateways are sent.
//!
//! Nothing here does IO or reads a clock: the books are passed in as [`Books`], the time as a
//! number. For every SKU, `received + adjusted - deducted` is the number of units that exist, and
//! each of them is in one place: in the pool, in transit, or on hand at one gateway's database.

mod account;
mod answer;
mod anywhere;
mod booking;
mod books;
mod breaker;
mod bring_back;
mod catalogue;
mod central;
mod central_request;
mod decimals;
mod demand;
mod downlink;
mod drift;
mod entries;
mod forget;
mod frame_sizes;
mod frames;
pub mod judge;
mod keys;
mod lost_frames;
mod movement;
mod orders;
mod outcome;
mod policy;
mod problem;
mod quota;
mod recalls;
mod records;
mod recovery;
mod reopen;
mod retire;
mod scale;
mod taken_over;
mod transfer;
mod whole_units;

pub use self::answer::FrameAnswer;
pub use self::anywhere::{
    AnywhereSale, OpenOrder, Progress, Purpose, Spare, sale_was_refused, sell,
    serve as serve_sales, settle,
};
pub use self::books::{Books, PolicyOfSku, Rules};
pub use self::breaker::Breaker;
pub use self::bring_back::{BroughtBack, CannotBringBack, bring_back};
pub use self::catalogue::{CatalogueChange, compare, publish};
pub use self::central::{CentralDecision, Rejection, decide, was_refused};
pub use self::central_request::CentralRequest;
pub use self::decimals::{SkuDecimals, decimals_of};
pub use self::downlink::Downlink;
pub use self::drift::repair;
pub use self::entries::reject_frame;
pub use self::forget::{ForgottenDatabases, NotForgotten, forget_sku, forget_unused};
pub use self::frame_sizes::{Ceiling, LimitNews};
pub use self::frames::{handle_frame, record_online};
pub use self::keys::{NotAccepted, accept_key};
pub use self::lost_frames::{LostFrames, size_limit};
pub use self::movement::{EnteredMovement, Movement, MovementKind};
pub use self::orders::{StoredHold, StoredRecord, expire};
pub use self::outcome::FrameOutcome;
pub use self::policy::{serve_all, set_gateway_policy, set_policy};
pub use self::problem::{is_drift, is_waiting};
pub use self::quota::{Quota, Quotas};
pub use self::recalls::{RecallLine, RecallStatus, recall_status};
pub use self::records::{
    Allotment, AppliedRequest, Book, DecidedRequest, DemandCounts, Elsewhere, Held, IssuedTransfer,
    MatchPosition, OTHER_KEY, Policy, Pool, PoolLine, RecentGrants, SkuAccount, SkuRecord,
    Takeover, WholeUnits,
};
pub use self::recovery::{Recovery, recover};
pub use self::reopen::{NotReopened, reopen};
pub use self::retire::{HeldUnits, NoSuchEpoch, Retired, retire};

#[cfg(test)]
pub(super) mod tests;
