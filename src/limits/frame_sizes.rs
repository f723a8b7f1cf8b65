//! Limits on the size of frames, and on the search for a size that passes a broker.

/// Bytes in one frame to or from the hub.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;
/// Bytes in a frame that passes any broker.
pub const FRAME_BYTES_SMALL: usize = 960;
/// Time after which a frame that was too large for the broker is tried again; it doubles.
pub const FRAME_TRIAL_MS: u64 = 60_000;
/// The longest such time.
pub const FRAME_TRIAL_MS_MAX: u64 = 4 * 3_600_000;
