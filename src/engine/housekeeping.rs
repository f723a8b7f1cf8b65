//! Housekeeping: what the writer does when time has passed.
//!
//! Reservations that are due expire at once, a bounded number in each round of the writer's loop, so
//! that requests which arrive during a mass expiry do not wait for the end of it. Once a second the
//! writer also saves the progress and the high-water mark, restores the disk reserve, and prunes a
//! little. On a full disk it gives up the reserve and uses that space to save and prune: pruning
//! may be the only way out. No reservation expires then, just as no request is decided: the entries
//! of many would use up the reserve. Their units stay reserved until there is space.
//!
//! Before all that it checks that the files are where they were. If not, it writes nothing.

use super::batch::Batch;
use super::writer::Writer;
use crate::clock::{self, Now};
use crate::limits::{PRUNE_LINES_PER_STEP, PRUNE_STEPS_PER_S_MAX};
use crate::sizes::Bytes;
use crate::store::StoreError;

const HOUSEKEEPING_EVERY_MS: u64 = 1_000;

impl Writer {
    pub(super) fn housekeep(&mut self) {
        let now = self.now();
        let is_due = now.running_ms >= self.housekept_at_ms + HOUSEKEEPING_EVERY_MS;
        if is_due {
            self.housekept_at_ms = now.running_ms;
            if let Err(error) = self.store.check_placement() {
                self.displaced(error);
            } else {
                self.update_files(now);
            }
        }
        if self.store.last_check_of_placement().is_err() {
            return;
        }
        if self.has_expired(now)
            && let Err(error) = self.expire()
        {
            self.housekeeping_failed(error, now);
        }
        if is_due && let Err(error) = self.save_and_prune(now) {
            self.housekeeping_failed(error, now);
        }
        if self.state.storage_problem().is_none() {
            self.sign_if_due(now);
            if is_due {
                self.demand_saver.save_if_due(&mut self.store, &self.state, now);
            }
        }
    }

    fn sign_if_due(&mut self, now: Now) {
        let signed = self.signer.sign_if_due(&mut self.store, &self.state.stock(), now);
        if let Some(signatures) = signed {
            self.state.set_signatures(signatures);
        }
    }

    /// The process does not end by itself: the files that it has open may be all that is left of
    /// the database. If they are not, and the database holds everything, starting again helps.
    fn displaced(&mut self, error: StoreError) {
        let why = self.storage_failed(error).why;
        if self.store.save_displaced_log() {
            self.state.ask_for_restart(why);
        }
    }

    /// Updates what lies beside the database.
    fn update_files(&mut self, now: Now) {
        self.clock_is_unset = clock::is_unset();
        self.store.restore_reserve();
        self.store.save_high_water_mark(&self.state.stock());
        self.store.remove_upgrade_copies(now.running_ms);
        self.watch_log(now);
    }

    /// Tells who keeps the write-ahead log from starting over: it grows until that ends.
    fn watch_log(&mut self, now: Now) {
        let (bytes, readers) = self.store.log_readers();
        if let Some(reader) = readers.first()
            && self.log_readers.should_log(now.running_ms)
        {
            tracing::warn!(
                reader = reader.to_string(), log = %Bytes(bytes),
                "another process reads the database, and its log grows until that ends"
            );
        }
        self.state.set_log_readers(readers);
    }

    /// Whether a reservation is due and can expire. While the storage fails, none can.
    fn has_expired(&self, now: Now) -> bool {
        self.state.storage_problem().is_none()
            && self.state.stock().next_deadline_ms().is_some_and(|ms| ms <= now.running_ms)
    }

    fn expire(&mut self) -> Result<(), StoreError> {
        self.decide_and_commit(&Batch::default()).map(drop)
    }

    /// From here on mutations are refused. On a full disk, what must go on goes on with the
    /// reserve.
    fn housekeeping_failed(&mut self, error: StoreError, now: Now) {
        let is_full = error.is_full();
        self.storage_failed(error);
        if is_full {
            self.store.release_reserve();
            if let Err(error) = self.save_and_prune(now) {
                self.storage_failed(error);
            }
        }
    }

    fn save_and_prune(&mut self, now: Now) -> Result<(), StoreError> {
        if self.should_save(now) {
            self.commit(&self.no_changes(), Some(self.progress(now)))?;
        }
        match self.prune(now) {
            // Damage in old records must not keep new requests from being decided.
            Err(error) if error.is_damage() => {
                self.log_prune_failure(error, now);
                Ok(())
            }
            pruned => pruned,
        }
    }

    fn should_save(&self, now: Now) -> bool {
        // On a failing disk the commit is the probe that finds out when the disk works again.
        // Without space it could not succeed, and would wear the disk.
        let is_probe = self.state.storage_problem().is_some() && self.check_space().is_ok();
        let acked_moved = self.state.acked_seq() != self.saved.acked_seq;
        let holds_open = self.state.stock().hold_count() > 0;
        is_probe || acked_moved || (holds_open && self.progress_to_save(now).is_some())
    }

    fn prune(&mut self, now: Now) -> Result<(), StoreError> {
        self.store.record_retention_mark(now.running_ms, &self.state.stock())?;
        if self.state.is_held() {
            return Ok(());
        }
        let mut carried = 0;
        for _ in 0..PRUNE_STEPS_PER_S_MAX {
            let (progress, retention_ms) = (self.progress(now), self.rules.retention_ms);
            match self.store.prune(progress, retention_ms, &self.state.stock())? {
                // A job waits meanwhile.
                Some(lines) if carried + lines < PRUNE_LINES_PER_STEP => carried += lines,
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    fn log_prune_failure(&mut self, error: StoreError, now: Now) {
        if self.prune_failures.should_log(now.running_ms) {
            let error = self.store.explain(error);
            tracing::error!(%error, "old entries cannot be pruned; requests are decided as before, but the database grows: run `stockgate doctor`");
        }
    }
}
