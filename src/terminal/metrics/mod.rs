//! The gateway's `/metrics`.
//!
//! This folder reads the counters, the committed state and the sizes of files. It must not count
//! anything itself.

mod render;
mod scarce;

pub(super) use self::render::render_metrics;
pub(super) use self::scarce::ScarceSkus;
