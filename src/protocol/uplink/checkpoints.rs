//! When the gateway sends its signatures of the ledger.
//!
//! The hub compares a signed position with its books where they end. So the entries up to it are
//! sent first, then the signature, and only then the entries after it. A signature that was passed
//! already, because the hub had more than this connection has sent, is left to the next one.
//!
//! Of a backlog, the signatures of every ten thousandth entry are sent on the way to the newest one.

use super::{Phase, Uplink};
use crate::limits::SIGN_EVERY_ENTRIES;
use crate::stock::{Seq, SignedPosition};

impl Uplink {
    /// The ledger is signed up to here. A signature has to be reported before the entries that were
    /// committed after it was made.
    pub fn handle_signed(&mut self, signed: Option<SignedPosition>) {
        self.signed = signed;
    }

    /// The position of an earlier signature to send first, which is to be read from the database and
    /// reported with [`Self::handle_earlier`].
    pub fn wanted_signature(&self) -> Option<Seq> {
        let newest = self.signed.filter(|_| self.phase == Phase::Streaming)?;
        let next = (self.vouched_seq + 1).max(self.sent_seq).next_multiple_of(SIGN_EVERY_ENTRIES);
        (next < newest.seq && next != self.earlier.0).then_some(next)
    }

    /// The signature of this position; `None` if there is none by the key of the device: then the next
    /// one counts.
    pub fn handle_earlier(&mut self, seq: Seq, signed: Option<SignedPosition>) {
        self.earlier = (seq, signed);
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
        let earlier = self.earlier.1.filter(|signed| signed.seq >= self.sent_seq);
        [earlier, self.signed].into_iter().flatten().find(|signed| signed.seq > self.vouched_seq)
    }
}
