//! The Prometheus text format.

use std::fmt::{Display, Write as _};

use super::counter::Counter;
use super::histogram::{BOUNDS, Histogram};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only rises, from 0 at the start of the process.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

impl MetricKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// The text of a scrape. Every metric's name gets the prefix `stockgate_`.
#[derive(Debug, Default)]
pub struct MetricsText(String);

impl MetricsText {
    /// Adds counters without labels, each as name, help and counter.
    pub fn counters(&mut self, counters: &[(&str, &str, &Counter)]) {
        for (name, help, counter) in counters {
            self.metric(MetricKind::Counter, name, help, counter.get());
        }
    }

    /// Adds gauges without labels, each as name, help and value.
    pub fn gauges(&mut self, gauges: &[(&str, &str, u64)]) {
        for (name, help, number) in gauges {
            self.metric(MetricKind::Gauge, name, help, *number);
        }
    }

    /// Adds a metric without labels.
    pub fn metric(&mut self, kind: MetricKind, name: &str, help: &str, value: impl Display) {
        self.head(kind.as_str(), name, help);
        self.sample(name, "", value);
    }

    /// Adds a metric with one sample per value of a label.
    pub fn labelled<L: Display>(
        &mut self,
        kind: MetricKind,
        (name, help): (&str, &str),
        label: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.head(kind.as_str(), name, help);
        for (value, number) in samples {
            let value = escaped(&value.to_string());
            self.sample(name, &format!("{{{label}=\"{value}\"}}"), number);
        }
    }

    /// Adds a metric with two labels.
    #[cfg(feature = "hub")]
    pub fn labelled_twice<L: Display>(
        &mut self,
        kind: MetricKind,
        (name, help): (&str, &str),
        labels: [&str; 2],
        samples: impl IntoIterator<Item = ([L; 2], u64)>,
    ) {
        self.head(kind.as_str(), name, help);
        for (values, number) in samples {
            let [one, other] = values.map(|value| escaped(&value.to_string()));
            let [first, second] = labels;
            self.sample(name, &format!("{{{first}=\"{one}\",{second}=\"{other}\"}}"), number);
        }
    }

    /// Adds a histogram, in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head("histogram", name, help);
        let counts = histogram.cumulative();
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, count) in bounds.zip(counts) {
            self.sample(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), count);
        }
        let sum_us = histogram.sum_us();
        let sum = format!("{}.{:06}", sum_us / 1_000_000, sum_us % 1_000_000);
        self.sample(&format!("{name}_sum"), "", sum);
        self.sample(&format!("{name}_count"), "", counts.last().expect("there is +Inf"));
    }

    fn head(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP stockgate_{name} {help}\n# TYPE stockgate_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "stockgate_{name}{labels} {value}");
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// Escapes the value of a label: a SKU may contain a quote or a backslash.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_every_metric_has_help_and_type() {
        let mut text = MetricsText::default();
        text.labelled(
            MetricKind::Gauge,
            ("left_units", "What is left."),
            "sku",
            [(r#"1/2" \pipe"#, 3)],
        );
        assert_eq!(
            text.finish(),
            "# HELP stockgate_left_units What is left.\n# TYPE stockgate_left_units gauge\n\
             stockgate_left_units{sku=\"1/2\\\" \\\\pipe\"} 3\n"
        );
    }

    #[test]
    fn the_buckets_of_a_histogram_are_cumulative() {
        let histogram = Histogram::default();
        histogram.observe([0, 700, 20_000_000].map(std::time::Duration::from_micros));
        let mut text = MetricsText::default();
        text.histogram("commit_duration_seconds", "A commit.", &histogram);
        let text = text.finish();
        for line in [
            r#"commit_duration_seconds_bucket{le="0.0005"} 1"#,
            r#"commit_duration_seconds_bucket{le="0.001"} 2"#,
            r#"commit_duration_seconds_bucket{le="10"} 2"#,
            r#"commit_duration_seconds_bucket{le="+Inf"} 3"#,
            "commit_duration_seconds_sum 20.000700",
            "commit_duration_seconds_count 3",
        ] {
            assert!(text.lines().any(|said| said == format!("stockgate_{line}")), "{line}: {text}");
        }
    }
}
