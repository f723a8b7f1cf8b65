//! Frames: the messages between gateway and hub. The bytes of each kind are in an [`envelope`].
//!
//! A frame that cannot be decoded changes nothing. Kinds are append-only, and a reader skips the
//! kinds that it does not know.
//!
//! [`envelope`]: super::envelope

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::columns;
use super::drift::{Figures, Part, Sums};
use super::envelope::{FrameError, HEADER_BYTES, body, open, plain, seal};
use super::listing_v1::ListingV1;
use crate::limits::{FRAME_BYTES_MAX, FRAME_ENTRIES_MAX};
use crate::stock::{Checks, Entry, Listing, Posted, Seq, Taken, Transfer};

const HELLO: u8 = 1;
const ENTRIES: u8 = 2;
const RESUME: u8 = 3;
const ACK: u8 = 4;
const REFUSED: u8 = 5;
const BEHIND: u8 = 6;
const TAKEN: u8 = 7;
const TRANSFERS: u8 = 8;
const CATALOGUE: u8 = 9;
const PROBE: u8 = 10;
const SUMS: u8 = 11;
const FIGURES: u8 = 12;

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
    /// Hub: the position up to which it has committed, from which the gateway sends on.
    Resume(Resume),
    /// Hub: the position up to which it has committed.
    Ack(Position),
    /// Hub: it accepts nothing from this database.
    Refused(Refused),
    /// Hub: grants and recalls.
    Transfers(Transfers),
    /// Hub: changes of the catalogue.
    Catalogue(Catalogue),
    /// Hub: asks for the stock of a part.
    Probe(Probe),
}

/// The greeting of a gateway's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

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

/// The hub's refusal of everything from a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub epoch: Epoch,
    /// The reason in words, for the operator.
    pub reason: String,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch([u8; 16]);

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

#[derive(Serialize, Deserialize)]
struct CatalogueBody {
    epoch: Epoch,
    after: u64,
    up_to: u64,
    listings: Vec<ListingV1>,
}

#[derive(Serialize, Deserialize)]
struct EntriesBody<'a> {
    epoch: Epoch,
    first_seq: Seq,
    checks: Checks,
    count: u32,
    taken: Taken,
    /// The entries, encoded by [`columns`].
    columns: &'a [u8],
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
            | Self::Resume(_)
            | Self::Ack(_)
            | Self::Refused(_)
            | Self::Transfers(_)
            | Self::Catalogue(_)
            | Self::Probe(_) => None,
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
            | Self::Figures(_) => true,
            Self::Resume(_)
            | Self::Ack(_)
            | Self::Refused(_)
            | Self::Transfers(_)
            | Self::Catalogue(_)
            | Self::Probe(_) => false,
        }
    }

    /// Encodes the frame, header included.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => seal(HELLO, &plain(hello)),
            Self::Entries(entries) => {
                let Entries { epoch, checks, taken, entries } = entries;
                seal_entries(*epoch, entries, *checks, *taken, &columns::encode(entries))
            }
            Self::Resume(resume) => seal(RESUME, &plain(resume)),
            Self::Ack(position) => seal(ACK, &plain(position)),
            Self::Refused(refused) => seal(REFUSED, &plain(refused)),
            Self::Behind(behind) => seal(BEHIND, &plain(behind)),
            Self::Taken(taken) => seal(TAKEN, &plain(taken)),
            Self::Transfers(transfers) => seal(TRANSFERS, &plain(transfers)),
            Self::Catalogue(Catalogue { epoch, after, up_to, listings }) => {
                let listings = listings.iter().map(ListingV1::from).collect();
                let body = CatalogueBody { epoch: *epoch, after: *after, up_to: *up_to, listings };
                seal(CATALOGUE, &plain(&body))
            }
            Self::Probe(probe) => seal(PROBE, &plain(probe)),
            Self::Sums(sums) => seal(SUMS, &plain(sums)),
            Self::Figures(figures) => seal(FIGURES, &plain(figures)),
        }
    }

    /// Decodes a frame.
    ///
    /// # Errors
    /// If the bytes are not one whole, undamaged frame of a known kind with numbers in their ranges.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, bytes) = open(bytes)?;
        let frame = match kind {
            HELLO => Self::Hello(body(bytes)?),
            ENTRIES => Self::Entries(decode_entries(bytes)?),
            RESUME => Self::Resume(body(bytes)?),
            ACK => Self::Ack(body(bytes)?),
            REFUSED => Self::Refused(body(bytes)?),
            BEHIND => Self::Behind(body(bytes)?),
            TAKEN => Self::Taken(body(bytes)?),
            TRANSFERS => Self::Transfers(body(bytes)?),
            CATALOGUE => Self::Catalogue(decode_catalogue(bytes)?),
            PROBE => Self::Probe(body(bytes)?),
            SUMS => Self::Sums(body(bytes)?),
            FIGURES => Self::Figures(body(bytes)?),
            unknown => return Err(FrameError::Kind(unknown)),
        };
        frame.check_ranges().map_err(FrameError::Body)?;
        Ok(frame)
    }
}

/// Encodes as many of these entries as one frame holds. Returns the bytes and the number of
/// entries.
///
/// # Panics
/// If there are no entries.
pub fn pack(epoch: Uuid, posted: &[Posted], taken: Taken) -> (Vec<u8>, usize) {
    /// The epoch, and eight numbers of at most ten bytes each.
    const HEAD_BYTES_MAX: usize = 16 + 8 * 10;
    let posted = &posted[..posted.len().min(FRAME_ENTRIES_MAX)];
    let entries: Vec<Entry> = posted.iter().map(|posted| posted.entry.clone()).collect();
    let limit = FRAME_BYTES_MAX - HEADER_BYTES - HEAD_BYTES_MAX;
    let (columns, count) = columns::pack(&entries, limit);
    let checks = posted[count - 1].checks;
    (seal_entries(epoch.into(), &entries[..count], checks, taken, &columns), count)
}

fn seal_entries(
    epoch: Epoch,
    entries: &[Entry],
    checks: Checks,
    taken: Taken,
    columns: &[u8],
) -> Vec<u8> {
    let count = u32::try_from(entries.len()).expect("at most a thousand entries a frame");
    let first_seq = entries[0].seq;
    seal(ENTRIES, &plain(&EntriesBody { epoch, first_seq, checks, count, taken, columns }))
}

fn decode_catalogue(bytes: &[u8]) -> Result<Catalogue, FrameError> {
    let CatalogueBody { epoch, after, up_to, listings } = body(bytes)?;
    let listings = listings.into_iter().map(Into::into).collect();
    Ok(Catalogue { epoch, after, up_to, listings })
}

fn decode_entries(bytes: &[u8]) -> Result<Entries, FrameError> {
    let EntriesBody { epoch, first_seq, checks, count, taken, columns } = body(bytes)?;
    let entries = usize::try_from(count).unwrap_or(usize::MAX);
    if !(1..=FRAME_ENTRIES_MAX).contains(&entries) {
        return Err(FrameError::Body("the number of entries is out of range"));
    }
    let last_seq = first_seq.checked_add(u64::from(count) - 1);
    if first_seq == 0 || last_seq.is_none_or(|seq| i64::try_from(seq).is_err()) {
        return Err(FrameError::Body("the position is out of range"));
    }
    let entries = columns::decode(columns, first_seq, entries)?;
    Ok(Entries { epoch, checks, taken, entries })
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod golden;
#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
