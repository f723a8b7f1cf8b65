//! The hub's gRPC interface: the same orders, answers and access as over HTTP.

mod access;
mod bodies;
mod client;
mod connection;
mod limits;
mod many;
mod orders;
mod stalled;
mod tools;
mod watch;

#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated code")]
#[allow(dead_code, unreachable_pub, unused_qualifications, elided_lifetimes_in_paths)]
mod proto {
    include!("../../../proto/stockgate.v1.rs");
}
