//! Planted faults, which the properties must catch.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The hub acknowledges before it commits.
    AckBeforeCommit,
    /// The hub books entries after a gap.
    GapAccepted,
    /// The hub books known entries again.
    KnownNotSkipped,
    /// The hub commits entries and position first, and the pool later.
    CommitTorn,
    /// The hub adds the recalled units to the pool instead of the returned ones.
    RecallTrusted,
    /// The hub takes an order for done before its entry has arrived.
    TakenCountedEarly,
    /// The hub sells units that are in transit to a gateway.
    TransitSold,
    /// The gateway ignores the numbers of orders.
    NumberUnchecked,
    /// The gateway keeps its sent position after a greeting.
    SentNotForgotten,
    /// The gateway commits the entry of an order first, and later that the order is applied.
    TakenApart,
    /// A gateway goes on in version 1 after its upgrade, which cannot say all of its entries.
    WrittenInVersion1,
    /// The hub answers in version 1, whatever the gateway speaks.
    AnswersOfVersion1,
    /// The gateway answers for entries that are not durable.
    AnsweredEarly,
    /// The gateway sends entries that are not durable.
    SentEarly,
}
