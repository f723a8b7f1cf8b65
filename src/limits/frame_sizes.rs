//! Limits on the size of frames, and on the search for a size that passes a broker.

/// Bytes in one frame to or from the hub.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;
/// Bytes in a frame that passes any broker.
pub const FRAME_BYTES_SMALL: usize = 960;
/// Time after which a frame that was too large for the broker is tried again; it doubles.
pub const FRAME_TRIAL_MS: u64 = 60_000;
/// Time after which it is tried again the first time if enough has arrived meanwhile: longer than a hub
/// takes that has lost its database for a moment.
pub const FRAME_TRIAL_SOON_MS: u64 = 5_000;
/// The longest such time: at most so long after the broker's limit was raised it is noticed.
pub const FRAME_TRIAL_MS_MAX: u64 = 3_600_000;
/// Time after which a gateway counts as offline if the hub answers and confirms no entry of those that
/// wait: longer than a large frame takes on a slow link.
pub const HUB_PROGRESS_MS: u64 = 30_000;
/// Time within which a gateway answers a frame that is tried, over a slow link; shorter than the time
/// between two greetings.
pub const FRAME_TRIAL_ANSWER_MS: u64 = 30_000;
/// Bytes a second on a slow cellular link, by which a large message gets more time for its answer.
pub const SLOW_LINK_BYTES_PER_S: u64 = 2_000;
/// Time after a connection was closed for another reason than a large frame, within which a large frame
/// is not blamed for the next closing.
pub const FRAME_EXCUSED_MS: u64 = 30_000;
/// Time after a connection was closed over a large frame within which only small ones are sent; longer
/// than a second client with the same id takes to displace this one again.
pub const FRAME_CAUTION_MS: u64 = 6_000;
