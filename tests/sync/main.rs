//! Gateway and hub, tested from outside over a real broker. One module for each subject.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests watch other processes, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod addresses;
mod anywhere;
mod audit;
mod backlog;
mod barcodes;
mod books;
mod brokers;
mod catalogue;
mod certificate_ends;
mod clock;
mod damage;
mod decimals;
mod decode;
mod denied;
mod descriptions;
mod doctor;
mod epochs;
mod escrow;
mod faults;
mod feed;
mod fleet;
mod forged;
mod frames;
mod gateways;
mod grpc;
mod hub;
mod link;
mod months;
mod orders;
mod outages;
mod pair;
mod postgres;
mod reasons;
mod receiver;
mod reconcile;
mod restore;
mod retention;
mod service;
mod sink_descriptions;
mod sink_kills;
mod sink_kinds;
mod sink_workers;
mod sinks;
mod sites;
mod size_limits;
mod transfers;
mod twins;
mod upgrades;
mod workers;
