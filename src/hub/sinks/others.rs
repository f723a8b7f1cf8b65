//! Sinks that the books know, and the configuration of this worker does not: of another worker, or of
//! none any more. People are told, because entries are kept for them for a while.

use std::collections::BTreeMap;

use crate::clock::rfc3339;
use crate::hub::db::SinkRow;

/// What has become of such a sink, at the time of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OtherSink {
    /// Another worker has it.
    Elsewhere { worker: String },
    /// No worker has it; entries are kept for it until then.
    Kept { until_ms: i64 },
    /// No worker has had it for long; no entries are kept for it.
    Forgotten,
}

impl OtherSink {
    pub(super) fn of(sink: &SinkRow, now_ms: i64) -> Self {
        let until_ms = sink.kept_until_ms();
        if sink.is_held(now_ms) {
            let worker = sink.owner.split_once('/').map_or("", |(worker, _)| worker);
            return Self::Elsewhere { worker: worker.to_owned() };
        }
        if now_ms <= until_ms { Self::Kept { until_ms } } else { Self::Forgotten }
    }

    fn log(&self, sink: &str) {
        match self {
            Self::Elsewhere { worker } => {
                tracing::warn!(
                    sink,
                    worker,
                    "another worker delivers to a sink that this one is not configured with; give all workers the same list of sinks"
                );
            }
            Self::Kept { until_ms } => {
                let until = rfc3339(*until_ms);
                tracing::warn!(
                    sink,
                    until,
                    "the books know a sink that no worker delivers to, and this one is not configured with; until then, entries are kept for it"
                );
            }
            Self::Forgotten => {
                tracing::warn!(
                    sink,
                    "no worker has delivered to the sink for a week, and this one is not configured with it; no entries are kept for it any more"
                );
            }
        }
    }
}

/// What was said of such sinks, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct OtherSinks {
    said: BTreeMap<String, OtherSink>,
}

impl OtherSinks {
    /// Tells people of the sinks, each with the time of the database, whose state is new.
    pub(super) fn tell(&mut self, others: &[(i64, SinkRow)]) {
        let now = others.iter().map(|(now_ms, sink)| (&sink.name, OtherSink::of(sink, *now_ms)));
        let now: BTreeMap<String, OtherSink> =
            now.map(|(name, state)| (name.clone(), state)).collect();
        let is_new = |(name, state): &(&String, &OtherSink)| self.said.get(*name) != Some(*state);
        now.iter().filter(is_new).for_each(|(name, state)| state.log(name));
        self.said = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_of_another_worker_then_kept_for_a_week_and_then_forgotten() {
        const WEEK_MS: i64 = 7 * 86_400_000;
        let sink = SinkRow { owner: "hub-2/x".into(), lease_until_ms: 5_000, ..Default::default() };
        let elsewhere = OtherSink::Elsewhere { worker: "hub-2".into() };
        assert_eq!(OtherSink::of(&sink, 5_000), elsewhere);
        let kept = OtherSink::Kept { until_ms: 5_000 + WEEK_MS };
        assert_eq!(OtherSink::of(&sink, 5_001), kept, "it has died");
        assert_eq!(OtherSink::of(&SinkRow { owner: String::new(), ..sink.clone() }, 5_000), kept);
        assert_eq!(OtherSink::of(&sink, 5_000 + WEEK_MS), kept);
        assert_eq!(OtherSink::of(&sink, 5_001 + WEEK_MS), OtherSink::Forgotten);
    }
}
