//! A batch: what the writer decides together and commits in one transaction.

use std::time::Instant;

use super::intake::{ReplyTo, StorageUnavailable, WriterReply};
use crate::limits::{BATCH_COMMANDS_MAX, BATCH_LINES_MAX, EXPIRED_LINES_MAX};
use crate::stock::{
    CatalogueUpdate, Command, CommandAnswer, Draft, RequestRecords, Sku, Transfer, TransferOutcome,
};

/// The commands of terminals and the frames of the hub that are decided together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    commands: Vec<Command>,
    /// Where the answer to each command goes, in the order of the commands.
    reply_to: Vec<ReplyTo>,
    /// When each command was submitted.
    submitted_at: Vec<Instant>,
    /// The hub's transfers and updates are applied before the commands, so that units which have
    /// arrived can be deducted.
    transfers: Vec<Transfer>,
    updates: Vec<CatalogueUpdate>,
    lines: usize,
    frames: usize,
    /// Lookups that were answered meanwhile.
    lookups: usize,
}

/// What came of a batch.
pub(super) struct BatchOutcome {
    /// The answers, in the order of the commands.
    pub(super) answers: Vec<CommandAnswer>,
    /// The SKU of a grant that waits because more units than can be counted would be on hand.
    pub(super) full_sku: Option<Sku>,
}

impl Batch {
    pub(super) fn add_command(&mut self, command: Command, reply_to: ReplyTo, at: Instant) {
        self.lines += command.action.line_count();
        self.commands.push(command);
        self.reply_to.push(reply_to);
        self.submitted_at.push(at);
    }

    pub(super) fn add_transfers(&mut self, transfers: Vec<Transfer>) {
        self.lines += transfers.iter().map(|transfer| transfer.lines.len()).sum::<usize>();
        self.transfers.extend(transfers);
        self.frames += 1;
    }

    pub(super) fn add_update(&mut self, update: CatalogueUpdate) {
        self.lines += update.listings.len();
        self.updates.push(update);
        self.frames += 1;
    }

    /// Counts a lookup. Without a count, a batch would not end as long as lookups come.
    pub(super) fn add_lookup(&mut self) {
        self.lookups += 1;
    }

    /// Whether another job may be added. The last one may exceed the limit of lines.
    pub(super) fn has_room(&self) -> bool {
        self.waited_count() < BATCH_COMMANDS_MAX && self.lines < BATCH_LINES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.frames == 0
    }

    pub(super) fn command_count(&self) -> usize {
        self.commands.len()
    }

    /// Commands and lookups, each of which had a place in the queue.
    pub(super) fn waited_count(&self) -> usize {
        self.commands.len() + self.lookups
    }

    /// Frames of the hub in this batch.
    pub(super) fn frame_count(&self) -> usize {
        self.frames
    }

    /// Empties the batch and keeps its allocations for the next one.
    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.reply_to.clear();
        self.submitted_at.clear();
        self.transfers.clear();
        self.updates.clear();
        (self.lines, self.frames, self.lookups) = (0, 0, 0);
    }

    /// Decides everything on a draft: a bounded number of reservations that are due expires first,
    /// then come the transfers, the updates and the commands.
    pub(super) fn decide<R: RequestRecords>(
        &self,
        draft: &mut Draft<'_>,
        records: &R,
    ) -> Result<BatchOutcome, R::Error> {
        draft.expire_due(records, EXPIRED_LINES_MAX)?;
        let full_sku = self.apply_transfers(draft);
        for update in &self.updates {
            draft.apply_catalogue_update(update);
        }
        let decide = |command| draft.decide(command, records);
        let answers = self.commands.iter().map(decide).collect::<Result<_, _>>()?;
        Ok(BatchOutcome { answers, full_sku })
    }

    /// Stops at the first transfer that finds no room: those after it would be out of turn.
    fn apply_transfers(&self, draft: &mut Draft<'_>) -> Option<Sku> {
        self.transfers.iter().find_map(|transfer| match draft.apply_transfer(transfer) {
            TransferOutcome::NoRoom(sku) => Some(sku),
            TransferOutcome::Applied | TransferOutcome::OutOfTurn => None,
        })
    }

    /// Sends an answer to each command. Consecutive answers on one channel are one message, so a
    /// terminal with many requests in flight is woken once. A client that has gone misses its
    /// answer; its request is decided all the same.
    pub(super) fn reply(
        &mut self,
        mut answers: impl Iterator<Item = Result<CommandAnswer, StorageUnavailable>>,
    ) {
        let is_same = |one: &ReplyTo, next: &ReplyTo| one.answers.same_channel(&next.answers);
        for to in self.reply_to.chunk_by(is_same) {
            let mut replies = Vec::with_capacity(to.len());
            let answered = to.iter().zip(&mut answers);
            replies.extend(answered.map(|(to, answer)| WriterReply { tag: to.tag, answer }));
            let _ = to[0].answers.try_send(replies);
        }
        self.reply_to.clear();
    }

    /// When each command of the batch was submitted.
    pub(super) fn submitted_at(&self) -> &[Instant] {
        &self.submitted_at
    }
}
