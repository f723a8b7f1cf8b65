//! Renders the gateway's metrics in the Prometheus text format.

use super::scarce::{ScarceReport, ScarceSkus};
use crate::clock::{is_trusted, wall_ms};
use crate::engine::intake::IntakeDepth;
use crate::engine::state::CommittedState;
use crate::metrics::{GatewayMetrics, MetricKind, MetricsText};
use crate::process::VERSION;
use crate::store::DatabaseSizes;

/// Renders all metrics. This looks at every SKU, so it must not run on the event loop. The sizes are
/// left out if the disk has not told them.
pub(in crate::terminal) fn render_metrics(
    state: &CommittedState,
    metrics: &GatewayMetrics,
    scarce: &ScarceSkus,
    depth: IntakeDepth,
    sizes: Option<&DatabaseSizes>,
) -> String {
    let mut text = MetricsText::default();
    add_requests(&mut text, metrics);
    add_queues(&mut text, metrics, depth);
    add_stock(&mut text, state, &scarce.report(state));
    add_sync(&mut text, state, metrics);
    add_storage(&mut text, state, sizes);
    add_process(&mut text, state);
    text.finish()
}

fn add_requests(text: &mut MetricsText, metrics: &GatewayMetrics) {
    text.counters(&[
        ("mutations_applied_total", "Mutations applied.", &metrics.applied),
        ("mutations_refused_total", "Mutations refused by the stock.", &metrics.refused),
        ("mutations_replayed_total", "Mutations answered as decided before.", &metrics.replayed),
        ("mutations_overloaded_total", "Mutations not taken, intake full.", &metrics.overloaded),
        (
            "mutations_unavailable_total",
            "Mutations not decided, storage failing.",
            &metrics.unavailable,
        ),
    ]);
    metrics.refusals.write(text, "refusals_total");
    let help = "Time from the receipt of a mutation until its answer was sent.";
    text.histogram("decision_duration_seconds", help, &metrics.decisions);
    let help = "Time until a transaction was synced to the disk.";
    text.histogram("commit_duration_seconds", help, &metrics.commits);
}

fn add_queues(text: &mut MetricsText, metrics: &GatewayMetrics, depth: IntakeDepth) {
    text.gauges(&[
        ("terminals_connected", "Terminals connected by WebSocket.", metrics.terminals.get()),
        ("intake_waiting_requests", "Mutations that wait for the writer.", depth.requests),
        ("intake_waiting_frames", "Frames of the hub that wait for the writer.", depth.frames),
        (
            "sync_frames_under_way",
            "Frames that wait for the hub's acknowledgement.",
            metrics.frames_under_way.get(),
        ),
        (
            "broker_certificate_begin_seconds",
            "When our certificate for the broker begins, since 1970; 0 without one.",
            metrics.certificate.begin_s.get(),
        ),
        (
            "broker_certificate_end_seconds",
            "When our certificate for the broker ends, since 1970; 0 without one.",
            metrics.certificate.end_s.get(),
        ),
        (
            "sync_frame_lost_bytes",
            "Size of the frames that do not arrive though smaller ones do; 0 for none.",
            metrics.frame_lost_bytes.get(),
        ),
    ]);
}

fn add_stock(text: &mut MetricsText, state: &CommittedState, scarce: &ScarceReport) {
    let (seq, skus, holds) = {
        let stock = state.stock();
        (stock.seq(), stock.sku_count() as u64, stock.hold_count() as u64)
    };
    text.gauges(&[
        ("ledger_seq", "Position of the last ledger entry.", seq),
        ("skus", "Known SKUs.", skus),
        ("skus_sold_out", "SKUs that had stock and have nothing available.", scarce.sold_out),
        ("reservations_open", "Open reservations.", holds),
        (
            "ledger_signed",
            "1 if the device has a key to sign the ledger with.",
            u64::from(state.signatures().key.is_some()),
        ),
    ]);
    let help = "Available units of the SKUs that sold out last and of those with the least stock.";
    let least = scarce.least.iter().map(|(sku, units)| (sku, *units));
    text.labelled(MetricKind::Gauge, ("sku_available_units", help), "sku", least);
}

fn add_sync(text: &mut MetricsText, state: &CommittedState, metrics: &GatewayMetrics) {
    let sync = state.sync_status();
    text.counters(&[
        (
            "transfers_taken_total",
            "Grants and recalls taken from the hub.",
            &metrics.transfers_taken,
        ),
        (
            "demand_uncounted_total",
            "Lines refused for want of stock beyond the limit of SKUs, unknown to the hub.",
            &metrics.demand_uncounted,
        ),
        ("frames_sent_total", "Frames sent to the hub.", &metrics.frames_sent),
        (
            "frames_bad_total",
            "Rejected frames of the hub: unreadable, or for another database.",
            &metrics.frames_bad,
        ),
        (
            "frames_foreign_total",
            "Frames of another hub's books, which were dropped.",
            &metrics.frames_foreign,
        ),
        ("link_losses_total", "Broker connections lost or failed.", &metrics.link_losses),
    ]);
    text.gauges(&[
        ("sync_online", "1 if the hub answers.", u64::from(sync.state == "online")),
        ("sync_offline_seconds", "Time without the hub's answer.", state.offline_ms() / 1_000),
        ("sync_acked_seq", "Position committed by the hub.", sync.acked_seq),
        ("sync_pending_entries", "Entries the hub has not committed.", sync.pending),
        (
            "sync_oldest_pending_seconds",
            "Age of the oldest entry the hub has not committed.",
            sync.oldest_pending_s,
        ),
    ]);
}

fn add_storage(text: &mut MetricsText, state: &CommittedState, sizes: Option<&DatabaseSizes>) {
    let is_ready = state.problem().is_none();
    text.gauges(&[("ready", "1 if mutations are accepted and decided.", u64::from(is_ready))]);
    if let Some(sizes) = sizes {
        add_sizes(text, state, sizes);
    }
    if let Some(bytes) = disk_written_bytes() {
        let help = "Bytes this process has written to the disk.";
        text.metric(MetricKind::Counter, "disk_written_bytes_total", help, bytes);
    }
}

fn add_sizes(text: &mut MetricsText, state: &CommittedState, sizes: &DatabaseSizes) {
    text.gauges(&[
        ("database_bytes", "Size of the database file.", sizes.database),
        ("wal_bytes", "Size of the database's log.", sizes.wal),
    ]);
    let help = "Size of the database's log, which this process keeps from starting over.";
    let readers = state.log_readers();
    let readers = readers.iter().map(|reader| (reader.to_string(), sizes.wal));
    text.labelled(MetricKind::Gauge, ("wal_held_bytes", help), "process", readers);
    if let Some(bytes) = sizes.free.bytes {
        let help = "Free on the filesystem of the data directory.";
        text.metric(MetricKind::Gauge, "disk_free_bytes", help, bytes);
    }
    if let Some(inodes) = sizes.free.inodes {
        let help = "Files that can still be made there.";
        text.metric(MetricKind::Gauge, "disk_free_inodes", help, inodes);
    }
}

fn add_process(text: &mut MetricsText, state: &CommittedState) {
    text.labelled(MetricKind::Gauge, ("build_info", "What runs here."), "version", [(VERSION, 1)]);
    let uptime_s = state.clock.since_start_ms() / 1_000;
    text.gauges(&[
        ("uptime_seconds", "Time since the start.", uptime_s),
        ("clock_trusted", "1 if the times of new entries are trusted.", u64::from(is_trusted())),
    ]);
    let help = "The wall clock; compare it with the scraper's own time.";
    text.metric(MetricKind::Gauge, "clock_seconds", help, wall_ms() / 1_000);
    if let Some(bytes) = resident_bytes() {
        text.metric(MetricKind::Gauge, "resident_memory_bytes", "Memory in use.", bytes);
    }
}

/// The bytes written to the disk, which wear out flash, as the kernel counts them: whole pages,
/// when they become dirty. `None` if the kernel is built without this counter.
fn disk_written_bytes() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kb = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kb.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1_024)
}
