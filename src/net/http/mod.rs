//! A small HTTP/1.1 server with limits, shared by the terminal port and the hub; for the hub's gRPC
//! interface also over HTTP/2.
//!
//! This folder knows connections, bodies, access, routes and responses. What a request means is up to the
//! handler.

mod answer;
mod body;
#[cfg(feature = "hub")]
mod body_out;
mod buffer_budget;
mod connection_limit;
mod connection_permit;
mod cors;
#[cfg(feature = "hub")]
mod counted_body;
mod framing;
#[cfg(feature = "hub")]
mod http2;
mod metered_stream;
mod open_connections;
mod outgoing;
mod page_file;
mod port_access;
mod query;
mod response;
mod router;
mod server;
mod walk_credit;

pub use self::answer::answer;
pub use self::body::{BodyError, body, body_within};
#[cfg(feature = "hub")]
pub use self::body_out::Incomplete;
pub use self::buffer_budget::NoRoom;
pub use self::connection_permit::ConnectionPermit;
#[cfg(feature = "hub")]
pub use self::counted_body::CountedBody;
#[cfg(feature = "hub")]
pub use self::http2::serve_http2;
pub use self::metered_stream::MeteredStream;
pub use self::outgoing::OutgoingBudget;
pub(crate) use self::page_file::built_in;
pub use self::page_file::{HTML, IMAGE, PageFile, SCRIPT, STYLE, guard};
pub use self::port_access::{PortAccess, PortControl};
pub use self::query::{filled, number, page_size, parameter, unknown_parameter};
#[cfg(feature = "hub")]
pub use self::response::in_parts;
pub use self::response::{HttpResponse, csv, json, problem, response, text};
pub use self::router::Route;
#[cfg(test)]
pub(crate) use self::router::{described, operations};
pub use self::server::{listen, serve};
