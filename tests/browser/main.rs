//! The terminal page in a real Chromium, driven over WebDriver. One module for each subject.
//!
//! Debian's packages `chromium` and `chromium-driver` provide browser and driver,
//! `scripts/fetch-axe` the accessibility checker. Screenshots for a person are left in
//! `target/screenshots`; the Chinese one needs a font such as Debian's `fonts-wqy-microhei`.
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

mod access;
mod codes;
mod demo;
mod driver;
mod fit;
mod floor;
mod languages;
mod link;
mod looks;
mod once;
mod page;
mod scanner;
mod senses;
mod sheet;
mod speed;
mod states;
mod work;
