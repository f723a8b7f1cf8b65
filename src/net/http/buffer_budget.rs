//! One budget for what all connections have sent of heads, bodies and messages that are not
//! complete yet. What a client sends slowly, or never ends, costs memory until a timeout ends it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::{BUFFERED_BYTES_FREE, BUFFERED_BYTES_MAX, BUFFERED_BYTES_UNKNOWN_MAX};

/// Bytes that connections have received beyond the [`BUFFERED_BYTES_FREE`] of each.
#[derive(Debug, Default)]
pub(super) struct BufferBudget {
    taken: AtomicUsize,
    taken_by_unknown: AtomicUsize,
}

/// The budget of all connections is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many long messages arrive at the same time")]
pub struct NoRoom;

/// What one connection has sent of something that is not complete.
#[derive(Debug)]
pub(super) struct Unfinished {
    budget: Arc<BufferBudget>,
    /// No more is counted: what arrives beyond is not held.
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    /// Bytes taken from the budget, and those of them taken before the client was let in.
    charged: usize,
    charged_as_unknown: usize,
}

impl Unfinished {
    pub(super) fn new(budget: Arc<BufferBudget>, bytes_max: usize) -> Self {
        Self { budget, bytes_max, state: Mutex::default() }
    }

    /// Counts bytes that arrived.
    pub(super) fn add(&self, bytes: usize, is_known: bool) -> Result<(), NoRoom> {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(bytes).min(self.bytes_max);
        let beyond = state.bytes.saturating_sub(BUFFERED_BYTES_FREE);
        let more = beyond.saturating_sub(state.charged);
        if more == 0 {
            return Ok(());
        }
        if !is_known {
            take(&self.budget.taken_by_unknown, more, BUFFERED_BYTES_UNKNOWN_MAX)?;
            state.charged_as_unknown += more;
        }
        // Charged before it is known whether there is room, so that it is given back in any case.
        state.charged += more;
        self.budget.taken.fetch_add(more, Ordering::Relaxed);
        match self.budget.taken.load(Ordering::Relaxed) > BUFFERED_BYTES_MAX {
            true => Err(NoRoom),
            false => Ok(()),
        }
    }

    /// Takes bytes back of something that is complete or over, while the rest still arrives.
    pub(super) fn subtract(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        let kept = state.bytes.saturating_sub(BUFFERED_BYTES_FREE);
        self.budget.give_back(&mut state, kept);
    }

    /// What arrived is complete, and is handled now.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.bytes = 0;
        self.budget.give_back(&mut state, 0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.clear();
    }
}

impl BufferBudget {
    /// Gives back whatever is charged beyond `kept` bytes.
    fn give_back(&self, state: &mut State, kept: usize) {
        let over = state.charged.saturating_sub(kept);
        let over_as_unknown = state.charged_as_unknown.saturating_sub(kept);
        if over > 0 {
            state.charged -= over;
            state.charged_as_unknown -= over_as_unknown;
            self.taken.fetch_sub(over, Ordering::Relaxed);
            self.taken_by_unknown.fetch_sub(over_as_unknown, Ordering::Relaxed);
        }
    }
}

/// Takes so much of a budget if it is left.
pub(super) fn take(taken: &AtomicUsize, bytes: usize, bytes_max: usize) -> Result<(), NoRoom> {
    let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= bytes_max);
    let taken = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
    taken.map(drop).map_err(|_| NoRoom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 64 * 1024;

    fn connections(budget: &Arc<BufferBudget>, count: usize) -> Vec<Unfinished> {
        (0..count).map(|_| Unfinished::new(Arc::clone(budget), usize::MAX)).collect()
    }

    #[test]
    fn what_is_over_is_given_back_while_the_rest_arrives() {
        let budget = Arc::<BufferBudget>::default();
        let one = &connections(&budget, 1)[0];
        for _ in 0..1_000 {
            one.add(MANY, false).unwrap();
            one.add(MANY, true).unwrap();
            one.subtract(MANY);
            assert!(budget.taken.load(Ordering::Relaxed) <= MANY, "one of them is left");
            one.subtract(MANY);
        }
        let (taken, by_unknown) = (&budget.taken, &budget.taken_by_unknown);
        assert_eq!((taken.load(Ordering::Relaxed), by_unknown.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn unknown_clients_have_a_part_of_the_budget_and_all_of_it_is_given_back() {
        let budget = Arc::<BufferBudget>::default();
        let unknown = connections(&budget, 2_000);
        let accepted = unknown.iter().filter(|one| one.add(MANY, false).is_ok()).count();
        assert_eq!(accepted, BUFFERED_BYTES_UNKNOWN_MAX / (MANY - BUFFERED_BYTES_FREE));
        let known = connections(&budget, 2_000);
        let accepted = known.iter().filter(|one| one.add(MANY, true).is_ok()).count();
        assert!(accepted * MANY >= BUFFERED_BYTES_MAX - BUFFERED_BYTES_UNKNOWN_MAX, "{accepted}");
        assert!(accepted * MANY <= BUFFERED_BYTES_MAX + MANY, "{accepted}");
        assert!(connections(&budget, 9)[0].add(BUFFERED_BYTES_FREE, false).is_ok(), "that is free");

        known.iter().for_each(Unfinished::clear);
        drop(unknown);
        let (taken, by_unknown) = (&budget.taken, &budget.taken_by_unknown);
        assert_eq!((taken.load(Ordering::Relaxed), by_unknown.load(Ordering::Relaxed)), (0, 0));
    }
}
