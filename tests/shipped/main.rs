//! The static files that ship, tested from outside: their properties, that they are idle without
//! work, and that they run past 2038. One module for each subject.
//!
//! `scripts/build-static` makes the files; `STOCKGATE_STATIC_ARMV7` and `STOCKGATE_STATIC_X86_64`
//! name others. Debian's packages `qemu-user` and `faketime` run them.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests watch other processes, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../sync/pair.rs"]
#[allow(dead_code, reason = "the tests of the sync use all of it")]
mod pair;
#[path = "../support/mod.rs"]
mod support;

mod clock;
mod edge;
mod elf;
mod files;
mod idle;
mod old_kernel;
mod year_2038;
