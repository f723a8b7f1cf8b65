//! A small HTTP/1.1 server with limits, shared by the terminal port and the hub.
//!
//! This folder knows connections, bodies, routes and responses. What a request means is up to the
//! handler.

mod body;
mod connection_limit;
mod query;
mod response;
mod router;
mod server;
mod table;

pub use self::body::{BodyError, body, body_within};
pub use self::connection_limit::ConnectionPermit;
pub use self::query::{number, page_size, parameter};
pub use self::response::{HttpResponse, json, problem, response, text};
#[cfg(test)]
pub(crate) use self::router::operations;
pub use self::router::{Route, RouteError, route};
pub use self::server::{listen, serve};
#[cfg(test)]
pub(crate) use self::table::described;
pub use self::table::{Found, Line, find, other_method, segments};
