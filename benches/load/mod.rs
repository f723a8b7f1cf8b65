//! What the benchmarks share: the work, one small client for every protocol, and the figures.
//!
//! The work is always the same: SKUs drawn by Zipf's law, stock that never runs out, random UUIDs
//! as request ids unless stated otherwise, and every hundredth request an exact retry.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "every benchmark uses a part of this, fails by panicking and measures real time"
)]

pub mod batches;
pub mod client;
pub mod engine;
pub mod figures;
pub mod filled;
pub mod gateway;
pub mod http;
pub mod protocol;
pub mod requests;
pub mod served;
pub mod websocket;
pub mod zipf;
