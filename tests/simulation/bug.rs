//! Bugs to put in: the cores are right, so it is the shell around them that misbehaves.

/// What the shell does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The hub acknowledges what its transaction then does not commit.
    AckBeforeCommit,
    /// The hub acknowledges whatever entries it has received.
    AckOfWhatIsReceived,
    /// The hub's transaction becomes true by half when it breaks.
    HalfTransaction,
    /// The hub books entries that it has already.
    HubForgetsItsCursor,
    /// The hub sends a grant again as a new one.
    GrantSentAsNew,
    /// The hub merges what comes from a database that was retired.
    MergeOfTheRetired,
    /// The hub does not hear that a ledger went back.
    BehindNotHeard,
    /// The hub puts what it recalls into the pool when it asks for it.
    RecallTrusted,
    /// The hub sells out of the pool without looking what is in it.
    DeductUnchecked,
    /// The hub forgets a central request that it has decided.
    CentralRequestForgotten,
    /// The gateway answers terminals before the sync.
    AnswerBeforeSync,
    /// The gateway sends entries to the hub before the sync.
    SendBeforeSync,
    /// The gateway takes a transfer that comes again.
    TransferTakenTwice,
    /// The gateway does not save how far it has taken transfers.
    TakenNotSaved,
    /// The gateway's ledger loses an entry.
    EntryDropped,
    /// The gateway holds for confirmed what it has sent, and prunes it.
    PruneOfWhatIsSent,
    /// The gateway goes on from where it had sent to, whatever the hub says.
    SentPositionKept,
    /// The gateway forgets terminals' requests when it starts.
    RequestsForgotten,
    /// The gateway gives a recall all that was asked, promised or not, and books it so.
    RecallOfTooMuch,
}

impl Bug {
    pub(crate) const ALL: [Self; 19] = [
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
    ];
}
