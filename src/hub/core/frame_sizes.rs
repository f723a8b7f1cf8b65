//! How large the frames to each gateway may be. What is known of a limit is in the books, so that
//! it outlives the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::books::Books;
use super::lost_frames::LostFrames;
use super::records::Book;
use crate::limits::{DOWN_BYTES, FRAME_TRIAL_ANSWER_MS};
use crate::protocol::frame_size::{FrameLimit, FrameSize};
use crate::protocol::topic::GatewayId;

/// What is known of frames to gateways.
#[derive(Debug, Default)]
pub(super) struct FrameSizes {
    /// The gateways that large frames do not reach, or did not at some time.
    of: BTreeMap<GatewayId, Known>,
    ceiling: Ceiling,
    /// What has begun or ended since it was last taken.
    news: Vec<LimitNews>,
    /// What was known when the transaction began of the gateways of which it has learnt something.
    before: BTreeMap<GatewayId, Option<Known>>,
}

/// A gateway, and the size of the frames that do not reach it any more; `None` if they do again.
pub type LimitNews = (GatewayId, Option<usize>);

/// What the hub's own way to its broker lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Host and port of the broker.
    pub broker: Arc<str>,
    /// The bytes that a frame to any gateway may have.
    pub bytes: usize,
    /// The size of the frames over which the broker closes the hub's connection, if there are any.
    pub lost: Option<usize>,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self { broker: "".into(), bytes: DOWN_BYTES, lost: None }
    }
}

/// What is known of the frames to one gateway.
#[derive(Clone, Debug)]
struct Known {
    size: FrameSize,
    trial: Option<Trial>,
    /// Only the gateway says so, of the frames that it sends.
    is_told: bool,
    /// It has no connection to its broker, so it is not known whether the limit holds still.
    is_away: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self { size: FrameSize::trusting(), trial: None, is_told: false, is_away: false }
    }
}

impl Known {
    fn lose(&mut self, bytes: usize, now_ms: u64) {
        self.size.handle_lost(bytes, now_ms);
        self.is_told = false;
    }

    /// A greeting soon after a trial answers it; one that comes later shows that it was lost.
    fn end_trial(&mut self, now_ms: u64) {
        match self.trial.take() {
            Some(trial @ Trial::UnderWay { bytes, .. }) if trial.is_recent(now_ms) => {
                self.size.handle_arrived(bytes);
            }
            Some(Trial::UnderWay { bytes, .. }) => self.lose(bytes, now_ms),
            Some(Trial::Due { .. }) | None => {}
        }
    }

    /// The gateway says how large frames arrive that it sends, or that it knows no limit.
    fn hear(&mut self, limit: Option<FrameLimit>, now_ms: u64) {
        match limit {
            Some(limit) => self.size = self.size.clone().recalling(limit, now_ms),
            None => self.size = FrameSize::trusting(),
        }
        self.is_told = limit.is_some();
    }

    fn go_away(&mut self, now_ms: u64) {
        self.is_away = true;
        if let Some(Trial::UnderWay { bytes, .. }) = self.trial.take() {
            self.lose(bytes, now_ms);
        }
    }

    /// The size of a frame to try, if it is time and the hub's own broker lets it pass. What that
    /// broker lets pass may have to be tried first, and in steps.
    fn trial_bytes(&self, ceiling: &Ceiling, now_ms: u64) -> Option<usize> {
        self.size.trial_at_ms().filter(|at_ms| now_ms >= *at_ms)?;
        let wanted = self.size.trial_bytes()?;
        match ceiling.lost {
            Some(lost) => Some(wanted).filter(|bytes| *bytes <= ceiling.bytes && *bytes < lost),
            None => Some(wanted.min(ceiling.bytes)).filter(|bytes| self.size.is_trial(*bytes)),
        }
    }
}

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
    /// A transaction begins.
    pub(super) fn begin(&mut self, ceiling: Ceiling) {
        self.ceiling = ceiling;
        self.before.clear();
    }

    /// The transaction was rolled back: what it has sent to find out more was not sent.
    pub(super) fn handle_rollback(&mut self) {
        for (gateway, before) in std::mem::take(&mut self.before) {
            match before {
                Some(known) => drop(self.of.insert(gateway, known)),
                None => drop(self.of.remove(&gateway)),
            }
        }
        self.news.clear();
    }

    /// A gateway says how large frames arrive that it sends; 0 if it knows no limit. Those to it
    /// pass the same broker. Later it is known better here.
    pub(super) fn handle_greeting(&mut self, gateway: &GatewayId, frame_bytes: u32, now_ms: u64) {
        let limit = (frame_bytes > 0).then(|| FrameLimit::of(frame_bytes as usize));
        if limit.is_none() && !self.of.contains_key(gateway) {
            return;
        }
        let (is_new, ceiling) = (!self.of.contains_key(gateway), self.ceiling.clone());
        self.change(gateway, |known| {
            known.is_away = false;
            known.end_trial(now_ms);
            if is_new || known.is_told && limit.is_none() {
                known.hear(limit, now_ms);
            }
            let is_due = known.trial_bytes(&ceiling, now_ms).is_some();
            known.trial = is_due.then_some(Trial::Due { since_ms: now_ms });
        });
    }

    /// The size of a frame to try now, if it is time and the hub's own broker lets it pass.
    pub(super) fn trial(&mut self, gateway: &GatewayId, now_ms: u64) -> Option<usize> {
        let known = self.of.get(gateway)?;
        let due = known.trial?;
        if !matches!(due, Trial::Due { .. }) || !due.is_recent(now_ms) {
            return None;
        }
        let bytes = known.trial_bytes(&self.ceiling, now_ms)?;
        let under_way = Trial::UnderWay { bytes, since_ms: now_ms };
        self.change(gateway, |known| known.trial = Some(under_way));
        Some(bytes)
    }

    /// The gateway cannot answer a frame that is tried: the next large one will show the limit.
    pub(super) fn forget(&mut self, gateway: &GatewayId) -> bool {
        self.change(gateway, |known| *known = Known::default())
    }

    /// A connection is lost on the way to a gateway: the trial may have been the reason.
    pub(super) fn handle_offline(&mut self, gateway: &GatewayId, now_ms: u64) {
        if self.of.contains_key(gateway) {
            self.change(gateway, |known| known.go_away(now_ms));
        }
    }

    /// The same of the hub's own connection.
    pub(super) fn handle_disconnected(&mut self, now_ms: u64) {
        let gateways: Vec<GatewayId> = self.of.keys().cloned().collect();
        gateways.iter().for_each(|gateway| self.handle_offline(gateway, now_ms));
    }

    /// Takes what the books know from an earlier process, of a gateway that is online.
    pub(super) fn read(&mut self, book: &Book, now_ms: u64) {
        let gateway = &book.gateway;
        if let Some(known) = self.of.get_mut(gateway) {
            known.is_away = false;
        } else if let Some(lost) = book.frame_lost.as_ref() {
            let limit = FrameLimit { passes: 0, lost: lost.bytes as usize };
            let size = FrameSize::trusting().recalling(limit, now_ms);
            self.of.insert(gateway.clone(), Known { size, ..Known::default() });
        }
    }

    /// Changes what is known of a gateway; notes and returns whether a limit begins or ends by it.
    fn change(&mut self, gateway: &GatewayId, apply: impl FnOnce(&mut Known)) -> bool {
        let before = self.of.get(gateway).cloned();
        let mut known = before.clone().unwrap_or_default();
        let was_limited = known.size.lost_bytes().is_some();
        apply(&mut known);
        let lost = known.size.lost_bytes();
        self.of.insert(gateway.clone(), known);
        self.before.entry(gateway.clone()).or_insert(before);
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
        let kept = book.frame_lost.as_ref().map(|lost| lost.bytes as usize);
        let known = self.of.get(gateway).map_or(kept, |known| known.size.lost_bytes());
        let lost = known.or(self.ceiling.lost);
        if lost == kept {
            return Ok(());
        }
        let broker = self.ceiling.broker.as_ref();
        let lost = lost.and_then(|bytes| u32::try_from(bytes).ok());
        let frame_lost = lost.map(|bytes| LostFrames { bytes, broker: broker.into() });
        books.save(&Book { frame_lost, ..book })
    }

    /// The bytes that the next frame to a gateway may have.
    pub(super) fn limit(&self, gateway: &GatewayId, now_ms: u64) -> usize {
        let known = self.of.get(gateway).map_or(DOWN_BYTES, |known| known.size.limit(now_ms));
        known.min(DOWN_BYTES).min(self.ceiling.bytes)
    }

    /// Frames of this size have arrived at a gateway. Returns whether a limit begins or ends by it.
    pub(super) fn handle_arrived(&mut self, gateway: &GatewayId, bytes: usize) -> bool {
        let is_known = self.of.contains_key(gateway);
        is_known && self.change(gateway, |known| known.size.handle_arrived(bytes))
    }

    /// Frames of this size have not arrived at a gateway, though small ones have.
    pub(super) fn handle_lost(&mut self, gateway: &GatewayId, bytes: usize, now_ms: u64) {
        self.change(gateway, |known| known.lose(bytes, now_ms));
    }

    /// The size of the smallest frames that do not arrive at a gateway that is connected, if there are
    /// any.
    pub(super) fn lost_bytes(&self) -> Option<usize> {
        let connected = self.of.values().filter(|known| !known.is_away);
        connected.filter_map(|known| known.size.lost_bytes()).min()
    }
}
