//! The errors that clients were answered with.

use super::counter::Counter;
use super::text::{MetricKind, MetricsText};
use crate::problem::Code;

/// A counter for each code.
#[derive(Debug, Default)]
pub struct Refusals([Counter; Code::ALL.len()]);

impl Refusals {
    /// Counts an answer with this error.
    pub fn count(&self, code: Code) {
        if let Some(counter) = self.0.get(code as usize) {
            counter.inc();
        }
    }

    /// Adds them to a page under this name, by code.
    pub fn write(&self, text: &mut MetricsText, name: &str) {
        let help = "Errors that clients were answered with, by code.";
        let counts = self.0.iter().map(Counter::get);
        let samples = Code::ALL.into_iter().map(Code::as_str).zip(counts);
        text.labelled(MetricKind::Counter, (name, help), "code", samples);
    }
}
