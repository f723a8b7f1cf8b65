//! A gateway whose disk is full or fails, tested from outside on a small filesystem of its own.
//!
//! As root the filesystem is ext4 in a file. Otherwise it is a tmpfs in a user namespace, on which
//! all modules except `broken` work. Without user namespaces the tests fail and say so.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests watch another process, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod expiry;
mod full;
mod load;
mod start;
mod way_out;
