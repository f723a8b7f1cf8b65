//! What is said of the conversation: whether the hub is online, and why not.

use super::{Phase, Uplink};

impl Uplink {
    /// The number of frames that wait for an acknowledgement.
    pub fn frames_under_way(&self) -> usize {
        self.window.len()
    }

    /// Whether the hub itself has answered on this connection, and still does, and what waits makes
    /// progress.
    pub fn is_online(&self) -> bool {
        self.phase == Phase::Streaming && !self.progress.is_stuck()
    }

    /// Whether the hub was told that the catalogue is taken up to this change.
    pub fn has_reported(&self, catalogue: u64) -> bool {
        self.reported.is_some_and(|taken| taken.catalogue >= catalogue)
    }

    /// The reason for not being online, as far as it concerns the hub.
    pub fn reason(&self) -> String {
        match &self.refusal {
            Some(reason) if self.is_held => format!("the hub holds this gateway: {reason}"),
            Some(refusal) => format!("the hub refuses this database: {refusal}"),
            None if self.phase == Phase::Streaming => {
                "the hub answers, but confirms no entry".into()
            }
            None if self.unanswered.len() > 1 => "the broker answers, the hub does not".into(),
            None => "waiting for the hub's first answer".into(),
        }
    }
}
