//! What a gateway is to be told: transfers it has not taken, changes of the catalogue it has not
//! heard, questions about its stock.
//!
//! Nothing is queued here. What is to be sent is what lies behind the positions that the gateway
//! has named; this only remembers what was sent lately, so that it is not sent twice in a moment.

use std::collections::BTreeMap;

use super::books::{Book, Books, IssuedTransfer};
use super::drift;
use crate::limits::{
    CATALOGUE_LISTINGS_MAX, DOWN_BYTES, DOWN_RESEND_MS, DOWN_RESEND_MS_MAX, FRAME_TRANSFERS_MAX,
};
use crate::protocol::drift::{Content, Search};
use crate::protocol::frame::{Catalogue, Frame, Probe, Transfers};
use crate::protocol::topic::GatewayId;
use crate::stock::Listing;
use crate::stock::Transfer;

/// The downward side of every conversation.
#[derive(Debug, Default)]
pub struct Downlink {
    conversations: BTreeMap<GatewayId, Conversation>,
}

#[derive(Debug, Default)]
struct Conversation {
    /// Up to which transfer and which change of the catalogue was sent since the gateway greeted.
    transfers: SentRange,
    catalogue: SentRange,
    search: Option<Search>,
    probed_ms: u64,
}

/// What was sent behind a position.
#[derive(Clone, Copy, Debug, Default)]
struct SentRange {
    /// The gateway's position then.
    after: u64,
    up_to: u64,
    at_ms: u64,
    /// How often in vain.
    times: u32,
}

impl Downlink {
    /// The gateway has greeted: what was sent before may be lost.
    pub fn greeted(&mut self, gateway: &GatewayId) {
        if let Some(conversation) = self.conversations.get_mut(gateway) {
            (conversation.transfers, conversation.catalogue, conversation.probed_ms) =
                Default::default();
        }
    }

    /// The gateways to look after though nothing has come from them.
    pub fn waiting(&self) -> Vec<GatewayId> {
        self.conversations.keys().cloned().collect()
    }

    /// What to send a gateway now.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn next<B: Books>(
        &mut self,
        books: &mut B,
        gateway: &GatewayId,
        now_ms: u64,
    ) -> Result<Vec<Frame>, B::Error> {
        let book = books.books(gateway)?.pop().filter(|book| book.is_open() && book.online);
        let Some(book) = book else {
            self.conversations.remove(gateway);
            return Ok(Vec::new());
        };
        let conversation = self.conversations.entry(gateway.clone()).or_default();
        let mut frames = Vec::new();
        frames.extend(conversation.next_transfers(books, &book, now_ms)?);
        frames.extend(conversation.next_listings(books, &book, now_ms)?);
        frames.extend(conversation.next_probe(&book, now_ms));
        if conversation.is_idle(&book, books.last_listing()?) {
            self.conversations.remove(gateway);
        }
        Ok(frames)
    }

    /// Takes a gateway's answer to a probe.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn answered<B: Books>(
        &mut self,
        books: &mut B,
        gateway: &GatewayId,
        seq: u64,
        content: &Content,
    ) -> Result<(), B::Error> {
        let Some(conversation) = self.conversations.get_mut(gateway) else {
            return Ok(());
        };
        if let Some(search) = &mut conversation.search {
            drift::compare(books, gateway, seq, content, search)?;
            conversation.probed_ms = 0;
            if search.next().is_none() {
                conversation.search = None;
            }
        }
        Ok(())
    }
}

impl Conversation {
    fn next_transfers<B: Books>(
        &mut self,
        books: &mut B,
        book: &Book,
        now_ms: u64,
    ) -> Result<Option<Frame>, B::Error> {
        let Some(after) = self.transfers.next(book.taken.transfer, book.issued, now_ms) else {
            return Ok(None);
        };
        let found = books.transfers_after(book.id, after, FRAME_TRANSFERS_MAX)?;
        let transfers = fitting(found);
        let Some(last) = transfers.last() else {
            return Ok(None);
        };
        self.transfers.sent(last.number, now_ms);
        let epoch = book.cursor.epoch.into();
        Ok(Some(Frame::Transfers(Transfers { epoch, transfers })))
    }

    fn next_listings<B: Books>(
        &mut self,
        books: &mut B,
        book: &Book,
        now_ms: u64,
    ) -> Result<Option<Frame>, B::Error> {
        let last = books.last_listing()?;
        // One frame after the other: a catalogue is long, and not urgent.
        let position = book.taken.catalogue;
        let under_way = self.catalogue.after == position && self.catalogue.up_to > position;
        if under_way && !self.catalogue.is_stale(now_ms) {
            return Ok(None);
        }
        let Some(after) = self.catalogue.next(position, last, now_ms) else {
            return Ok(None);
        };
        let found = books.listings_after(after, CATALOGUE_LISTINGS_MAX)?;
        let (listings, up_to) = fitting_listings(found);
        if listings.is_empty() {
            return Ok(None);
        }
        self.catalogue.sent(up_to, now_ms);
        let epoch = book.cursor.epoch.into();
        Ok(Some(Frame::Catalogue(Catalogue { epoch, after, up_to, listings })))
    }

    /// Asks on as long as the gateway's stock is another and it is not known where.
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

    fn is_idle(&self, book: &Book, last_listing: u64) -> bool {
        book.taken.transfer >= book.issued
            && book.taken.catalogue >= last_listing
            && !book.searching
    }
}

impl SentRange {
    /// Behind which position to send, if anything is to be sent: what is new at once, what the
    /// gateway should have taken long ago once more.
    fn next(&mut self, position: u64, last: u64, now_ms: u64) -> Option<u64> {
        if position >= last {
            return None;
        }
        if position != self.after {
            *self =
                Self { after: position, up_to: self.up_to.max(position), at_ms: now_ms, times: 0 };
        }
        if self.up_to > position && self.is_stale(now_ms) {
            self.up_to = position;
            self.times += 1;
        }
        (self.up_to < last).then_some(self.up_to.max(position))
    }

    fn is_stale(&self, now_ms: u64) -> bool {
        let wait_ms = DOWN_RESEND_MS << self.times.min(8);
        now_ms >= self.at_ms + wait_ms.min(DOWN_RESEND_MS_MAX)
    }

    fn sent(&mut self, up_to: u64, now_ms: u64) {
        self.up_to = up_to;
        self.at_ms = now_ms;
    }
}

/// As many as fit a frame, by what they take at most.
fn fitting(found: Vec<IssuedTransfer>) -> Vec<Transfer> {
    let (mut transfers, mut bytes) = (Vec::new(), 0);
    for IssuedTransfer { transfer, .. } in found {
        let lines = transfer.lines.iter().map(|line| line.sku.as_str().len() + 11);
        bytes += 128 + lines.sum::<usize>();
        if bytes > DOWN_BYTES && !transfers.is_empty() {
            break;
        }
        transfers.push(transfer);
    }
    transfers
}

fn fitting_listings(found: Vec<(u64, Listing)>) -> (Vec<Listing>, u64) {
    let (mut listings, mut up_to, mut bytes) = (Vec::new(), 0, 0);
    for (number, listing) in found {
        let name = listing.name.as_ref().map_or(0, String::len);
        let codes: usize = listing.barcodes.iter().map(|code| code.len() + 1).sum();
        bytes += listing.sku.as_str().len() + name + codes + 16;
        if bytes > DOWN_BYTES && !listings.is_empty() {
            break;
        }
        listings.push(listing);
        up_to = number;
    }
    (listings, up_to)
}
