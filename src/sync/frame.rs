//! Frames: what travels between gateway and hub, in bytes.
//!
//! ```text
//! 0..2   "SG"
//! 2      version of the layout, 1
//! 3      kind
//! 4..8   length of the body, little-endian
//! 8..12  CRC-32 (IEEE) of bytes 2..8 and the body, little-endian
//! 12..   body: postcard
//! ```
//!
//! A frame that does not decode changes nothing, whoever sent it: magic, version, length and
//! checksum are looked at before the body, and the body's size and counts before anything is
//! allocated for them. Kinds are append-only; a reader skips a kind it does not know. Postcard
//! does not describe itself, so the body of a kind never changes: another body is another kind.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::{FRAME_BYTES_MAX, FRAME_ENTRIES_MAX, STOCK_MAX};
use crate::stock::{Checks, Entry, Kind, OrderId, Posted, RequestId, Seq, Sku};

const MAGIC: [u8; 2] = *b"SG";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 12;

const HELLO: u8 = 1;
const ENTRIES: u8 = 2;
const RESUME: u8 = 3;
const ACK: u8 = 4;
const REFUSED: u8 = 5;
const BEHIND: u8 = 6;

/// A frame, either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Gateway: this is my database, where do you stand?
    Hello(Hello),
    /// Gateway: these are entries of my ledger, in order and without a gap.
    Entries(Entries),
    /// Gateway: the position you have just given me lies beyond my ledger.
    Behind(Behind),
    /// Hub: I have committed up to here, send what comes behind it.
    Resume(Resume),
    /// Hub: I have committed up to here.
    Ack(Position),
    /// Hub: I take nothing from this database.
    Refused(Refused),
}

/// A gateway's database as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which database.
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
}

/// A batch of ledger entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Of which database.
    pub epoch: Epoch,
    /// The digest of its stock and the chain of its ledger after the last of them.
    pub checks: Checks,
    /// At least one, numbered without a gap.
    pub entries: Vec<Entry>,
}

/// A ledger that ends before the hub's position: an older copy of the database was put back.
/// Only the gateway can say so for sure; to the hub, an old greeting that was late would look
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The hub's position.
    pub position: Position,
    /// How far the ledger goes.
    pub ledger_seq: Seq,
}

/// A position in a gateway's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Of which database.
    pub epoch: Epoch,
    /// Everything up to here is committed at the hub.
    pub acked_seq: Seq,
}

/// Where the hub stands.
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
    /// From which database.
    pub epoch: Epoch,
    /// In words, for the operator.
    pub reason: String,
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

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than its header, or than its header says, or longer.
    #[error("the frame is cut or has bytes too many")]
    Length,
    /// Longer than any frame may be.
    #[error("the frame is over {FRAME_BYTES_MAX} bytes")]
    TooLarge,
    /// Something else altogether.
    #[error("this is no stockgate frame")]
    Magic,
    /// From a newer or unknown program.
    #[error("the frame has version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// Damaged on the way.
    #[error("the frame's checksum is wrong")]
    Checksum,
    /// A kind that came later; to be skipped.
    #[error("frames of kind {0} are not known here")]
    Kind(u8),
    /// The body is not what its kind demands.
    #[error("the frame's body cannot be read: {0}")]
    Body(&'static str),
}

#[derive(Serialize, Deserialize)]
struct EntriesHead {
    epoch: Epoch,
    first_seq: Seq,
    checks: Checks,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct Row {
    kind: u8,
    sku: Sku,
    change: i64,
    reserved_change: i64,
    order_id: Option<OrderId>,
    request_id: RequestId,
    at_ms: i64,
}

impl Frame {
    /// Which database it is about.
    pub fn epoch(&self) -> Uuid {
        let epoch = match self {
            Self::Hello(hello) => hello.epoch,
            Self::Entries(entries) => entries.epoch,
            Self::Behind(behind) => behind.position.epoch,
            Self::Resume(resume) => resume.position.epoch,
            Self::Ack(position) => position.epoch,
            Self::Refused(refused) => refused.epoch,
        };
        epoch.into()
    }

    /// The frame's bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => seal(HELLO, &plain(hello)),
            Self::Entries(Entries { epoch, checks, entries }) => {
                let rows: Vec<u8> = entries.iter().flat_map(|entry| plain(&row(entry))).collect();
                seal_entries(*epoch, entries[0].seq, *checks, entries.len(), &rows)
            }
            Self::Resume(resume) => seal(RESUME, &plain(resume)),
            Self::Ack(position) => seal(ACK, &plain(position)),
            Self::Refused(refused) => seal(REFUSED, &plain(refused)),
            Self::Behind(behind) => seal(BEHIND, &plain(behind)),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// If it is anything but a whole, undamaged frame of a known kind.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, body) = open(bytes)?;
        Ok(match kind {
            HELLO => Self::Hello(whole(body)?),
            ENTRIES => Self::Entries(decode_entries(body)?),
            RESUME => Self::Resume(whole(body)?),
            ACK => Self::Ack(whole(body)?),
            REFUSED => Self::Refused(whole(body)?),
            BEHIND => Self::Behind(whole(body)?),
            unknown => return Err(FrameError::Kind(unknown)),
        })
    }
}

/// Packs as many of these entries as one frame holds; returns its bytes and how many they are.
///
/// # Panics
/// If there are none: there is nothing to send then.
pub fn pack(epoch: Uuid, posted: &[Posted]) -> (Vec<u8>, usize) {
    /// The epoch, and four numbers of at most ten bytes.
    const HEAD_BYTES_MAX: usize = 16 + 4 * 10;
    let first = posted.first().expect("the caller has something to send");
    let mut rows = Vec::new();
    let mut taken = 0;
    for Posted { entry, .. } in &posted[..posted.len().min(FRAME_ENTRIES_MAX)] {
        let encoded = plain(&row(entry));
        if HEADER_BYTES + HEAD_BYTES_MAX + rows.len() + encoded.len() > FRAME_BYTES_MAX {
            break;
        }
        rows.extend(encoded);
        taken += 1;
    }
    let checks = posted[taken - 1].checks;
    (seal_entries(epoch.into(), first.entry.seq, checks, taken, &rows), taken)
}

fn seal_entries(
    epoch: Epoch,
    first_seq: Seq,
    checks: Checks,
    count: usize,
    rows: &[u8],
) -> Vec<u8> {
    let count = u32::try_from(count).expect("at most a thousand entries a frame");
    let mut body = plain(&EntriesHead { epoch, first_seq, checks, count });
    body.extend(rows);
    seal(ENTRIES, &body)
}

fn decode_entries(body: &[u8]) -> Result<Entries, FrameError> {
    let (head, mut rest) = part::<EntriesHead>(body)?;
    let count = usize::try_from(head.count).unwrap_or(usize::MAX);
    if !(1..=FRAME_ENTRIES_MAX).contains(&count) {
        return Err(FrameError::Body("the number of entries is out of range"));
    }
    let last_seq = head.first_seq.checked_add(u64::from(head.count) - 1);
    if head.first_seq == 0 || last_seq.is_none_or(|seq| i64::try_from(seq).is_err()) {
        return Err(FrameError::Body("the position is out of range"));
    }
    let mut entries = Vec::with_capacity(count);
    for seq in head.first_seq..head.first_seq + u64::from(head.count) {
        let (row, after) = part::<Row>(rest)?;
        entries.push(row.entry(seq)?);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(FrameError::Body("there are bytes behind the last entry"));
    }
    Ok(Entries { epoch: head.epoch, checks: head.checks, entries })
}

fn row(entry: &Entry) -> Row {
    Row {
        kind: entry.kind.code(),
        sku: entry.sku.clone(),
        change: entry.change,
        reserved_change: entry.reserved_change,
        order_id: entry.order_id.clone(),
        request_id: entry.request_id.clone(),
        at_ms: entry.at_ms,
    }
}

impl Row {
    fn entry(self, seq: Seq) -> Result<Entry, FrameError> {
        let kind = Kind::from_code(self.kind);
        let changes = [self.change, self.reserved_change];
        if changes.iter().any(|change| change.unsigned_abs() > STOCK_MAX.unsigned_abs()) {
            return Err(FrameError::Body("a change is out of range"));
        }
        Ok(Entry {
            seq,
            kind: kind.ok_or(FrameError::Body("an entry is of an unknown kind"))?,
            sku: self.sku,
            change: self.change,
            reserved_change: self.reserved_change,
            order_id: self.order_id,
            request_id: self.request_id,
            at_ms: self.at_ms,
        })
    }
}

fn seal(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("bodies are cut to the frame's limit");
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend(MAGIC);
    frame.extend([VERSION, kind]);
    frame.extend(length.to_le_bytes());
    frame.extend(checksum(&frame[2..8], body).to_le_bytes());
    frame.extend(body);
    frame
}

fn open(bytes: &[u8]) -> Result<(u8, &[u8]), FrameError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLarge);
    }
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(FrameError::Length)?;
    if header[..2] != MAGIC {
        return Err(FrameError::Magic);
    }
    if header[2] != VERSION {
        return Err(FrameError::Version(header[2]));
    }
    let length = u32::from_le_bytes(header[4..8].try_into().expect("four bytes"));
    if usize::try_from(length) != Ok(body.len()) {
        return Err(FrameError::Length);
    }
    let sum = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
    if sum != checksum(&header[2..8], body) {
        return Err(FrameError::Checksum);
    }
    Ok((header[3], body))
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

fn plain(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data always serializes")
}

fn part<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), FrameError> {
    postcard::take_from_bytes(bytes).map_err(|_| FrameError::Body("a value is malformed"))
}

fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    match part(bytes)? {
        (value, []) => Ok(value),
        _ => Err(FrameError::Body("there are bytes behind the last value")),
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
