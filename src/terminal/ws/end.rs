//! Why a session ends.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why a session ends: the close code, and the reason for the close frame and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionEnd {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

const fn end(code: CloseCode, reason: &'static str) -> SessionEnd {
    SessionEnd { code, reason }
}

pub(super) const GONE: SessionEnd = end(CloseCode::Normal, "the terminal has gone");
pub(super) const UNKNOWN: SessionEnd = end(CloseCode::Policy, "no token was shown");
pub(super) const REVOKED: SessionEnd = end(CloseCode::Policy, "the token is not known any more");
pub(super) const STALLED: SessionEnd = end(CloseCode::Again, "not reading");
pub(super) const SILENT: SessionEnd = end(CloseCode::Again, "nothing heard");
pub(super) const NO_ROOM: SessionEnd =
    end(CloseCode::Again, "too many large messages arrive at the same time");
pub(super) const STOPPING: SessionEnd = end(CloseCode::Away, "the gateway is stopping");
pub(super) const TOO_LARGE: SessionEnd = end(CloseCode::Size, "message too large");
pub(super) const NOT_UTF8: SessionEnd = end(CloseCode::Invalid, "a text is not UTF-8");
pub(super) const MALFORMED: SessionEnd = end(CloseCode::Protocol, "not the WebSocket protocol");
