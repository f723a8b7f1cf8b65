//! The hub: one or two workers on the same books, each with volatile state of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stockgate::hub::core::{
    Book, Books as _, CentralDecision, CentralRequest, Downlink, FrameAnswer, FrameOutcome,
    Movement, MovementKind, Policy, Rejection, Retired, bring_back, decide, handle_frame, publish,
    record_online, recover, retire, set_policy,
};
use stockgate::limits::STOCK_MAX;
use stockgate::protocol::drift::Content;
use stockgate::protocol::frame::Frame;
use stockgate::protocol::topic::GatewayId;
use stockgate::protocol::wire::Version;
use stockgate::stock::{Cause, Direction, Entry, Kind, Listing, RequestId, Sku};
use uuid::Uuid;

use super::bug::Bug;
use super::hub_database::{Broken, HubDatabase};

/// A job of a worker.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Frame(GatewayId, Frame, Version),
    Online(GatewayId, bool, Uuid),
    Central(RequestId, CentralRequest),
    Policy(Sku, Policy),
    Publish(Vec<Listing>),
    Retire(GatewayId, Uuid),
    /// From a retired database to the one in force.
    BringBack(GatewayId, Uuid, Uuid),
    Recover,
    Lost,
    Announce,
    Tick,
}

/// The result of a request to the hub, once it is committed.
#[derive(Debug)]
pub(crate) enum Reply {
    Central(RequestId, CentralRequest, Box<Result<CentralDecision, Rejection>>),
    Retired(Retired),
}

/// A process of the hub.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    downlink: Downlink,
    pub(crate) inbox: VecDeque<Job>,
    /// Committed, but not sent.
    pub(crate) outbox: VecDeque<(GatewayId, Version, Frame)>,
    started_ms: u64,
    bug: Option<Bug>,
}

#[derive(Default)]
struct Outcome {
    answers: BTreeMap<GatewayId, (Version, FrameAnswer)>,
    touched: BTreeSet<GatewayId>,
    frames: Vec<(GatewayId, Version, Frame)>,
    replies: Vec<Reply>,
}

impl Worker {
    pub(crate) fn start(now_ms: u64, bug: Option<Bug>) -> Self {
        Self { started_ms: now_ms, bug, ..Self::default() }
    }

    /// Commits some of the queued jobs. The database fails after `breaks_after` changes.
    pub(crate) fn work(
        &mut self,
        books: &mut HubDatabase,
        count: usize,
        (wall_ms, now_ms): (i64, u64),
        breaks_after: Option<u32>,
    ) -> Vec<Reply> {
        let jobs: Vec<Job> = self.inbox.drain(..count.min(self.inbox.len())).collect();
        let running_ms = now_ms - self.started_ms;
        let half = self.bug == Some(Bug::HalfTransaction);
        let mut outcome = Outcome::default();
        let done = books.change(breaks_after, half, |books| {
            self.write(books, jobs, &mut outcome, wall_ms)?;
            for gateway in std::mem::take(&mut outcome.touched) {
                let frames = self.downlink.next(books, &gateway, running_ms)?;
                let version = books.books(&gateway)?.last().map_or(Version::V1, |book| book.wire);
                let frames = frames.into_iter().map(|frame| (gateway.clone(), version, frame));
                outcome.frames.extend(frames);
            }
            Ok(())
        });
        if done.is_err() && self.bug != Some(Bug::AckBeforeCommit) {
            return Vec::new();
        }
        let answers = outcome.answers.into_iter();
        let answers =
            answers.map(|(gateway, (version, answer))| (gateway, version, answer.frame()));
        self.outbox.extend(answers.chain(outcome.frames));
        if done.is_ok() { outcome.replies } else { Vec::new() }
    }

    fn write(
        &mut self,
        books: &mut HubDatabase,
        jobs: Vec<Job>,
        outcome: &mut Outcome,
        now_ms: i64,
    ) -> Result<(), Broken> {
        jobs.into_iter().try_for_each(|job| self.handle(books, job, outcome, now_ms))
    }

    fn handle(
        &mut self,
        books: &mut HubDatabase,
        job: Job,
        outcome: &mut Outcome,
        now_ms: i64,
    ) -> Result<(), Broken> {
        match job {
            Job::Frame(gateway, frame, version) => {
                self.take(books, gateway, (frame, version), outcome, now_ms)?;
            }
            Job::Online(gateway, online, epoch) => {
                let known = record_online(books, &gateway, online, online, now_ms)?;
                if online && !known {
                    let answer = FrameAnswer::Resume { epoch, acked_seq: 0, nonce: 0 };
                    outcome.answers.insert(gateway, (Version::V1, answer));
                }
            }
            Job::Central(id, request) => {
                self.misdeal(books, &id, &request);
                let decided = decide(books, &id, &request, &Cause::default())?;
                if let Ok(decision) = &decided {
                    outcome.touched.extend(decision.gateways.iter().cloned());
                }
                outcome.replies.push(Reply::Central(id, request, Box::new(decided)));
            }
            Job::Policy(sku, policy) => outcome.touched.extend(set_policy(books, &sku, policy)?),
            Job::Publish(listings) => {
                publish(books, listings)?;
                outcome.touched.extend(books.open_books().into_iter().map(|book| book.gateway));
            }
            Job::Retire(gateway, epoch) => {
                if let Ok(retired) = retire(books, &gateway, epoch)? {
                    outcome.replies.push(Reply::Retired(retired));
                }
                outcome.touched.insert(gateway);
            }
            Job::BringBack(gateway, from, to) => {
                let _ = bring_back(books, &gateway, from, to, &Cause::default())?;
                outcome.touched.insert(gateway);
            }
            Job::Recover => {
                let before = books.identity;
                outcome.touched.extend(recover(books)?.gateways);
                if self.bug == Some(Bug::ReleasedAsTheyAre) {
                    books.identity = before;
                }
            }
            Job::Lost => books.set_all_offline(),
            Job::Announce => {
                for book in books.open_books() {
                    let answer = FrameAnswer::Resume {
                        epoch: book.cursor.epoch,
                        acked_seq: book.cursor.acked_seq,
                        nonce: 0,
                    };
                    outcome.answers.insert(book.gateway, (book.wire, answer));
                }
            }
            Job::Tick => {
                self.send_as_new(books);
                outcome.touched.extend(self.downlink.waiting());
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        books: &mut HubDatabase,
        gateway: GatewayId,
        (frame, version): (Frame, Version),
        outcome: &mut Outcome,
        now_ms: i64,
    ) -> Result<(), Broken> {
        if self.bug == Some(Bug::BehindNotHeard) && matches!(frame, Frame::Behind(_)) {
            return Ok(());
        }
        self.misread(books, &gateway, &frame);
        let frame = self.twisted(books, &gateway, frame);
        let moved = books.movements.len();
        let mut frame_outcome = handle_frame(books, &gateway, &frame, version, now_ms)?;
        self.overrule(&frame, &mut frame_outcome);
        self.misbook(books, &gateway, moved, &frame_outcome);
        if frame_outcome.greeted {
            self.downlink.handle_greeting(&gateway);
        }
        if frame_outcome.accepted {
            self.take_answer(books, &gateway, frame)?;
        }
        if let Some(answer) = frame_outcome.answer {
            let earlier = outcome.answers.get(&gateway).map(|(_, earlier)| earlier);
            let answer = answer.joined_to(earlier);
            outcome.answers.insert(gateway.clone(), (version, answer));
        }
        outcome.touched.extend(frame_outcome.granted);
        outcome.touched.insert(gateway);
        Ok(())
    }

    fn take_answer(
        &mut self,
        books: &mut HubDatabase,
        gateway: &GatewayId,
        frame: Frame,
    ) -> Result<(), Broken> {
        if let Frame::Sums(answer) = frame {
            self.downlink
                .answered(books, gateway, answer.seq, &Content::Sums(answer.content))
                .map(drop)
        } else if let Frame::Figures(answer) = frame {
            self.downlink
                .answered(books, gateway, answer.seq, &Content::Figures(answer.content))
                .map(drop)
        } else {
            Ok(())
        }
    }

    /// For bugs: changes the books before a frame is handled.
    fn misread(&self, books: &mut HubDatabase, gateway: &GatewayId, frame: &Frame) {
        let of = |book: &&mut Book| book.gateway == *gateway && book.cursor.epoch == frame.epoch();
        let Some(book) = books.books.iter_mut().find(of) else {
            return;
        };
        match (self.bug, frame) {
            (Some(Bug::HubForgetsItsCursor), Frame::Entries(entries)) => {
                let first = entries.entries[0].seq;
                book.cursor.acked_seq = book.cursor.acked_seq.min(first - 1);
            }
            (Some(Bug::MergeOfTheRetired), _) if book.retired => {
                (book.retired, book.cursor.fenced) = (false, None);
            }
            _ => {}
        }
    }

    /// For bugs: reads a frame as another one.
    fn twisted(&self, books: &mut HubDatabase, gateway: &GatewayId, mut frame: Frame) -> Frame {
        match (self.bug, &mut frame) {
            (Some(Bug::OlderBooksUnnoticed), Frame::Hello(hello)) => {
                let epoch = Uuid::from(hello.epoch);
                let of = |book: &&Book| book.cursor.epoch == epoch;
                let issued = books.books.iter().find(of).map_or(0, |book| book.issued);
                hello.taken.transfer = hello.taken.transfer.min(issued);
                hello.bound.acked_seq = 0;
            }
            (Some(Bug::ForgedGrantBelieved), Frame::Entries(entries)) => {
                let last = entries.entries.last().map_or(0, |entry| entry.seq);
                let is_grant = |entry: &Entry| entry.kind == Kind::Grant;
                let epoch = Uuid::from(entries.epoch);
                let of = |book: &&mut Book| book.gateway == *gateway && book.cursor.epoch == epoch;
                if let Some(book) = books.books.iter_mut().find(of)
                    && entries.entries.iter().any(is_grant)
                    && !book.is_taken_over()
                {
                    book.takeover.up_to = last;
                }
            }
            _ => {}
        }
        frame
    }

    /// For bugs: changes what a frame has led to.
    fn misbook(
        &self,
        books: &mut HubDatabase,
        gateway: &GatewayId,
        moved: usize,
        outcome: &FrameOutcome,
    ) {
        match self.bug {
            Some(Bug::OlderBooksFence) => {
                let held = books.books.iter_mut().filter(|book| book.held.is_some());
                held.for_each(|book| book.cursor.fenced = Some("it has more".into()));
            }
            Some(Bug::TakenOverFromNowhere) => {
                let is_it = |movement: &&Movement| {
                    movement.kind == MovementKind::Grant && movement.in_transit_change == 0
                };
                for movement in books.movements[moved..].iter().filter(is_it) {
                    let pool = books.pools.entry(movement.sku.clone()).or_default();
                    pool.unallotted -= movement.change;
                }
            }
            Some(Bug::CatalogueNumbersUsedAgain) => {
                books.books.iter_mut().for_each(|book| book.catalogue_base = 0);
            }
            Some(Bug::FiguresCountForAll) if outcome.entries > 0 => {
                let received: i64 = books.allotments.values().map(|held| held.received).sum();
                let of = |book: &&mut Book| book.gateway == *gateway;
                let newest = books.books.iter_mut().rfind(of);
                newest
                    .filter(|_| received > STOCK_MAX / 2)
                    .into_iter()
                    .for_each(|book| book.cursor.fenced = Some("too many units".into()));
            }
            _ => {}
        }
    }

    /// For a bug: acknowledges a frame whatever it contains.
    fn overrule(&self, frame: &Frame, frame_outcome: &mut FrameOutcome) {
        if let (Some(Bug::AckOfWhatIsReceived), Frame::Entries(entries)) = (self.bug, frame) {
            let last = entries.entries.last().map_or(0, |entry| entry.seq);
            frame_outcome.answer = Some(FrameAnswer::Ack { epoch: frame.epoch(), acked_seq: last });
        }
    }

    /// For bugs: prepares a request to the hub wrongly.
    fn misdeal(&self, books: &mut HubDatabase, id: &RequestId, request: &CentralRequest) {
        match (self.bug, request) {
            (Some(Bug::CentralRequestForgotten), _) => books.forget(id),
            (Some(Bug::RecallTrusted), CentralRequest::Recall { lines, .. }) => {
                for line in lines {
                    let pool = books.pools.entry(line.sku.clone()).or_default();
                    pool.unallotted += line.quantity.units();
                }
            }
            (Some(Bug::DeductUnchecked), CentralRequest::Deduct { lines, .. }) => {
                for line in lines {
                    let pool = books.pools.entry(line.sku.clone()).or_default();
                    pool.unallotted -= line.quantity.units();
                    pool.deducted += line.quantity.units();
                }
            }
            _ => {}
        }
    }

    /// For a bug: gives an open grant another number and sends it again.
    fn send_as_new(&self, books: &mut HubDatabase) {
        if self.bug != Some(Bug::GrantSentAsNew) {
            return;
        }
        for place in 0..books.books.len() {
            let book = books.books[place].clone();
            let open = books.transfers.iter().find(|((id, _), issued)| {
                let is_grant = issued.transfer.direction == Direction::Grant;
                *id == book.id && is_grant && !issued.closed
            });
            if let Some(mut again) = open.map(|(_, issued)| issued.clone()) {
                books.books[place].issued += 1;
                again.transfer.number = books.books[place].issued;
                books.transfers.insert((book.id, again.transfer.number), again);
            }
        }
    }
}
