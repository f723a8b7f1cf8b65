//! What gateways are sent: transfers, changes of the catalogue, and probes of their stock.
//!
//! There is no queue. What is to be sent is what the books have after the positions that the
//! gateway has reported. The downlink only remembers what was sent recently, so that nothing is
//! sent twice within a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::answer::FrameAnswer;
use super::books::Books;
use super::frame_sizes::{Ceiling, FrameSizes, LimitNews};
use super::records::{Book, IssuedTransfer};
use super::{drift, whole_units};
use crate::limits::{
    CATALOGUE_FRAMES_MAX, CATALOGUE_LISTINGS_MAX, DOWN_RESEND_MS, DOWN_RESEND_MS_MAX,
    FRAME_BYTES_SMALL, FRAME_TRANSFERS_MAX,
};
use crate::protocol::drift::{Content, Search};
use crate::protocol::frame::{Call, Catalogue, Frame, Hello, Position, Probe, Transfers};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Line, Listing, Taken, Trace, Transfer};

/// The frames that are being sent to gateways; lost with the process, which costs a repetition.
#[derive(Debug, Default)]
pub struct Downlink {
    conversations: BTreeMap<GatewayId, Conversation>,
    /// The gateway that was served last.
    served: Option<GatewayId>,
    catalogue: CatalogueFrames,
    sizes: FrameSizes,
}

/// The newest catalogue frames by their start. All gateways are sent the same ones.
#[derive(Debug, Default)]
struct CatalogueFrames {
    /// The number of the last change when they were read.
    last: u64,
    frames: BTreeMap<(u64, usize), CatalogueFrame>,
}

/// Listings, the number of the last change among them, and the bytes that they can take.
type CatalogueFrame = (Vec<Listing>, u64, usize);

#[derive(Debug, Default)]
struct Conversation {
    /// The transfers that were sent since the gateway greeted.
    transfers: SentRange,
    /// The changes of the catalogue that were sent since the gateway greeted.
    catalogue: SentRange,
    search: Option<Search>,
    /// When the last probe was sent; 0 if none waits for an answer.
    probed_ms: u64,
}

/// What was sent after a position.
#[derive(Clone, Copy, Debug, Default)]
struct SentRange {
    /// The gateway's position when it was sent.
    after: u64,
    up_to: u64,
    at_ms: u64,
    /// How often it was sent again.
    repeats: u32,
    /// The size of the largest frame.
    bytes: usize,
    /// When the gateway was asked whether a large frame has arrived, before that is sent again.
    asked_ms: Option<u64>,
}

impl Downlink {
    /// Handles a greeting: what was sent to the gateway before may be lost, and is sent again.
    pub fn handle_greeting(&mut self, gateway: &GatewayId) {
        if let Some(conversation) = self.conversations.get_mut(gateway) {
            (conversation.transfers, conversation.catalogue, conversation.probed_ms) =
                Default::default();
        }
    }

    /// A transaction begins, while the hub's own way lets this pass.
    pub fn begin(&mut self, ceiling: Ceiling) {
        self.sizes.begin(ceiling);
    }

    /// Handles a greeting that says what the gateway has taken, and how large its frames may be. It
    /// was sent after the gateway was called: what was sent before that, and is not taken, does not
    /// arrive for its size.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn weigh_up<B: Books>(
        &mut self,
        books: &mut B,
        gateway: &GatewayId,
        hello: &Hello,
        now_ms: u64,
    ) -> Result<(), B::Error> {
        self.sizes.handle_greeting(gateway, hello.bound.frame_bytes, now_ms);
        if let Some(conversation) = self.conversations.get(gateway) {
            let Conversation { transfers, catalogue, .. } = conversation;
            let Taken { transfer, catalogue: change, .. } = hello.taken;
            let lost = [(transfers, transfer), (catalogue, change)];
            let lost = lost.into_iter().filter(|(sent, position)| sent.is_lost(*position));
            if let Some(bytes) = lost.map(|(sent, _)| sent.bytes).max() {
                self.sizes.handle_lost(gateway, bytes, now_ms);
            }
        }
        self.sizes.save(books, gateway)
    }

    /// The size of the smallest frames that do not arrive, if there are any.
    pub fn lost_bytes(&self) -> Option<usize> {
        self.sizes.lost_bytes()
    }

    /// The limits that were found or are gone since the last call.
    pub fn take_limit_news(&mut self) -> Vec<LimitNews> {
        self.sizes.take_news()
    }

    /// A gateway's connection to its broker is lost.
    pub fn handle_offline(&mut self, gateway: &GatewayId, now_ms: u64) {
        self.sizes.handle_offline(gateway, now_ms);
    }

    /// The hub's connection to its broker is lost.
    pub fn handle_disconnected(&mut self, now_ms: u64) {
        self.sizes.handle_disconnected(now_ms);
    }

    /// The gateways that are to be served, those after the one that was served last first.
    pub fn in_turn(&self, due: &BTreeSet<GatewayId>) -> Vec<GatewayId> {
        let Some(served) = &self.served else { return due.iter().cloned().collect() };
        let after = due.range((Excluded(served), Unbounded));
        after.chain(due.range(..=served)).cloned().collect()
    }

    /// Handles a transaction that was rolled back: what was read in it may not be in the books.
    pub fn handle_rollback(&mut self) {
        self.catalogue = CatalogueFrames::default();
        self.sizes.handle_rollback();
    }

    /// Lets a gateway wait until there is room for its frames.
    pub fn postpone(&mut self, gateway: GatewayId) {
        self.conversations.entry(gateway).or_default();
    }

    /// The gateways for which something may have to be sent again.
    pub fn waiting(&self) -> Vec<GatewayId> {
        self.conversations.keys().cloned().collect()
    }

    /// The frames to send to a gateway now, at this running time in milliseconds.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn next<B: Books>(
        &mut self,
        books: &mut B,
        gateway: &GatewayId,
        now_ms: u64,
    ) -> Result<Vec<Frame>, B::Error> {
        let book = books
            .books(gateway)?
            .pop()
            .filter(|book| book.is_open() && book.online && !book.is_taken_over());
        let Some(book) = book else {
            self.conversations.remove(gateway);
            return Ok(Vec::new());
        };
        let last_listing = books.last_listing()?;
        let last_number = last_listing + book.catalogue_base;
        self.sizes.read(&book, now_ms);
        let limit = self.sizes.limit(gateway, now_ms);
        let conversation = self.conversations.entry(gateway.clone()).or_default();
        let arrived = conversation.arrived(book.taken);
        let mut frames = Vec::new();
        frames.extend(conversation.next_transfers(books, &book, limit, now_ms)?);
        if let Some(after) = conversation.next_listings(&book, last_number, now_ms) {
            let ours = after.saturating_sub(book.catalogue_base);
            let (listings, up_to, bytes) =
                self.catalogue.frame(books, (ours, limit), last_listing)?;
            let up_to = up_to + book.catalogue_base;
            conversation.catalogue.sent(up_to, bytes, now_ms);
            let epoch = book.cursor.epoch.into();
            frames.push(Frame::Catalogue(Catalogue { epoch, after, up_to, listings }));
        }
        frames.extend(conversation.next_probe(&book, now_ms));
        let is_repeated = conversation.is_repeating() && !frames.is_empty();
        if is_repeated || conversation.asks(now_ms) {
            frames.push(call(&book));
        }
        let mut is_news = arrived > 0 && self.sizes.handle_arrived(gateway, arrived);
        // A greeting that comes for another reason would be taken for the answer.
        if conversation.is_idle(&book, last_number)
            && let Some(bytes) = self.sizes.trial(gateway, now_ms)
        {
            let (epoch, acked_seq) = (book.cursor.epoch.into(), book.cursor.acked_seq);
            match book.wire {
                Version::V1 => is_news |= self.sizes.forget(gateway),
                Version::V2 => frames
                    .push(Frame::Call(Call { position: Position { epoch, acked_seq }, bytes })),
            }
        }
        if !frames.is_empty() {
            self.served = Some(gateway.clone());
        }
        if conversation.is_idle(&book, last_number) {
            self.conversations.remove(gateway);
        }
        if is_news {
            self.sizes.save(books, gateway)?;
        }
        Ok(frames)
    }

    /// Handles a gateway's answer to a probe; returns how many SKUs had to be compared.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn answered<B: Books>(
        &mut self,
        books: &mut B,
        gateway: &GatewayId,
        seq: u64,
        content: &Content,
    ) -> Result<usize, B::Error> {
        let Some(conversation) = self.conversations.get_mut(gateway) else {
            return Ok(0);
        };
        // An answer costs a pass over all SKUs of the gateway, so there is one for each probe.
        if conversation.probed_ms == 0 {
            return Ok(0);
        }
        let Some(search) = &mut conversation.search else { return Ok(0) };
        let compared = drift::compare(books, gateway, seq, content, search)?;
        conversation.probed_ms = 0;
        if search.next().is_none() {
            conversation.search = None;
        }
        Ok(compared)
    }
}

impl Conversation {
    fn next_transfers<B: Books>(
        &mut self,
        books: &mut B,
        book: &Book,
        limit: usize,
        now_ms: u64,
    ) -> Result<Option<Frame>, B::Error> {
        let Some(after) = self.transfers.next(book.taken.transfer, book.issued, now_ms) else {
            return Ok(None);
        };
        let found = books.transfers_after(book.id, after, FRAME_TRANSFERS_MAX)?;
        let (mut transfers, bytes) = fitting(found, limit);
        transfers.truncate(whole_units::sendable(books, book, &transfers)?);
        book.whole_units.put_in_own(&mut transfers);
        let Some(last) = transfers.last() else {
            return Ok(None);
        };
        self.transfers.sent(last.number, bytes, now_ms);
        let epoch = book.cursor.epoch.into();
        Ok(Some(Frame::Transfers(Transfers { epoch, transfers })))
    }

    /// The change after which the next frame of the catalogue begins, if one is to be sent.
    fn next_listings(&mut self, book: &Book, last: u64, now_ms: u64) -> Option<u64> {
        // One frame at a time: a catalogue is long, and not urgent.
        let position = book.taken.catalogue;
        let in_flight = self.catalogue.after == position && self.catalogue.up_to > position;
        if in_flight && !self.catalogue.is_stale(now_ms) {
            return None;
        }
        self.catalogue.next(position, last, now_ms)
    }

    /// Probes until it is known which SKUs differ.
    fn next_probe(&mut self, book: &Book, now_ms: u64) -> Option<Frame> {
        if !book.searching {
            return None;
        }
        if self.probed_ms != 0 && now_ms < self.probed_ms + DOWN_RESEND_MS {
            return None;
        }
        let part = self.search.get_or_insert_with(Search::new).next()?;
        self.probed_ms = now_ms.max(1);
        Some(Frame::Probe(Probe { epoch: book.cursor.epoch.into(), part }))
    }

    /// The size of what was sent and is taken; said once.
    fn arrived(&mut self, taken: Taken) -> usize {
        let sent = [(&mut self.transfers, taken.transfer), (&mut self.catalogue, taken.catalogue)];
        let taken = sent.into_iter().filter(|(sent, position)| sent.is_taken(*position));
        taken.map(|(sent, _)| std::mem::take(&mut sent.bytes)).max().unwrap_or(0)
    }

    /// Whether a large frame was sent more than once.
    fn is_repeating(&self) -> bool {
        [&self.transfers, &self.catalogue].iter().any(|sent| sent.repeats > 0 && sent.is_large())
    }

    /// Whether it is time to ask the gateway what has arrived.
    fn asks(&self, now_ms: u64) -> bool {
        [&self.transfers, &self.catalogue].iter().any(|sent| sent.asked_ms == Some(now_ms))
    }

    fn is_idle(&self, book: &Book, last_number: u64) -> bool {
        book.taken.transfer >= book.issued && book.taken.catalogue >= last_number && !book.searching
    }
}

impl CatalogueFrames {
    /// The listings that changed after a change, as many as fit in a frame, and the number of the
    /// last of these changes.
    fn frame<B: Books>(
        &mut self,
        books: &mut B,
        (after, limit): (u64, usize),
        last: u64,
    ) -> Result<CatalogueFrame, B::Error> {
        if self.last != last || self.frames.len() >= CATALOGUE_FRAMES_MAX {
            *self = Self { last, frames: BTreeMap::new() };
        }
        if let Some(frame) = self.frames.get(&(after, limit)) {
            return Ok(frame.clone());
        }
        let found = books.listings_after(after, CATALOGUE_LISTINGS_MAX)?;
        let frame = fitting_listings(found, limit);
        self.frames.insert((after, limit), frame.clone());
        Ok(frame)
    }
}

impl SentRange {
    /// The position to send from, if anything is to be sent: what is new at once, and what the
    /// gateway has not taken in time once more.
    fn next(&mut self, position: u64, last: u64, now_ms: u64) -> Option<u64> {
        if position >= last {
            return None;
        }
        if position != self.after {
            *self = Self {
                after: position,
                up_to: self.up_to.max(position),
                at_ms: now_ms,
                ..Self::default()
            };
        }
        if self.up_to > position && self.is_stale(now_ms) {
            if self.is_large() && self.asked_ms.is_none() {
                (self.asked_ms, self.at_ms) = (Some(now_ms), now_ms);
                return None;
            }
            self.up_to = position;
            self.repeats += 1;
        }
        (self.up_to < last).then_some(self.up_to.max(position))
    }

    fn is_stale(&self, now_ms: u64) -> bool {
        let wait_ms = DOWN_RESEND_MS << self.repeats.min(8);
        now_ms >= self.at_ms + wait_ms.min(DOWN_RESEND_MS_MAX)
    }

    fn sent(&mut self, up_to: u64, bytes: usize, now_ms: u64) {
        self.up_to = up_to;
        self.at_ms = now_ms;
        self.bytes = self.bytes.max(bytes);
    }

    fn is_taken(&self, position: u64) -> bool {
        self.up_to > self.after && position >= self.up_to
    }

    /// Whether it may be too large for the broker.
    fn is_large(&self) -> bool {
        self.bytes > FRAME_BYTES_SMALL
    }

    /// Whether it is not taken though the gateway was asked.
    fn is_lost(&self, position: u64) -> bool {
        let was_asked = self.asked_ms.is_some() || self.repeats > 0;
        was_asked && self.is_large() && position <= self.after && self.up_to > position
    }
}

/// Asks a gateway for a greeting, a small frame that is answered by a small one.
fn call(book: &Book) -> Frame {
    let (epoch, acked_seq) = (book.cursor.epoch, book.cursor.acked_seq);
    FrameAnswer::Resume { epoch, acked_seq, nonce: 0 }.frame()
}

/// The most bytes of a transfer beside its lines: number, request id, direction, actor and reason.
const TRANSFER_BYTES_MAX: usize = 10 + 73 + 1 + 2 * 67 + 2 * 10;

/// The most bytes of a line: SKU and quantity, and lot, serial number and day if they are there.
fn bytes_of_line(line: &Line) -> usize {
    let text = |length: Option<usize>| length.map_or(1, |length| length + 2);
    let trace = line.trace.as_deref().map_or(1, |Trace { lot, serial, .. }| {
        let lot = text(lot.as_ref().map(|lot| lot.as_str().len()));
        lot + text(serial.as_ref().map(|serial| serial.as_str().len())) + 7
    });
    line.sku.as_str().len() + 11 + trace
}

/// As many transfers as fit in a frame of this size, by the most bytes that each can take, and these
/// bytes.
fn fitting(found: Vec<IssuedTransfer>, limit: usize) -> (Vec<Transfer>, usize) {
    let (mut transfers, mut bytes) = (Vec::new(), 0);
    for IssuedTransfer { transfer, .. } in found {
        let more = TRANSFER_BYTES_MAX + transfer.lines.iter().map(bytes_of_line).sum::<usize>();
        if bytes + more > limit && !transfers.is_empty() {
            break;
        }
        bytes += more;
        transfers.push(transfer);
    }
    (transfers, bytes)
}

/// As many changes of the catalogue as fit in a frame of this size.
fn fitting_listings(found: Vec<(u64, Listing)>, limit: usize) -> CatalogueFrame {
    let (mut listings, mut up_to, mut bytes) = (Vec::new(), 0, 0);
    for (number, listing) in found {
        let name = listing.name.as_ref().map_or(0, String::len);
        let unit = listing.unit.as_ref().map_or(0, String::len);
        let codes: usize = listing.barcodes.iter().map(|code| code.code.len() + 11).sum();
        let more = listing.sku.as_str().len() + name + unit + codes + 16;
        if bytes + more > limit && !listings.is_empty() {
            break;
        }
        bytes += more;
        listings.push(listing.sent());
        up_to = number;
    }
    (listings, up_to, bytes)
}
