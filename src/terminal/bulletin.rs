//! What changes, gathered and written once for all terminals that listen.
//!
//! A bulletin is the stock that changed between two positions of the ledger. One task posts them
//! on a board, where the last few are kept; terminals send what they find there. A terminal that
//! has missed more than that looks for itself what changed behind its position. So the stock is
//! searched once for all, however many listen, and a slow terminal costs only itself.
//!
//! Terminals listen to one of a few bells. Where they are many, the bells ring in turn with a pause
//! behind each, so that nobody waits for the processor: the more they are, the less often each
//! looks, and the more it finds at once.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{Wire, Written};
use crate::limits::{BELLS, BULLETINS_MAX, EVENT_ITEMS_MAX, LISTENER_PACE, LISTENER_PACE_MAX};
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
struct Board {
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
    fn behind(&self, seq: Seq) -> Option<Vec<Arc<Bulletin>>> {
        let new = self.bulletins.iter().filter(|bulletin| bulletin.to > seq);
        let new: Vec<_> = new.map(Arc::clone).collect();
        new.first().is_none_or(|first| first.from <= seq).then_some(new)
    }
}

/// Where bulletins are posted and listened to.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    board: Arc<RwLock<Board>>,
    bells: Arc<[watch::Sender<()>; BELLS]>,
}

/// One who listens, to the bell that has the fewest.
#[derive(Debug)]
pub(super) struct Listener {
    board: Arc<RwLock<Board>>,
    bell: watch::Receiver<()>,
}

impl Listener {
    /// Waits for something on the board.
    pub(super) async fn rung(&mut self) {
        if self.bell.changed().await.is_err() {
            // The gateway is stopping, which is told otherwise.
            std::future::pending().await
        }
    }

    /// What goes on behind a position; `None` if something between is no longer there.
    pub(super) fn behind(&self, seq: Seq) -> Option<Vec<Arc<Bulletin>>> {
        self.board.read().unwrap_or_else(PoisonError::into_inner).behind(seq)
    }
}

impl Notices {
    /// From here on everything new is posted.
    pub(super) fn listen(&self) -> Listener {
        let bell = self.bells.iter().min_by_key(|bell| bell.receiver_count());
        let bell = bell.expect("there are bells").subscribe();
        Listener { board: Arc::clone(&self.board), bell }
    }

    fn listeners(&self) -> u32 {
        let count = self.bells.iter().map(watch::Sender::receiver_count).sum::<usize>();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Posts what is committed until a stop is requested.
    pub(super) async fn post(self, view: Arc<View>, mut stop: Stop) {
        let mut committed = view.committed();
        let mut posted = view.stock().seq();
        // How many bells are still to be rung, and which is the next.
        let (mut owed, mut next) = (0, 0);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return,
                changed = committed.changed(), if owed == 0 => if changed.is_err() { return },
                () = std::future::ready(()), if owed > 0 => {}
            }
            if self.post_new(&view, &mut posted) {
                owed = BELLS;
            }
            let pause = pause(self.listeners());
            let ringing = if pause.is_zero() { owed } else { owed.min(1) };
            for bell in self.bells.iter().cycle().skip(next).take(ringing) {
                bell.send_replace(());
            }
            (owed, next) = (owed - ringing, (next + ringing) % BELLS);
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }

    /// Posts what is new, if anybody listens; answers whether there was anything.
    fn post_new(&self, view: &View, posted: &mut Seq) -> bool {
        let mut any = false;
        loop {
            let stock = view.stock();
            // Whoever comes after this look finds the same stock, or a newer one.
            if self.listeners() == 0 {
                *posted = stock.seq();
                return false;
            }
            let (bulletin, more) = Bulletin::behind(*posted, &stock);
            drop(stock);
            *posted = bulletin.to;
            if !bulletin.items.is_empty() {
                self.board.write().unwrap_or_else(PoisonError::into_inner).post(bulletin);
                any = true;
            }
            if !more {
                return any;
            }
        }
    }
}

/// How long to wait behind a bell.
fn pause(listeners: u32) -> Duration {
    let pause = LISTENER_PACE.saturating_mul(listeners).min(LISTENER_PACE_MAX) / BELLS as u32;
    // The timer counts milliseconds.
    if pause.as_millis() > 0 { pause } else { Duration::ZERO }
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
