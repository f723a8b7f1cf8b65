//! What can happen.

use super::bug::Bug;
use super::entry::{Quantity, Seq};
use super::order::Order;

/// One thing that happens at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A gateway *decides* a restock: in its ledger, not yet durable.
    Restock { gateway: usize, quantity: Quantity },
    /// A gateway *decides* a deduction; only one that its on hand covers. A refused one changes
    /// nothing and is no action.
    Deduct { gateway: usize, quantity: Quantity },
    /// The *group commit*: what is decided and how far orders are taken become durable at once.
    Sync { gateway: usize },
    /// How far orders are taken becomes durable by itself; only with [`Bug::TakenApart`].
    SyncTaken { gateway: usize },
    /// What is durable is *answered* to the terminals.
    Answer { gateway: usize },
    /// A gateway *crashes*: what is not durable is lost, and with it phase, sent position and
    /// nonce. The acknowledged position is written along with other things, so an older one may
    /// be found.
    CrashGateway { gateway: usize, acked_seq: Seq },
    /// A gateway sends *Hello*, for whatever reason: a new connection, silence, a Resume that
    /// nobody asked for, a timer.
    Greet { gateway: usize },
    /// A gateway that streams sends *Entries* behind its sent position, and how far it has taken
    /// orders. How many fit a frame is left open.
    SendEntries { gateway: usize, count: usize },
    /// A gateway tells that it has *Taken* orders, perhaps without an entry.
    SendTaken { gateway: usize },
    /// *Resume*, *Ack* or *Orders* arrives at a gateway.
    GatewayReceives { gateway: usize, index: usize },
    /// A *central sale* out of the pool.
    DeductCentrally { quantity: Quantity },
    /// The hub issues a *grant* (pool to in transit) or a *recall* (moves nothing) and commits.
    /// It may crash before it is sent: sending is another action.
    Issue { gateway: usize, order: Order },
    /// The hub sends the orders that are not done, at once or by its *timer*.
    SendOrders { gateway: usize },
    /// *Hello*, *Entries* or *Taken* arrives at the hub and is handled in *one transaction*.
    HubReceives { gateway: usize, index: usize, fate: Fate },
    /// The network loses a message to the hub.
    LoseUp { gateway: usize, index: usize },
    /// The network loses a message to a gateway.
    LoseDown { gateway: usize, index: usize },
}

/// What becomes of the hub while it handles a message. It keeps nothing in mind between two
/// messages, so there is no other moment at which a crash matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It commits and answers.
    Survives,
    /// It crashes before its commit.
    DiesBeforeCommit,
    /// It crashes after its commit, before its answers are out.
    DiesAfterCommit,
}

impl Fate {
    pub(crate) const ALL: [Self; 3] =
        [Self::Survives, Self::DiesBeforeCommit, Self::DiesAfterCommit];

    pub(crate) fn commits(self) -> bool {
        self != Self::DiesBeforeCommit
    }

    pub(crate) fn answers(self, bug: Option<Bug>) -> bool {
        match self {
            Self::Survives => true,
            Self::DiesBeforeCommit => bug == Some(Bug::AckBeforeCommit),
            Self::DiesAfterCommit => false,
        }
    }
}
