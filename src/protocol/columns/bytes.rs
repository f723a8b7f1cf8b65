//! Numbers and bytes of the columns.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::protocol::envelope::FrameError;

const TRUNCATED: FrameError = FrameError::Body("the columns are truncated");

pub(super) fn put_differences(out: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let mut before = 0;
    for number in numbers {
        put_signed(out, number.wrapping_sub(before));
        before = number;
    }
}

pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(super) fn put_size(out: &mut Vec<u8>, size: usize) {
    put_varint(out, u64::try_from(size).expect("nothing here is that large"));
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The deflated bytes, if they are shorter.
pub(super) fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut stream = Compress::new(Compression::default(), false);
    let status = stream.compress_vec(bytes, &mut out, FlushCompress::Finish);
    (matches!(status, Ok(Status::StreamEnd)) && out.len() < bytes.len()).then_some(out)
}

/// Inflates to `length` bytes; the caller has checked that bound.
pub(super) fn inflate(bytes: &[u8], length: usize) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![0; length];
    let mut stream = Decompress::new(false);
    let status = stream.decompress(bytes, &mut out, FlushDecompress::Finish);
    let ended = matches!(status, Ok(Status::StreamEnd));
    let all = usize::try_from(stream.total_in()) == Ok(bytes.len())
        && usize::try_from(stream.total_out()) == Ok(length);
    if ended && all { Ok(out) } else { Err(FrameError::Body("the columns cannot be inflated")) }
}

/// Reads the rest of the columns.
pub(super) struct ColumnReader<'a>(pub(super) &'a [u8]);

impl<'a> ColumnReader<'a> {
    pub(super) fn differences(&mut self, count: usize) -> Result<Vec<i64>, FrameError> {
        let mut before = 0_i64;
        self.many(count, |reader| {
            before = before.wrapping_add(reader.signed()?);
            Ok(before)
        })
    }

    /// Reads `count` numbers; the caller has checked that bound.
    pub(super) fn many<T>(
        &mut self,
        count: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, FrameError>,
    ) -> Result<Vec<T>, FrameError> {
        (0..count).map(|_| one(self)).collect()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        self.0.split_off(..count).ok_or(TRUNCATED)
    }

    pub(super) fn size(&mut self, max: usize) -> Result<usize, FrameError> {
        let size = usize::try_from(self.varint()?).ok().filter(|size| *size <= max);
        size.ok_or(FrameError::Body("a size is out of range"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, FrameError> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn varint(&mut self) -> Result<u64, FrameError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = *self.0.split_off_first().ok_or(TRUNCATED)?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FrameError::Body("a number is too large"))
    }

    pub(super) fn end(&self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError::Body("the columns are too long")) }
    }
}
