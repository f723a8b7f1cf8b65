//! What is counted and timed, and the Prometheus text format.
//!
//! This folder holds the primitives and the gateway's counters. It must not know who counts or who
//! serves the text.

mod certificate;
mod counter;
mod gateway;
mod histogram;
mod refusals;
mod text;

pub use self::certificate::CertificateGauges;
pub use self::counter::{Counter, Gauge, GaugeGuard};
pub use self::gateway::GatewayMetrics;
pub use self::histogram::Histogram;
pub use self::refusals::Refusals;
pub use self::text::{MetricKind, MetricsText};
