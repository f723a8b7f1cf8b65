//! Wire formats: how a session's messages are written, as JSON in text frames or as postcard in
//! binary ones.
//!
//! This folder turns bytes into requests and results into bytes. It must not touch the committed
//! state, the intake or sockets.

mod format;
mod frames;
pub(crate) mod json;
mod message;
pub mod postcard;
mod shared_frame;

/// The version of the session protocol, which `hello` reports in either format.
const SESSION_PROTOCOL: u32 = 1;

pub(super) use self::format::WireFormat;
pub(super) use self::frames::{EncodedFrame, SendQueue};
pub(super) use self::message::MessageId;
pub(crate) use self::message::RequestMessage;
pub(super) use self::shared_frame::SharedFrame;
