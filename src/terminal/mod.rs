//! The terminal port: HTTP and WebSocket on one listener, with the same rules for both.
//!
//! A request is read into a `request::Request`, whatever its wire format. A mutation goes to the
//! writer's intake; a query is answered from the committed state. Events reach subscribed
//! terminals over feeds.
//!
//! This folder must not change stock, and it must not touch the database except through the
//! ledger reader. It does not know the configuration or the hub.

mod context;
mod feed;
mod http;
mod metrics;
mod page;
mod query;
pub(crate) mod request;
mod response;
mod server;
pub mod wire;
mod ws;

pub use self::server::{Backend, serve};
