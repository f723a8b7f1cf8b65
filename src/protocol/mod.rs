//! The sync protocol between gateway and hub, pure: frames and times in, frames and decisions out.
//!
//! Three positions make the protocol: how far the gateway's ledger goes, how far the hub has
//! committed it (`acked_seq`), and how far the gateway has sent it. There is no queue: what is to
//! be sent is the ledger after the sent position, and whenever anything is in doubt the gateway
//! forgets that position and asks the hub for its own ([`Frame::Hello`], [`Frame::Resume`]).
//!
//! ```text
//! gateway                                   hub
//!    | Hello epoch, position, checks    ->   |  compares with its books
//!    |                    <- Resume acked    |
//!    | Entries acked+1 ..               ->   |  applies new ones and its cursor in one commit
//!    |                    <- Ack up to       |  only then
//! ```
//!
//! [`uplink`] is the gateway's side of a conversation; the hub's side is `hub::core::judge`.
//! Nothing here owns a socket, file, clock or task: the gateway's `link` and the hub's `link` do.

pub mod columns;
pub mod demand_report;
pub mod drift;
pub mod envelope;
pub mod frame;
pub mod frame_size;
mod listing_v1;
mod ranges;
mod said;
pub mod topic;
pub mod uplink;
pub mod window;
pub mod wire;

pub use self::frame::Frame;
