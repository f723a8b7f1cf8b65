//! What changes, gathered and written once for all terminals that listen.
//!
//! A bulletin is the stock that changed between two positions of the ledger. One task posts them
//! on a board, where the last few are kept; terminals send what they find there. A terminal that
//! has missed more than that looks for itself what changed behind its position. So the stock is
//! searched once for all, however many listen, and a slow terminal costs only itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{Wire, Written};
use crate::limits::{
    BULLETINS_A_LOOK, BULLETINS_MAX, EVENT_ITEMS_MAX, LISTENER_PACE, LISTENER_PACE_MAX,
};
use crate::stock::{Item, Seq, Sku, Stock};
use crate::stop::Stop;
use crate::view::View;

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
    pub(super) fn message(&self, wire: Wire) -> Message {
        self.written.on(wire, |wire| wire.stock(self.to, &self.items))
    }
}

/// The last bulletins, the newest at the end.
#[derive(Debug, Default)]
pub(super) struct Board {
    bulletins: VecDeque<Arc<Bulletin>>,
    /// How long a terminal leaves the board alone after a look.
    pub(super) pace: Duration,
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

/// Posts what is committed until a stop is requested. The more terminals listen, the less often
/// each looks, and finds more at once: nobody waits for the processor. They look one after another,
/// and there is something new for each, because several bulletins are posted meanwhile.
pub(super) async fn post(view: Arc<View>, board: watch::Sender<Board>, mut stop: Stop) {
    let mut committed = view.committed();
    let mut posted = view.stock().seq();
    loop {
        tokio::select! {
            () = stop.requested() => return,
            changed = committed.changed() => if changed.is_err() { return },
        }
        let listeners = post_new(&view, &board, &mut posted);
        let pause = pace(listeners) / BULLETINS_A_LOOK;
        // The timer counts milliseconds.
        if pause.as_millis() > 0 {
            sleep(pause).await;
        }
    }
}

fn pace(listeners: u32) -> Duration {
    LISTENER_PACE.saturating_mul(listeners).min(LISTENER_PACE_MAX)
}

/// Posts what is new and answers how many listen.
fn post_new(view: &View, board: &watch::Sender<Board>, posted: &mut Seq) -> u32 {
    loop {
        let stock = view.stock();
        // Whoever comes after this look finds the same stock, or a newer one.
        let listeners = u32::try_from(board.receiver_count()).unwrap_or(u32::MAX);
        if listeners == 0 {
            *posted = stock.seq();
            return 0;
        }
        let (bulletin, more) = Bulletin::behind(*posted, &stock);
        drop(stock);
        *posted = bulletin.to;
        if !bulletin.items.is_empty() {
            board.send_modify(|board| {
                board.pace = pace(listeners);
                board.post(bulletin);
            });
        }
        if !more {
            return listeners;
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
