//! One batch of the hub's writer: jobs that are handled in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::core::{
    Books, Downlink, FrameAnswer, FrameOutcome, Quota, Quotas, Rules, handle_frame, record_online,
    serve_sales,
};
use super::db::{BooksError, BooksTransaction, Expected, Locks};
use super::jobs::{BooksChange, Completion, HubJob};
use super::link::set_offline;
use super::publisher::Room;
use super::strangers::Strangers;
use crate::protocol::Frame;
use crate::protocol::drift::Content;
use crate::protocol::frame::{BooksId, Entries};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Kind, RequestId, Seq};

/// How long a frame may wait for the frames before it, which another worker may be handling. A gateway
/// waits longer for its answer.
const EARLY_MS: u64 = 3_000;
/// As long as so many frames wait, or entries in them, no more are taken.
const EARLY_FRAMES_MAX: usize = 1_024;
const EARLY_ENTRIES_MAX: usize = 96_000;
/// Of how many gateways the books are read at once to send something.
const SENT_AT_ONCE: usize = 512;

/// When a batch is handled.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchTime {
    /// Milliseconds since 1970.
    pub(super) wall_ms: i64,
    /// Milliseconds since the start of the process.
    pub(super) running_ms: u64,
}

/// A frame that starts after a gap, or whose gateway's books another worker holds.
#[derive(Clone)]
pub(super) struct EarlyFrame {
    gateway: GatewayId,
    frame: Arc<Frame>,
    version: Version,
    /// When it arrived, in running time.
    since_ms: u64,
}

impl EarlyFrame {
    /// The job that handles it as one that has just arrived.
    pub(super) fn job(&self) -> HubJob {
        HubJob::Frame(self.gateway.clone(), Arc::clone(&self.frame), self.version)
    }

    /// Whether the frames before it may still be handled elsewhere.
    fn may_wait(&self, time: BatchTime) -> bool {
        time.running_ms < self.since_ms + EARLY_MS
    }

    /// Whether so many frames wait that no more are to be taken.
    pub(super) fn are_many(early: &[Self]) -> bool {
        let entries = |early: &Self| {
            if let Frame::Entries(entries) = &*early.frame { entries.entries.len() } else { 0 }
        };
        early.len() >= EARLY_FRAMES_MAX
            || early.iter().map(entries).sum::<usize>() >= EARLY_ENTRIES_MAX
    }

    /// Parts these frames: those to be handled now, and those that wait on. Nothing is locked for
    /// the latter, so that the worker that has the frames before them can go on.
    pub(super) fn part(
        early: &[Self],
        books: &mut BooksTransaction<'_>,
        time: BatchTime,
    ) -> Result<(Vec<Self>, Vec<Self>), BooksError> {
        let gateways = early.iter().map(|early| early.gateway.clone()).collect();
        let positions = books.positions(&gateways)?;
        let is_due = |early: &&Self| {
            let position = positions.get(&early.gateway);
            let follows = |(epoch, acked_seq): &(Uuid, u64)| {
                *epoch != early.frame.epoch()
                    || next_seq(&early.frame).is_none_or(|next| next <= acked_seq + 1)
            };
            !early.may_wait(time) || position.is_none_or(follows)
        };
        let (due, waiting): (Vec<&Self>, Vec<&Self>) = early.iter().partition(is_due);
        Ok((due.into_iter().cloned().collect(), waiting.into_iter().cloned().collect()))
    }
}

/// What a batch leads to. Nothing of it may become known before the commit.
#[derive(Default)]
pub(super) struct HubBatchOutcome {
    /// The books that the answers and frames are from.
    pub(super) books: BooksId,
    /// The last answer to each gateway.
    pub(super) answers: BTreeMap<GatewayId, (Version, FrameAnswer)>,
    /// Transfers, catalogue changes and probes to send.
    pub(super) frames: Vec<(GatewayId, Version, Frame)>,
    /// Whether some gateways must wait for such frames until there is room for them.
    pub(super) lacks_room: bool,
    pub(super) completions: Vec<Completion>,
    /// The frames that were handled.
    pub(super) handled: Vec<(GatewayId, FrameOutcome)>,
    /// The frames that wait on.
    pub(super) early: Vec<EarlyFrame>,
    /// The gateways that sales have asked for units, and whether they have answered in time.
    pub(super) recalls: Vec<(GatewayId, bool)>,
    /// The sales from anywhere that were decided.
    pub(super) decided_sales: Vec<RequestId>,
}

impl HubBatchOutcome {
    /// Adds an answer to a gateway that speaks this version.
    fn answer(&mut self, gateway: GatewayId, version: Version, answer: FrameAnswer) {
        let earlier = self.answers.get(&gateway).map(|(_, earlier)| earlier);
        let answer = answer.joined_to(earlier);
        self.answers.insert(gateway, (version, answer));
    }
}

/// A batch whose transaction is open.
pub(super) struct HubBatch<'a, 'db> {
    books: &'a mut BooksTransaction<'db>,
    downlink: &'a mut Downlink,
    time: BatchTime,
    /// Whether other workers get some of the frames.
    has_others: bool,
    /// The gateways whose books another worker holds.
    busy: BTreeSet<GatewayId>,
    room: Room,
    /// Gateways that may have to be sent something.
    due: &'a mut BTreeSet<GatewayId>,
    strangers: &'a Strangers,
    quotas: Option<&'a Quotas>,
    outcome: HubBatchOutcome,
}

impl<'a, 'db> HubBatch<'a, 'db> {
    pub(super) fn new(
        books: &'a mut BooksTransaction<'db>,
        downlink: &'a mut Downlink,
        time: BatchTime,
        room: Room,
        due: &'a mut BTreeSet<GatewayId>,
        strangers: &'a Strangers,
    ) -> Self {
        let (busy, outcome) = (BTreeSet::new(), HubBatchOutcome::default());
        let (quotas, has_others) = (None, false);
        Self { books, downlink, time, has_others, busy, room, due, strangers, quotas, outcome }
    }

    /// Limits what each gateway may cost.
    pub(super) fn limited(self, quotas: &'a Quotas) -> Self {
        Self { quotas: Some(quotas), ..self }
    }

    /// Other workers on the same books get some of the frames: they hold the books of the gateways in
    /// `busy`, and the frames in `waiting` wait on.
    pub(super) fn sharing(mut self, busy: BTreeSet<GatewayId>, waiting: Vec<EarlyFrame>) -> Self {
        self.outcome.early = waiting;
        Self { busy, has_others: true, ..self }
    }

    /// Handles frames that were early in an earlier batch, unless they are early still and may
    /// wait on.
    pub(super) fn retry(&mut self, early: &[EarlyFrame]) -> Result<(), BooksError> {
        for early in early {
            if early.may_wait(self.time) && self.is_early(&early.gateway, &early.frame)? {
                self.outcome.early.push(early.clone());
            } else {
                self.handle_frame(&early.gateway, &early.frame, early.version)?;
            }
        }
        Ok(())
    }

    /// Handles a job, or lets a frame wait whose predecessors another worker may be handling.
    pub(super) fn handle_or_wait(&mut self, job: &mut HubJob) -> Result<(), BooksError> {
        if let HubJob::Frame(gateway, frame, version) = &*job
            && self.is_early(gateway, frame)?
        {
            let (gateway, frame, version) = (gateway.clone(), Arc::clone(frame), *version);
            let since_ms = self.time.running_ms;
            self.outcome.early.push(EarlyFrame { gateway, frame, version, since_ms });
            return Ok(());
        }
        self.handle(job)
    }

    fn is_early(&mut self, gateway: &GatewayId, frame: &Frame) -> Result<bool, BooksError> {
        Ok(self.busy.contains(gateway) || is_early(self.books, gateway, frame)?)
    }

    pub(super) fn handle(&mut self, job: &mut HubJob) -> Result<(), BooksError> {
        match job {
            HubJob::Frame(gateway, frame, version) => self.handle_frame(gateway, frame, *version),
            HubJob::Online { gateway, online, epoch, fresh } => {
                self.handle_online(gateway, *online, *epoch, *fresh)
            }
            HubJob::Change(change) => self.change(change),
            HubJob::Lost => {
                self.downlink.handle_disconnected(self.time.running_ms);
                set_offline(self.books, self.time.wall_ms, self.has_others)
            }
            HubJob::Announce => self.announce(),
            HubJob::Tick => {
                self.due.extend(self.downlink.waiting());
                Ok(())
            }
        }
    }

    fn handle_frame(
        &mut self,
        gateway: &GatewayId,
        frame: &Frame,
        version: Version,
    ) -> Result<(), BooksError> {
        if self.strangers.are_refused() && !self.books.is_enrolled(gateway)? {
            self.strangers.record(gateway, frame, self.time.wall_ms);
            self.outcome.handled.push((gateway.clone(), FrameOutcome::default()));
            return Ok(());
        }
        let rules = Rules {
            new_skus: self.left(gateway, Quota::Skus),
            new_databases: self.left(gateway, Quota::Databases),
            ..self.books.rules()
        };
        self.books.set_rules(rules, self.time.wall_ms);
        let mut outcome = handle_frame(self.books, gateway, frame, version, self.time.wall_ms)?;
        if outcome.greeted {
            if let Frame::Hello(hello) = frame {
                self.downlink.weigh_up(self.books, gateway, hello, self.time.running_ms)?;
            }
            self.downlink.handle_greeting(gateway);
        }
        if outcome.accepted {
            self.handle_probe_answer(gateway, frame, &mut outcome)?;
        }
        if let Some(answer) = outcome.answer.clone() {
            self.outcome.answer(gateway.clone(), version, answer);
        }
        self.due.extend(std::mem::take(&mut outcome.granted));
        self.due.insert(gateway.clone());
        self.outcome.handled.push((gateway.clone(), outcome));
        Ok(())
    }

    fn handle_probe_answer(
        &mut self,
        gateway: &GatewayId,
        frame: &Frame,
        outcome: &mut FrameOutcome,
    ) -> Result<(), BooksError> {
        let (seq, content) = if let Frame::Sums(answer) = frame {
            (answer.seq, Content::Sums(answer.content.clone()))
        } else if let Frame::Figures(answer) = frame {
            (answer.seq, Content::Figures(answer.content.clone()))
        } else {
            return Ok(());
        };
        // The probe is sent again until it is answered.
        if self.left(gateway, Quota::Compared) == 0 {
            outcome.limited = Some(Quota::Compared);
            return Ok(());
        }
        outcome.compared = self.downlink.answered(self.books, gateway, seq, &content)? as u64;
        Ok(())
    }

    /// What a gateway has left of a quota, less what earlier frames of this batch cost.
    fn left(&self, gateway: &GatewayId, quota: Quota) -> u64 {
        let Some(quotas) = self.quotas else { return u64::MAX };
        let earlier = self.outcome.handled.iter().filter(|(of, _)| of == gateway);
        let spent: u64 = earlier.map(|(_, outcome)| outcome.cost(quota)).sum();
        quotas.left(gateway, quota, self.time.running_ms).saturating_sub(spent)
    }

    fn handle_online(
        &mut self,
        gateway: &GatewayId,
        online: bool,
        epoch: Option<Uuid>,
        fresh: bool,
    ) -> Result<(), BooksError> {
        if !online {
            self.downlink.handle_offline(gateway, self.time.running_ms);
        }
        let seen = online && fresh;
        let known = record_online(self.books, gateway, online, seen, self.time.wall_ms)?;
        // The hub has no books of this gateway: it is asked to greet, instead of waiting until it
        // does so by itself. One of version 1 does not understand and waits.
        if let Some(epoch) = epoch.filter(|_| online && !known) {
            let answer = FrameAnswer::Resume { epoch, acked_seq: 0, nonce: 0 };
            self.outcome.answers.insert(gateway.clone(), (Version::V2, answer));
        }
        Ok(())
    }

    fn change(&mut self, change: &mut BooksChange) -> Result<(), BooksError> {
        let mut gateways = Vec::new();
        self.outcome.completions.push((change.apply)(self.books, &mut gateways)?);
        self.due.extend(gateways);
        Ok(())
    }

    fn announce(&mut self) -> Result<(), BooksError> {
        for book in self.books.open_books()? {
            let answer = FrameAnswer::Resume {
                epoch: book.cursor.epoch,
                acked_seq: book.cursor.acked_seq,
                nonce: 0,
            };
            self.outcome.answer(book.gateway, book.wire, answer);
        }
        Ok(())
    }

    /// Adds what is to be sent to the gateways that this batch concerns, as far as there is room.
    pub(super) fn finish(mut self) -> Result<HubBatchOutcome, BooksError> {
        let given = self.books.take_given();
        self.due.extend(serve_sales(self.books, &given)?);
        for part in self.downlink.in_turn(self.due).chunks(SENT_AT_ONCE) {
            self.send_to(part)?;
        }
        self.outcome.recalls = self.books.take_recalls();
        self.outcome.decided_sales = self.books.decided_sales();
        if !(self.outcome.answers.is_empty() && self.outcome.frames.is_empty()) {
            self.outcome.books = self.books.identity()?;
        }
        Ok(self.outcome)
    }

    /// Adds what is to be sent to some gateways.
    fn send_to(&mut self, gateways: &[GatewayId]) -> Result<(), BooksError> {
        let is_full = self.outcome.frames.len() >= self.room.frames;
        let served = gateways.iter().filter(|id| !is_full && !self.room.busy.contains(*id));
        self.books.expect_sending(&served.cloned().collect())?;
        for gateway in gateways {
            let is_full = self.outcome.frames.len() >= self.room.frames;
            self.outcome.lacks_room |= is_full;
            if is_full || self.room.busy.contains(gateway) {
                self.downlink.postpone(gateway.clone());
                continue;
            }
            let frames = self.downlink.next(self.books, gateway, self.time.running_ms)?;
            let version = self.books.books(gateway)?.last().map_or(Version::V1, |book| book.wire);
            let frames = frames.into_iter().map(|frame| (gateway.clone(), version, frame));
            self.outcome.frames.extend(frames);
        }
        Ok(())
    }
}

/// What the jobs of a batch will read and change.
pub(super) fn expected(
    jobs: &[HubJob],
    early: &[EarlyFrame],
    locks: &Locks,
    (time, shared): (BatchTime, bool),
) -> Expected {
    let mut expected = Expected { locks: locks.clone(), ..Expected::default() };
    for early in early {
        let may_wait = shared && early.may_wait(time);
        expect_frame(&mut expected, &early.gateway, &early.frame, may_wait);
    }
    for job in jobs {
        match job {
            HubJob::Frame(gateway, frame, _) => {
                expect_frame(&mut expected, gateway, frame, shared);
            }
            HubJob::Online { gateway, .. } => {
                expected.locks.gateways.insert(gateway.clone());
            }
            HubJob::Change(change) => expected.locks.add(&change.locks),
            HubJob::Lost | HubJob::Announce | HubJob::Tick => {}
        }
    }
    expected
}

fn expect_frame(expected: &mut Expected, gateway: &GatewayId, frame: &Frame, may_wait: bool) {
    if !frame.is_upward() {
        return;
    }
    let gateways = if may_wait { &mut expected.if_free } else { &mut expected.locks.gateways };
    gateways.insert(gateway.clone());
    if let Frame::Entries(Entries { entries, .. }) = frame {
        let skus = entries.iter().map(|entry| entry.sku.clone()).collect();
        expected.skus.push((gateway.clone(), skus));
        let transferred =
            entries.iter().filter(|entry| matches!(entry.kind, Kind::Grant | Kind::Recall));
        expected.locks.skus.extend(transferred.map(|entry| entry.sku.clone()));
    }
}

/// The entry that has to be the next one in the books before a frame can be handled.
fn next_seq(frame: &Frame) -> Option<Seq> {
    if let Frame::Entries(entries) = frame {
        entries.entries.first().map(|first| first.seq)
    } else if let Frame::Checkpoint(checkpoint) = frame {
        // It is compared with the books where they end.
        Some(checkpoint.seq.saturating_add(1))
    } else {
        None
    }
}

/// Whether entries are missing before a frame.
fn is_early(
    books: &mut BooksTransaction<'_>,
    gateway: &GatewayId,
    frame: &Frame,
) -> Result<bool, BooksError> {
    let Some(next) = next_seq(frame) else { return Ok(false) };
    let book = books.books(gateway)?.pop();
    let book = book.filter(|book| book.cursor.epoch == frame.epoch() && book.is_open());
    Ok(book.is_some_and(|book| next > book.cursor.acked_seq + 1))
}
