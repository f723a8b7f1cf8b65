//! A running gateway: its volatile state, which a crash loses.

use std::collections::VecDeque;

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use stockgate::clock::Now;
use stockgate::limits::FRAME_ENTRIES_MAX;
use stockgate::protocol::drift::Content;
use stockgate::protocol::frame::{
    self, Behind, Bound, Checkpoint, Entries, Frame, Hello, ProbeAnswer, Resume, TakenUpTo,
};
use stockgate::protocol::topic::GatewayId;
use stockgate::protocol::uplink::{Range, Step, Uplink, UplinkEvent};
use stockgate::protocol::wire::{Wire, pack};
use stockgate::stock::{
    BooksId, CatalogueUpdate, Chain, Changes, Command, CommandAnswer, Direction, Draft, Entry,
    Origin, Posted, Seq, SignedPosition, Stock, Taken, Transfer,
};
use uuid::Uuid;

use super::bug::Bug;
use super::database::{Database, Position};
use super::dice::Dice;

/// Stands for the books of a hub whose frames do not name them.
const NO_BOOKS: BooksId = BooksId { books: Uuid::nil(), generation: 1 };
/// So few entries fit a frame of version 1 in any case.
const OLD_FRAME_ENTRIES: usize = 100;

const RESERVATION_TTL_S: u64 = 900;
/// Lines that expire in one commit: so few that several reservations which are due together do not
/// end together.
const EXPIRED_LINES: usize = 2;

/// A gateway process on a database.
#[derive(Debug)]
pub(crate) struct Memory {
    stock: Stock,
    pub(crate) uplink: Uplink,
    pub(crate) acked_seq: Seq,
    pub(crate) connected: bool,
    jobs: VecDeque<Job>,
    pub(crate) stage: Stage,
    /// Running time minus the time of the world.
    clock_ms: i64,
    sent_seq: Seq,
    origin: Origin,
    /// It is the program before version 2 of the protocol.
    is_old: bool,
    /// What the device has signed last.
    signed: Option<SignedPosition>,
    bug: Option<Bug>,
}

/// A job of the writer.
#[derive(Debug)]
pub(crate) enum Job {
    Decide(Command),
    Transfers(Vec<Transfer>),
    Update(CatalogueUpdate),
    Acked(Seq),
    Bind(BooksId, Seq),
}

/// The progress of a batch.
#[derive(Debug)]
pub(crate) enum Stage {
    Idle,
    Decided(Batch),
    /// Being written: a crash may lose it or not.
    Written(Batch),
    /// Durable, but nobody has been told.
    Synced(Batch),
}

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) changes: Changes,
    pub(crate) position: Position,
    answers: Vec<(Command, CommandAnswer)>,
}

impl Memory {
    /// Starts the process at a time of the world.
    pub(crate) fn start(
        database: &mut Database,
        id: &GatewayId,
        now_ms: u64,
        is_old: bool,
        bug: Option<Bug>,
    ) -> Self {
        if bug == Some(Bug::RequestsForgotten) {
            database.forget_requests();
        }
        let position = database.position;
        Self {
            stock: database.load(),
            uplink: Uplink::new(database.epoch, database.seq).bound_to(if is_old {
                Some(NO_BOOKS)
            } else {
                position.books
            }),
            acked_seq: position.acked_seq,
            connected: false,
            jobs: VecDeque::new(),
            stage: Stage::Idle,
            clock_ms: position.running_ms as i64 - now_ms as i64,
            sent_seq: 0,
            origin: Origin {
                site: id.site.clone(),
                gateway: id.gateway.clone(),
                epoch: database.epoch,
            },
            is_old,
            signed: None,
            bug,
        }
    }

    pub(crate) fn ask(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.jobs.is_empty() && matches!(self.stage, Stage::Idle)
    }

    pub(crate) fn running_ms(&self, now_ms: u64) -> u64 {
        (now_ms as i64 + self.clock_ms) as u64
    }

    /// Performs the next step of the writer.
    pub(crate) fn work(&mut self, database: &mut Database, now: Now, dice: &mut Dice) {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => self.decide(database, now, dice),
            Stage::Decided(batch) => {
                if self.bug == Some(Bug::AnswerBeforeSync) {
                    batch.answers.iter().for_each(|(command, answer)| {
                        database.lineage.tell(command, answer);
                    });
                }
                // The disk fails: the draft is dropped, and the requests may be sent again.
                self.stage = if dice.one_in(40) { Stage::Idle } else { Stage::Written(batch) };
            }
            Stage::Written(batch) => {
                database.commit(&batch.changes, batch.position, self.bug);
                self.stage = Stage::Synced(batch);
            }
            Stage::Synced(batch) => self.tell(database, batch),
        }
    }

    fn decide(&mut self, database: &Database, now: Now, dice: &mut Dice) {
        let count = self.jobs.len().min(1 + dice.below(8));
        let jobs: Vec<Job> = self.jobs.drain(..count).collect();
        for job in &jobs {
            if let Job::Acked(seq) = job
                && (self.acked_seq + 1..=self.stock.seq()).contains(seq)
            {
                self.acked_seq = *seq;
            }
        }
        let bound = jobs.iter().rev().find_map(|job| match job {
            Job::Bind(books, acked_seq) => Some((*books, *acked_seq)),
            _ => None,
        });
        if let Some((_, acked_seq)) = bound {
            self.acked_seq = self.acked_seq.min(acked_seq);
        }
        if let Some(taken) = self.taken_back(&jobs) {
            self.stock = database.load_with(taken);
        }
        let (mut changes, answers) = self.draft(&jobs, database, now);
        if self.is_old {
            chain_as_before(&mut changes, self.stock.checks().chain);
        }
        let books = bound.map(|(books, _)| books).or(database.position.books);
        let position = Position { acked_seq: self.acked_seq, running_ms: now.running_ms, books };
        let batch = Batch { changes, position, answers };
        self.stage = match batch.changes.is_empty() && bound.is_none() {
            true => Stage::Synced(batch),
            false => Stage::Decided(batch),
        };
    }

    /// Decides what is queued: the hub's jobs before the terminals', as the daemon does.
    fn draft(
        &self,
        jobs: &[Job],
        database: &Database,
        now: Now,
    ) -> (Changes, Vec<(Command, CommandAnswer)>) {
        let mut draft = Draft::new(&self.stock, now, RESERVATION_TTL_S);
        let Ok(()) = draft.expire_due(database, EXPIRED_LINES);
        for job in jobs {
            if let Job::Transfers(transfers) = job {
                for transfer in transfers {
                    draft.apply_transfer(&self.twisted(transfer));
                }
            }
        }
        for job in jobs {
            if let Job::Update(update) = job {
                draft.apply_catalogue_update(update);
            }
        }
        let mut answers = Vec::new();
        for job in jobs {
            if let Job::Decide(command) = job {
                let Ok(answer) = draft.decide(command, database);
                answers.push((command.clone(), answer));
            }
        }
        (draft.finish(), answers)
    }

    fn tell(&mut self, database: &mut Database, batch: Batch) {
        if !batch.changes.is_empty() {
            self.stock.apply(&batch.changes);
        }
        if self.bug != Some(Bug::AnswerBeforeSync) {
            for (command, answer) in &batch.answers {
                database.lineage.tell(command, answer);
            }
        }
    }

    /// Housekeeping: expires reservations, saves positions, prunes confirmed entries.
    /// Entries after `prunable` are not old enough to be pruned.
    pub(crate) fn keep_house(
        &mut self,
        database: &mut Database,
        prunable: Seq,
        now: Now,
        dice: &mut Dice,
    ) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        if self.stock.next_deadline_ms().is_some_and(|due_ms| due_ms <= now.running_ms) {
            self.decide(database, now, dice);
        }
        if dice.one_in(4) {
            self.save_position(database, now);
        }
        if dice.one_in(4) {
            self.sign(database, now);
        }
        if dice.one_in(4) && self.acked_seq > 0 {
            let is_bug = self.bug == Some(Bug::PruneOfWhatIsSent);
            let confirmed = if is_bug { self.sent_seq } else { self.acked_seq };
            let up_to = dice.between(0, confirmed).min(prunable);
            if up_to > database.pruned_seq {
                self.save_position(database, now);
                database.prune(up_to);
            }
        }
    }

    fn wire(&self) -> Wire {
        if self.is_old { Wire::V1 } else { Wire::UP }
    }

    fn packed(&self, epoch: Uuid, posted: &[Posted], taken: Taken) -> (Vec<u8>, usize) {
        if !self.is_old {
            return pack(epoch, posted, taken);
        }
        let posted = &posted[..posted.len().min(OLD_FRAME_ENTRIES)];
        let entries: Vec<Entry> = posted.iter().map(|posted| posted.entry.clone()).collect();
        let checks = posted[posted.len() - 1].checks;
        let epoch = epoch.into();
        let frame = Frame::Entries(Entries { epoch, checks, taken, entries, decimals: None });
        (frame.encode(Wire::V1), posted.len())
    }

    /// Signs the end of the ledger. A crash forgets the signature; the next one counts.
    fn sign(&mut self, database: &Database, now: Now) {
        let checks = self.stock.checks();
        if let (Chain::Sha256(chain), false) = (checks.chain, self.is_old) {
            let end = (self.stock.seq(), chain);
            let key = device_key(database);
            self.signed = Some(SignedPosition::new(&self.origin, end, now.wall_ms, &key));
        }
    }

    fn save_position(&self, database: &mut Database, now: Now) {
        let (acked_seq, running_ms) = (self.acked_seq, now.running_ms);
        database.position = Position { acked_seq, running_ms, ..database.position };
    }

    /// Tells the uplink what is committed by now.
    pub(crate) fn look(&mut self, database: &Database) {
        let (mut seq, taken) = (self.stock.seq(), self.stock.taken());
        if self.bug == Some(Bug::SendBeforeSync)
            && let Stage::Decided(batch) | Stage::Written(batch) = &self.stage
        {
            seq = batch.changes.seq;
        }
        debug_assert!(seq <= database.seq || self.bug.is_some());
        self.uplink.handle_committed(seq, taken);
        self.uplink.handle_signed(self.signed);
    }

    /// The next frame that the uplink wants to send.
    pub(crate) fn poll(&mut self, database: &Database, running_ms: u64) -> Option<Vec<u8>> {
        if !self.is_old {
            self.uplink.handle_bound(database.position.books, running_ms);
        }
        let step = self.uplink.poll(running_ms)?;
        let epoch = database.epoch.into();
        let frame = match step {
            Step::Greet { nonce } => self.hello(database, nonce),
            Step::Try { nonce, bytes } => {
                return Some(self.hello(database, nonce).encode_filled(self.wire(), bytes));
            }
            Step::ReportShorterLedger { hub_seq } => Frame::Behind(Behind {
                position: frame::Position { epoch, acked_seq: hub_seq },
                ledger_seq: self.stock.seq(),
            }),
            Step::SendEntries(range) => return self.entries(database, range, running_ms),
            Step::ReportTaken(taken) => Frame::Taken(TakenUpTo { epoch, taken }),
            Step::Answer(seq, Content::Sums(content)) => {
                Frame::Sums(ProbeAnswer { epoch, seq, content })
            }
            Step::Answer(seq, Content::Figures(content)) => {
                Frame::Figures(ProbeAnswer { epoch, seq, content })
            }
            Step::SendCheckpoint(signed) => {
                Frame::Checkpoint(Checkpoint::new(database.epoch, &signed))
            }
        };
        Some(frame.encode(self.wire()))
    }

    fn hello(&self, database: &Database, nonce: u64) -> Frame {
        Frame::Hello(Hello {
            epoch: database.epoch.into(),
            ledger_seq: self.stock.seq(),
            checks: self.stock.checks(),
            nonce,
            software: "simulated".into(),
            taken: self.stock.taken(),
            bound: Bound {
                books: database.position.books,
                acked_seq: self.acked_seq,
                frame_bytes: 0,
                device_key: Some(public(&device_key(database))),
            },
        })
    }

    fn entries(
        &mut self,
        database: &Database,
        Range { after, up_to, taken }: Range,
        running_ms: u64,
    ) -> Option<Vec<u8>> {
        let most = ((up_to - after) as usize).min(FRAME_ENTRIES_MAX);
        let mut posted = database.read(after, most).to_vec();
        if let (Some(Bug::SendBeforeSync), Stage::Decided(batch) | Stage::Written(batch)) =
            (self.bug, &self.stage)
        {
            posted.extend_from_slice(&batch.changes.entries);
        }
        if posted.first().is_none_or(|first| first.entry.seq != after + 1) {
            self.uplink.refuse("entries are forgotten", running_ms);
            return None;
        }
        let (bytes, packed) = self.packed(database.epoch, &posted, taken);
        let last_seq = posted[packed - 1].entry.seq;
        self.sent_seq = self.sent_seq.max(last_seq);
        self.uplink.sent(last_seq, running_ms);
        Some(bytes)
    }

    /// Handles bytes from the hub.
    pub(crate) fn receive(&mut self, database: &Database, bytes: &[u8], running_ms: u64) {
        let Ok((frame, wire)) = Frame::decode_with_wire(bytes) else {
            return;
        };
        if frame.epoch() != database.epoch || !self.connected {
            return;
        }
        let books = match (wire, &frame) {
            (Wire::V1, _) if self.is_old => NO_BOOKS,
            (Wire::V1, Frame::Resume(Resume { nonce: 0, .. })) => {
                return self.uplink.handle_call(running_ms);
            }
            (Wire::V2(books), _) if !self.is_old => books,
            (Wire::V1 | Wire::V2(_), _) => return,
        };
        let books = match self.bug {
            Some(Bug::OtherBooksHeard) => database.position.books.unwrap_or(books),
            _ => books,
        };
        if let (Some(Bug::TransferTakenTwice), Frame::Transfers(transfers)) = (self.bug, &frame) {
            self.ask(Job::Transfers(transfers.transfers.clone()));
        }
        match self.uplink.handle_frame_of(books, self.misheard(frame), running_ms) {
            Some(UplinkEvent::Acked(seq)) => self.ask(Job::Acked(seq)),
            Some(UplinkEvent::Transfers(transfers)) => self.ask(Job::Transfers(transfers)),
            Some(UplinkEvent::Update(update)) => self.ask(Job::Update(update)),
            Some(UplinkEvent::Probe(part)) => {
                let figures = self.stock.items_after("", None);
                let figures = figures.map(|(sku, item)| (sku, (item.on_hand, item.reserved)));
                let content = part.content(figures);
                self.uplink.answer(self.stock.seq(), content);
            }
            Some(UplinkEvent::Bind(books, acked_seq)) => self.ask(Job::Bind(books, acked_seq)),
            Some(UplinkEvent::Foreign) | None => {}
        }
    }

    /// For a bug: the position that the hub claims.
    fn misheard(&self, frame: Frame) -> Frame {
        match frame {
            Frame::Resume(resume) if self.bug == Some(Bug::SentPositionKept) => {
                let acked_seq = resume.position.acked_seq.max(self.sent_seq);
                Frame::Resume(Resume {
                    position: frame::Position { acked_seq, ..resume.position },
                    ..resume
                })
            }
            frame => frame,
        }
    }

    /// For a bug: sets the transfer position back before an applied transfer.
    fn taken_back(&self, jobs: &[Job]) -> Option<Taken> {
        if self.bug != Some(Bug::TransferTakenTwice) {
            return None;
        }
        let taken = self.stock.taken();
        let first = jobs.iter().find_map(|job| match job {
            Job::Transfers(transfers) => transfers.first().map(|transfer| transfer.number),
            Job::Decide(_) | Job::Update(_) | Job::Acked(_) | Job::Bind(..) => None,
        })?;
        (first <= taken.transfer).then(|| Taken { transfer: first - 1, ..taken })
    }

    /// For a bug: a recall of more than the hub asks for.
    fn twisted(&self, transfer: &Transfer) -> Transfer {
        let mut transfer = transfer.clone();
        if self.bug == Some(Bug::RecallOfTooMuch) && transfer.direction == Direction::Recall {
            for line in &mut transfer.lines {
                line.quantity = line.quantity.plus(line.quantity);
            }
        }
        transfer
    }
}

/// The chain as the program before version 2 of the protocol made it.
fn chain_as_before(changes: &mut Changes, mut chain: Chain) {
    for posted in &mut changes.entries {
        chain = chain.with(&posted.entry);
        posted.checks.chain = chain;
    }
    changes.checks.chain = chain;
}

/// The key of the device with this database. A copy of the database is one of the device.
fn device_key(database: &Database) -> Ed25519KeyPair {
    let half = database.epoch.into_bytes();
    Ed25519KeyPair::from_seed_unchecked(&[half, half].concat()).unwrap()
}

fn public(key: &Ed25519KeyPair) -> [u8; 32] {
    key.public_key().as_ref().try_into().unwrap()
}
