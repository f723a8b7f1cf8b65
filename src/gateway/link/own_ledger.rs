//! What the gateway says of its own ledger: the greeting, and the signatures.

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

    /// Reads the earlier signature that is to be sent next, if there is one. One that cannot be read is
    /// left to the next.
    pub(super) async fn find_signature(&mut self) {
        let Some(seq) = self.uplink.wanted_signature() else { return };
        let found = self.ledger.signed_at(seq).await.unwrap_or_default();
        let key = self.state.signatures().key;
        // The hub knows no other key of this device, or has dropped it.
        let own = found.filter(|(_, by)| Some(*by) == key);
        self.uplink.handle_earlier(seq, own.map(|(signed, _)| signed));
    }

    pub(super) fn checkpoint(&self, signed: &SignedPosition) -> Frame {
        Frame::Checkpoint(Checkpoint::new(self.state.origin.epoch, signed))
    }
}
