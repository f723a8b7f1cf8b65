//! The gateway's page at `/metrics`.

use super::scarce::Listed;
use super::{Kind, Metrics, Page};
use crate::clock::{is_trusted, wall_ms};
use crate::engine::intake::IntakeDepth;
use crate::engine::state::CommittedState;
use crate::process::VERSION;
use crate::store::DatabaseSizes;

/// What is looked up for a page, rather than counted.
#[derive(Debug)]
pub struct Figures {
    /// See [`crate::engine::intake::Intake::depth`].
    pub depth: IntakeDepth,
    /// See [`crate::store::LedgerReader::sizes`].
    pub sizes: DatabaseSizes,
}

/// The page. It looks at files and at every SKU: not for the event loop.
pub fn render(state: &CommittedState, metrics: &Metrics, figures: &Figures) -> String {
    let mut page = Page::default();
    of_requests(&mut page, metrics);
    of_queues(&mut page, metrics, &figures.depth);
    of_stock(&mut page, state, metrics);
    of_sync(&mut page, state, metrics);
    of_storage(&mut page, state, &figures.sizes);
    of_process(&mut page, state);
    page.text()
}

fn of_requests(page: &mut Page, metrics: &Metrics) {
    page.counters(&[
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
    let help = "Errors that clients were answered with, by code.";
    let refusals = metrics.refusals().map(|(code, count)| (code.as_str(), count));
    page.labelled(Kind::Counter, ("refusals_total", help), "code", refusals);
    let help = "From when a mutation was taken in until its answer was on its way.";
    page.histogram("decision_duration_seconds", help, &metrics.decisions);
    let help = "A transaction, until it was on the disk.";
    page.histogram("commit_duration_seconds", help, &metrics.commits);
}

fn of_queues(page: &mut Page, metrics: &Metrics, depth: &IntakeDepth) {
    page.gauges(&[
        ("terminals_connected", "Terminals at a WebSocket.", metrics.terminals.get()),
        ("intake_waiting_requests", "Mutations that wait for the writer.", depth.requests),
        ("intake_waiting_frames", "Frames of the hub that wait for the writer.", depth.frames),
        (
            "sync_frames_under_way",
            "Frames that wait for the hub's acknowledgement.",
            metrics.frames_under_way.get(),
        ),
    ]);
}

fn of_stock(page: &mut Page, state: &CommittedState, metrics: &Metrics) {
    let (seq, skus, holds) = {
        let stock = state.stock();
        (stock.seq(), stock.sku_count() as u64, stock.hold_count() as u64)
    };
    let Listed { sold_out, least } = metrics.scarce.look(state);
    page.gauges(&[
        ("ledger_seq", "Position of the last ledger entry.", seq),
        ("skus", "Known SKUs.", skus),
        ("skus_sold_out", "SKUs that had stock and have nothing available.", sold_out),
        ("reservations_open", "Open reservations.", holds),
    ]);
    let help = "What is left of the SKUs that sold out last, and of those that have the least.";
    let least = least.into_iter();
    page.labelled(Kind::Gauge, ("sku_available_units", help), "sku", least);
}

fn of_sync(page: &mut Page, state: &CommittedState, metrics: &Metrics) {
    let sync = state.sync_status();
    page.counters(&[
        ("transfers_taken_total", "Grants and recalls of the hub taken.", &metrics.transfers_taken),
        ("frames_sent_total", "Frames sent to the hub.", &metrics.frames_sent),
        ("frames_bad_total", "Frames from the hub that could not be read.", &metrics.frames_bad),
        ("link_losses_total", "Broker connections lost or failed.", &metrics.link_losses),
    ]);
    page.gauges(&[
        ("sync_online", "1 if the hub answers.", u64::from(sync.state == "online")),
        ("sync_offline_seconds", "Time without the hub's answer.", state.offline_ms() / 1_000),
        ("sync_acked_seq", "Position committed by the hub.", sync.acked_seq),
        ("sync_pending_entries", "Entries the hub has not committed.", sync.pending),
        ("sync_oldest_pending_seconds", "Age of the oldest of them.", sync.oldest_pending_s),
    ]);
}

fn of_storage(page: &mut Page, state: &CommittedState, sizes: &DatabaseSizes) {
    let is_ready = state.problem().is_none();
    page.gauges(&[
        ("ready", "1 if mutations are accepted and decided.", u64::from(is_ready)),
        ("database_bytes", "Size of the database file.", sizes.database),
        ("wal_bytes", "Size of the database's log.", sizes.wal),
    ]);
    if let Some(free) = sizes.free {
        let help = "Free on the filesystem of the data directory.";
        page.metric(Kind::Gauge, "disk_free_bytes", help, free);
    }
    if let Some(bytes) = disk_written_bytes() {
        let help = "Bytes this process has had written to the disk.";
        page.metric(Kind::Counter, "disk_written_bytes_total", help, bytes);
    }
}

fn of_process(page: &mut Page, state: &CommittedState) {
    page.labelled(Kind::Gauge, ("build_info", "What runs here."), "version", [(VERSION, 1)]);
    let uptime_s = state.clock.since_start_ms() / 1_000;
    page.gauges(&[
        ("uptime_seconds", "Time since the start.", uptime_s),
        ("clock_trusted", "1 if the times of new entries are trusted.", u64::from(is_trusted())),
    ]);
    let help = "The wall clock; compare it with the time of whoever asks.";
    page.metric(Kind::Gauge, "clock_seconds", help, wall_ms() / 1_000);
    if let Some(bytes) = resident_bytes() {
        page.metric(Kind::Gauge, "resident_memory_bytes", "Memory in use.", bytes);
    }
}

/// What flash wears by, as the kernel counts it: whole pages, when they become dirty. Not every
/// kernel is built to count.
fn disk_written_bytes() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kb = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kb.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1_024)
}
