//! The committed state: what every reader of this process sees.
//!
//! The writer changes the stock, the confirmed position and the storage problem, and only after
//! the disk holds the change; so no reader waits for the disk. The hub link sets the state of the
//! link. A reader that needs a large part of the stock reads it in bounded pieces, because the
//! writer waits for the lock meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::{Notify, watch};

use super::figures_walk::{FiguresWalk, KeptItems};
use super::other_decimals::OtherDecimals;
use super::relisted::Relisted;
use super::sync_status::{LinkState, SyncStatus};
use crate::clock::{Clock, wall_ms};
use crate::limits::WRITER_SILENT_MAX;
use crate::process::heartbeat::Heartbeat;
use crate::stock::{
    BooksId, Changes, Decimals, DemandCounter, Origin, Seq, SignedPosition, Sku, Stock,
};
use crate::store::{LockHolder, Opened};

/// The state of a gateway as of its last commit.
#[derive(Debug)]
pub struct CommittedState {
    /// The site, the gateway and the epoch of the database.
    pub origin: Origin,
    /// The wall clock, and the running time, which continues from the database's.
    pub clock: Clock,
    /// The writer beats it once in each round of its loop.
    pub heartbeat: Heartbeat,
    stock: RwLock<Stock>,
    pub(super) kept_items: KeptItems,
    /// Whether any SKU has decimals: most shops have none, and need not ask for those of each line.
    has_decimals: AtomicBool,
    /// The last change of the catalogue that is committed.
    catalogue: AtomicU64,
    committed: watch::Sender<Seq>,
    confirmed: Mutex<Confirmed>,
    link: watch::Sender<LinkState>,
    books: Mutex<Option<BooksId>>,
    relisted: Mutex<Relisted>,
    /// What is booked in other decimals than the hub's catalogue gives.
    other_decimals: Mutex<OtherDecimals>,
    demand: Mutex<DemandCounter>,
    demand_counted: Notify,
    signatures: Mutex<Signatures>,
    /// Another hub that speaks on the broker, in a sentence.
    foreign: Mutex<Option<String>>,
    /// The hub holds this gateway, because its books are older: see [`CommittedState::is_held`].
    held: AtomicBool,
    /// When the link last went from online to offline, in milliseconds since the start.
    offline_since_ms: AtomicU64,
    storage_problem: Mutex<Option<String>>,
    log_readers: Mutex<Vec<LockHolder>>,
    /// Why the gateway should start again, once it should.
    restart: watch::Sender<Option<String>>,
}

/// How far the hub has committed this gateway's ledger.
#[derive(Clone, Copy, Debug, Default)]
struct Confirmed {
    acked_seq: Seq,
    /// When the first entry after `acked_seq` was decided, by the wall clock.
    oldest_pending_at_ms: Option<i64>,
}

/// The key of the device and what it has signed last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signatures {
    /// The public key; `None` if the ledger is not signed.
    pub key: Option<[u8; 32]>,
    /// The newest position that this key has signed.
    pub newest: Option<SignedPosition>,
}

impl CommittedState {
    /// Publishes a database that was just opened. `oldest_pending_at_ms` is when the first entry
    /// that the hub has not committed was decided.
    pub fn new(opened: Opened, oldest_pending_at_ms: Option<i64>, link: LinkState) -> Self {
        let Opened { origin, stock, progress, books, demand, .. } = opened;
        let acked_seq = progress.acked_seq;
        Self {
            origin,
            clock: Clock::starting_at(progress.running_ms),
            heartbeat: Heartbeat::default(),
            committed: watch::Sender::new(stock.seq()),
            catalogue: AtomicU64::new(stock.taken().catalogue),
            has_decimals: AtomicBool::new(stock.catalogue().has_decimals()),
            stock: RwLock::new(stock),
            kept_items: KeptItems::default(),
            confirmed: Mutex::new(Confirmed { acked_seq, oldest_pending_at_ms }),
            link: watch::Sender::new(link),
            books: Mutex::new(books),
            relisted: Mutex::default(),
            other_decimals: Mutex::default(),
            demand: Mutex::new(demand),
            demand_counted: Notify::new(),
            signatures: Mutex::default(),
            foreign: Mutex::default(),
            held: AtomicBool::new(false),
            offline_since_ms: AtomicU64::new(0),
            storage_problem: Mutex::new(None),
            log_readers: Mutex::default(),
            restart: watch::Sender::new(None),
        }
    }

    pub(super) fn ask_for_restart(&self, why: String) {
        self.restart.send_replace(Some(why));
    }

    /// Waits until the gateway should start again, and returns why. What was committed is in the
    /// database then, but this process cannot go on with it.
    pub async fn restart_asked(&self) -> String {
        let mut restart = self.restart.subscribe();
        match restart.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// The committed stock. Do not hold the guard across an await: the writer waits for it.
    pub fn stock(&self) -> RwLockReadGuard<'_, Stock> {
        self.stock.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `visit` with on hand and reserved of every SKU at the newest position, which it returns.
    /// Commits go on meanwhile. Another such walk waits for its end.
    pub fn visit_figures(&self, visit: &mut dyn FnMut(&Sku, (i64, i64))) -> Seq {
        let mut walk = self.figures_walk();
        while walk.step(visit) {}
        walk.seq
    }

    pub(super) fn figures_walk(&self) -> FiguresWalk<'_> {
        FiguresWalk::begin(&self.stock, &self.kept_items)
    }

    /// The last change of the catalogue, to be noted before decimals are asked for.
    pub fn catalogue(&self) -> u64 {
        self.catalogue.load(Ordering::Acquire)
    }

    /// The decimals of a SKU; 0 without a listing.
    pub fn decimals(&self, sku: &Sku) -> Decimals {
        match self.has_decimals.load(Ordering::Acquire) {
            true => self.stock().catalogue().decimals(sku.as_str()),
            false => Decimals::default(),
        }
    }

    /// Applies changes that are on disk, and wakes those who wait for a commit.
    pub(super) fn commit(&self, changes: &Changes) {
        let mut stock = self.stock.write().unwrap_or_else(PoisonError::into_inner);
        let relisted = stock.catalogue().relisted_by(&changes.listings);
        self.kept_items.keep(&stock, changes);
        stock.apply(changes);
        if !changes.listings.is_empty() {
            self.relisted().add(relisted);
            self.has_decimals.store(stock.catalogue().has_decimals(), Ordering::Release);
        }
        self.catalogue.store(stock.taken().catalogue, Ordering::Release);
        drop(stock);
        self.other_decimals().note(&changes.kept_decimals);
        // After the position of the catalogue: the hub link looks at it before it reports the demand.
        self.demand().replace(&changes.relisted_demand);
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed.acked_seq == changes.base_seq {
            confirmed.oldest_pending_at_ms = changes.entries.first().map(|first| first.entry.at_ms);
        }
        drop(confirmed);
        if changes.seq != changes.base_seq || changes.taken.is_some() {
            self.committed.send_replace(changes.seq);
        }
    }

    /// The last position of the ledger, and a wait for the next commit. It also wakes when a
    /// frame of the hub was applied that made no entry.
    pub fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.subscribe()
    }

    /// The position up to which the hub has committed the ledger.
    pub fn acked_seq(&self) -> Seq {
        self.confirmed().acked_seq
    }

    fn confirmed(&self) -> Confirmed {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn confirm(&self, acked_seq: Seq, oldest_pending_at_ms: Option<i64>) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) =
            Confirmed { acked_seq, oldest_pending_at_ms };
    }

    /// The hub's books that the gateway belongs to.
    pub fn books(&self) -> Option<BooksId> {
        *self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the books that the gateway belongs to, and wakes the hub link.
    pub(super) fn set_books(&self, books: BooksId) {
        *self.books.lock().unwrap_or_else(PoisonError::into_inner) = Some(books);
        self.committed.send_modify(|_| {});
    }

    /// The SKUs whose items the catalogue has changed. Do not hold the guard across an await.
    pub fn relisted(&self) -> MutexGuard<'_, Relisted> {
        self.relisted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is booked in other decimals than the hub's catalogue gives. Do not hold the guard across an
    /// await.
    pub fn other_decimals(&self) -> MutexGuard<'_, OtherDecimals> {
        self.other_decimals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was refused for want of stock. Do not hold the guard across an await.
    pub fn demand(&self) -> MutexGuard<'_, DemandCounter> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the hub link: more was refused.
    pub(super) fn notify_demand(&self) {
        self.demand_counted.notify_one();
    }

    /// Waits until more is refused.
    pub async fn demand_counted(&self) {
        self.demand_counted.notified().await;
    }

    /// The key of the device and what it has signed last.
    pub fn signatures(&self) -> Signatures {
        *self.signatures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets them, and wakes the hub link.
    pub(super) fn set_signatures(&self, signatures: Signatures) {
        *self.signatures.lock().unwrap_or_else(PoisonError::into_inner) = signatures;
        self.committed.send_modify(|_| {});
    }

    /// Says which other hub speaks on the broker, if one does.
    pub fn set_foreign(&self, foreign: Option<String>) {
        *self.foreign.lock().unwrap_or_else(PoisonError::into_inner) = foreign;
    }

    /// Whether the hub holds this gateway. Its books are older than what they acknowledged, so they
    /// need entries again that they had: nothing is pruned.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Sets whether the hub holds this gateway.
    pub fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// Sets the state of the link. Receivers wake only if it differs from the last one.
    pub fn set_link(&self, link: LinkState) {
        self.link.send_if_modified(|known| {
            let changed = *known != link;
            if changed && known.is_online() && !link.is_online() {
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

    /// How long the hub has not answered, in milliseconds since this process started at most; 0
    /// if it answers, or if no hub is configured.
    pub fn offline_ms(&self) -> u64 {
        match &*self.link.borrow() {
            LinkState::Online | LinkState::Limited(_) | LinkState::Disabled => 0,
            LinkState::Offline(_) => {
                let since_ms = self.offline_since_ms.load(Ordering::Relaxed);
                self.clock.since_start_ms().saturating_sub(since_ms)
            }
        }
    }

    /// The contract's `sync` object, as of now.
    pub fn sync_status(&self) -> SyncStatus {
        let seq = self.stock().seq();
        let confirmed = self.confirmed();
        let pending = seq.saturating_sub(confirmed.acked_seq);
        let oldest_at_ms = confirmed.oldest_pending_at_ms.filter(|_| pending > 0);
        let (state, reason) = self.link.borrow().described();
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone();
        SyncStatus {
            state,
            reason: foreign.or(reason),
            books: self.books().map(|id| id.books),
            acked_seq: confirmed.acked_seq,
            pending,
            oldest_pending_s: oldest_at_ms.map_or(0, |at_ms| self.age_s(at_ms)),
        }
    }

    /// Seconds since an entry was decided. The wall clock may have jumped by decades since, but no
    /// entry is older than the time this database has been in use.
    fn age_s(&self, at_ms: i64) -> u64 {
        let age_ms = u64::try_from(wall_ms().saturating_sub(at_ms)).unwrap_or(0);
        age_ms.min(self.clock.now().running_ms) / 1_000
    }

    /// Why mutations are not decided at the moment: the storage refuses them, or the writer makes
    /// no progress. `None` if they are decided.
    pub fn problem(&self) -> Option<String> {
        self.storage_problem().or_else(|| self.stall())
    }

    /// Why the writer is stuck, if its heartbeat says so. The text holds no duration, so
    /// that a reader who reports changes of the text does not report it again every second.
    pub fn stall(&self) -> Option<String> {
        (self.heartbeat.silence() > WRITER_SILENT_MAX).then(|| {
            let limit_s = WRITER_SILENT_MAX.as_secs();
            format!("the disk has not answered for more than {limit_s} s, mutations wait for it; the kernel's log (`dmesg`) may say why")
        })
    }

    /// Why the storage refuses mutations at the moment, if it does.
    pub fn storage_problem(&self) -> Option<String> {
        self.storage_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The processes that keep the database's large write-ahead log from starting over.
    pub fn log_readers(&self) -> Vec<LockHolder> {
        self.log_readers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_log_readers(&self, readers: Vec<LockHolder>) {
        *self.log_readers.lock().unwrap_or_else(PoisonError::into_inner) = readers;
    }

    pub(super) fn set_storage_problem(&self, problem: Option<String>) {
        *self.storage_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}
