//! Bounds of one transaction of the hub's writer.

/// Frames in one transaction.
pub const HUB_BATCH_FRAMES_MAX: usize = 64;
/// Requests in one transaction. What a transaction costs by itself is shared by all of them.
pub const HUB_BATCH_REQUESTS_MAX: usize = 512;
/// SKUs that the requests of one transaction name before it takes no further one, so that no
/// transaction is long: one request names at most [`LINES_MAX`](super::LINES_MAX).
pub const HUB_BATCH_SKUS_MAX: usize = 16_000;
/// Requests that wait for the writer: two transactions of them.
pub const HUB_REQUESTS_WAITING_MAX: usize = 2 * HUB_BATCH_REQUESTS_MAX;
/// Reservations in the pool that end in one transaction.
pub const HUB_EXPIRED_AT_ONCE: usize = 100;
