//! What the hub answers to a frame.

use uuid::Uuid;

use crate::protocol::frame::{Frame, Position, Refused, Resume};
use crate::stock::Seq;

/// The answer to a frame, sent after the commit. All variants name the database's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameAnswer {
    /// The hub's position, and the nonce of the greeting that is answered; 0 without a greeting.
    Resume(Uuid, Seq, u64),
    /// Everything up to this position is committed.
    Ack(Uuid, Seq),
    /// The hub books nothing from this database, for this reason.
    Refused(Uuid, String),
}

impl FrameAnswer {
    /// Joins this answer with an earlier one of the same batch, so that one frame answers both: the
    /// later position with the nonce of the greeting.
    #[must_use]
    pub fn joined_to(self, earlier: Option<&Self>) -> Self {
        match (earlier, self) {
            (Some(Self::Resume(epoch, _, nonce)), Self::Ack(same, seq)) if *epoch == same => {
                Self::Resume(same, seq, *nonce)
            }
            (Some(Self::Resume(epoch, _, nonce)), Self::Resume(same, seq, 0)) if *epoch == same => {
                Self::Resume(same, seq, *nonce)
            }
            (_, later) => later,
        }
    }

    /// The frame to send.
    pub fn frame(self) -> Frame {
        let position = |epoch: Uuid, acked_seq| Position { epoch: epoch.into(), acked_seq };
        match self {
            Self::Resume(epoch, acked_seq, nonce) => {
                Frame::Resume(Resume { position: position(epoch, acked_seq), nonce })
            }
            Self::Ack(epoch, acked_seq) => Frame::Ack(position(epoch, acked_seq)),
            Self::Refused(epoch, reason) => Frame::Refused(Refused { epoch: epoch.into(), reason }),
        }
    }
}
