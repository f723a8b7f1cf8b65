//! Frames: the messages between gateway and hub. [`wire`] writes and reads them.
//!
//! A frame that cannot be decoded changes nothing. Kinds are append-only, and a reader skips the
//! kinds that it does not know.
//!
//! [`wire`]: super::wire

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::drift::{Figures, Part, Sums};
pub use crate::stock::BooksId;
use crate::stock::{Checks, Decimals, Entry, Listing, Seq, SignedPosition, Sku, Taken, Transfer};

/// A frame, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Gateway: presents its database and asks for the hub's position.
    Hello(Hello),
    /// Gateway: ledger entries, in order and contiguous.
    Entries(Entries),
    /// Gateway: its ledger ends before the position that the hub has named.
    Behind(Behind),
    /// Gateway: how far it has applied what the hub sent.
    Taken(TakenUpTo),
    /// Gateway: the digests of parts of its stock.
    Sums(ProbeAnswer<Sums>),
    /// Gateway: the stock of a part, SKU by SKU.
    Figures(ProbeAnswer<Figures>),
    /// Gateway: the demand of a day.
    Demand(Demand),
    /// Gateway: its signature of its ledger.
    Checkpoint(Checkpoint),
    /// Hub: the position up to which it has committed, from which the gateway sends on.
    Resume(Resume),
    /// Hub: the position up to which it has committed.
    Ack(Position),
    /// Hub: it accepts nothing from this database.
    Refused(Refused),
    /// Hub: its books are older than what this gateway has. The gateway goes on, and greets once
    /// a minute until an operator has recovered the books.
    Held(Held),
    /// Hub: grants and recalls.
    Transfers(Transfers),
    /// Hub: changes of the catalogue.
    Catalogue(Catalogue),
    /// Hub: asks for the stock of a part.
    Probe(Probe),
    /// Hub: a [`Frame::Resume`] with the nonce 0, filled up to a size to see whether that arrives. It is
    /// read as what it is filled from.
    Call(Call),
}

/// The greeting of a gateway's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub epoch: Epoch,
    /// The position of the last entry of its ledger.
    pub ledger_seq: Seq,
    /// The checks at that position.
    pub checks: Checks,
    /// Returned in the answer, so that a late answer to an earlier greeting is not mistaken for
    /// the answer to this one.
    pub nonce: u64,
    /// The version of the gateway's program.
    pub software: String,
    /// How far the gateway has applied what the hub sent.
    pub taken: Taken,
    /// What only version 2 says; defaults in a frame of version 1.
    pub bound: Bound,
}

/// What a greeting of version 2 says beside that of version 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The books that the database is bound to.
    pub books: Option<BooksId>,
    /// The highest position that these books have acknowledged.
    pub acked_seq: Seq,
    /// The largest frame that passes between gateway and broker, in bytes; 0 if no limit is known.
    pub frame_bytes: u32,
    /// The public key of the device.
    pub device_key: Option<[u8; 32]>,
}

/// A batch of ledger entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    pub epoch: Epoch,
    /// The checks after the last of the entries.
    pub checks: Checks,
    /// How far the gateway has applied what the hub sent.
    pub taken: Taken,
    /// At least one entry; the positions are contiguous.
    pub entries: Vec<Entry>,
    /// The decimals in which the gateway books the SKUs of the entries, if it says so: what the
    /// catalogue says now may be newer than the entries.
    pub decimals: Option<BookedDecimals>,
}

/// The SKUs that a gateway books with decimals, and these. It books others in whole units.
pub type BookedDecimals = Vec<(Sku, Decimals)>;

/// The report of a ledger that ends before the hub's position: an older copy of the database was
/// restored. Only the gateway can tell; to the hub, a late greeting would look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The hub's position, beyond the end of the ledger.
    pub position: Position,
    /// The position of the last entry of the ledger.
    pub ledger_seq: Seq,
}

/// How far a database has applied what the hub sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUpTo {
    pub epoch: Epoch,
    pub taken: Taken,
}

/// A gateway's answer to a [`Probe`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeAnswer<T> {
    pub epoch: Epoch,
    /// The ledger position at which the content was read.
    pub seq: Seq,
    pub content: T,
}

/// A position in a gateway's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub epoch: Epoch,
    /// The hub has committed all entries up to this position.
    pub acked_seq: Seq,
}

/// How far the hub has committed the ledger of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The position up to which the hub has committed.
    pub position: Position,
    /// The nonce of the greeting that this answers; 0 if it answers none, which asks the gateway to
    /// greet.
    pub nonce: u64,
}

/// The hub's request for a greeting, in a frame of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub position: Position,
    pub bytes: usize,
}

/// The hub's refusal of everything from a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub epoch: Epoch,
    /// The reason in words, for the operator.
    pub reason: String,
}

/// The hub's word that its books are older than what a database has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub epoch: Epoch,
    /// The reason in words, for the operator.
    pub reason: String,
}

/// How many orders of a day were refused for want of stock. The numbers are cumulative, so that a
/// lost, late or repeated frame does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    pub epoch: Epoch,
    /// Days since 1970, in UTC.
    pub day: u32,
    pub refused: Vec<RefusedDemand>,
}

/// The refused demand for one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDemand {
    pub sku: Sku,
    pub lines: u64,
    pub units: u64,
}

/// A gateway's signature of its ledger up to a position. The newest one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub epoch: Epoch,
    pub seq: Seq,
    /// The chain of the ledger there.
    pub chain: [u8; 32],
    pub at_ms: i64,
    /// Two halves of 32 bytes.
    pub signature: [[u8; 32]; 2],
}

impl Checkpoint {
    /// The signature of a database.
    pub fn new(epoch: Uuid, signed: &SignedPosition) -> Self {
        let SignedPosition { seq, chain, at_ms, signature } = *signed;
        let (halves, _) = signature.as_chunks();
        Self { epoch: epoch.into(), seq, chain, at_ms, signature: [halves[0], halves[1]] }
    }

    /// What was signed.
    pub fn signed(&self) -> SignedPosition {
        let Self { seq, chain, at_ms, signature, .. } = *self;
        let mut joined = [0; 64];
        joined.copy_from_slice(signature.as_flattened());
        SignedPosition { seq, chain, at_ms, signature: joined }
    }
}

/// Grants and recalls for a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfers {
    /// The database that is to apply them.
    pub epoch: Epoch,
    /// In order of their numbers, without a gap.
    pub transfers: Vec<Transfer>,
}

/// A range of changes of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    pub epoch: Epoch,
    /// The number of the last change before this range …
    pub after: u64,
    /// … and the number of the last change in it.
    pub up_to: u64,
    /// In the order of change.
    pub listings: Vec<Listing>,
}

/// A request for the digests or the stock of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub epoch: Epoch,
    pub part: Part,
}

/// The epoch of a database: 16 bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch([u8; 16]);

impl Epoch {
    /// No database: all bytes are 0.
    pub const NIL: Self = Self([0; 16]);
}

impl From<Uuid> for Epoch {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

impl From<Epoch> for Uuid {
    fn from(Epoch(bytes): Epoch) -> Self {
        Self::from_bytes(bytes)
    }
}

impl Frame {
    /// The database that the frame is about.
    pub fn epoch(&self) -> Uuid {
        let epoch = match self {
            Self::Hello(hello) => hello.epoch,
            Self::Entries(entries) => entries.epoch,
            Self::Behind(behind) => behind.position.epoch,
            Self::Taken(taken) => taken.epoch,
            Self::Sums(answer) => answer.epoch,
            Self::Figures(answer) => answer.epoch,
            Self::Resume(resume) => resume.position.epoch,
            Self::Ack(position) => position.epoch,
            Self::Refused(refused) => refused.epoch,
            Self::Transfers(transfers) => transfers.epoch,
            Self::Catalogue(catalogue) => catalogue.epoch,
            Self::Probe(probe) => probe.epoch,
            Self::Held(held) => held.epoch,
            Self::Demand(demand) => demand.epoch,
            Self::Checkpoint(checkpoint) => checkpoint.epoch,
            Self::Call(call) => call.position.epoch,
        };
        epoch.into()
    }

    /// How far the gateway has applied what the hub sent, if the frame says so.
    pub fn taken(&self) -> Option<Taken> {
        match self {
            Self::Hello(hello) => Some(hello.taken),
            Self::Entries(entries) => Some(entries.taken),
            Self::Taken(taken) => Some(taken.taken),
            Self::Behind(_)
            | Self::Sums(_)
            | Self::Figures(_)
            | Self::Demand(_)
            | Self::Checkpoint(_)
            | Self::Resume(_)
            | Self::Ack(_)
            | Self::Refused(_)
            | Self::Held(_)
            | Self::Transfers(_)
            | Self::Catalogue(_)
            | Self::Probe(_)
            | Self::Call(_) => None,
        }
    }

    /// Whether gateways send this kind of frame.
    pub fn is_upward(&self) -> bool {
        match self {
            Self::Hello(_)
            | Self::Entries(_)
            | Self::Behind(_)
            | Self::Taken(_)
            | Self::Sums(_)
            | Self::Figures(_)
            | Self::Demand(_)
            | Self::Checkpoint(_) => true,
            Self::Resume(_)
            | Self::Ack(_)
            | Self::Refused(_)
            | Self::Held(_)
            | Self::Transfers(_)
            | Self::Catalogue(_)
            | Self::Probe(_)
            | Self::Call(_) => false,
        }
    }
}
