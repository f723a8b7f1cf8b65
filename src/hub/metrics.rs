//! What the hub counts, and the `/metrics` page that shows it.

use std::sync::{Mutex, PoisonError};

use super::core::{FrameAnswer, FrameOutcome, Quota};
use super::reader::{AGES_S, Fleet, GatewayState, SinkFigures};
use crate::metrics::{
    CertificateGauges, Counter, Gauge, Histogram, MetricKind, MetricsText, Refusals,
};

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
    /// 1 if the hub has a key to sign its own ledger with, and that is what was signed before.
    pub(super) ledger_signed: Gauge,
    /// Our certificate for the broker.
    pub(super) certificate: CertificateGauges,
    /// Batches whose transaction failed.
    pub(super) commits_failed: Counter,
    /// The time from the start of a batch to the end of its commit.
    pub(super) commits: Histogram,
    /// Frames that were left aside because their gateway had used up a quota.
    pub(super) limited: Limited,
    /// The gateways together; `None` as long as the books do not answer.
    pub(super) fleet: Mutex<Option<Fleet>>,
    /// The sinks of the feed.
    pub(super) sinks: Mutex<Vec<SinkFigures>>,
}

/// A counter for each quota.
#[derive(Debug, Default)]
pub(super) struct Limited([Counter; Quota::ALL.len()]);

impl Limited {
    pub(super) fn inc(&self, quota: Quota) {
        self.0[quota as usize].inc();
    }
}

impl HubMetrics {
    /// Counts a frame that was handled.
    pub(super) fn count(&self, outcome: &FrameOutcome) {
        self.entries.add(outcome.entries);
        match &outcome.answer {
            Some(FrameAnswer::Ack { .. }) if outcome.entries > 0 => self.frames_applied.inc(),
            Some(FrameAnswer::Ack { .. }) => self.frames_known.inc(),
            Some(FrameAnswer::Refused { .. } | FrameAnswer::Held { .. }) => {
                self.frames_refused.inc();
            }
            Some(FrameAnswer::Resume { .. }) | None => {}
        }
    }

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
        let help = "1 if the hub signs its own ledger.";
        text.gauges(&[("hub_ledger_signed", help, self.ledger_signed.get())]);
        let help = "When our certificate for the broker begins, since 1970; 0 without one.";
        let CertificateGauges { begin_s, end_s } = &self.certificate;
        text.gauges(&[("hub_broker_certificate_begin_seconds", help, begin_s.get())]);
        let help = "When our certificate for the broker ends, since 1970; 0 without one.";
        text.gauges(&[("hub_broker_certificate_end_seconds", help, end_s.get())]);
        let help = "Gateways that sales ask for nothing for a while, because they miss recalls.";
        text.gauges(&[("hub_gateways_left_out", help, left_out as u64)]);
        let help = "Whether the broker has granted the subscriptions, or none is configured.";
        text.gauges(&[("hub_subscribed", help, is_subscribed.into())]);
        let help = "Frames left aside because their gateway had used up a quota, by quota.";
        let counts = Quota::ALL.into_iter().map(Quota::as_str);
        let counts = counts.zip(self.limited.0.iter().map(Counter::get));
        text.labelled(MetricKind::Counter, ("hub_limited_total", help), "quota", counts);
        if let Some(fleet) = &*self.fleet.lock().unwrap_or_else(PoisonError::into_inner) {
            fleet.write(&mut text);
        }
        write_sinks(&mut text, &self.sinks.lock().unwrap_or_else(PoisonError::into_inner));
        let help = "Time until a batch was committed to the books.";
        text.histogram("hub_commit_duration_seconds", help, &self.commits);
        text.finish()
    }
}

/// What is told of each sink.
fn write_sinks(text: &mut MetricsText, sinks: &[SinkFigures]) {
    if sinks.is_empty() {
        return;
    }
    let mut gauge = |name: &str, help: &str, of: fn(&SinkFigures) -> u64| {
        let samples = sinks.iter().map(|figures| (&figures.sink.name, of(figures)));
        text.labelled(MetricKind::Gauge, (name, help), "sink", samples);
    };
    let help = "Position in the feed up to which a sink has taken events.";
    gauge("hub_sink_position", help, |figures| figures.sink.position);
    let help = "Backlog of a sink: the events that it has not taken yet.";
    gauge("hub_sink_lag_events", help, |figures| figures.lag_events);
    let help = "Age of the oldest event in the backlog of a sink.";
    gauge("hub_sink_lag_seconds", help, |figures| figures.lag_s);
    let help = "Dead letters of a sink: events that were set aside, because it has refused them.";
    gauge("hub_sink_set_aside", help, |figures| figures.set_aside);
    let help = "Whether the last delivery to a sink failed.";
    gauge("hub_sink_failing", help, |figures| (figures.sink.failing_since_ms > 0).into());
    let failed = sinks.iter().filter_map(|SinkFigures { sink, .. }| {
        let error = sink.error.as_ref()?;
        Some(([&sink.name, error], u64::from(sink.failing_since_ms > 0)))
    });
    let help = "The last error of a sink in words; 1 as long as it lasts.";
    let name = ("hub_sink_last_error", help);
    text.labelled_twice(MetricKind::Gauge, name, ["sink", "error"], failed);
}

impl Fleet {
    fn write(&self, text: &mut MetricsText) {
        let states = GatewayState::ALL.into_iter().map(GatewayState::name).zip(self.states);
        let help = "Gateways, by state.";
        text.labelled(MetricKind::Gauge, ("hub_gateways", help), "state", states);
        let ages = [
            (
                "hub_pending_gateways",
                "Gateways online whose oldest pending entry has waited longer than this many seconds.",
                self.pending_longer,
            ),
            (
                "hub_in_transit_gateways",
                "Gateways online whose oldest transfer has not been taken for longer than this many seconds.",
                self.in_transit_longer,
            ),
        ];
        for (name, help, counts) in ages {
            let counts = AGES_S.into_iter().zip(counts);
            text.labelled(MetricKind::Gauge, (name, help), "longer_than", counts);
        }
        text.gauges(&[
            ("hub_drifting_gateways", "Gateways with a problem for people.", self.drift),
            ("hub_receiving_gateways", "Gateways with units in transit.", self.in_transit),
            ("hub_pending_entries", "Ledger entries that are known and not booked.", self.pending),
            (
                "hub_oldest_pending_seconds",
                "Age of the oldest pending entry of a gateway online.",
                self.oldest_pending_s,
            ),
        ]);
    }
}
