//! The content of the board: the sync state, what is low, and the last changes. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::cli::figures::{in_units, millionths};
use crate::cli::inspect::{named, span, sync_words};

/// Rows for low stock and for changes, so that the board fits a terminal of 24 lines.
const ROWS: usize = 8;
/// The width of a narrow terminal.
const WIDTH: usize = 80;

/// The state of the board.
pub(super) struct Board {
    /// In units; the stock is in millionths.
    low: i64,
    name: String,
    sync: Value,
    /// Why the gateway is unreachable, if it is.
    lost: Option<String>,
    /// The available units of each SKU.
    stock: BTreeMap<String, Known>,
    /// Newest first.
    changes: VecDeque<Change>,
}

/// What is known of a SKU.
struct Known {
    available: i128,
    /// Name and unit.
    name: String,
}

struct Change {
    sku: String,
    by: i128,
    available: i128,
    name: String,
    at_ms: i64,
}

impl Board {
    /// Lists SKUs of which `low` units or fewer are available.
    pub(super) fn new(low: i64) -> Self {
        let (stock, changes) = (BTreeMap::new(), VecDeque::new());
        Self { low, name: String::new(), sync: Value::Null, lost: None, stock, changes }
    }

    /// The gateway has sent its greeting.
    pub(super) fn begin(&mut self, hello: &Value, sync: &Value) {
        let text = |key: &str| hello[key].as_str().unwrap_or("?");
        self.name = format!("{}/{}  version {}", text("site"), text("gateway"), text("version"));
        self.sync = sync.clone();
        self.lost = None;
    }

    /// The connection to the gateway is lost.
    pub(super) fn lose(&mut self, why: &str) {
        self.lost = Some(why.into());
    }

    /// Adds an event. Items up to version `base_seq` were there before the watch began.
    pub(super) fn take(&mut self, event: &Value, base_seq: u64, now_ms: i64) {
        if event["event"] == "sync" {
            self.sync = event["sync"].clone();
        }
        for item in event["items"].as_array().into_iter().flatten() {
            self.take_item(item, base_seq, now_ms);
        }
    }

    fn take_item(&mut self, item: &Value, base_seq: u64, now_ms: i64) {
        let (Some(sku), Some(available)) = (item["sku"].as_str(), millionths(item, "available"))
        else {
            return;
        };
        let name = named(item);
        let known = self.stock.insert(sku.into(), Known { available, name: name.clone() });
        let by = available - known.map_or(0, |known| known.available);
        if item["version"].as_u64().unwrap_or(0) <= base_seq || by == 0 {
            return;
        }
        self.changes.push_front(Change { sku: sku.into(), by, available, name, at_ms: now_ms });
        self.changes.truncate(ROWS);
    }

    /// The board, line by line.
    pub(super) fn lines(&self, now_ms: i64) -> Vec<String> {
        let mut lines = vec![format!("Stockgate  {}  {} SKUs", self.name, self.stock.len())];
        lines.push(match &self.lost {
            Some(why) => format!("the gateway cannot be reached, trying again: {why}"),
            None => sync_words(&self.sync),
        });
        lines.push(String::new());
        self.list_low(&mut lines);
        lines.push(String::new());
        lines.push("last changes".into());
        for Change { sku, by, available, name, at_ms } in &self.changes {
            let (by, available) = (in_units(*by, true), in_units(*available, false));
            let age = span(u64::try_from((now_ms - at_ms) / 1_000).unwrap_or(0));
            let line = format!("  {sku:<20} {by:>10} {available:>10} available {age} ago  {name}");
            lines.push(line.trim_end().to_owned());
        }
        lines.iter().map(|line| shown(line)).collect()
    }

    fn list_low(&self, lines: &mut Vec<String>) {
        let low_max = i128::from(self.low) * 1_000_000;
        let is_low = |(_, known): &(&String, &Known)| known.available <= low_max;
        let mut low: Vec<_> = self.stock.iter().filter(is_low).collect();
        low.sort_by_key(|(_, known)| known.available);
        lines.push(format!("{} or fewer available: {} SKUs", self.low, low.len()));
        for (sku, Known { available, name }) in low.iter().take(ROWS) {
            let available = in_units(*available, false);
            lines.push(format!("  {sku:<20} {available:>10}  {name}").trim_end().to_owned());
        }
        if low.len() > ROWS {
            lines.push(format!("  and {} more", low.len() - ROWS));
        }
    }
}

/// Makes a text safe for one row of a terminal: without line breaks and control characters.
fn shown(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_control()).take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stock(items: &[(&str, i64, u64)]) -> Value {
        let item = |(sku, available, version): &(&str, i64, u64)| json!({"sku": sku, "available": available, "version": version});
        json!({"event": "stock", "items": items.iter().map(item).collect::<Vec<_>>()})
    }

    fn board() -> Board {
        let mut board = Board::new(10);
        let sync = json!({"state": "online", "acked_seq": 3, "pending": 0});
        board.begin(&json!({"site": "wh", "gateway": "gw", "version": "1"}), &sync);
        board.take(&stock(&[("A", 100, 1), ("B", 4, 2), ("C", 0, 3)]), 3, 0);
        board
    }

    #[test]
    fn low_stock_is_listed_lowest_first() {
        let lines = board().lines(0);
        assert!(lines[0].contains("wh/gw") && lines[0].ends_with("3 SKUs"), "{lines:?}");
        assert_eq!(lines[3], "10 or fewer available: 2 SKUs");
        assert!(lines[4].contains('C') && lines[5].contains('B'), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "last changes");
    }

    #[test]
    fn changes_are_listed_newest_first_with_their_age() {
        let mut board = board();
        board.take(&stock(&[("A", 94, 4), ("NEW", 7, 5)]), 3, 60_000);
        let lines = board.lines(125_000);
        let at = lines.iter().position(|line| line == "last changes").unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&lines[at + 1]), "NEW +7 7 available 1 min ago");
        assert_eq!(words(&lines[at + 2]), "A -6 94 available 1 min ago");
    }

    #[test]
    fn the_board_fits_a_small_terminal() {
        let mut board = board();
        let name = "X".repeat(64);
        for n in 0..50 {
            board.take(&stock(&[(&format!("{name}{n}"), 1, 10 + n)]), 3, 0);
        }
        board.lose(&"why ".repeat(100));
        board.take(&stock(&[("\x1b[2J", 1, 99)]), 3, 0);
        let lines = board.lines(0);
        assert!(lines.len() < 24, "{}", lines.len());
        assert!(lines.iter().all(|line| line.len() <= 80 && !line.contains('\x1b')), "{lines:?}");
    }
}
