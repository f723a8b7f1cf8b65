//! The subprotocol `stockgate.v1.postcard`, for terminals on which JSON is a burden: the same
//! messages as in JSON, encoded as postcard in binary frames. docs/TERMINALS.md describes it.

mod messages;
mod request;
mod response;

pub use self::messages::{
    PROTOCOL, WireAppliedLine, WireEntry, WireEntryNote, WireFilter, WireItem, WireLine, WireNote,
    WireOperation, WireOutcome, WireReply, WireRequest, WireReservation, WireSync, WireTrace,
};
pub(crate) use self::request::read_message;
pub(in crate::terminal) use self::response::{
    hello, result, stock_event, sync_event, write_applied, write_error,
};
