//! The broker's limit on the size of frames: what is said of it, and that it outlives a restart.

use tokio::task::{JoinHandle, spawn_blocking};

use crate::metrics::GatewayMetrics;
use crate::net::mqtt::RAISE_THE_LIMIT;
use crate::protocol::frame_size::FrameLimit;
use crate::sizes;
use crate::store::LinkFile;

/// Reports the limit, and keeps it.
#[derive(Debug, Default)]
pub(super) struct KnownLimit {
    /// A limit was reported.
    is_reported: bool,
    kept: Option<KeptLimit>,
}

/// The file in which the limit is kept. It is written when the limit changes, which is seldom.
#[derive(Debug)]
struct KeptLimit {
    file: LinkFile,
    /// What the file has.
    saved: Option<FrameLimit>,
    writing: Option<JoinHandle<()>>,
}

impl KnownLimit {
    /// Keeps the limit of the way to this broker in a file; returns what the file has.
    pub(super) fn keep_in(&mut self, file: LinkFile, broker: &str) -> Option<FrameLimit> {
        let saved = file.read().and_then(|line| parse(&line, broker));
        self.kept = Some(KeptLimit { file, saved, writing: None });
        saved
    }

    /// Reports frames that do not arrive, when they are noticed and when they arrive again.
    pub(super) fn report(
        &mut self,
        limit: Option<FrameLimit>,
        broker: &str,
        metrics: &GatewayMetrics,
    ) {
        if let Some(kept) = &mut self.kept {
            kept.keep(limit, broker);
        }
        metrics.frame_lost_bytes.set(limit.map_or(0, |limit| limit.lost) as u64);
        if limit.is_some() == self.is_reported {
            return;
        }
        self.is_reported = limit.is_some();
        match limit {
            Some(limit) => tracing::warn!(
                next = RAISE_THE_LIMIT,
                "{}; smaller frames are sent",
                size_limit(limit.lost)
            ),
            None => tracing::info!("large frames arrive again"),
        }
    }
}

impl KeptLimit {
    /// Writes the limit, unless the file has it or is being written.
    fn keep(&mut self, limit: Option<FrameLimit>, broker: &str) {
        if limit == self.saved || self.writing.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        self.saved = limit;
        let (file, line) = (self.file.clone(), limit.map(|limit| line(limit, broker)));
        self.writing = Some(spawn_blocking(move || {
            // If it cannot be written, the limit is found again after the next start.
            let _ = line.map_or_else(|| file.remove(), |line| file.write(&line));
        }));
    }
}

fn line(FrameLimit { passes, lost }: FrameLimit, broker: &str) -> String {
    format!("{broker} {passes} {lost}")
}

fn parse(line: &str, broker: &str) -> Option<FrameLimit> {
    let mut words = line.split(' ');
    let known = words.next().filter(|known| *known == broker);
    let [passes, lost] = [words.next()?.parse().ok()?, words.next()?.parse().ok()?];
    known.map(|_| FrameLimit { passes, lost })
}

/// What is said of frames that do not arrive.
pub(super) fn size_limit(bytes: usize) -> String {
    format!(
        "frames of {} do not get through, small ones do: a size limit of the broker or of a proxy",
        sizes::Bytes(bytes as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_follows_the_size_that_was_lost_last() {
        let (mut known, metrics) = (KnownLimit::default(), GatewayMetrics::default());
        for lost in [16_128, 7_936, 32_768, 0] {
            let limit = (lost > 0).then_some(FrameLimit { passes: 3_840, lost });
            known.report(limit, "broker:1883", &metrics);
            assert_eq!(metrics.frame_lost_bytes.get(), lost as u64);
        }
    }

    #[test]
    fn the_limit_of_another_broker_is_not_this_ones() {
        let limit = FrameLimit { passes: 7_936, lost: 15_870 };
        let line = line(limit, "broker:1883");
        assert_eq!(parse(&line, "broker:1883"), Some(limit));
        assert_eq!(parse(&line, "broker:8883"), None);
        for damaged in ["", "broker:1883", "broker:1883 1", "broker:1883 a b"] {
            assert_eq!(parse(damaged, "broker:1883"), None);
        }
    }
}
