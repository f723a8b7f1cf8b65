//! The counters of a gateway.

use super::certificate::CertificateGauges;
use super::counter::{Counter, Gauge};
use super::histogram::Histogram;
use super::refusals::Refusals;

/// What a gateway counts and times.
#[derive(Debug, Default)]
pub struct GatewayMetrics {
    /// Mutations that were applied.
    pub applied: Counter,
    /// Mutations that the stock rules refused.
    pub refused: Counter,
    /// Mutations that were answered with the outcome of an earlier request of the same id.
    pub replayed: Counter,
    /// Mutations that were turned away because the intake was full.
    pub overloaded: Counter,
    /// Mutations that were not decided because the storage failed.
    pub unavailable: Counter,
    /// Lines refused for want of stock that are not counted by SKU, because there are too many.
    pub demand_uncounted: Counter,
    /// The time from the intake of a mutation until its answer was sent.
    pub decisions: Histogram,
    /// The time of a transaction until it was on the disk. The number of samples is the number of
    /// commits.
    pub commits: Histogram,
    /// Grants and recalls of the hub that were applied.
    pub transfers_taken: Counter,
    /// Frames that were sent to the hub.
    pub frames_sent: Counter,
    /// Rejected frames: unreadable, or for another database.
    pub frames_bad: Counter,
    /// Frames of other books than the gateway's, which were dropped.
    pub frames_foreign: Counter,
    /// Frames that wait for the hub's acknowledgement.
    pub frames_under_way: Gauge,
    /// The size of the frames that do not arrive though smaller ones do, in bytes; 0 for none.
    pub frame_lost_bytes: Gauge,
    /// Our certificate for the broker.
    pub certificate: CertificateGauges,
    /// Connections to the broker that were lost or failed.
    pub link_losses: Counter,
    /// Open WebSocket sessions.
    pub terminals: Gauge,
    /// The errors that clients were answered with.
    pub refusals: Refusals,
}
