//! The contract of the gateway, tested on a running gateway from outside. One module for each
//! subject.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests watch another process, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod audit;
mod barcodes;
mod bounds;
mod by_hand;
mod command_line;
mod configuration;
mod decimals;
mod doctor;
mod doctor_files;
mod durability;
mod errors;
mod expiry;
mod http;
mod hub;
mod idempotency;
mod labels;
mod locks;
mod logs;
mod metrics;
mod misreads;
mod model;
mod mutations;
mod names;
mod overwritten;
mod page;
mod phantom;
mod placement;
mod positions;
mod postcard;
mod properties;
mod queries;
mod race;
mod reload;
mod replay;
mod reservations;
mod reservations_list;
mod rfc6455;
mod rollback;
mod service;
mod storage;
mod storm;
mod tls;
mod watch;
mod websocket;
mod who_and_why;
