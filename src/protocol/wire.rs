//! Writes and reads frames, in both versions of the protocol.
//!
//! A hub reads and writes both versions, so that gateways are upgraded one by one after it. A
//! gateway writes version 2 only. The bytes of each kind are in an [`envelope`].
//!
//! [`envelope`]: super::envelope

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::columns;
pub use super::envelope::Version;
use super::envelope::{FrameError, HEADER_BYTES, body, open, part, plain, seal};
use super::frame::{
    BookedDecimals, BooksId, Bound, Call, Catalogue, Entries, Epoch, Frame, Hello, Resume,
    Transfers,
};
use super::listing_v1::ListingV1;
use super::ranges::check_books;
use super::said;
use crate::limits::{FRAME_BYTES_MAX, FRAME_ENTRIES_MAX};
use crate::stock::{Chain, Checks, Digest, Entry, Posted, Seq, Taken};

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
const HELD: u8 = 13;
const DEMAND: u8 = 14;
const CHECKPOINT: u8 = 15;

/// The last kind of version 1.
const V1_KIND_MAX: u8 = FIGURES;

/// How a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    V1,
    /// With the books that a frame downwards is from; a frame upwards does not name any.
    V2(BooksId),
}

impl Wire {
    /// How a gateway writes.
    pub const UP: Self = Self::V2(BooksId { books: Uuid::nil(), generation: 0 });

    /// How books write to a gateway that speaks this version.
    pub fn of(version: Version, books: BooksId) -> Self {
        match version {
            Version::V1 => Self::V1,
            Version::V2 => Self::V2(books),
        }
    }

    /// The version of the protocol.
    pub fn version(self) -> Version {
        match self {
            Self::V1 => Version::V1,
            Self::V2(_) => Version::V2,
        }
    }
}

impl Frame {
    /// Encodes the frame, header included. A gateway that speaks version 1 is told that it is held
    /// as a refusal, which makes it do the same; other kinds of version 2 only cannot be encoded in
    /// version 1.
    pub fn encode(&self, wire: Wire) -> Vec<u8> {
        let bytes = if let Self::Call(Call { bytes, .. }) = self { *bytes } else { 0 };
        self.encode_filled(wire, bytes)
    }

    /// The same with zeros after the last field, up to this length. A reader ignores them.
    pub fn encode_filled(&self, wire: Wire, bytes: usize) -> Vec<u8> {
        let (mut kind, mut body) = self.kind_and_body(wire.version());
        match wire {
            Wire::V1 if kind == HELD => kind = REFUSED,
            Wire::V2(books) if !self.is_upward() => body = [plain(&books), body].concat(),
            Wire::V1 | Wire::V2(_) => {}
        }
        body.resize(body.len().max(bytes.min(FRAME_BYTES_MAX).saturating_sub(HEADER_BYTES)), 0);
        seal(wire.version(), kind, &body)
    }

    fn kind_and_body(&self, version: Version) -> (u8, Vec<u8>) {
        match self {
            Self::Hello(hello) => (HELLO, hello_body(hello, version)),
            Self::Entries(entries) => {
                let Entries { epoch, checks, taken, entries, decimals } = entries;
                let columns = columns::encode_with(entries, decimals.as_ref(), version);
                (ENTRIES, entries_body(version, *epoch, entries, (*checks, *taken), &columns))
            }
            Self::Resume(resume) => (RESUME, plain(resume)),
            Self::Ack(position) => (ACK, plain(position)),
            Self::Refused(refused) => (REFUSED, plain(refused)),
            Self::Behind(behind) => (BEHIND, plain(behind)),
            Self::Taken(taken) => (TAKEN, plain(taken)),
            Self::Transfers(transfers) => (TRANSFERS, transfers_body(transfers, version)),
            Self::Catalogue(catalogue) => (CATALOGUE, catalogue_body(catalogue, version)),
            Self::Probe(probe) => (PROBE, plain(probe)),
            Self::Sums(sums) => (SUMS, plain(sums)),
            Self::Figures(figures) => (FIGURES, plain(figures)),
            Self::Held(held) => (HELD, plain(held)),
            Self::Demand(demand) => (DEMAND, plain(demand)),
            Self::Checkpoint(checkpoint) => (CHECKPOINT, plain(checkpoint)),
            Self::Call(Call { position, .. }) => {
                (RESUME, plain(&Resume { position: *position, nonce: 0 }))
            }
        }
    }

    /// Decodes a frame of either version.
    ///
    /// # Errors
    /// If the bytes are not one whole, undamaged frame of a known kind with numbers in their ranges.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        Ok(Self::decode_with_wire(bytes)?.0)
    }

    /// Decodes a frame, and says how it was written.
    ///
    /// # Errors
    /// As [`Frame::decode`].
    pub fn decode_with_wire(bytes: &[u8]) -> Result<(Self, Wire), FrameError> {
        let (version, kind, bytes) = open(bytes)?;
        let (wire, bytes) = match version {
            Version::V1 if kind > V1_KIND_MAX => return Err(FrameError::Kind(kind)),
            Version::V1 => (Wire::V1, bytes),
            Version::V2 if is_downward(kind) => {
                let (books, bytes) = part(bytes)?;
                check_books(&books).map_err(FrameError::Body)?;
                (Wire::V2(books), bytes)
            }
            Version::V2 => (Wire::UP, bytes),
        };
        let frame = decode_body(version, kind, bytes)?;
        frame.check_ranges().map_err(FrameError::Body)?;
        Ok((frame, wire))
    }
}

fn is_downward(kind: u8) -> bool {
    matches!(kind, RESUME | ACK | REFUSED | TRANSFERS | CATALOGUE | PROBE | HELD)
}

fn decode_body(version: Version, kind: u8, bytes: &[u8]) -> Result<Frame, FrameError> {
    Ok(match kind {
        HELLO => Frame::Hello(decode_hello(version, bytes)?),
        ENTRIES => Frame::Entries(decode_entries(version, bytes)?),
        RESUME => Frame::Resume(body(bytes)?),
        ACK => Frame::Ack(body(bytes)?),
        REFUSED => Frame::Refused(body(bytes)?),
        BEHIND => Frame::Behind(body(bytes)?),
        TAKEN => Frame::Taken(body(bytes)?),
        TRANSFERS => Frame::Transfers(decode_transfers(version, bytes)?),
        CATALOGUE => Frame::Catalogue(decode_catalogue(version, bytes)?),
        PROBE => Frame::Probe(body(bytes)?),
        SUMS => Frame::Sums(body(bytes)?),
        FIGURES => Frame::Figures(body(bytes)?),
        HELD => Frame::Held(body(bytes)?),
        DEMAND => Frame::Demand(body(bytes)?),
        CHECKPOINT => Frame::Checkpoint(body(bytes)?),
        unknown => return Err(FrameError::Kind(unknown)),
    })
}

#[derive(Serialize, Deserialize)]
struct HelloV1 {
    epoch: Epoch,
    ledger_seq: Seq,
    checks: ChecksV1,
    nonce: u64,
    software: String,
    taken: Taken,
}

#[derive(Serialize, Deserialize)]
struct HelloV2 {
    epoch: Epoch,
    ledger_seq: Seq,
    checks: ChecksV2,
    nonce: u64,
    software: String,
    taken: Taken,
    books: Option<BooksId>,
    acked_seq: Seq,
    frame_bytes: u32,
    device_key: Option<[u8; 32]>,
}

fn hello_body(hello: &Hello, version: Version) -> Vec<u8> {
    let Hello { epoch, ledger_seq, checks, nonce, software, taken, bound } = hello.clone();
    let Bound { books, acked_seq, frame_bytes, device_key } = bound;
    match version {
        Version::V1 => {
            let checks = checks.into();
            plain(&HelloV1 { epoch, ledger_seq, checks, nonce, software, taken })
        }
        Version::V2 => plain(&HelloV2 {
            epoch,
            ledger_seq,
            checks: checks.into(),
            nonce,
            software,
            taken,
            books,
            acked_seq,
            frame_bytes,
            device_key,
        }),
    }
}

fn decode_hello(version: Version, bytes: &[u8]) -> Result<Hello, FrameError> {
    if version == Version::V1 {
        let HelloV1 { epoch, ledger_seq, checks, nonce, software, taken } = body(bytes)?;
        let bound = Bound::default();
        let checks = checks.into();
        return Ok(Hello { epoch, ledger_seq, checks, nonce, software, taken, bound });
    }
    let read: HelloV2 = body(bytes)?;
    let HelloV2 { books, acked_seq, frame_bytes, device_key, .. } = read;
    let HelloV2 { epoch, ledger_seq, nonce, software, taken, .. } = read;
    let bound = Bound { books, acked_seq, frame_bytes, device_key };
    let checks = read.checks.into();
    Ok(Hello { epoch, ledger_seq, checks, nonce, software, taken, bound })
}

/// The checks of a ledger in version 2, whose chain has 32 bytes.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct ChecksV2 {
    digest: Digest,
    chain: [u8; 32],
}

/// The checks of a ledger in version 1, which has the older chain.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct ChecksV1 {
    digest: Digest,
    chain: u64,
}

impl From<Checks> for ChecksV1 {
    /// A newer chain does not fit, and is never sent in version 1.
    fn from(Checks { digest, chain }: Checks) -> Self {
        let chain = if let Chain::Xxh3(chain) = chain { chain } else { 0 };
        Self { digest, chain }
    }
}

impl From<ChecksV1> for Checks {
    fn from(ChecksV1 { digest, chain }: ChecksV1) -> Self {
        Self { digest, chain: Chain::Xxh3(chain) }
    }
}

impl From<Checks> for ChecksV2 {
    fn from(Checks { digest, chain }: Checks) -> Self {
        Self { digest, chain: chain.to_bytes() }
    }
}

impl From<ChecksV2> for Checks {
    fn from(ChecksV2 { digest, chain }: ChecksV2) -> Self {
        Self { digest, chain: Chain::from_bytes(chain) }
    }
}

#[derive(Serialize, Deserialize)]
struct EntriesV1<'a> {
    epoch: Epoch,
    first_seq: Seq,
    checks: ChecksV1,
    count: u32,
    taken: Taken,
    /// The entries, encoded by [`columns`].
    columns: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct EntriesV2<'a> {
    epoch: Epoch,
    first_seq: Seq,
    checks: ChecksV2,
    count: u32,
    taken: Taken,
    columns: &'a [u8],
}

/// Encodes as many of these entries as one frame holds, in version 2. Returns the bytes and the
/// number of entries.
///
/// # Panics
/// If there are no entries.
pub fn pack(epoch: Uuid, posted: &[Posted], taken: Taken) -> (Vec<u8>, usize) {
    pack_within(FRAME_BYTES_MAX, epoch, posted, (taken, None))
}

/// The same within fewer bytes, with the decimals of the SKUs if they are known. One entry is packed
/// in any case.
///
/// # Panics
/// If there are no entries.
pub fn pack_within(
    bytes: usize,
    epoch: Uuid,
    posted: &[Posted],
    (taken, decimals): (Taken, Option<&BookedDecimals>),
) -> (Vec<u8>, usize) {
    /// The epoch, the chain, and seven numbers of at most ten bytes each.
    const HEAD_BYTES_MAX: usize = 16 + 32 + 7 * 10;
    // A frame ends where the ledger went over to the newer chain.
    let alike = |other: &&Posted| other.checks.chain.is_like(posted[0].checks.chain);
    let alike = posted.iter().take(FRAME_ENTRIES_MAX).take_while(alike).count();
    let posted = &posted[..alike];
    let entries: Vec<Entry> = posted.iter().map(|posted| posted.entry.clone()).collect();
    let limit = bytes.min(FRAME_BYTES_MAX) - HEADER_BYTES - HEAD_BYTES_MAX;
    let (columns, count) = columns::pack(&entries, decimals, Version::V2, limit);
    let state = (posted[count - 1].checks, taken);
    let body = entries_body(Version::V2, epoch.into(), &entries[..count], state, &columns);
    (seal(Version::V2, ENTRIES, &body), count)
}

fn entries_body(
    version: Version,
    epoch: Epoch,
    entries: &[Entry],
    (checks, taken): (Checks, Taken),
    columns: &[u8],
) -> Vec<u8> {
    let count = u32::try_from(entries.len()).expect("at most a thousand entries a frame");
    let first_seq = entries[0].seq;
    match version {
        Version::V1 => {
            let checks = checks.into();
            plain(&EntriesV1 { epoch, first_seq, checks, count, taken, columns })
        }
        Version::V2 => {
            let checks = checks.into();
            plain(&EntriesV2 { epoch, first_seq, checks, count, taken, columns })
        }
    }
}

fn decode_entries(version: Version, bytes: &[u8]) -> Result<Entries, FrameError> {
    let EntriesV2 { epoch, first_seq, checks, count, taken, columns } = match version {
        Version::V2 => body(bytes)?,
        Version::V1 => {
            let EntriesV1 { epoch, first_seq, checks, count, taken, columns } = body(bytes)?;
            let checks = Checks::from(checks).into();
            EntriesV2 { epoch, first_seq, checks, count, taken, columns }
        }
    };
    let entries = usize::try_from(count).unwrap_or(usize::MAX);
    if !(1..=FRAME_ENTRIES_MAX).contains(&entries) {
        return Err(FrameError::Body("the number of entries is out of range"));
    }
    let last_seq = first_seq.checked_add(u64::from(count) - 1);
    if first_seq == 0 || last_seq.is_none_or(|seq| i64::try_from(seq).is_err()) {
        return Err(FrameError::Body("the position is out of range"));
    }
    let (entries, decimals) = columns::decode_with(columns, version, first_seq, entries)?;
    Ok(Entries { epoch, checks: checks.into(), taken, entries, decimals })
}

fn transfers_body(transfers: &Transfers, version: Version) -> Vec<u8> {
    let mut body = plain(transfers);
    if version == Version::V2 {
        body.extend(said::encode(&transfers.transfers));
    }
    body
}

fn decode_transfers(version: Version, bytes: &[u8]) -> Result<Transfers, FrameError> {
    let (mut transfers, rest): (Transfers, _) = part(bytes)?;
    if version == Version::V2 {
        said::decode(&mut transfers.transfers, rest)?;
    }
    Ok(transfers)
}

#[derive(Serialize, Deserialize)]
struct CatalogueV1 {
    epoch: Epoch,
    after: u64,
    up_to: u64,
    listings: Vec<ListingV1>,
}

fn catalogue_body(catalogue: &Catalogue, version: Version) -> Vec<u8> {
    let Catalogue { epoch, after, up_to, listings } = catalogue;
    match version {
        Version::V1 => {
            let listings = listings.iter().map(ListingV1::from).collect();
            plain(&CatalogueV1 { epoch: *epoch, after: *after, up_to: *up_to, listings })
        }
        Version::V2 => plain(catalogue),
    }
}

fn decode_catalogue(version: Version, bytes: &[u8]) -> Result<Catalogue, FrameError> {
    if version == Version::V2 {
        return body(bytes);
    }
    let CatalogueV1 { epoch, after, up_to, listings } = body(bytes)?;
    let listings = listings.into_iter().map(Into::into).collect();
    Ok(Catalogue { epoch, after, up_to, listings })
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod golden;
#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
