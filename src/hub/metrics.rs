//! What the hub counts, and the `/metrics` page that shows it.

use crate::metrics::{CertificateGauges, Counter, Gauge, Histogram, MetricsText, Refusals};

/// The counters of one hub process. All start at 0 with the process.
#[derive(Debug, Default)]
pub(super) struct HubMetrics {
    /// Frames with at least one entry that was new to the books.
    pub(super) frames_applied: Counter,
    /// Frames all of whose entries were in the books already.
    pub(super) frames_known: Counter,
    /// Rejected frames: unreadable, or not of the database in force.
    pub(super) frames_bad: Counter,
    /// Frames from fenced databases.
    pub(super) frames_refused: Counter,
    /// Entries added to the books.
    pub(super) entries: Counter,
    /// Connections to the broker that were lost or failed.
    pub(super) link_losses: Counter,
    /// The errors that clients were answered with.
    pub(super) refusals: Refusals,
    /// Frames that wait for the broker's client.
    pub(super) outgoing: Gauge,
    /// The size of the frames that do not arrive though smaller ones do, in bytes; 0 for none.
    pub(super) frame_lost_bytes: Gauge,
    /// Our certificate for the broker.
    pub(super) certificate: CertificateGauges,
    /// Batches whose transaction failed.
    pub(super) commits_failed: Counter,
    /// The time from the start of a batch to the end of its commit.
    pub(super) commits: Histogram,
}

impl HubMetrics {
    /// The page in Prometheus's text format. `left_out` gateways are not asked by sales.
    pub(super) fn page(&self, is_subscribed: bool, left_out: usize) -> String {
        let mut text = MetricsText::default();
        text.counters(&[
            ("hub_frames_applied_total", "Frames whose entries were booked.", &self.frames_applied),
            (
                "hub_frames_known_total",
                "Frames of which every entry was known.",
                &self.frames_known,
            ),
            (
                "hub_frames_bad_total",
                "Rejected frames: unreadable, or of another database.",
                &self.frames_bad,
            ),
            ("hub_frames_refused_total", "Frames from fenced databases.", &self.frames_refused),
            ("hub_entries_total", "Ledger entries booked.", &self.entries),
            ("hub_link_losses_total", "Broker connections lost or failed.", &self.link_losses),
            (
                "hub_commits_failed_total",
                "Batches that could not be committed to the books.",
                &self.commits_failed,
            ),
        ]);
        self.refusals.write(&mut text, "hub_refusals_total");
        let help = "Frames that wait until the broker's client takes them.";
        text.gauges(&[("hub_outgoing_frames", help, self.outgoing.get())]);
        let help = "Size of the frames that do not arrive though smaller ones do; 0 for none.";
        text.gauges(&[("hub_frame_lost_bytes", help, self.frame_lost_bytes.get())]);
        let help = "When our certificate for the broker begins, since 1970; 0 without one.";
        let CertificateGauges { begin_s, end_s } = &self.certificate;
        text.gauges(&[("hub_broker_certificate_begin_seconds", help, begin_s.get())]);
        let help = "When our certificate for the broker ends, since 1970; 0 without one.";
        text.gauges(&[("hub_broker_certificate_end_seconds", help, end_s.get())]);
        let help = "Gateways that sales ask for nothing for a while, because they miss recalls.";
        text.gauges(&[("hub_gateways_left_out", help, left_out as u64)]);
        let help = "Whether the broker has granted the subscriptions, or none is configured.";
        text.gauges(&[("hub_subscribed", help, is_subscribed.into())]);
        let help = "Time until a batch was committed to the books.";
        text.histogram("hub_commit_duration_seconds", help, &self.commits);
        text.finish()
    }
}
