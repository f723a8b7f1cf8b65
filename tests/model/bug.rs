//! Faults put into the protocol on purpose, to see that the properties catch them.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The hub acknowledges, then commits.
    AckBeforeCommit,
    /// The hub takes entries that do not follow what it has.
    GapAccepted,
    /// The hub applies entries that it has already.
    KnownNotSkipped,
    /// The hub writes entries and position first and the pool after, not in one commit.
    CommitTorn,
    /// The hub puts into the pool what it asks for, not what is given.
    RecallTrusted,
    /// The hub takes an order for done whose entry has not arrived.
    TakenCountedEarly,
    /// The hub sells units that are on their way to a gateway.
    TransitSold,
    /// The gateway does not look at the number of an order.
    NumberUnchecked,
    /// The gateway keeps its sent position over a greeting.
    SentNotForgotten,
    /// The gateway makes the entry of an order durable, and only later that it was taken.
    TakenApart,
    /// The gateway answers what is decided but not durable.
    AnsweredEarly,
    /// The gateway sends what is decided but not durable.
    SentEarly,
}
