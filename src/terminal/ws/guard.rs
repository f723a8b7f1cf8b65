//! The limit on messages of a client that has not been let in, and the code of its close frame.
//!
//! The WebSocket library reserves memory for a frame as soon as it has read its header, and its own
//! limit cannot change when the client is let in. So what arrives passes a guard first, which
//! holds back the header of a frame that makes its message too long. If the client is let in by
//! a message before that frame, the frame passes.
//!
//! The library also takes a registered close code for a wrong one, and does not tell which it was.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::UNKNOWN_MESSAGE_BYTES_MAX;
use crate::net::http::MeteredStream;

/// The first byte of a close frame.
const CLOSE: u8 = 0x88;
const CLOSE_CODE_BYTES: usize = 2;

/// A connection after its handshake.
#[derive(Debug)]
pub(super) struct GuardedStream {
    stream: MeteredStream,
    /// What has arrived and has not passed yet.
    arrived: Bytes,
    guard: MessageGuard,
}

/// A client that has not been let in sends a message over [`UNKNOWN_MESSAGE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too long for a client that has not been let in")]
pub(super) struct TooLong;

impl GuardedStream {
    /// `arrived` is what was read together with the handshake.
    pub(super) fn new(stream: MeteredStream, arrived: Bytes) -> Self {
        Self { stream, arrived, guard: MessageGuard::default() }
    }

    /// Lets messages of any length pass.
    pub(super) fn lift_guard(&mut self) {
        self.guard.is_lifted = true;
    }

    /// The code in the first close frame that has arrived.
    pub(super) fn close_code(&self) -> Option<u16> {
        self.guard.close_code
    }

    pub(super) fn get_ref(&self) -> &MeteredStream {
        &self.stream
    }

    fn passes(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.guard.pass(bytes) {
            0 if !bytes.is_empty() => Err(io::Error::other(TooLong)),
            passed => Ok(passed),
        }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.arrived.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            let passed = before + self.passes(&buffer.filled()[before..])?;
            self.arrived = Bytes::copy_from_slice(&buffer.filled()[passed..]);
            buffer.set_filled(passed);
        } else {
            let arrived = self.arrived.clone();
            let passed = self.passes(&arrived[..arrived.len().min(buffer.remaining())])?;
            buffer.put_slice(&arrived[..passed]);
            self.arrived.advance(passed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Follows the frames of a client (RFC 6455, 5.2).
#[derive(Debug, Default)]
struct MessageGuard {
    /// What has passed of the header of the current frame.
    header: Vec<u8>,
    payload_left: usize,
    /// Bytes of the current message, in the frames that have begun.
    message: usize,
    /// Whether messages of any length pass.
    is_lifted: bool,
    close_code: Option<u16>,
}

impl MessageGuard {
    /// How many of these bytes may pass: up to the end of a length that is too long.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.payload_left > 0 {
                let passed = self.payload_left.min(bytes.len() - at);
                self.payload_left -= passed;
                at += passed;
                continue;
            }
            self.header.push(byte);
            if !self.follow_header() {
                self.header.pop();
                break;
            }
            at += 1;
        }
        at
    }

    /// Looks at what there is of a header; returns false if the message becomes too long. The code
    /// of a close frame counts as a part of its header.
    fn follow_header(&mut self) -> bool {
        let [first, second, rest @ ..] = self.header.as_slice() else { return true };
        let (short, mask) = (second & 0x7f, usize::from(second >> 7) * 4);
        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = rest.get(..length_bytes) else { return true };
        let length = match length {
            [] => usize::from(short),
            bytes => bytes.iter().fold(0_usize, |length, byte| {
                length.saturating_mul(256).saturating_add(usize::from(*byte))
            }),
        };
        let (is_last, is_data) = (first & 0x80 != 0, first & 0x08 == 0);
        let message = if is_data { self.message.saturating_add(length) } else { length };
        if message > UNKNOWN_MESSAGE_BYTES_MAX && !self.is_lifted {
            return false;
        }
        let has_code = *first == CLOSE && length >= CLOSE_CODE_BYTES;
        let code_bytes = if has_code { CLOSE_CODE_BYTES } else { 0 };
        if rest.len() == length_bytes + mask + code_bytes {
            if let [mask_0, mask_1, _, _, code_0, code_1] = rest
                && has_code
            {
                let code = u16::from_be_bytes([mask_0 ^ code_0, mask_1 ^ code_1]);
                self.close_code.get_or_insert(code);
            }
            self.payload_left = length - code_bytes;
            if is_data {
                self.message = if is_last { 0 } else { message };
            }
            self.header.clear();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: u8 = 1;
    const CONTINUATION: u8 = 0;
    const PING: u8 = 9;

    /// A frame as a client sends it.
    fn frame(is_last: bool, code: u8, bytes: usize) -> Vec<u8> {
        let mut frame = vec![u8::from(is_last) << 7 | code];
        match u8::try_from(bytes) {
            Ok(bytes) if bytes < 126 => frame.push(0x80 | bytes),
            _ if bytes < 1 << 16 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(bytes).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(bytes as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + 4 + bytes, 0xff);
        frame
    }

    /// The bytes that pass if they arrive in parts of this size.
    fn passed(bytes: &[u8], part: usize) -> usize {
        let mut guard = MessageGuard::default();
        let mut all = 0;
        for part in bytes.chunks(part) {
            let passed = guard.pass(part);
            all += passed;
            if passed < part.len() {
                assert_eq!(guard.pass(&part[passed..]), 0, "it stays held back");
                break;
            }
        }
        all
    }

    #[test]
    fn the_length_of_a_frame_that_is_too_long_does_not_pass() {
        let short =
            [frame(true, TEXT, 1_024), frame(true, PING, 125), frame(true, TEXT, 7)].concat();
        for part in [1, 2, 3, 7, 1_000, 100_000] {
            assert_eq!(passed(&short, part), short.len());
            for (bytes, header) in [(1_025, 4), (60_000, 4), (1 << 16, 10)] {
                let all = [short.clone(), frame(true, TEXT, bytes)].concat();
                let held_back = passed(&all, part) - short.len();
                assert!(held_back < header, "{bytes} in parts of {part}: {held_back}");
            }
        }
    }

    #[test]
    fn the_frames_of_one_message_count_together() {
        let parts = |last: usize| {
            let (first, ping) = (frame(false, TEXT, 1_000), frame(true, PING, 100));
            [first, ping, frame(true, CONTINUATION, last)].concat()
        };
        let fits = [parts(24), parts(24)].concat();
        assert_eq!(passed(&fits, 64), fits.len());
        assert!(passed(&parts(25), 64) < parts(25).len() - 25);
    }

    #[test]
    fn the_code_of_the_first_close_frame_is_known_however_it_arrives() {
        let close = |code: u16| {
            let code = code.to_be_bytes();
            [0x88, 0x82, 1, 2, 3, 4, code[0] ^ 1, code[1] ^ 2]
        };
        let without = [0x88, 0x80, 1, 2, 3, 4];
        let all = [&frame(true, TEXT, 2_000)[..], &without, &close(1014), &close(1000)].concat();
        for part in [1, 2, 3, 7, 1_000, 100_000] {
            let mut guard = MessageGuard { is_lifted: true, ..MessageGuard::default() };
            for part in all.chunks(part) {
                assert_eq!(guard.pass(part), part.len());
            }
            assert_eq!(guard.close_code, Some(1014), "in parts of {part}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_parts_make_no_difference(
            bytes in prop::collection::vec(any::<u8>(), 0..3_000), part in 1_usize..500,
        ) {
            prop_assert_eq!(passed(&bytes, part), passed(&bytes, bytes.len().max(1)));
        }
    }
}
