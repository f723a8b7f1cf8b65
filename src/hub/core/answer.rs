//! What the hub answers to a frame.

use uuid::Uuid;

use crate::protocol::frame::{Frame, Held, Position, Refused, Resume};
use crate::stock::Seq;

/// The answer to a frame, sent after the commit. All variants name the database's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameAnswer {
    /// Sends the hub's position.
    Resume {
        epoch: Uuid,
        acked_seq: Seq,
        /// The nonce of the greeting that is answered; 0 without a greeting.
        nonce: u64,
    },
    /// Everything up to this position is committed.
    Ack { epoch: Uuid, acked_seq: Seq },
    /// The books are older than what this database has.
    Held { epoch: Uuid, reason: String },
    /// The hub books nothing from this database.
    Refused { epoch: Uuid, reason: String },
}

impl FrameAnswer {
    /// Joins this answer with an earlier one of the same batch, so that one frame answers both: the
    /// later position with the nonce of the greeting.
    #[must_use]
    pub fn joined_to(self, earlier: Option<&Self>) -> Self {
        let Some(&Self::Resume { epoch: earlier_epoch, nonce, .. }) = earlier else {
            return self;
        };
        match self {
            Self::Ack { epoch, acked_seq } | Self::Resume { epoch, acked_seq, nonce: 0 }
                if epoch == earlier_epoch =>
            {
                Self::Resume { epoch, acked_seq, nonce }
            }
            later @ (Self::Resume { .. }
            | Self::Ack { .. }
            | Self::Held { .. }
            | Self::Refused { .. }) => later,
        }
    }

    /// The frame to send.
    pub fn frame(self) -> Frame {
        let position = |epoch: Uuid, acked_seq| Position { epoch: epoch.into(), acked_seq };
        match self {
            Self::Resume { epoch, acked_seq, nonce } => {
                Frame::Resume(Resume { position: position(epoch, acked_seq), nonce })
            }
            Self::Ack { epoch, acked_seq } => Frame::Ack(position(epoch, acked_seq)),
            Self::Held { epoch, reason } => Frame::Held(Held { epoch: epoch.into(), reason }),
            Self::Refused { epoch, reason } => {
                Frame::Refused(Refused { epoch: epoch.into(), reason })
            }
        }
    }
}
