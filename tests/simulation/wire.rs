//! Changes to the bytes of a frame: damage, and programs newer than the reader.

use stockgate::protocol::frame::{Frame, Position, Transfers};
use stockgate::protocol::wire::Wire;
use stockgate::stock::{BooksId, Direction, RequestId, Transfer};
use uuid::Uuid;

use super::dice::Dice;

const HEADER_BYTES: usize = 12;
/// A kind that is not assigned yet.
const KIND_UNKNOWN: u8 = 99;

/// What a hub with other books says to the gateway at the same time: it has committed more than was
/// sent, or grants units of its own.
pub(crate) fn of_another_hub(frame: &Frame, dice: &mut Dice) -> Option<Vec<u8>> {
    let frame = match frame {
        Frame::Ack(position) => {
            let acked_seq = position.acked_seq + 1 + dice.below(4) as u64;
            Frame::Ack(Position { acked_seq, ..*position })
        }
        Frame::Transfers(Transfers { epoch, transfers }) => {
            let request_id = RequestId::parse("other").unwrap();
            let mut first = Transfer { request_id, ..transfers[0].clone() };
            first.direction = Direction::Grant;
            Frame::Transfers(Transfers { epoch: *epoch, transfers: vec![first] })
        }
        _ => return None,
    };
    let books = BooksId { books: Uuid::from_u128(0xb), generation: 1 };
    Some(frame.encode(Wire::V2(books)))
}

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
