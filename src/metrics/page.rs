//! Prometheus's text format.

use std::fmt::{Display, Write as _};

use super::Counter;
use super::histogram::{BOUNDS, Histogram};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, and begins at 0 with the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A page of metrics; every name begins with `stockgate_`.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Counters without labels, of name, help and count.
    pub fn counters(&mut self, counters: &[(&str, &str, &Counter)]) {
        for (name, help, counter) in counters {
            self.metric(Kind::Counter, name, help, counter.get());
        }
    }

    /// Gauges without labels, of name, help and number.
    pub fn gauges(&mut self, gauges: &[(&str, &str, u64)]) {
        for (name, help, number) in gauges {
            self.metric(Kind::Gauge, name, help, *number);
        }
    }

    /// A metric without labels.
    pub fn metric(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(kind, name, help);
        self.sample(name, "", value);
    }

    /// A metric with a sample for every value of one label.
    pub fn labelled<L: Display>(
        &mut self,
        kind: Kind,
        (name, help): (&str, &str),
        label: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        self.head(kind, name, help);
        for (value, number) in samples {
            let value = escaped(&value.to_string());
            self.sample(name, &format!("{{{label}=\"{value}\"}}"), number);
        }
    }

    /// A histogram in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head("histogram", name, help);
        let counts = histogram.cumulated();
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

    /// The text.
    pub fn text(self) -> String {
        self.0
    }
}

/// A label's value: a SKU may hold what would end it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_every_metric_has_help_and_type() {
        let mut page = Page::default();
        page.labelled(Kind::Gauge, ("left_units", "What is left."), "sku", [(r#"1/2" \pipe"#, 3)]);
        assert_eq!(
            page.text(),
            "# HELP stockgate_left_units What is left.\n# TYPE stockgate_left_units gauge\n\
             stockgate_left_units{sku=\"1/2\\\" \\\\pipe\"} 3\n"
        );
    }

    #[test]
    fn a_histogram_counts_upwards_to_all() {
        let histogram = Histogram::default();
        histogram.observe([0, 700, 20_000_000].map(std::time::Duration::from_micros));
        let mut page = Page::default();
        page.histogram("commit_duration_seconds", "A commit.", &histogram);
        let text = page.text();
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
