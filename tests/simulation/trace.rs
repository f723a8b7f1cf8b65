//! The last events of a run, for reading a seed that failed.

use std::collections::VecDeque;

const LENGTH: usize = 40;

#[derive(Debug)]
pub(crate) struct Trace {
    events: Option<VecDeque<String>>,
    count: u64,
}

impl Trace {
    /// Texts are formatted only if they will be read.
    pub(crate) fn new(traced: bool) -> Self {
        Self { events: traced.then(VecDeque::new), count: 0 }
    }

    pub(crate) fn note(&mut self, event: impl FnOnce() -> String) {
        self.count += 1;
        let Some(events) = &mut self.events else {
            return;
        };
        let mut text = event();
        if let Some((end, _)) = text.char_indices().nth(300) {
            text.truncate(end);
        }
        events.push_back(format!("{:5} {text}", self.count));
        if events.len() > LENGTH {
            events.pop_front();
        }
    }

    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.events.iter().flatten().map(String::as_str).collect();
        lines.join("\n")
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}
