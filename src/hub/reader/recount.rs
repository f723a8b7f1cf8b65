//! The count of the whole books, page by page in the background.
//!
//! Every change keeps the books balanced in its own transaction, so a difference is damage from
//! outside, or a fault. It is found by counting everything, which takes seconds with millions of
//! allotments. So the answer whether the books balance rests on the last count, and on a new look
//! at what differed then.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reconcile::Known;

/// What the last count has found; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recount {
    differing: Arc<Mutex<BTreeSet<String>>>,
}

impl Recount {
    pub(super) fn known(&self) -> Known {
        Known { differing: self.lock().clone() }
    }

    /// Records what a count has found.
    pub(super) fn set(&self, differing: BTreeSet<String>) {
        *self.lock() = differing;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.differing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
