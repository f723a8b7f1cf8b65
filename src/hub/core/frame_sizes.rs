//! How large the frames to each gateway may be. What is known of a limit is in the books, so that
//! it outlives the process.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::Book;
use crate::limits::{DOWN_BYTES, FRAME_TRIAL_ANSWER_MS};
use crate::protocol::frame_size::{FrameLimit, FrameSize};
use crate::protocol::topic::GatewayId;
use crate::sizes;

/// What is known of frames to gateways.
#[derive(Debug, Default)]
pub(super) struct FrameSizes {
    /// The gateways that large frames do not reach, or did not at some time.
    of: BTreeMap<GatewayId, FrameSize>,
    /// The bytes that a frame to any gateway may have, and the size of the frames over which the
    /// hub's own broker closes the connection.
    ceiling: Option<(usize, Option<usize>)>,
    trials: BTreeMap<GatewayId, Trial>,
    /// What has begun or ended since it was last taken.
    news: Vec<LimitNews>,
}

/// A gateway, and the size of the frames that do not reach it any more; `None` if they do again.
pub type LimitNews = (GatewayId, Option<usize>);

/// A frame of a size that was lost before, by which a gateway is asked for a greeting.
#[derive(Clone, Copy, Debug)]
enum Trial {
    /// The gateway has just greeted, so it will not do so by itself soon.
    Due {
        since_ms: u64,
    },
    UnderWay {
        bytes: usize,
        since_ms: u64,
    },
}

impl Trial {
    fn is_recent(self, now_ms: u64) -> bool {
        let (Self::Due { since_ms } | Self::UnderWay { since_ms, .. }) = self;
        now_ms < since_ms + FRAME_TRIAL_ANSWER_MS
    }
}

impl FrameSizes {
    /// Says how large a frame to any gateway may be.
    pub(super) fn set_ceiling(&mut self, bytes: usize, lost: Option<usize>) {
        self.ceiling = Some((bytes, lost));
    }

    /// A gateway says how large frames arrive that it sends; 0 if it knows no limit. Those to it
    /// pass the same broker. Later it is known better here.
    pub(super) fn handle_greeting(&mut self, gateway: &GatewayId, frame_bytes: u32, now_ms: u64) {
        self.end_trial(gateway, now_ms);
        if frame_bytes > 0 && !self.of.contains_key(gateway) {
            let limit = FrameLimit::of(frame_bytes as usize);
            self.change(gateway, |size| *size = size.clone().recalling(limit, now_ms));
        }
        if self.trial_bytes(gateway, now_ms).is_some() {
            self.trials.insert(gateway.clone(), Trial::Due { since_ms: now_ms });
        }
    }

    /// A greeting soon after a trial answers it; one that comes later shows that it was lost.
    fn end_trial(&mut self, gateway: &GatewayId, now_ms: u64) {
        match self.trials.remove(gateway) {
            Some(trial @ Trial::UnderWay { bytes, .. }) if trial.is_recent(now_ms) => {
                self.handle_arrived(gateway, bytes);
            }
            Some(Trial::UnderWay { bytes, .. }) => self.handle_lost(gateway, bytes, now_ms),
            Some(Trial::Due { .. }) | None => {}
        }
    }

    /// The size of a frame to try now, if it is time and the hub's own broker lets it pass.
    pub(super) fn trial(&mut self, gateway: &GatewayId, now_ms: u64) -> Option<usize> {
        let due = self.trials.get(gateway)?;
        if !matches!(due, Trial::Due { .. }) || !due.is_recent(now_ms) {
            return None;
        }
        let bytes = self.trial_bytes(gateway, now_ms)?;
        self.trials.insert(gateway.clone(), Trial::UnderWay { bytes, since_ms: now_ms });
        Some(bytes)
    }

    fn trial_bytes(&self, gateway: &GatewayId, now_ms: u64) -> Option<usize> {
        let size = self.of.get(gateway)?;
        size.trial_at_ms().filter(|at_ms| now_ms >= *at_ms)?;
        let may_pass = |bytes: &usize| {
            let fits = |(most, lost): (usize, Option<usize>)| {
                *bytes <= most && lost.is_none_or(|lost| *bytes < lost)
            };
            self.ceiling.is_none_or(fits)
        };
        size.trial_bytes().filter(may_pass)
    }

    /// A connection is lost on the way to a gateway: the trial may have been the reason.
    pub(super) fn give_trial_up(&mut self, gateway: &GatewayId, now_ms: u64) {
        if let Some(Trial::UnderWay { bytes, .. }) = self.trials.remove(gateway) {
            self.handle_lost(gateway, bytes, now_ms);
        }
    }

    /// The same of the hub's own connection.
    pub(super) fn give_trials_up(&mut self, now_ms: u64) {
        let gateways: Vec<GatewayId> = self.trials.keys().cloned().collect();
        gateways.iter().for_each(|gateway| self.give_trial_up(gateway, now_ms));
    }

    /// Takes what the books know from an earlier process.
    pub(super) fn read(&mut self, book: &Book, now_ms: u64) {
        if let Some(lost) = book.lost_bytes()
            && !self.of.contains_key(&book.gateway)
        {
            let limit = FrameLimit { passes: 0, lost };
            let size = FrameSize::trusting().recalling(limit, now_ms);
            self.of.insert(book.gateway.clone(), size);
        }
    }

    /// Changes what is known of a gateway; notes and returns whether a limit begins or ends by it.
    fn change(&mut self, gateway: &GatewayId, apply: impl FnOnce(&mut FrameSize)) -> bool {
        let size = self.of.entry(gateway.clone()).or_insert_with(FrameSize::trusting);
        let was_limited = size.lost_bytes().is_some();
        apply(size);
        let lost = size.lost_bytes();
        let is_news = lost.is_some() != was_limited;
        if is_news {
            self.news.push((gateway.clone(), lost));
        }
        is_news
    }

    /// What has begun or ended since the last call.
    pub(super) fn take_news(&mut self) -> Vec<LimitNews> {
        std::mem::take(&mut self.news)
    }

    /// Keeps in the books what is known now.
    ///
    /// # Errors
    /// If the books database fails.
    pub(super) fn save<B: Books>(
        &self,
        books: &mut B,
        gateway: &GatewayId,
    ) -> Result<(), B::Error> {
        let Some(book) = books.books(gateway)?.pop() else { return Ok(()) };
        let known = self.of.get(gateway).map_or(book.lost_bytes(), FrameSize::lost_bytes);
        let lost = known.or(self.ceiling.and_then(|(_, lost)| lost));
        let lost = lost.and_then(|bytes| u32::try_from(bytes).ok());
        if lost == book.frame_lost_bytes {
            return Ok(());
        }
        books.save(&Book { frame_lost_bytes: lost, ..book })
    }

    /// The bytes that the next frame to a gateway may have.
    pub(super) fn limit(&self, gateway: &GatewayId, now_ms: u64) -> usize {
        let known = self.of.get(gateway).map_or(DOWN_BYTES, |size| size.limit(now_ms));
        let ceiling = self.ceiling.map_or(DOWN_BYTES, |(bytes, _)| bytes);
        known.min(DOWN_BYTES).min(ceiling)
    }

    /// Frames of this size have arrived at a gateway. Returns whether a limit begins or ends by it.
    pub(super) fn handle_arrived(&mut self, gateway: &GatewayId, bytes: usize) -> bool {
        self.of.contains_key(gateway) && self.change(gateway, |size| size.handle_arrived(bytes))
    }

    /// Frames of this size have not arrived at a gateway, though small ones have.
    pub(super) fn handle_lost(&mut self, gateway: &GatewayId, bytes: usize, now_ms: u64) {
        self.change(gateway, |size| size.handle_lost(bytes, now_ms));
    }

    /// The size of the smallest frames that do not arrive, if there are any.
    pub(super) fn lost_bytes(&self) -> Option<usize> {
        self.of.values().filter_map(FrameSize::lost_bytes).min()
    }
}

/// What is said of frames that do not get through between a gateway and the hub. In which direction they
/// were lost is not kept: both pass the same broker.
pub fn size_limit(bytes: u64) -> String {
    format!(
        "frames of {} between it and the hub do not get through, small ones do: a size limit of the broker or of a proxy",
        sizes::Bytes(bytes)
    )
}
