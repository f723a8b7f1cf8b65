//! How large a frame may be on the way through a broker that may have a limit.
//!
//! Some brokers drop a large message and acknowledge it all the same, others close the connection.
//! Either way a frame that does not arrive, while smaller ones do, shows the limit. A size counts as
//! proven once a frame of it has arrived. A larger frame is a trial, at most about twice as large
//! as what is proven, so all trials that fail cost no more bytes than what arrives.

use crate::limits::{
    FRAME_BYTES_MAX, FRAME_BYTES_SMALL as SMALL, FRAME_CAUTION_MS, FRAME_EXCUSED_MS,
    FRAME_TRIAL_MS, FRAME_TRIAL_MS_MAX,
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
    /// A smaller frame has arrived since, so the size is to blame. Before that it may be the receiver,
    /// which cannot write what it is sent.
    is_shown: bool,
    /// A small frame was lost since, so the size is not to blame.
    is_excused: bool,
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
            self.lost = Some(Lost { bytes: lost, again_ms, is_shown: true, is_excused: false });
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
        let lost = self.lost.filter(|lost| now_ms < lost.again_ms);
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
            Some(lost) => lost.is_shown = true,
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
        self.failures += 1;
        let again_ms = now_ms + wait_ms.min(FRAME_TRIAL_MS_MAX);
        let is_shown = self.lost.is_some_and(|lost| lost.is_shown);
        self.lost = Some(Lost { bytes, again_ms, is_shown, is_excused: false });
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
        let lost = self.lost.map(|lost| lost.again_ms);
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
}

/// The index of the smallest size that holds so many bytes.
fn index(bytes: usize) -> usize {
    SIZES.iter().position(|size| bytes <= *size).unwrap_or(SIZES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many bytes through a broker with a limit; returns what was sent in all, and how many
    /// frames were lost.
    fn send(size: &mut FrameSize, mut bytes: usize, limit: usize, now_ms: u64) -> (usize, usize) {
        let (mut sent, mut lost) = (0, 0);
        while bytes > 0 {
            let frame = size.limit(now_ms).min(bytes);
            sent += frame;
            if frame + 100 <= limit {
                size.handle_arrived(frame);
                bytes -= frame;
            } else {
                size.handle_lost(frame, now_ms);
                lost += 1;
            }
        }
        (sent, lost)
    }

    #[test]
    fn a_remembered_limit_beyond_every_frame_ends_with_the_largest_one() {
        let limit = FrameLimit { passes: 0, lost: 2 * FRAME_BYTES_MAX };
        let mut size = FrameSize::trusting().recalling(limit, 0);
        size.handle_arrived(size.trial_bytes().unwrap());
        assert_eq!((size.known(), size.trial_at_ms()), (None, None));
    }

    #[test]
    fn at_most_twice_the_bytes_are_sent_through_any_limit() {
        for limit in [2_048, 3_000, 4_096, 5_000, 8_192, 10_000, 16_384, 30_000] {
            for bytes in [500, 5_000, 14_000, 33_000, 100_000, 1_000_000] {
                let mut size = FrameSize::careful();
                let (sent, lost) = send(&mut size, bytes, limit, 0);
                let allowed = 2 * bytes + if limit < 4_096 { 3_840 } else { 0 };
                assert!(sent <= allowed, "{sent} bytes for {bytes} with a limit of {limit}");
                assert!(lost <= 2, "{lost} frames were lost");
            }
        }
    }

    #[test]
    fn without_a_limit_nothing_is_lost_and_frames_are_large_after_the_first_few() {
        let mut size = FrameSize::careful();
        assert_eq!(send(&mut size, 100_000, usize::MAX, 0), (100_000, 0));
        assert_eq!(size.limit(0), FRAME_BYTES_MAX);
        assert_eq!(size.lost_bytes(), None);
    }

    #[test]
    fn a_lost_size_is_tried_again_later_and_less_and_less_often() {
        let mut size = FrameSize::careful();
        send(&mut size, 30_000, 8_192, 0);
        assert_eq!((size.limit(0), size.lost_bytes()), (7_936, Some(16_128)));
        assert_eq!(size.limit(FRAME_TRIAL_MS), 16_128);
        size.handle_lost(16_128, FRAME_TRIAL_MS);
        assert_eq!(size.limit(2 * FRAME_TRIAL_MS), 7_936, "the wait has doubled");
        assert_eq!(size.limit(3 * FRAME_TRIAL_MS), 16_128);
        size.handle_arrived(16_128);
        assert_eq!((size.limit(0), size.lost_bytes()), (FRAME_BYTES_MAX, None));
    }

    #[test]
    fn one_frame_of_a_proven_size_may_be_lost_by_accident() {
        let mut size = FrameSize::careful();
        send(&mut size, 100_000, usize::MAX, 0);
        size.handle_lost(20_000, 0);
        assert_eq!(size.limit(0), FRAME_BYTES_MAX);
        size.handle_arrived(30_000);
        size.handle_lost(20_000, 0);
        assert_eq!(size.limit(0), FRAME_BYTES_MAX);
        size.handle_lost(20_000, 0);
        assert!(size.limit(0) < 20_000, "the broker has a limit now");
        size.handle_arrived(7_900);
        assert_eq!(size.lost_bytes(), Some(20_000));
    }

    #[test]
    fn a_way_that_falls_silent_twice_over_large_frames_gets_smaller_ones() {
        let mut size = FrameSize::careful();
        size.handle_doubtful(3_800, 0);
        assert_eq!(size.limit(FRAME_CAUTION_MS - 1), SMALL);
        assert_eq!(size.limit(FRAME_CAUTION_MS), 3_840, "the network may have been away");
        let trial = |size: &FrameSize| size.trial_at_ms().zip(size.trial_bytes());
        assert_eq!(trial(&size), Some((FRAME_CAUTION_MS, 3_800)), "that will show it");
        size.handle_arrived(3_800);
        assert_eq!((size.limit(1_000), trial(&size)), (7_936, None));
        size.handle_doubtful(3_800, 10_000);
        size.handle_arrived(200);
        assert_eq!(size.lost_bytes(), None, "frames of this size have arrived since");
        size.handle_doubtful(3_800, 20_000);
        assert_eq!((size.limit(20_000), size.lost_bytes()), (1_792, Some(3_800)));
        size.handle_doubtful(1_700, 21_000);
        assert_eq!((size.limit(21_000), size.lost_bytes()), (SMALL, Some(1_700)), "at once now");
        size.handle_doubtful(200, 22_000);
        size.handle_doubtful(200, 23_000);
        assert_eq!(size.lost_bytes(), Some(1_700), "small frames are never to blame");
    }

    #[test]
    fn a_connection_that_ends_over_small_frames_too_says_nothing_of_large_ones() {
        let mut size = FrameSize::careful();
        size.handle_doubtful(3_800, 0);
        size.handle_doubtful(200, 1_000);
        assert_eq!(size.limit(1_000), 3_840, "the caution is over");
        for now_ms in (2_000..30_000).step_by(1_000) {
            size.handle_doubtful(3_800, now_ms);
        }
        assert_eq!((size.limit(30_000), size.lost_bytes()), (3_840, None));
        for now_ms in [FRAME_EXCUSED_MS + 1_000, FRAME_EXCUSED_MS + 9_000] {
            assert_eq!(size.lost_bytes(), None);
            size.handle_doubtful(3_800, now_ms);
        }
        assert_eq!(size.lost_bytes(), Some(3_800), "only large ones since");
    }

    #[test]
    fn a_trial_is_due_when_its_time_has_come_and_ends_the_limit_if_it_arrives() {
        let mut size = FrameSize::careful();
        assert_eq!(size.trial_at_ms(), None, "there is no limit");
        send(&mut size, 30_000, 8_192, 0);
        let trial = |size: &FrameSize| (size.trial_at_ms(), size.trial_bytes());
        assert_eq!(trial(&size), (Some(FRAME_TRIAL_MS), Some(16_128)));
        let mut waits = Vec::new();
        for _ in 0..20 {
            let now_ms = size.trial_at_ms().unwrap();
            size.handle_lost(16_128, now_ms);
            waits.push(size.trial_at_ms().unwrap() - now_ms);
        }
        assert_eq!(waits[..2], [2 * FRAME_TRIAL_MS, 4 * FRAME_TRIAL_MS]);
        assert_eq!(waits.last(), Some(&FRAME_TRIAL_MS_MAX));
        size.handle_arrived(16_128);
        assert_eq!((trial(&size), size.lost_bytes()), ((None, None), None));
    }

    #[test]
    fn the_size_that_was_lost_last_is_the_one_that_is_reported() {
        let mut size = FrameSize::careful();
        send(&mut size, 30_000, 8_192, 0);
        assert_eq!(size.lost_bytes(), Some(16_128));
        size.handle_lost(10_000, FRAME_TRIAL_MS);
        assert_eq!(size.lost_bytes(), Some(10_000));
    }

    #[test]
    fn small_frames_that_arrive_do_not_end_a_doubt() {
        let mut size = FrameSize::careful();
        send(&mut size, 100_000, usize::MAX, 0);
        size.handle_lost(20_000, 0);
        size.handle_arrived(200);
        size.handle_lost(20_000, 0);
        assert!(size.limit(0) < 20_000, "the broker has a limit now");
    }

    #[test]
    fn a_limit_that_is_remembered_costs_nothing_again_until_it_is_tried() {
        for limit in [2_048, 4_096, 8_192, 16_384] {
            let mut size = FrameSize::careful();
            send(&mut size, 100_000, limit, 0);
            let known = size.known().expect("there is a limit");
            assert!(known.most() + 100 <= limit && known.lost + 100 > limit, "{known:?}");

            let mut size = FrameSize::careful().recalling(known, 1_000);

            assert_eq!(size.known(), Some(known));
            assert_eq!(send(&mut size, 100_000, limit, 1_000), (100_000, 0));
            let later_ms = 1_000 + FRAME_TRIAL_MS;
            assert_eq!(send(&mut size, 100_000, limit, later_ms).1, 1, "it is tried once");
            send(&mut size, 100_000, usize::MAX, later_ms + FRAME_TRIAL_MS_MAX);
            assert_eq!(size.known(), None);
        }
    }

    #[test]
    fn a_receiver_that_takes_nothing_has_no_limit() {
        let mut size = FrameSize::trusting();
        for bytes in [30_000, 16_128, 7_936, 3_840, 1_792, 960, 960] {
            size.handle_lost(bytes, 0);
            assert_eq!((size.lost_bytes(), size.known()), (None, None), "nothing has arrived");
        }
        assert_eq!(size.limit(0), SMALL, "what is lost costs little meanwhile");
        size.handle_arrived(200);
        assert_eq!((size.lost_bytes(), size.limit(0)), (None, FRAME_BYTES_MAX));
        size.handle_lost(30_000, 0);
        size.handle_arrived(200);
        assert_eq!(size.lost_bytes(), Some(30_000), "a small one has arrived");
    }

    #[test]
    fn what_makes_no_sense_is_not_remembered() {
        for limit in [(0, 0), (0, SMALL), (9_000, 8_000), (9_000, 9_000)] {
            let limit = FrameLimit { passes: limit.0, lost: limit.1 };
            assert_eq!(FrameSize::careful().recalling(limit, 0).known(), None, "{limit:?}");
        }
        assert_eq!(FrameLimit::of(7_936).most(), 7_936);
        assert_eq!(FrameLimit::of(usize::MAX).most(), 16_128, "below the largest size");
    }

    #[test]
    fn small_frames_are_never_to_blame() {
        let mut size = FrameSize::trusting();
        size.handle_lost(200, 0);
        size.handle_lost(200, 0);
        assert_eq!((size.limit(0), size.lost_bytes()), (FRAME_BYTES_MAX, None));
        assert!(!size.is_trial(900));
    }
}
