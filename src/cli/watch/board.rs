//! The content of the board: the sync state, what is low, and the last changes. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::cli::figures::{in_units, millionths};
use crate::cli::inspect::{named, span, sync_words};

/// Rows that are not of a list: title, link, two blank ones, two headings, and the keys.
const FRAME_ROWS: usize = 7;
/// Each list has at least as many rows.
const LIST_ROWS_MIN: usize = 2;
/// More changes fit no terminal.
const CHANGES_MAX: usize = 200;
const KEYS: &str = "q  end    ?  what this shows";
const HELP: [&str; 12] = [
    "q            end",
    "?            back",
    "",
    "first line   site and gateway, its version, how many SKUs it knows",
    "second line  green: the hub has everything; yellow: entries wait;",
    "             red: this gateway cannot be reached",
    "low          the emptiest SKUs: available units and name;",
    "             red: none is left; --low N sets the limit",
    "changes      newest first: SKU, change, what is available then, age, name;",
    "             green: more, yellow: less",
    "",
    "--prefix 85 shows only SKUs that begin with 85; NO_COLOR=1 shows no colours",
];

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Title,
    Faint,
    Good,
    Late,
    Bad,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
}

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
        self.changes.truncate(CHANGES_MAX);
    }

    /// The board for a terminal of this size.
    pub(super) fn lines(&self, now_ms: i64, rows: usize, columns: usize) -> Vec<Line> {
        let (low, changes) = (self.low_stock(), self.changes.len());
        let room = rows.saturating_sub(FRAME_ROWS).max(2 * LIST_ROWS_MIN);
        let low_rows = low.len().min((room / 2).max(room.saturating_sub(changes)));
        let mut board = Vec::from([
            (Tone::Title, format!("Stockgate  {}  {} SKUs", self.name, self.stock.len())),
            self.link(),
            (Tone::Plain, String::new()),
            (Tone::Title, self.low_title(low.len(), low_rows)),
        ]);
        board.extend(low.iter().take(low_rows).map(|(sku, known)| low_line(sku, known)));
        board.extend([(Tone::Plain, String::new()), (Tone::Title, "last changes".into())]);
        let changes = self.changes.iter().take(room - low_rows);
        board.extend(changes.map(|change| change.line(now_ms)));
        let filled = rows.saturating_sub(1).max(board.len());
        board.resize(filled, (Tone::Plain, String::new()));
        board.push((Tone::Faint, KEYS.into()));
        fitted(board, columns)
    }

    /// What the board shows, and its keys.
    pub(super) fn help(&self, columns: usize) -> Vec<Line> {
        fitted(HELP.map(|text| (Tone::Plain, text.to_owned())).into(), columns)
    }

    fn link(&self) -> (Tone, String) {
        if let Some(why) = &self.lost {
            let text = format!("the gateway cannot be reached, trying again: {why}");
            return (Tone::Bad, text);
        }
        let waits = self.sync["pending"].as_u64().unwrap_or(0) > 0;
        let tone = match self.sync["state"].as_str() {
            Some("online") if !waits => Tone::Good,
            Some("online" | "offline") => Tone::Late,
            Some(_) | None => Tone::Plain,
        };
        (tone, sync_words(&self.sync))
    }

    fn low_title(&self, count: usize, shown: usize) -> String {
        let more = match count - shown {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("{} or fewer available: {count} SKUs{more}", self.low)
    }

    /// The emptiest first.
    fn low_stock(&self) -> Vec<(&String, &Known)> {
        let low_max = i128::from(self.low) * 1_000_000;
        let is_low = |(_, known): &(&String, &Known)| known.available <= low_max;
        let mut low: Vec<_> = self.stock.iter().filter(is_low).collect();
        low.sort_by_key(|(_, known)| known.available);
        low
    }
}

fn low_line(sku: &str, Known { available, name }: &Known) -> (Tone, String) {
    let tone = if *available <= 0 { Tone::Bad } else { Tone::Plain };
    (tone, format!("  {sku:<20} {:>10}  {name}", in_units(*available, false)))
}

impl Change {
    fn line(&self, now_ms: i64) -> (Tone, String) {
        let Self { sku, by, available, name, at_ms } = self;
        let tone = if *by > 0 { Tone::Good } else { Tone::Late };
        let (by, available) = (in_units(*by, true), in_units(*available, false));
        let age = span(u64::try_from((now_ms - at_ms) / 1_000).unwrap_or(0));
        (tone, format!("  {sku:<20} {by:>10} {available:>10} available {age:>7} ago  {name}"))
    }
}

/// Makes texts safe for one row of a terminal each: without line breaks and control characters.
fn fitted(lines: Vec<(Tone, String)>, columns: usize) -> Vec<Line> {
    let fit = |(tone, text): (Tone, String)| {
        let letters = text.trim_end().chars().filter(|letter| !letter.is_control());
        Line { tone, text: letters.take(columns).collect() }
    };
    lines.into_iter().map(fit).collect()
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

    fn texts(board: &Board, now_ms: i64, rows: usize) -> Vec<String> {
        board.lines(now_ms, rows, 80).into_iter().map(|line| line.text).collect()
    }

    fn tone_of(board: &Board, part: &str) -> Tone {
        let lines = board.lines(0, 24, 80);
        lines.iter().find(|line| line.text.contains(part)).expect("it is shown").tone
    }

    #[test]
    fn low_stock_is_listed_lowest_first() {
        let lines = texts(&board(), 0, 24);
        assert!(lines[0].contains("wh/gw") && lines[0].ends_with("3 SKUs"), "{lines:?}");
        assert_eq!(lines[3], "10 or fewer available: 2 SKUs");
        assert!(lines[4].contains('C') && lines[5].contains('B'), "{lines:?}");
        assert_eq!(lines[7], "last changes");
        assert_eq!(lines.last().unwrap(), KEYS);
    }

    #[test]
    fn changes_are_listed_newest_first_with_their_age() {
        let mut board = board();
        board.take(&stock(&[("A", 94, 4), ("NEW", 7, 5)]), 3, 60_000);
        let lines = texts(&board, 125_000, 24);
        let at = lines.iter().position(|line| line == "last changes").unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&lines[at + 1]), "NEW +7 7 available 1 min ago");
        assert_eq!(words(&lines[at + 2]), "A -6 94 available 1 min ago");
    }

    #[test]
    fn what_needs_attention_stands_out() {
        let mut board = board();
        assert_eq!(tone_of(&board, "the hub has everything"), Tone::Good);
        assert_eq!((tone_of(&board, "  C "), tone_of(&board, "  B ")), (Tone::Bad, Tone::Plain));
        board.take(&stock(&[("A", 94, 4)]), 3, 0);
        assert_eq!(tone_of(&board, "-6"), Tone::Late);
        board.take(&json!({"event": "sync", "sync": {"state": "online", "pending": 2}}), 3, 0);
        assert_eq!(tone_of(&board, "2 entries"), Tone::Late);
        board.lose("it is off");
        assert_eq!(tone_of(&board, "it is off"), Tone::Bad);
    }

    #[test]
    fn the_board_fills_a_terminal_of_any_size() {
        let mut board = board();
        let name = "X".repeat(64);
        for n in 0..300 {
            board.take(&stock(&[(&format!("{name}{n}"), 1, 10 + n)]), 3, 0);
        }
        board.lose(&"why ".repeat(100));
        board.take(&stock(&[("\x1b[2J", 1, 999)]), 3, 0);
        for rows in [24, 40, 11] {
            let lines = texts(&board, 0, rows);
            assert_eq!(lines.len(), rows, "{lines:?}");
            assert!(
                lines.iter().all(|line| line.len() <= 80 && !line.contains('\x1b')),
                "{lines:?}"
            );
        }
        let listed =
            |rows| texts(&board, 0, rows).iter().filter(|line| line.contains("XXX")).count();
        assert_eq!((listed(24), listed(40)), (14, 30), "all but three rows of the lists");
    }

    #[test]
    fn the_help_fits_a_small_terminal() {
        let help = board().help(80);
        assert!(help.len() <= 24 && help.iter().any(|line| line.text.contains("NO_COLOR")));
        assert!(HELP.iter().all(|line| line.len() <= 80));
    }
}
