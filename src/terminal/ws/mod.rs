//! WebSocket sessions of terminals.
//!
//! This folder owns the connection from the handshake to the close frame. What a request does is
//! up to the query and the writer.

mod end;
mod guard;
mod handshake;
mod input;
mod output;
mod requests;
mod session;
