//! The progress bar, on a line of its own.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::summary::Summary;
use crate::clock;

const EVERY: Duration = Duration::from_millis(500);
const BAR: usize = 20;

/// Shows on stderr how far a replay is, if that is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    total: u64,
    shown_at: Instant,
    is_terminal: bool,
}

impl Progress {
    /// Of this many rows.
    pub(super) fn of(total: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { total, shown_at: clock::instant(), is_terminal }
    }

    pub(super) fn show(&mut self, summary: &Summary) {
        if self.is_terminal && self.shown_at.elapsed() >= EVERY {
            self.shown_at = clock::instant();
            write(&format!("\r{}\x1b[K", bar(summary, self.total)));
        }
    }

    /// Draws the bar a last time, also of a file that was too short for it, and ends its line.
    pub(super) fn end(&self, summary: &Summary) {
        if let Some(line) = self.last_line(summary) {
            write(&line);
        }
    }

    fn last_line(&self, summary: &Summary) -> Option<String> {
        self.is_terminal.then(|| format!("\r{}\x1b[K\n", bar(summary, self.total)))
    }
}

/// That it cannot be shown is no reason to stop.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn bar(summary: &Summary, total: u64) -> String {
    let Summary { rows, applied, replayed, .. } = summary;
    let refused: u64 = summary.refused.values().sum();
    let share = *rows as f64 / total.max(1) as f64;
    let full = ((share * BAR as f64) as usize).min(BAR);
    let percent = (share * 100.0) as u64;
    format!(
        "[{}{}] {percent:>3} %  {rows} rows: {applied} applied, {replayed} replayed, {refused} refused",
        "#".repeat(full),
        "-".repeat(BAR - full),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_the_share_of_the_rows() {
        let summary = Summary { rows: 50, applied: 40, replayed: 9, ..Summary::default() };
        assert_eq!(
            bar(&summary, 200),
            "[#####---------------]  25 %  50 rows: 40 applied, 9 replayed, 0 refused"
        );
        assert!(bar(&Summary::default(), 0).contains("  0 %"));
    }

    #[test]
    fn a_short_file_ends_with_the_full_bar_on_a_terminal_only() {
        let summary = Summary { rows: 3, applied: 3, ..Summary::default() };
        let terminal = Progress { is_terminal: true, ..Progress::of(3) };
        let line = terminal.last_line(&summary).unwrap();
        assert!(line.starts_with("\r[####################] 100 %  3 rows: 3 applied"), "{line}");
        let file = Progress { is_terminal: false, ..terminal };
        assert_eq!(file.last_line(&summary), None);
    }
}
