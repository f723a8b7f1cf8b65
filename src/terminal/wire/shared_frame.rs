//! A frame that many terminals get.

use std::sync::OnceLock;

use super::format::WireFormat;
use super::frames::EncodedFrame;

/// A frame for many terminals, encoded at most once per wire format.
#[derive(Debug, Default)]
pub(in crate::terminal) struct SharedFrame([OnceLock<EncodedFrame>; 2]);

impl SharedFrame {
    /// The frame in a wire format; the first call for a format encodes it.
    pub(in crate::terminal) fn get_or_encode(
        &self,
        format: WireFormat,
        encode: impl FnOnce(WireFormat) -> EncodedFrame,
    ) -> EncodedFrame {
        self.0[format as usize].get_or_init(|| encode(format)).clone()
    }
}
