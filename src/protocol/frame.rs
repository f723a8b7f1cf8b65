//! Frames: what travels between gateway and hub. Each kind has its bytes in an [`envelope`].
//!
//! A frame that does not decode changes nothing, whoever sent it. Kinds are append-only; a reader
//! skips a kind it does not know.
//!
//! [`envelope`]: super::envelope

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::columns;
use super::drift::{Figures, Part, Sums};
pub use super::envelope::FrameError;
use super::envelope::{HEADER_BYTES, body, open, plain, seal};
use crate::limits::{FRAME_BYTES_MAX, FRAME_ENTRIES_MAX, FRAME_TRANSFERS_MAX, TRANSFER_LINES_MAX};
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
    /// Gateway: this is my database, where do you stand?
    Hello(Hello),
    /// Gateway: these are entries of my ledger, in order and without a gap.
    Entries(Entries),
    /// Gateway: the position you have just given me lies beyond my ledger.
    Behind(Behind),
    /// Gateway: so far I have taken what you sent me.
    Taken(TakenUpTo),
    /// Gateway: the digests of parts of my stock.
    Sums(ProbeAnswer<Sums>),
    /// Gateway: the stock of a part, SKU by SKU.
    Figures(ProbeAnswer<Figures>),
    /// Hub: I have committed up to here, send what comes behind it.
    Resume(Resume),
    /// Hub: I have committed up to here.
    Ack(Position),
    /// Hub: I take nothing from this database.
    Refused(Refused),
    /// Hub: units for you, or from you.
    Transfers(Transfers),
    /// Hub: what goods are called.
    Catalogue(Catalogue),
    /// Hub: what do you have in this part of the stock?
    Probe(Probe),
}

/// A gateway's database as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub epoch: Epoch,
    /// How far its ledger goes.
    pub ledger_seq: Seq,
    /// The digest of its stock and the chain of its ledger there.
    pub checks: Checks,
    /// Given back in the answer, so that a late answer to an earlier greeting is not taken for
    /// the answer to this one.
    pub nonce: u64,
    /// The version of its program.
    pub software: String,
    /// What it has taken of what the hub sent.
    pub taken: Taken,
}

/// A batch of ledger entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    pub epoch: Epoch,
    /// The digest of its stock and the chain of its ledger after the last of them.
    pub checks: Checks,
    /// What the gateway has taken of what the hub sent.
    pub taken: Taken,
    /// At least one, numbered without a gap.
    pub entries: Vec<Entry>,
}

/// A ledger that ends before the hub's position: an older copy of the database was put back.
/// Only the gateway can say so for sure; to the hub, an old greeting that was late would look
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The hub's position, beyond the end of the ledger.
    pub position: Position,
    /// How far the ledger goes.
    pub ledger_seq: Seq,
}

/// What a database has taken of what the hub sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUpTo {
    pub epoch: Epoch,
    pub taken: Taken,
}

/// What a gateway has in a part of its stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeAnswer<T> {
    pub epoch: Epoch,
    /// At this position of its ledger.
    pub seq: Seq,
    pub content: T,
}

/// A position in a gateway's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub epoch: Epoch,
    /// Everything up to here is committed at the hub.
    pub acked_seq: Seq,
}

/// How far the hub has committed the ledger of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Up to where it has committed.
    pub position: Position,
    /// Of the greeting that this answers; 0 if nobody asked: then the gateway greets.
    pub nonce: u64,
}

/// Why the hub takes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub epoch: Epoch,
    /// In words, for the operator.
    pub reason: String,
}

/// Units granted or asked back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfers {
    /// To or from which database.
    pub epoch: Epoch,
    /// In order of their numbers, without a gap.
    pub transfers: Vec<Transfer>,
}

/// What changed in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    pub epoch: Epoch,
    /// What changed after this change of the catalogue …
    pub after: u64,
    /// … up to this one.
    pub up_to: u64,
    /// In the order of their changes.
    pub listings: Vec<Listing>,
}

/// Asks for the digests of a part of the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub epoch: Epoch,
    pub part: Part,
}

/// Names a database: 16 bytes on the wire.
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
    /// Which database it is about.
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

    /// What its gateway has taken, if it says so.
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

    /// Whether it is a gateway that sends such a frame, and not the hub.
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
            Self::Catalogue(catalogue) => seal(CATALOGUE, &plain(catalogue)),
            Self::Probe(probe) => seal(PROBE, &plain(probe)),
            Self::Sums(sums) => seal(SUMS, &plain(sums)),
            Self::Figures(figures) => seal(FIGURES, &plain(figures)),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// If it is anything but a whole, undamaged frame of a known kind.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, bytes) = open(bytes)?;
        Ok(match kind {
            HELLO => Self::Hello(body(bytes)?),
            ENTRIES => Self::Entries(decode_entries(bytes)?),
            RESUME => Self::Resume(body(bytes)?),
            ACK => Self::Ack(body(bytes)?),
            REFUSED => Self::Refused(body(bytes)?),
            BEHIND => Self::Behind(body(bytes)?),
            TAKEN => Self::Taken(body(bytes)?),
            TRANSFERS => Self::Transfers(checked(body(bytes)?)?),
            CATALOGUE => Self::Catalogue(body(bytes)?),
            PROBE => Self::Probe(possible(body(bytes)?, |probe: &Probe| probe.part.can_be())?),
            SUMS => Self::Sums(possible(body(bytes)?, |sums: &ProbeAnswer<Sums>| {
                sums.content.can_be()
            })?),
            FIGURES => Self::Figures(possible(body(bytes)?, |figures: &ProbeAnswer<Figures>| {
                figures.content.part.can_be()
            })?),
            unknown => return Err(FrameError::Kind(unknown)),
        })
    }
}

/// Packs as many of these entries as one frame holds; returns its bytes and how many they are.
///
/// # Panics
/// If there are none: there is nothing to send then.
pub fn pack(epoch: Uuid, posted: &[Posted], taken: Taken) -> (Vec<u8>, usize) {
    /// The epoch, and eight numbers of at most ten bytes.
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

/// About a part that a search can come to.
fn possible<T>(value: T, can_be: impl FnOnce(&T) -> bool) -> Result<T, FrameError> {
    let can_be = can_be(&value);
    can_be.then_some(value).ok_or(FrameError::Body("there is no such part of a stock"))
}

/// Numbered from 1 without a gap, as a gateway takes them.
fn checked(transfers: Transfers) -> Result<Transfers, FrameError> {
    let list = &transfers.transfers;
    if !(1..=FRAME_TRANSFERS_MAX).contains(&list.len()) {
        return Err(FrameError::Body("the number of transfers is out of range"));
    }
    if list.iter().any(|transfer| !(1..=TRANSFER_LINES_MAX).contains(&transfer.lines.len())) {
        return Err(FrameError::Body("a transfer's number of lines is out of range"));
    }
    if list.windows(2).any(|pair| pair[0].number.checked_add(1) != Some(pair[1].number)) {
        return Err(FrameError::Body("there is a gap between transfers"));
    }
    Ok(transfers)
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod golden;
#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
