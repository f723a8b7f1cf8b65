//! What everyone may read: the committed stock and how far the hub has followed.
//!
//! Only the writer changes it, and only after the disk has, so nobody waits for the disk behind
//! its locks. Readers look at a bounded part of the stock in one hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;
use tokio::sync::watch;

use crate::clock::{Clock, wall_ms};
use crate::limits::WRITER_SILENT_MAX;
use crate::process::heartbeat::Heartbeat;
use crate::stock::{Changes, Origin, Seq, Stock};

/// The gateway's published state.
#[derive(Debug)]
pub struct CommittedState {
    /// Whose stock this is.
    pub origin: Origin,
    /// Both clocks.
    pub clock: Clock,
    /// Beats as long as the writer does.
    pub heartbeat: Heartbeat,
    stock: RwLock<Stock>,
    committed: watch::Sender<Seq>,
    confirmed: Mutex<Confirmed>,
    link: watch::Sender<LinkState>,
    /// Since when the hub does not answer, in milliseconds since the start.
    offline_since_ms: AtomicU64,
    storage_problem: Mutex<Option<String>>,
}

/// How far the hub has committed this gateway's ledger.
#[derive(Clone, Copy, Debug, Default)]
struct Confirmed {
    acked_seq: Seq,
    oldest_pending_at_ms: Option<i64>,
}

/// What is known of the way to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// None is configured.
    Disabled,
    /// The hub does not answer, for this reason.
    Offline(String),
    /// The hub itself has answered.
    Online,
}

/// The contract's `sync` object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncStatus {
    /// `disabled`, `offline` or `online`.
    pub state: &'static str,
    /// In plain words, why not online.
    pub reason: Option<String>,
    /// Up to where the hub has committed the ledger.
    pub acked_seq: Seq,
    /// Entries it has not.
    pub pending: u64,
    /// How long ago the oldest of them was decided.
    pub oldest_pending_s: u64,
}

impl CommittedState {
    /// Publishes a stock just loaded.
    pub fn new(
        origin: Origin,
        clock: Clock,
        stock: Stock,
        acked_seq: Seq,
        oldest_pending_at_ms: Option<i64>,
        link: LinkState,
    ) -> Self {
        Self {
            origin,
            clock,
            heartbeat: Heartbeat::default(),
            committed: watch::Sender::new(stock.seq()),
            stock: RwLock::new(stock),
            confirmed: Mutex::new(Confirmed { acked_seq, oldest_pending_at_ms }),
            link: watch::Sender::new(link),
            offline_since_ms: AtomicU64::new(0),
            storage_problem: Mutex::new(None),
        }
    }

    /// The committed stock. Do not hold it across an await.
    pub fn stock(&self) -> RwLockReadGuard<'_, Stock> {
        self.stock.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what was committed and rings the bell.
    pub(crate) fn commit(&self, changes: &Changes) {
        self.stock.write().unwrap_or_else(PoisonError::into_inner).apply(changes);
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed.acked_seq == changes.base_seq {
            confirmed.oldest_pending_at_ms = changes.entries.first().map(|first| first.entry.at_ms);
        }
        drop(confirmed);
        if changes.seq != changes.base_seq || changes.taken.is_some() {
            self.committed.send_replace(changes.seq);
        }
    }

    /// The bell: the ledger's last position, and a wait for the next one. It also rings when
    /// something of the hub's was taken that has no entry.
    pub fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.subscribe()
    }

    /// Up to where the hub has committed the ledger.
    pub fn acked_seq(&self) -> Seq {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).acked_seq
    }

    pub(crate) fn confirm(&self, acked_seq: Seq, oldest_pending_at_ms: Option<i64>) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) =
            Confirmed { acked_seq, oldest_pending_at_ms };
    }

    /// Notes the state of the link; only a change wakes whoever watches.
    pub fn set_link(&self, link: LinkState) {
        self.link.send_if_modified(|known| {
            let changed = *known != link;
            if changed && *known == LinkState::Online {
                self.offline_since_ms.store(self.clock.since_start_ms(), Ordering::Relaxed);
            }
            *known = link;
            changed
        });
    }

    /// The state of the link, and a wait for its next change.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.link.subscribe()
    }

    /// How long the hub has not answered, as far as this process knows; 0 if it does, or if none
    /// is configured.
    pub fn offline_ms(&self) -> u64 {
        match &*self.link.borrow() {
            LinkState::Online | LinkState::Disabled => 0,
            LinkState::Offline(_) => {
                let since_ms = self.offline_since_ms.load(Ordering::Relaxed);
                self.clock.since_start_ms().saturating_sub(since_ms)
            }
        }
    }

    /// The contract's `sync` object, as of now.
    pub fn sync_status(&self) -> SyncStatus {
        let seq = self.stock().seq();
        let confirmed = *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = seq.saturating_sub(confirmed.acked_seq);
        let oldest_at_ms = confirmed.oldest_pending_at_ms.filter(|_| pending > 0);
        let waited_ms = oldest_at_ms.map_or(0, |at_ms| wall_ms().saturating_sub(at_ms));
        // The wall clock may have jumped by decades since; the database cannot have waited longer
        // than it has been in use.
        let in_use_ms = i64::try_from(self.clock.now().running_ms).unwrap_or(i64::MAX);
        let waited_ms = waited_ms.clamp(0, in_use_ms);
        let (state, reason) = match &*self.link.borrow() {
            LinkState::Disabled => ("disabled", Some("no [mqtt] section is configured".into())),
            LinkState::Offline(reason) => ("offline", Some(reason.clone())),
            LinkState::Online => ("online", None),
        };
        SyncStatus {
            state,
            reason,
            acked_seq: confirmed.acked_seq,
            pending,
            oldest_pending_s: u64::try_from(waited_ms).unwrap_or(0) / 1_000,
        }
    }

    /// How things stand, in a sentence.
    pub fn sentence(&self) -> String {
        if let Some(problem) = self.storage_problem() {
            return format!("Refuses mutations, answers queries: {problem}.");
        }
        if let Some(problem) = self.hang() {
            return format!("Decides nothing, answers queries: {problem}.");
        }
        let SyncStatus { state, reason, pending, .. } = self.sync_status();
        match (state, reason) {
            ("online", _) if pending == 0 => "Decides on the spot; the hub has everything.".into(),
            ("online", _) => {
                format!("Decides on the spot; {pending} entries are on their way to the hub.")
            }
            ("disabled", _) => "Decides on the spot; no hub is configured.".into(),
            (_, reason) => format!(
                "Decides on the spot; {pending} entries wait for the hub: {}.",
                reason.unwrap_or_default()
            ),
        }
    }

    /// Why mutations are not decided at the moment, if they are not: refused, or left waiting.
    pub fn problem(&self) -> Option<String> {
        self.storage_problem().or_else(|| self.hang())
    }

    /// That the writer does not go on, if it does not.
    fn hang(&self) -> Option<String> {
        // Without the seconds: it is told anew where it changes.
        (self.heartbeat.silence() > WRITER_SILENT_MAX).then(|| {
            let limit_s = WRITER_SILENT_MAX.as_secs();
            format!("the disk has not answered for more than {limit_s} s, mutations wait for it; the kernel's log (`dmesg`) may say why")
        })
    }

    /// Why mutations are refused at the moment, if they are.
    pub fn storage_problem(&self) -> Option<String> {
        self.storage_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_storage_problem(&self, problem: Option<String>) {
        *self.storage_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}
