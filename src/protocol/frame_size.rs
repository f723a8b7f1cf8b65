//! How large a frame may be on the way through a broker that may have a limit.
//!
//! Some brokers drop a large message and acknowledge it all the same, others close the connection.
//! Either way a frame that does not arrive, while smaller ones do, shows the limit. A size counts as
//! proven once a frame of it has arrived. A larger frame is a trial, at most about twice as large
//! as what is proven, so all trials that fail cost no more bytes than what arrives.

use crate::limits::{
    FRAME_BYTES_MAX, FRAME_BYTES_SMALL as SMALL, FRAME_CAUTION_MS, FRAME_EXCUSED_MS,
    FRAME_TRIAL_MS, FRAME_TRIAL_MS_MAX, FRAME_TRIAL_SOON_MS,
};

/// The sizes that are tried: limits are mostly powers of two, and include the topic.
const SIZES: [usize; 6] = [SMALL, 1_792, 3_840, 7_936, 16_128, FRAME_BYTES_MAX];
/// The index of the size of the first frame of an uplink.
const FIRST: usize = 2;

/// What is known of the frames to one receiver.
#[derive(Clone, Debug)]
pub struct FrameSize {
    /// The index of the size that is tried first.
    first: usize,
    /// The largest frame that has arrived.
    proven: usize,
    /// The frame that was lost last while smaller ones arrived.
    lost: Option<Lost>,
    /// The bytes of a frame of a proven size that was lost: the next one shows whether the limit has
    /// changed.
    doubtful: Option<usize>,
    /// Until when only small frames are sent, to see whether the connection ends over them too.
    cautious_until_ms: u64,
    /// When the connection was last closed, or fell silent, with no large frame under way.
    excused_ms: Option<u64>,
    /// How often trials have failed in a row.
    failures: u32,
}

/// A limit on a way, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimit {
    /// A size that is known to arrive; 0 if none is.
    pub passes: usize,
    /// A size that is known not to arrive.
    pub lost: usize,
}

impl FrameLimit {
    /// The limit of a way on which frames of no more than so many bytes arrive.
    pub fn of(most: usize) -> Self {
        Self { passes: 0, lost: SIZES[(index(most) + 1).min(SIZES.len() - 1)] }
    }

    /// The largest of the sizes that are tried below it.
    pub fn most(self) -> usize {
        SIZES[index(self.lost).saturating_sub(1)]
    }
}

#[derive(Clone, Copy, Debug)]
struct Lost {
    bytes: usize,
    /// When a frame of that size is tried again, in running time.
    again_ms: u64,
    /// When it is tried again if as much has arrived since as both frames cost.
    soon_ms: u64,
    /// The bytes that have arrived since.
    arrived: usize,
    /// A smaller frame has arrived since, so the size is to blame. Before that it may be the receiver,
    /// which cannot write what it is sent.
    is_shown: bool,
    /// A small frame was lost since, so the size is not to blame.
    is_excused: bool,
}

impl Lost {
    /// When a frame of that size is tried again.
    fn again_ms(&self) -> u64 {
        let is_paid = self.arrived >= self.bytes + self.bytes / 2;
        if is_paid { self.soon_ms } else { self.again_ms }
    }
}

impl FrameSize {
    /// Starts with small frames, because every byte is paid for.
    pub fn careful() -> Self {
        Self {
            first: FIRST,
            proven: 0,
            lost: None,
            doubtful: None,
            cautious_until_ms: 0,
            excused_ms: None,
            failures: 0,
        }
    }

    /// Starts with the largest frames.
    pub fn trusting() -> Self {
        Self { first: SIZES.len() - 1, ..Self::careful() }
    }

    /// The same on a way whose limit is known from before. A larger frame is tried in a while.
    #[must_use]
    pub fn recalling(mut self, limit: FrameLimit, now_ms: u64) -> Self {
        // A larger one is never sent, so that would be known to be lost for ever.
        let (passes, lost) = (limit.passes, limit.lost.min(FRAME_BYTES_MAX));
        if lost > SMALL && passes < lost {
            self.proven = passes;
            let again_ms = now_ms + FRAME_TRIAL_MS;
            let soon_ms = again_ms;
            let (is_shown, is_excused) = (true, false);
            self.lost =
                Some(Lost { bytes: lost, again_ms, soon_ms, arrived: 0, is_shown, is_excused });
            self.failures = 1;
        }
        self
    }

    /// The limit of the way, if it has one.
    pub fn known(&self) -> Option<FrameLimit> {
        let passes = if self.proven == 0 { 0 } else { SIZES[index(self.proven)] };
        self.lost_bytes().map(|lost| FrameLimit { passes: passes.min(lost - 1), lost })
    }

    /// The bytes that the next frame may have.
    pub fn limit(&self, now_ms: u64) -> usize {
        if now_ms < self.cautious_until_ms {
            return SMALL;
        }
        let proven = index(self.proven);
        let next = if self.proven == 0 { 0 } else { proven + 1 };
        let wanted = next.max(self.first).min(SIZES.len() - 1);
        let lost = self.lost.filter(|lost| now_ms < lost.again_ms());
        let below = lost.map_or(SIZES.len(), |lost| index(lost.bytes));
        SIZES[wanted.min(below.saturating_sub(1))]
    }

    /// The bytes of a frame that arrives, as far as is known.
    pub fn safe(&self) -> usize {
        self.proven.max(SMALL)
    }

    /// Whether a frame is larger than what is known to arrive.
    pub fn is_trial(&self, bytes: usize) -> bool {
        bytes > SMALL && (self.proven == 0 || index(bytes) > index(self.proven))
    }

    /// A frame has arrived.
    pub fn handle_arrived(&mut self, bytes: usize) {
        self.doubtful = self.doubtful.filter(|doubtful| bytes < *doubtful);
        if self.doubtful.is_none() {
            self.cautious_until_ms = 0;
        }
        self.proven = self.proven.max(bytes);
        let is_to_blame = |lost: &Lost| lost.is_shown || !lost.is_excused;
        self.lost = self.lost.filter(|lost| bytes < lost.bytes && is_to_blame(lost));
        match &mut self.lost {
            Some(lost) => {
                (lost.is_shown, lost.arrived) = (true, lost.arrived.saturating_add(bytes))
            }
            None => self.failures = 0,
        }
    }

    /// A frame has not arrived, and a smaller one sent after it has. One frame of a proven size may be
    /// lost by accident.
    pub fn handle_lost(&mut self, bytes: usize, now_ms: u64) {
        if bytes <= SMALL {
            if let Some(lost) = &mut self.lost {
                lost.is_excused = true;
            }
            return;
        }
        if !self.is_trial(bytes) {
            if self.doubtful.is_none() {
                self.doubtful = Some(bytes);
                return;
            }
            self.proven = 0;
            self.first = self.first.min(index(bytes).saturating_sub(1));
        }
        (self.doubtful, self.cautious_until_ms) = (None, 0);
        let wait_ms = FRAME_TRIAL_MS << self.failures.min(16);
        let again_ms = now_ms + wait_ms.min(FRAME_TRIAL_MS_MAX);
        // The first time it may have been an accident, such as a hub that could not commit.
        let soon_ms = if self.failures == 0 { now_ms + FRAME_TRIAL_SOON_MS } else { again_ms };
        self.failures += 1;
        let is_shown = self.lost.is_some_and(|lost| lost.is_shown);
        let (arrived, is_excused) = (0, false);
        self.lost = Some(Lost { bytes, again_ms, soon_ms, arrived, is_shown, is_excused });
    }

    /// A frame was under way when the connection was closed or fell silent: by accident, such as a
    /// restart of the broker, unless it is the second time and no frame of its size has arrived since.
    /// Only small frames are sent for a while after the first time. If connections end over these
    /// too, as when two clients have one id, no large frame is to blame. Once there is a limit, the
    /// first time shows that it is lower.
    pub fn handle_doubtful(&mut self, bytes: usize, now_ms: u64) {
        let is_excused = self.excused_ms.is_some_and(|at_ms| now_ms < at_ms + FRAME_EXCUSED_MS);
        let is_lower = self.lost.is_some() && self.is_trial(bytes);
        if bytes <= SMALL {
            (self.doubtful, self.cautious_until_ms, self.excused_ms) = (None, 0, Some(now_ms));
        } else if is_excused {
            (self.doubtful, self.cautious_until_ms) = (None, 0);
        } else if self.doubtful.is_some() || is_lower {
            self.handle_lost(bytes, now_ms);
            self.show();
            self.lost.iter_mut().for_each(|lost| lost.soon_ms = lost.again_ms);
        } else {
            self.doubtful = Some(bytes);
            self.cautious_until_ms = now_ms + FRAME_CAUTION_MS;
        }
    }

    /// The size of the frame that was lost is to blame.
    pub fn show(&mut self) {
        if let Some(lost) = &mut self.lost {
            lost.is_shown = true;
        }
    }

    /// Whether a frame was lost, for its size or not.
    pub fn is_limited(&self) -> bool {
        self.lost.is_some()
    }

    /// The connection broke by itself over a frame that was to show whether there is a limit: it is not
    /// known.
    pub fn handle_undecided(&mut self) {
        (self.doubtful, self.cautious_until_ms) = (None, 0);
    }

    /// When a frame of the size that was lost is to be tried, whether there is so much to send or not;
    /// or one of the size over which the connection was closed, to know it.
    pub fn trial_at_ms(&self) -> Option<u64> {
        let doubtful = self.doubtful.filter(|_| self.cautious_until_ms > 0);
        let lost = self.lost.map(|lost| lost.again_ms());
        lost.or(doubtful.map(|_| self.cautious_until_ms))
    }

    /// The size of that frame.
    pub fn trial_bytes(&self) -> Option<usize> {
        let bytes = self.lost.map(|lost| lost.bytes).or(self.doubtful)?;
        Some(bytes.min(FRAME_BYTES_MAX))
    }

    /// The size of the frames that do not arrive although smaller ones do, if there are any.
    pub fn lost_bytes(&self) -> Option<usize> {
        self.lost.filter(|lost| lost.is_shown).map(|lost| lost.bytes)
    }

    /// The same until it is time to try that size again.
    pub fn lost_bytes_until_trial(&self, now_ms: u64) -> Option<usize> {
        self.lost_bytes().filter(|_| self.lost.is_some_and(|lost| now_ms < lost.again_ms()))
    }
}

/// The index of the smallest size that holds so many bytes.
fn index(bytes: usize) -> usize {
    SIZES.iter().position(|size| bytes <= *size).unwrap_or(SIZES.len() - 1)
}

#[cfg(test)]
#[path = "frame_size_tests.rs"]
mod tests;
