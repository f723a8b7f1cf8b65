//! Changes to the bytes of a frame: damage, and programs newer than the reader.

use super::dice::Dice;

const HEADER_BYTES: usize = 12;
/// A kind that is not assigned yet.
const KIND_UNKNOWN: u8 = 99;

/// Flips one bit.
pub(crate) fn damage(bytes: &mut [u8], dice: &mut Dice) {
    let place = dice.below(bytes.len());
    bytes[place] ^= 1 << dice.below(8);
}

/// The frame as a newer program would send it: with fields appended.
pub(crate) fn newer(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut body = bytes[HEADER_BYTES..].to_vec();
    body.extend((0..dice.below(9)).map(|n| n as u8 ^ 0xa5));
    seal(bytes[2], bytes[3], &body)
}

/// A frame of a kind that is not assigned yet.
pub(crate) fn unknown(dice: &mut Dice) -> Vec<u8> {
    let body: Vec<u8> = (0..dice.below(40)).map(|n| n as u8).collect();
    seal(2, KIND_UNKNOWN, &body)
}

fn seal(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'S', b'G', version, kind];
    frame.extend((body.len() as u32).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[2..8]);
    hasher.update(body);
    frame.extend(hasher.finalize().to_le_bytes());
    frame.extend(body);
    frame
}
