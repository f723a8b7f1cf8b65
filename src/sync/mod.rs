//! The sync with the hub.
//!
//! Three positions make the protocol: how far the gateway's ledger goes, how far the hub has
//! committed it (`acked_seq`), and how far the gateway has sent it. There is no queue: what is to
//! be sent is the ledger behind the sent position, and whenever anything is in doubt the gateway
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
//! [`uplink`] (gateway) and [`receiver`] (hub) are pure: frames and times in, frames and
//! decisions out. [`UpLink`] and the hub's inlet are the shells that own the sockets.

pub mod catalogue;
pub mod columns;
pub mod drift;
pub mod envelope;
pub mod frame;
mod link;
pub mod mqtt;
pub mod receiver;
pub mod topic;
pub mod uplink;

pub use self::frame::Frame;
pub use self::link::UpLink;
