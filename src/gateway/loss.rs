//! How a connection to the broker ends, and why.

use crate::net::mqtt::{BrokerConnection, BrokerEvent, LinkError, LinkFailure};

/// How a connection ended.
pub(super) enum End {
    Lost(Loss),
    Stop,
}

/// Why a connection was lost.
pub(super) struct Loss {
    pub(super) reason: String,
    /// What an operator can do about it.
    pub(super) next: &'static str,
    /// No broker has answered.
    pub(super) is_unanswered: bool,
    /// The broker has closed the connection, or it has fallen silent: over a frame that is too
    /// large, or by accident.
    pub(super) is_cut: bool,
}

impl From<LinkError> for Loss {
    fn from(error: LinkError) -> Self {
        let is_unanswered = error.failure.is_unanswered();
        let is_cut = matches!(error.failure, LinkFailure::Closed | LinkFailure::Silent);
        let (reason, next) = (error.to_string(), error.next_step());
        Self { reason, next, is_unanswered, is_cut }
    }
}

impl From<String> for Loss {
    /// The link goes on after a fault of this gateway.
    fn from(reason: String) -> Self {
        let next = "it is tried again";
        Self { reason, next, is_unanswered: false, is_cut: false }
    }
}

/// The client's own reason for a loss; it says more than that the client takes no more messages.
pub(super) fn loss_of(connection: &mut BrokerConnection) -> Option<Loss> {
    std::iter::from_fn(|| connection.events.try_recv().ok()).find_map(|event| match event {
        BrokerEvent::Lost(error) => Some(error.into()),
        BrokerEvent::Connected
        | BrokerEvent::Subscribed
        | BrokerEvent::Denied(_)
        | BrokerEvent::Received { .. } => None,
    })
}
