//! What the gateway says of its own ledger: the greeting, and the signature.

use super::HubLink;
use crate::process::RELEASE;
use crate::protocol::frame::{Bound, Checkpoint, Frame, Hello};
use crate::protocol::frame_size::FrameLimit;
use crate::stock::SignedPosition;

impl HubLink {
    pub(super) fn hello(&mut self, nonce: u64) -> Frame {
        let most = self.uplink.window().known().map_or(0, FrameLimit::most);
        let frame_bytes = u32::try_from(most).unwrap_or(0);
        let stock = self.state.stock();
        Frame::Hello(Hello {
            epoch: self.state.origin.epoch.into(),
            ledger_seq: stock.seq(),
            checks: stock.checks(),
            nonce,
            software: RELEASE.into(),
            taken: stock.taken(),
            bound: Bound {
                books: self.state.books(),
                acked_seq: self.state.acked_seq(),
                device_key: self.state.signatures().key,
                frame_bytes,
            },
        })
    }

    pub(super) fn checkpoint(&self, signed: &SignedPosition) -> Frame {
        Frame::Checkpoint(Checkpoint::new(self.state.origin.epoch, signed))
    }
}
