//! What the black-box tests share: processes under test, clients of their ports, and request
//! bodies.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "every test crate uses a part of this, fails by panicking and waits in real time"
)]

pub mod age;
pub mod bodies;
pub mod broker;
pub mod cable;
pub mod catalogue;
pub mod certificates;
pub mod clock;
pub mod crowd;
pub mod daemon;
pub mod description;
pub mod gateway;
pub mod http;
pub mod hub;
pub mod manager;
pub mod meddler;
pub mod mqtt;
pub mod patience;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod program;
pub mod small_disk;
pub mod terminal;
pub mod ws;
