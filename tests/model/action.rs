//! The actions of the model.

use super::bug::Bug;
use super::entry::{Quantity, Seq};
use super::order::Order;

/// One action, which happens at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A gateway *decides* a restock: the entry is in its ledger, but not durable yet.
    Restock { gateway: usize, quantity: Quantity },
    /// A gateway *decides* a deduction that its stock on hand covers. A refused one changes nothing
    /// and is not modelled.
    Deduct { gateway: usize, quantity: Quantity },
    /// The *group commit*: decided entries and the position of applied orders become durable
    /// together.
    Sync { gateway: usize },
    /// The position of applied orders becomes durable alone; only with [`Bug::TakenApart`].
    SyncTaken { gateway: usize },
    /// The gateway *answers* the terminals for the durable entries.
    Answer { gateway: usize },
    /// A gateway *crashes*: it loses what is not durable, and its phase, sent position and nonce.
    /// The acknowledged position is written together with other things, so the disk may hold an
    /// older one.
    CrashGateway { gateway: usize, acked_seq: Seq },
    /// A gateway is *upgraded* to version 2 of the protocol: it stops, and loses what a crash would.
    UpgradeGateway { gateway: usize },
    /// The hub is *upgraded* to version 2. It keeps nothing but its books, and hears both versions.
    UpgradeHub,
    /// A gateway sends *Hello*, for any reason: a new connection, silence, an unsolicited Resume, a
    /// timer.
    Greet { gateway: usize },
    /// A streaming gateway sends *Entries* after its sent position, and how far it has applied
    /// orders. The number of entries in a frame is left open.
    SendEntries { gateway: usize, count: usize },
    /// A gateway sends *Taken*: it has applied orders, perhaps without an entry.
    SendTaken { gateway: usize },
    /// *Resume*, *Ack* or *Orders* arrives at a gateway.
    GatewayReceives { gateway: usize, index: usize },
    /// A *central sale* out of the pool.
    DeductCentrally { quantity: Quantity },
    /// The hub issues a *grant* (pool to in transit) or a *recall* (moves nothing) and commits. It
    /// may crash before it sends: sending is another action.
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

/// What happens to the hub while it handles a message. It keeps no state between messages except
/// its books, so a crash matters at no other moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It commits and answers.
    Survives,
    /// It crashes before its commit.
    DiesBeforeCommit,
    /// It crashes after its commit, before it answers.
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
