//! Planted bugs. The pure cores are right; the code around them misbehaves.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The hub acknowledges entries whose transaction fails.
    AckBeforeCommit,
    /// The hub acknowledges every frame of entries.
    AckOfWhatIsReceived,
    /// A failed transaction of the hub is half committed.
    HalfTransaction,
    /// The hub books known entries again.
    HubForgetsItsCursor,
    /// The hub sends a grant again as a new one.
    GrantSentAsNew,
    /// The hub books entries of a retired database.
    MergeOfTheRetired,
    /// The hub ignores that a ledger went back.
    BehindNotHeard,
    /// The hub adds recalled units to the pool when it asks for them.
    RecallTrusted,
    /// The hub sells from the pool without checking it.
    DeductUnchecked,
    /// The hub forgets a central request.
    CentralRequestForgotten,
    /// The gateway answers terminals before the sync to disk.
    AnswerBeforeSync,
    /// The gateway sends entries to the hub before the sync to disk.
    SendBeforeSync,
    /// The gateway applies a transfer that arrives again.
    TransferTakenTwice,
    /// The gateway does not save how far it has applied transfers.
    TakenNotSaved,
    /// The gateway's ledger loses an entry.
    EntryDropped,
    /// The gateway takes sent entries for confirmed, and prunes them.
    PruneOfWhatIsSent,
    /// The gateway continues from its own sent position, whatever the hub says.
    SentPositionKept,
    /// The gateway forgets the requests of terminals when it starts.
    RequestsForgotten,
    /// The gateway returns all that a recall asks for, available or not, and books it so.
    RecallOfTooMuch,
    /// The gateway takes frames of another hub's books for those of its own.
    OtherBooksHeard,
    /// The hub fences a gateway that has more than older books.
    OlderBooksFence,
    /// The hub does not look at what a gateway says it has taken and was told.
    OlderBooksUnnoticed,
    /// The hub releases held gateways without taking over their ledgers.
    ReleasedAsTheyAre,
    /// The hub leaves the units of transfers that it takes over in the pool.
    TakenOverFromNowhere,
    /// The hub sends changes of the catalogue under numbers that the gateway has taken before.
    CatalogueNumbersUsedAgain,
    /// The hub believes a gateway's ledger about grants that it has not made.
    ForgedGrantBelieved,
    /// The hub closes other gateways' databases because of what one claims.
    FiguresCountForAll,
}

impl Bug {
    pub(crate) const ALL: [Self; 27] = [
        Self::AckBeforeCommit,
        Self::AckOfWhatIsReceived,
        Self::HalfTransaction,
        Self::HubForgetsItsCursor,
        Self::GrantSentAsNew,
        Self::MergeOfTheRetired,
        Self::BehindNotHeard,
        Self::RecallTrusted,
        Self::DeductUnchecked,
        Self::CentralRequestForgotten,
        Self::AnswerBeforeSync,
        Self::SendBeforeSync,
        Self::TransferTakenTwice,
        Self::TakenNotSaved,
        Self::EntryDropped,
        Self::PruneOfWhatIsSent,
        Self::SentPositionKept,
        Self::RequestsForgotten,
        Self::RecallOfTooMuch,
        Self::OtherBooksHeard,
        Self::OlderBooksFence,
        Self::OlderBooksUnnoticed,
        Self::ReleasedAsTheyAre,
        Self::TakenOverFromNowhere,
        Self::CatalogueNumbersUsedAgain,
        Self::ForgedGrantBelieved,
        Self::FiguresCountForAll,
    ];
}
