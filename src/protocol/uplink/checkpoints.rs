//! When the gateway sends its signature of the ledger.
//!
//! The hub compares a signed position with its books where they end. So the entries up to it are
//! sent first, then the signature, and only then the entries after it. A signature that was passed
//! already, because the hub had more than this connection has sent, is left to the next one.

use super::Uplink;
use crate::stock::{Seq, SignedPosition};

impl Uplink {
    /// The ledger is signed up to here. A signature has to be reported before the entries that were
    /// committed after it was made.
    pub fn handle_signed(&mut self, signed: Option<SignedPosition>) {
        self.signed = signed;
    }

    /// The signature to send now.
    pub(super) fn checkpoint_due(&mut self) -> Option<SignedPosition> {
        let signed = self.unsent().filter(|signed| signed.seq == self.sent_seq)?;
        self.vouched_seq = signed.seq;
        Some(signed)
    }

    /// How far entries may be sent before the next signature.
    pub(super) fn up_to_checkpoint(&self, up_to: Seq) -> Seq {
        let next = self.unsent().filter(|signed| signed.seq > self.sent_seq);
        next.map_or(up_to, |signed| up_to.min(signed.seq))
    }

    fn unsent(&self) -> Option<SignedPosition> {
        self.signed.filter(|signed| signed.seq > self.vouched_seq)
    }
}
