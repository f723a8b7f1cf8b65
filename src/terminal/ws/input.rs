//! What a session reads from its terminal.

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::end::{GONE, MALFORMED, NO_ROOM, NOT_UTF8, SessionEnd, TOO_LARGE};
use super::guard::TooLong;
use super::session::Session;
use crate::clock;
use crate::limits::{
    BODY_BYTES_DISCARDED_MAX, CONNECTION_BURST_MAX, CONNECTION_IN_FLIGHT_MAX, TERMINAL_READ_BYTES,
};
use crate::net::http::NoRoom;
use crate::terminal::wire::WireFormat;

/// Bytes in the header of a client's control frame, with its mask.
const CONTROL_HEADER_BYTES: usize = 6;

impl Session {
    /// Whether the session may read: another mutation may be in flight.
    pub(super) fn may_read(&self) -> bool {
        self.in_flight.len() < CONNECTION_IN_FLIGHT_MAX
    }

    /// Receives messages that arrived together with the last one.
    pub(super) async fn receive_burst(&mut self) -> Result<(), SessionEnd> {
        for _ in 0..CONNECTION_BURST_MAX {
            if !self.may_read() {
                break;
            }
            match self.socket.next().now_or_never() {
                Some(Some(message)) => self.receive(message).await?,
                Some(None) => return Err(GONE),
                None => break,
            }
        }
        Ok(())
    }

    pub(super) async fn receive(
        &mut self,
        message: Result<Message, Error>,
    ) -> Result<(), SessionEnd> {
        (self.heard_at, self.is_pinged) = (clock::instant(), false);
        match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                self.client.permit.message_complete();
                let state = &self.context.state;
                let read_by = state.catalogue();
                let mut message = self.client.format.read(&message, &|sku| state.decimals(sku));
                if self.client.format == WireFormat::Json {
                    message.note_catalogue(read_by);
                }
                self.handle_message(message).await
            }
            Ok(Message::Ping(bytes) | Message::Pong(bytes)) => {
                let bytes = CONTROL_HEADER_BYTES + bytes.len();
                self.client.permit.give_back(bytes);
                Ok(())
            }
            Ok(Message::Frame(_)) => Ok(()),
            Ok(Message::Close(_)) => Err(GONE),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => Err(TOO_LARGE),
            Err(Error::Protocol(_)) => Err(MALFORMED),
            Err(Error::Utf8(_)) => Err(NOT_UTF8),
            Err(Error::Io(error)) => Err(end_of(&error)),
            Err(_) => Err(GONE),
        }
    }

    /// Ends the connection to the terminal, and reads and discards until the terminal ends it too,
    /// within limits (RFC 6455, 7.1.1). A connection that is closed with unread input is reset, and
    /// the terminal might not see the close frame.
    pub(super) async fn discard_input(&mut self) {
        let _ = self.socket.get_mut().shutdown().await;
        self.socket.get_mut().lift_guard();
        let mut left = BODY_BYTES_DISCARDED_MAX;
        let mut bytes = vec![0; TERMINAL_READ_BYTES];
        while let Ok(count @ 1..) = self.socket.get_mut().read(&mut bytes).await {
            self.client.permit.message_complete();
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    }
}

/// The end of a session whose connection failed, or sent too much of a message.
fn end_of(error: &std::io::Error) -> SessionEnd {
    match error.get_ref() {
        Some(error) if error.is::<TooLong>() => TOO_LARGE,
        Some(error) if error.is::<NoRoom>() => NO_ROOM,
        Some(_) | None => GONE,
    }
}
