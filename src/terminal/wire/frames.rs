//! WebSocket frames as they go over the connection. An event is encoded once for all terminals and
//! sent as it is: it is neither framed nor copied for each of them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Frames in one vectored write.
const FRAMES_PER_WRITE: usize = 16;
/// The longest head of a frame.
const HEAD_BYTES_MAX: usize = 10;
/// Set in the first byte of a frame that is a whole message.
const IS_LAST: u8 = 0x80;
/// Memory for gathered frames that is kept for the next ones.
const GATHERED_KEPT_BYTES: usize = 32 * 1024;

/// A whole WebSocket message in one frame, encoded.
pub(in crate::terminal) type EncodedFrame = Bytes;

/// Encodes a message as one frame.
pub(super) fn encode_frame(data: Data, payload: &[u8]) -> EncodedFrame {
    let mut frame = Vec::with_capacity(HEAD_BYTES_MAX + payload.len());
    append_frame(&mut frame, data, |frame| frame.extend_from_slice(payload));
    frame.into()
}

/// Appends a message as one frame, which is not masked (RFC 6455, 5.2).
pub(super) fn append_frame(frames: &mut Vec<u8>, data: Data, write: impl FnOnce(&mut Vec<u8>)) {
    frames.extend_from_slice(&[IS_LAST | u8::from(OpCode::Data(data)), 0]);
    let begin = frames.len();
    write(frames);
    let payload = frames.len() - begin;
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(length @ ..=125), _) => frames[begin - 1] = length,
        (_, Ok(length)) => {
            frames[begin - 1] = 126;
            frames.splice(begin..begin, length.to_be_bytes());
        }
        (_, Err(_)) => {
            frames[begin - 1] = 127;
            frames.splice(begin..begin, (payload as u64).to_be_bytes());
        }
    }
}

/// Frames on their way to a terminal: those that are shared or long first, then the answers that
/// were gathered.
#[derive(Debug, Default)]
pub(in crate::terminal) struct SendQueue {
    frames: VecDeque<EncodedFrame>,
    /// Whether a part of the first frame has been sent.
    is_partly_sent: bool,
    gathered: Vec<u8>,
    /// Bytes of `gathered` that have been sent.
    gathered_sent: usize,
}

impl SendQueue {
    pub(in crate::terminal) fn push(&mut self, frame: EncodedFrame) {
        self.frames.push_back(frame);
    }

    /// Frames that are sent together, from one buffer.
    pub(in crate::terminal) fn gathered(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    /// Drops all frames but the one that is partly sent. Gathered frames are dropped only if nothing
    /// of them has been sent.
    pub(in crate::terminal) fn drop_unsent(&mut self) {
        self.frames.truncate(self.is_partly_sent.into());
        if self.gathered_sent == 0 {
            self.gathered.clear();
        }
    }

    /// Sends all frames. A frame that is partly sent has to be completed before anything else goes
    /// over the connection.
    pub(in crate::terminal) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        mut stream: &mut S,
    ) -> Poll<Result<(), Error>> {
        while !self.frames.is_empty() {
            let mut parts = [IoSlice::new(&[]); FRAMES_PER_WRITE];
            let count = self.frames.len().min(FRAMES_PER_WRITE);
            for (part, frame) in parts.iter_mut().zip(&self.frames) {
                *part = IoSlice::new(frame);
            }
            match ready!(Pin::new(&mut stream).poll_write_vectored(context, &parts[..count]))? {
                0 => return Poll::Ready(Err(Error::ConnectionClosed)),
                sent => self.advance(sent),
            }
        }
        while let Some(rest @ [_, ..]) = self.gathered.get(self.gathered_sent..) {
            match ready!(Pin::new(&mut stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(Error::ConnectionClosed)),
                sent => self.gathered_sent += sent,
            }
        }
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_KEPT_BYTES);
        self.gathered_sent = 0;
        Pin::new(stream).poll_flush(context).map_err(Error::from)
    }

    fn advance(&mut self, mut bytes: usize) {
        while let Some(frame) = self.frames.front_mut().filter(|_| bytes > 0) {
            let sent = bytes.min(frame.len());
            frame.advance(sent);
            bytes -= sent;
            self.is_partly_sent = !frame.is_empty();
            if !self.is_partly_sent {
                self.frames.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A stream that accepts a bounded number of bytes per write, and none on every other one.
    struct SlowStream {
        written: Vec<u8>,
        bytes_per_write: usize,
        is_full: bool,
    }

    impl AsyncWrite for SlowStream {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_full = !self.is_full;
            if self.is_full {
                return Poll::Pending;
            }
            let count = bytes.len().min(self.bytes_per_write);
            self.written.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            self.poll_write(context, &all)
        }
    }

    #[test]
    fn a_message_is_encoded_as_one_frame() {
        assert_eq!(text("ab").as_ref(), b"\x81\x02ab");
        assert_eq!(text(&"x".repeat(125))[..3], [0x81, 125, b'x']);
        for (length, head) in [
            (126, &[0x82, 126, 0, 126][..]),
            (0xffff, &[0x82, 126, 0xff, 0xff]),
            (0x1_0000, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = encode_frame(Data::Binary, &vec![7; length]);
            assert_eq!(&frame[..head.len()], head);
            assert_eq!(frame[head.len()..], vec![7; length]);
        }
    }

    fn text(text: &str) -> EncodedFrame {
        encode_frame(Data::Text, text.as_bytes())
    }

    #[test]
    fn only_a_partly_sent_frame_is_kept_when_a_session_ends() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        for (bytes_per_write, left) in [(0, ""), (4, ""), (5, "\x02b2"), (8, "")] {
            let mut queue = SendQueue::default();
            ["a1", "b2", "c3"].into_iter().for_each(|frame| queue.push(text(frame)));
            queue.gathered().extend_from_slice(&text("d4"));
            let mut slow =
                SlowStream { written: Vec::new(), bytes_per_write, is_full: bytes_per_write > 0 };
            let _ = queue.poll_send(&mut context, &mut slow);
            queue.drop_unsent();
            assert_eq!(queue.frames.iter().flatten().copied().collect::<Vec<_>>(), left.as_bytes());
            assert!(queue.gathered.is_empty());
        }
    }

    #[test]
    fn frames_arrive_whole_and_in_order_however_little_a_write_takes() {
        for bytes_per_write in [1, 3, 7, 1_000] {
            let mut queue = SendQueue::default();
            let frames: Vec<_> = (0..40).map(|n| text(&"x".repeat(n))).collect();
            let (shared, gathered) = frames.split_at(20);
            shared.iter().for_each(|frame| queue.push(frame.clone()));
            queue.gathered().extend(gathered.iter().flatten());
            let mut slow = SlowStream { written: Vec::new(), bytes_per_write, is_full: false };
            let mut context = Context::from_waker(std::task::Waker::noop());
            while queue.poll_send(&mut context, &mut slow).is_pending() {}
            assert!(queue.frames.is_empty() && queue.gathered.is_empty());
            assert_eq!(slow.written, frames.concat());
        }
    }
}
