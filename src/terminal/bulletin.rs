//! What changes, gathered and written once for all terminals that listen.
//!
//! A bulletin is the stock that changed between two positions of the ledger. One task posts them
//! on a board, where the last few are kept; terminals send what they find there. A terminal that
//! has missed more than that looks for itself what changed behind its position. So the stock is
//! searched once for all, however many listen, and a slow terminal costs only itself.
//!
//! Where terminals are many, they stand before several boards, which get their bulletins in turn
//! with a pause behind each, so that nobody waits for the processor: the more they are, the less
//! often each board gets one, and the more stands in it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::frames::{Frame, Written};
use super::wire::Wire;
use crate::engine::state::CommittedState;
use crate::limits::{BOARD_LISTENERS, BOARDS, BULLETINS_MAX, EVENT_ITEMS_MAX, LISTENER_PACE};
use crate::process::stop::Stop;
use crate::stock::{Item, Seq, Sku, Stock};

/// What the runtime's timer can tell apart.
const TIMER_TICK: Duration = Duration::from_millis(1);

/// The stock that changed between two positions.
#[derive(Debug)]
pub(super) struct Bulletin {
    /// Behind this one …
    from: Seq,
    /// … up to this one.
    pub(super) to: Seq,
    /// In the order of their versions, as they are at `to`.
    pub(super) items: Vec<(Sku, Item)>,
    /// The event.
    written: Written,
}

impl Bulletin {
    /// What changed behind a position, and whether there is more.
    fn behind(from: Seq, stock: &Stock) -> (Self, bool) {
        let changed = stock.changed_after(from).take(EVENT_ITEMS_MAX);
        let items: Vec<_> = changed.map(|(sku, item)| (sku.clone(), *item)).collect();
        let more = items.len() == EVENT_ITEMS_MAX;
        let to = match items.last() {
            Some((_, item)) if more => item.version,
            Some(_) | None => stock.seq(),
        };
        (Self { from, to, items, written: Written::default() }, more)
    }

    /// The event of all of it.
    pub(super) fn frame(&self, wire: Wire) -> Frame {
        self.written.on(wire, |wire| wire.stock(self.to, &self.items))
    }
}

/// The last bulletins, the newest at the end.
#[derive(Debug, Default)]
pub(super) struct Board {
    bulletins: VecDeque<Arc<Bulletin>>,
}

impl Board {
    /// What stands on the board has no gap: whatever went unposted, as nobody listened, takes what
    /// is older with it.
    fn post(&mut self, bulletin: Bulletin) {
        if self.bulletins.back().is_some_and(|newest| newest.to != bulletin.from) {
            self.bulletins.clear();
        }
        if self.bulletins.len() == BULLETINS_MAX {
            self.bulletins.pop_front();
        }
        self.bulletins.push_back(Arc::new(bulletin));
    }

    /// What goes on behind a position; `None` if something between is no longer here.
    pub(super) fn behind(&self, seq: Seq) -> Option<Vec<Arc<Bulletin>>> {
        let new = self.bulletins.iter().filter(|bulletin| bulletin.to > seq);
        let new: Vec<_> = new.map(Arc::clone).collect();
        new.first().is_none_or(|first| first.from <= seq).then_some(new)
    }
}

/// The boards.
#[derive(Clone, Debug)]
pub(super) struct Boards(Arc<[watch::Sender<Board>]>);

impl Default for Boards {
    fn default() -> Self {
        Self(std::iter::repeat_with(watch::Sender::default).take(BOARDS).collect())
    }
}

impl Boards {
    /// A board on which everything new is posted from here on: the first that is not crowded, so
    /// that a few terminals stand before one and share what is written for it.
    pub(super) fn listen(&self) -> watch::Receiver<Board> {
        let roomy = self.0.iter().find(|board| board.receiver_count() < BOARD_LISTENERS);
        let emptiest = || self.0.iter().min_by_key(|board| board.receiver_count());
        roomy.or_else(emptiest).expect("there are boards").subscribe()
    }

    /// Posts what is committed until a stop is requested.
    pub(super) async fn post(self, state: Arc<CommittedState>, mut stop: Stop) {
        let mut committed = state.committed();
        let mut posted = [state.stock().seq(); BOARDS];
        let mut pace = Pace(Instant::now());
        loop {
            tokio::select! {
                () = stop.requested() => return,
                changed = committed.changed() => if changed.is_err() { return },
            }
            // Whoever comes to an empty board after this finds the same stock, or a newer one.
            let seen = state.stock().seq();
            for (board, posted) in self.0.iter().zip(&mut posted) {
                if board.receiver_count() == 0 {
                    *posted = seen;
                    clear(board);
                    continue;
                }
                pace.pause(LISTENER_PACE * post_new(&state, board, posted)).await;
                if stop.is_requested() {
                    return;
                }
            }
        }
    }
}

/// When the next bulletin is due.
struct Pace(Instant);

impl Pace {
    /// Waits as long as asked, by and large: the timer counts milliseconds and is late, so what is
    /// less is left for later, and what was too much is taken off.
    async fn pause(&mut self, pause: Duration) {
        let now = Instant::now();
        self.0 = self.0.max(now - pause) + pause;
        if self.0 - now >= TIMER_TICK {
            sleep_until(self.0).await;
        }
    }
}

/// What nobody will read takes no room.
fn clear(board: &watch::Sender<Board>) {
    board.send_if_modified(|board| {
        *board = Board::default();
        false
    });
}

/// Posts what is new on a board and answers how many stand before it.
fn post_new(state: &CommittedState, board: &watch::Sender<Board>, posted: &mut Seq) -> u32 {
    loop {
        let (bulletin, more) = Bulletin::behind(*posted, &state.stock());
        *posted = bulletin.to;
        if !bulletin.items.is_empty() {
            board.send_modify(|board| board.post(bulletin));
        }
        if !more {
            return u32::try_from(board.receiver_count()).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(bulletins: &[(Seq, Seq)]) -> Board {
        let mut board = Board::default();
        for &(from, to) in bulletins {
            board.post(Bulletin { from, to, items: Vec::new(), written: Written::default() });
        }
        board
    }

    fn found(board: &Board, seq: Seq) -> Option<Vec<(Seq, Seq)>> {
        let found = board.behind(seq)?;
        Some(found.iter().map(|bulletin| (bulletin.from, bulletin.to)).collect())
    }

    #[test]
    fn a_terminal_goes_on_where_it_is_or_looks_for_itself() {
        let board = board(&[(5, 10), (10, 12)]);
        assert_eq!(found(&board, 4), None);
        assert_eq!(found(&board, 5), Some(vec![(5, 10), (10, 12)]));
        assert_eq!(found(&board, 7), Some(vec![(5, 10), (10, 12)]));
        assert_eq!(found(&board, 10), Some(vec![(10, 12)]));
        assert_eq!(found(&board, 12), Some(Vec::new()));
    }

    #[test]
    fn what_went_unposted_leaves_no_gap() {
        let board = board(&[(5, 10), (20, 21)]);
        assert_eq!(found(&board, 7), None);
        assert_eq!(found(&board, 20), Some(vec![(20, 21)]));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let last = BULLETINS_MAX as Seq + 1;
        let bulletins: Vec<_> = (0..last).map(|from| (from, from + 1)).collect();
        let board = board(&bulletins);
        assert_eq!(found(&board, 0), None);
        assert_eq!(found(&board, 1).map(|found| found.len()), Some(BULLETINS_MAX));
    }
}
