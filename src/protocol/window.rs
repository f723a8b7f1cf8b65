//! The frames of entries that wait for an acknowledgement, and how large they may be.

use std::collections::VecDeque;

use super::frame_size::{FrameLimit, FrameSize};
use crate::limits::{FRAME_ENTRIES_MAX, WINDOW_FRAMES};
use crate::stock::Seq;

/// The frames under way, oldest first.
#[derive(Debug)]
pub struct Window {
    frames: VecDeque<Sent>,
    size: FrameSize,
    /// How many entries fit a frame.
    entries: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The position of its last entry.
    last_seq: Seq,
    bytes: usize,
}

/// A greeting of a size that was lost before, which has no answer yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) nonce: u64,
    pub(super) bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        let (frames, size) = (VecDeque::new(), FrameSize::careful());
        Self { frames, size, entries: FRAME_ENTRIES_MAX as u64 }
    }
}

impl Window {
    /// The last position of the oldest frame.
    pub(super) fn oldest(&self) -> Option<Seq> {
        self.frames.front().map(|sent| sent.last_seq)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Whether another frame may be sent while so many entries wait. They wait for the
    /// acknowledgement of those under way, unless they fill a frame, and for that of a frame that
    /// may be too large.
    pub(super) fn has_room(&self, waiting: u64) -> bool {
        let is_trial = self.frames.iter().any(|sent| self.size.is_trial(sent.bytes));
        let has_room = !is_trial && self.frames.len() < WINDOW_FRAMES;
        self.frames.is_empty() || waiting >= self.entries && has_room
    }

    pub(super) fn push(&mut self, last_seq: Seq) {
        self.frames.push_back(Sent { last_seq, bytes: 0 });
    }

    pub(super) fn acknowledge(&mut self, acked_seq: Seq) {
        while let Some(sent) = self.frames.pop_front_if(|sent| sent.last_seq <= acked_seq) {
            self.size.handle_arrived(sent.bytes);
        }
    }

    /// A greeting has arrived that was sent after every frame under way: a frame that has not
    /// arrived was lost alone.
    pub(super) fn weigh_up(&mut self, acked_seq: Seq, now_ms: u64) {
        for Sent { last_seq, bytes } in &self.frames {
            if *last_seq > acked_seq {
                return self.size.handle_lost(*bytes, now_ms);
            }
            self.size.handle_arrived(*bytes);
        }
    }

    /// The broker has closed the connection, or it has fallen silent. If that happens again over a
    /// large frame, large ones do not pass.
    pub(super) fn handle_cut(&mut self, now_ms: u64) {
        self.size.handle_doubtful(self.largest(), now_ms);
    }

    fn largest(&self) -> usize {
        self.frames.iter().map(|sent| sent.bytes).max().unwrap_or(0)
    }

    /// The bytes that the next frame may have.
    pub fn frame_bytes(&self, now_ms: u64) -> usize {
        self.size.limit(now_ms)
    }

    /// The bytes of a frame that arrives, as far as is known.
    pub fn safe_bytes(&self) -> usize {
        self.size.safe()
    }

    /// How many entries to read for it: somewhat more than fit.
    pub fn entries_wanted(&self) -> usize {
        let wanted = usize::try_from(self.entries * 3).unwrap_or(FRAME_ENTRIES_MAX);
        wanted.clamp(64, FRAME_ENTRIES_MAX)
    }

    /// The frame that was sent last has so many entries and bytes, of those that it could have; more
    /// entries wait or not.
    pub fn weighed(&mut self, entries: u64, (bytes, limit): (usize, usize), more: bool) {
        if let Some(sent) = self.frames.back_mut() {
            sent.bytes = bytes;
        }
        let is_full = more && bytes >= limit / 2;
        self.entries = if is_full { entries } else { FRAME_ENTRIES_MAX as u64 };
    }

    /// When a frame of the size that was lost is to be tried, whether there is so much to send or not.
    pub(super) fn trial_at_ms(&self) -> Option<u64> {
        self.size.trial_at_ms()
    }

    /// The size of that frame.
    pub(super) fn trial_bytes(&self) -> Option<usize> {
        self.size.trial_bytes()
    }

    /// The broker has closed the connection over the frame that was tried, or it has broken by itself.
    pub(super) fn handle_cut_over(&mut self, bytes: usize, is_cut: bool, now_ms: u64) {
        match is_cut {
            _ if self.size.is_limited() => self.size.handle_lost(bytes, now_ms),
            true => self.size.handle_doubtful(bytes, now_ms),
            false => self.size.handle_undecided(),
        }
    }

    /// The greeting that was tried has arrived, or is lost though a small one has arrived.
    pub(super) fn handle_tried(&mut self, bytes: usize, has_arrived: bool, now_ms: u64) {
        match has_arrived {
            true => self.size.handle_arrived(bytes),
            false => {
                self.size.handle_lost(bytes, now_ms);
                self.size.show();
            }
        }
    }

    /// Remembers a limit from before.
    pub fn recall(&mut self, limit: FrameLimit, now_ms: u64) {
        self.size = FrameSize::careful().recalling(limit, now_ms);
    }

    /// The limit of the way, if it has one.
    pub fn known(&self) -> Option<FrameLimit> {
        self.size.known()
    }

    /// The size of the frames that do not arrive though smaller ones do, if there are any.
    pub fn lost_bytes(&self) -> Option<usize> {
        self.size.lost_bytes()
    }
}
