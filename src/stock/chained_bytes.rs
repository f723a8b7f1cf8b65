//! The bytes that a chain is made of.

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::trace::{Cause, Day, OptionalTrace};
use super::types::{Actor, Lot, Reason, Serial};

/// The length of a text that is not there.
const NO_TEXT: u8 = u8::MAX;

/// At most `N` bytes, gathered without an allocation.
pub(crate) struct ChainedBytes<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for ChainedBytes<N> {
    fn default() -> Self {
        Self { bytes: [0; N], length: 0 }
    }
}

impl<const N: usize> ChainedBytes<N> {
    pub(crate) fn put(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        self.bytes[self.length..end].copy_from_slice(part);
        self.length = end;
    }

    pub(crate) fn put_number(&mut self, number: i64) {
        self.put(&number.to_le_bytes());
    }

    /// A text after its length in a byte.
    pub(crate) fn put_text(&mut self, text: Option<&str>) {
        let length = text.map_or(NO_TEXT, |text| u8::try_from(text.len()).expect("ids are short"));
        self.put(&[length]);
        self.put(text.unwrap_or_default().as_bytes());
    }

    /// Who asked and why, and which goods they were.
    pub(crate) fn put_said(&mut self, cause: &Cause, trace: &OptionalTrace) {
        let trace = trace.as_deref();
        self.put_text(cause.actor.as_ref().map(Actor::as_str));
        self.put_text(cause.reason.as_ref().map(Reason::as_str));
        self.put_text(trace.and_then(|trace| trace.lot.as_ref()).map(Lot::as_str));
        self.put_text(trace.and_then(|trace| trace.serial.as_ref()).map(Serial::as_str));
        let day = trace.and_then(|trace| trace.expires).map_or(i32::MIN, Day::number);
        self.put(&day.to_le_bytes());
    }

    pub(crate) fn so_far(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(crate) fn sha256(&self) -> [u8; SHA256_OUTPUT_LEN] {
        sha256(self.so_far())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    digest(&SHA256, bytes).as_ref().try_into().expect("32 bytes")
}
