//! A gateway whose disk is full or breaks, tried from outside on a small filesystem of its own.
//! One module a theme.
//!
//! As root the filesystem is ext4 in a file. Otherwise it is a tmpfs in a user namespace, on which
//! all but `broken` works; where there are no user namespaces either, the tests say so and fail.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests watch another process, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod full;
mod load;
mod start;
mod way_out;
