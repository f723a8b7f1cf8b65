//! The hub's rules: what frames, receipts, central sales and transfers do to the books, and what
//! a gateway is to be told. Without a socket, file, clock or task: the books are handed in as
//! [`Books`], the time as a number.
//!
//! What always holds, for every SKU: `received + adjusted - deducted` is what exists, and each of
//! these units is in one place: unallotted, in transit, or held by one gateway's database.

mod account;
mod books;
mod catalogue;
mod central;
mod downlink;
mod drift;
mod frames;
pub mod judge;
mod policy;
mod retire;
mod transfer;

pub use self::books::{
    Allotment, Book, Books, DecidedRequest, IssuedTransfer, MatchPosition, Policy, Pool,
    SkuAccount, SkuRecord,
};
pub use self::catalogue::publish;
pub use self::central::{
    AppliedRequest, CentralRequest, Decided, PoolLine, Recalled, Rejection, central, recalled,
};
pub use self::downlink::Downlink;
pub use self::drift::repair;
pub use self::frames::{FrameAnswer, FrameOutcome, handle_frame, note_online};
pub use self::policy::set_policy;
pub use self::retire::{NoSuchEpoch, Retired, retire};

#[cfg(test)]
pub(super) mod tests;
