//! The terminal that the board is drawn on, restored when this is dropped.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use super::board::{Board, Tone};
use super::keys::Keys;
use crate::clock;

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K";
const END_OF_SCREEN: &str = "\x1b[J";
const PLAIN: &str = "\x1b[0m";
/// Of a terminal that does not tell its size.
const USUAL: (usize, usize) = (24, 80);

pub(super) struct Screen {
    pub(super) board: Board,
    keys: Keys,
    is_coloured: bool,
    drawn: String,
    drawn_at: Instant,
}

impl Screen {
    pub(super) fn new(low: i64, mut keys: Keys) -> Self {
        keys.listen();
        put(ENTER);
        let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            board: Board::new(low),
            keys,
            is_coloured: unset("NO_COLOR") && !is_dumb,
            drawn: String::new(),
            drawn_at: clock::instant(),
        }
    }

    /// Redraws after an event or a key, and once a second to update ages.
    pub(super) fn draw(&mut self) {
        let frame = self.frame();
        if frame == self.drawn && self.drawn_at.elapsed() < Duration::from_secs(1) {
            return;
        }
        put(&frame);
        (self.drawn, self.drawn_at) = (frame, clock::instant());
    }

    fn frame(&self) -> String {
        let (rows, columns) = size();
        let lines = match self.keys.wants_help() {
            true => self.board.help(columns),
            false => self.board.lines(clock::wall_ms(), rows, columns),
        };
        let mut frame = String::from(HOME);
        for (at, line) in lines.iter().take(rows).enumerate() {
            frame.push_str(if at == 0 { "" } else { "\r\n" });
            match colour(line.tone).filter(|_| self.is_coloured) {
                Some(colour) => frame.extend([colour, &line.text, PLAIN]),
                None => frame.push_str(&line.text),
            }
            frame.push_str(END_OF_LINE);
        }
        frame.push_str(END_OF_SCREEN);
        frame
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put(LEAVE);
    }
}

/// Rows and columns.
fn size() -> (usize, usize) {
    match tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        Ok(_) | Err(_) => USUAL,
    }
}

fn colour(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Title => Some("\x1b[1m"),
        Tone::Faint => Some("\x1b[2m"),
        Tone::Good => Some("\x1b[32m"),
        Tone::Late => Some("\x1b[33m"),
        Tone::Bad => Some("\x1b[31m"),
    }
}

/// Writes to the terminal. A write error is ignored: the closed output ends the program.
fn put(text: &str) {
    let mut terminal = std::io::stdout().lock();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
