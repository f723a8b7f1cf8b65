//! The envelope of every frame, and the errors of opening one.
//!
//! ```text
//! 0..2   "SG"
//! 2      version of the layout, 1 or 2
//! 3      kind
//! 4..8   length of the body, little-endian
//! 8..12  CRC-32 (IEEE) of bytes 2..8 and the body, little-endian
//! 12..   body: postcard
//! ```
//!
//! Magic, version, length and checksum are checked before the body, and the sizes and counts in the
//! body before memory is allocated for them. Postcard does not describe itself, so the fields of a
//! body never change. A newer program may append fields; a reader ignores what follows the fields
//! that it knows.

use serde::{Deserialize, Serialize};

use crate::limits::FRAME_BYTES_MAX;

const MAGIC: [u8; 2] = *b"SG";

/// The version of the layout of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Of gateways and hubs before 0.2; a hub still reads and answers it.
    V1,
    /// Frames downwards name the books that they are from.
    V2,
}

impl Version {
    /// The number in the envelope.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| version.number() == number)
    }
}

/// The length of magic, version, kind, length and checksum.
pub(super) const HEADER_BYTES: usize = 12;

/// The reason why bytes are not a valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes are shorter than a header, or not as long as the header says.
    #[error("the frame is truncated or has bytes after its end")]
    Length,
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    #[error("the frame is over {FRAME_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes do not begin with the magic of a frame.
    #[error("not a stockgate frame")]
    Magic,
    /// The frame was written by a newer or unknown program.
    #[error("the frame has version {0}, this program reads versions 1 and 2")]
    Version(u8),
    /// The bytes were damaged on the way.
    #[error("the frame's checksum is wrong")]
    Checksum,
    /// The kind was added by a newer program. The frame is to be skipped.
    #[error("frames of kind {0} are not known here")]
    Kind(u8),
    /// The body does not have the form of its kind.
    #[error("the frame's body cannot be read: {0}")]
    Body(&'static str),
}

pub(super) fn seal(version: Version, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("bodies are cut to the frame's limit");
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend(MAGIC);
    frame.extend([version.number(), kind]);
    frame.extend(length.to_le_bytes());
    frame.extend(checksum(&frame[2..8], body).to_le_bytes());
    frame.extend(body);
    frame
}

/// Returns version, kind and body.
pub(super) fn open(bytes: &[u8]) -> Result<(Version, u8, &[u8]), FrameError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLarge);
    }
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(FrameError::Length)?;
    if header[..2] != MAGIC {
        return Err(FrameError::Magic);
    }
    let version = Version::from_number(header[2]).ok_or(FrameError::Version(header[2]))?;
    let length = u32::from_le_bytes(header[4..8].try_into().expect("four bytes"));
    if usize::try_from(length) != Ok(body.len()) {
        return Err(FrameError::Length);
    }
    let sum = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
    if sum != checksum(&header[2..8], body) {
        return Err(FrameError::Checksum);
    }
    Ok((version, header[3], body))
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

pub(super) fn plain(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data always serializes")
}

pub(super) fn part<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), FrameError> {
    postcard::take_from_bytes(bytes).map_err(|_| FrameError::Body("a value is malformed"))
}

/// Reads a body, and ignores fields that a newer program has appended.
pub(super) fn body<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    Ok(part(bytes)?.0)
}
