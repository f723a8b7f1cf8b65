//! How large the frames to each gateway may be. What is known of a limit is in the books, so that
//! it outlives the process.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::Book;
use crate::limits::DOWN_BYTES;
use crate::protocol::frame_size::{FrameLimit, FrameSize};
use crate::protocol::topic::GatewayId;

/// What is known of frames to gateways.
#[derive(Debug, Default)]
pub(super) struct FrameSizes {
    /// The gateways that large frames do not reach, or did not at some time.
    of: BTreeMap<GatewayId, FrameSize>,
    /// The bytes that a frame to any gateway may have, and the size of the frames over which the
    /// hub's own broker closes the connection.
    ceiling: Option<(usize, Option<usize>)>,
}

impl FrameSizes {
    /// Says how large a frame to any gateway may be.
    pub(super) fn set_ceiling(&mut self, bytes: usize, lost: Option<usize>) {
        self.ceiling = Some((bytes, lost));
    }

    /// A gateway says how large frames arrive that it sends; 0 if it knows no limit. Those to it
    /// pass the same broker. Later it is known better here.
    pub(super) fn handle_greeting(&mut self, gateway: &GatewayId, frame_bytes: u32, now_ms: u64) {
        if frame_bytes > 0 {
            let limit = FrameLimit::of(frame_bytes as usize);
            self.recall(gateway, limit, now_ms);
        }
    }

    /// Takes what the books know from an earlier process.
    pub(super) fn read(&mut self, book: &Book, now_ms: u64) {
        if let Some(lost) = book.lost_bytes() {
            self.recall(&book.gateway, FrameLimit { passes: 0, lost }, now_ms);
        }
    }

    fn recall(&mut self, gateway: &GatewayId, limit: FrameLimit, now_ms: u64) {
        if !self.of.contains_key(gateway) {
            let size = FrameSize::trusting().recalling(limit, now_ms);
            self.of.insert(gateway.clone(), size);
        }
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

    /// Frames of this size have arrived at a gateway.
    pub(super) fn handle_arrived(&mut self, gateway: &GatewayId, bytes: usize) {
        if let Some(size) = self.of.get_mut(gateway) {
            size.handle_arrived(bytes);
        }
    }

    /// Frames of this size have not arrived at a gateway, though small ones have.
    pub(super) fn handle_lost(&mut self, gateway: &GatewayId, bytes: usize, now_ms: u64) {
        let size = self.of.entry(gateway.clone()).or_insert_with(FrameSize::trusting);
        size.handle_lost(bytes, now_ms);
    }

    /// The size of the smallest frames that do not arrive, if there are any.
    pub(super) fn lost_bytes(&self) -> Option<usize> {
        self.of.values().filter_map(FrameSize::lost_bytes).min()
    }
}
